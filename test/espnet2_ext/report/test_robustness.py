"""The study from end to end on random weights."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from reference.robustness_study import StudyFiles, write_study
from reference.tiny_trained import write_trained_model

from espnet2_ext.report import robustness as robustness_run
from espnet2_ext.report.records import Record
from espnet2_ext.report.render import render_results
from espnet2_ext.report.robustness import ConversionSettings, report_robustness
from espnet2_ext.units.centroids import UnitEncoderPipeline

AMOUNTS = {"shares": [0.0, 0.5], "snrs_db": [0.0], "rt60s_s": [0.3], "noises": ["white"]}


class Study:
    """A finished study."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = ConversionSettings(
            write_trained_model(root), root / "exp/kmeans/centroids.npz"
        )
        encoder = UnitEncoderPipeline.from_file(self.settings.centroids_path)
        self.files: StudyFiles = write_study(root / "data", encoder.encode)
        self.results_path = root / "exp/results.jsonl"

        self.first: dict[tuple[str, str], Record] = {}

    def run(self, **changes) -> dict[tuple[str, str], Record]:
        options = {
            "data_dir": self.files.data_dir,
            "pairs_dir": self.files.pairs_dir,
            "unit_tag": "tiny",
            "results_path": self.results_path,
            "table": "Robustness (synthetic)",
            "out_dir": self.root / "exp/robustness",
            "max_pairs": 2,
            **AMOUNTS,
            **changes,
        }
        records = report_robustness(self.settings, **options)
        return {(record.row, record.metric): record for record in records}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """Return a study that has run once; the configuration holds in its own directory."""
    root = tmp_path_factory.mktemp("recipe")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        study = Study(root)
        study.first = study.run()
        yield study


def test_every_condition_is_in_the_table(study: Study) -> None:
    found = study.first
    rows = list(dict.fromkeys(row for row, metric in found if metric == "unit error rate"))
    assert rows == [
        "zero effort", "clean source", "resynthesis", "true target", "wrong sentence",
        "50 % of units replaced", "50 % of units dropped", "white noise, SNR 0 dB",
        "reverberation, RT60 0.3 s",
    ]  # fmt: skip
    assert {record.n for record in found.values()} == {2}
    given = {row: record.value for (row, metric), record in found.items() if "input" in metric}
    assert given.pop("clean source") == 0.0
    assert len(given) == 4 and min(given.values()) > 0.1
    assert found["zero effort", "unit error rate"].value == 0.0
    protocol = found["clean source", "MCD"].protocol
    assert protocol.startswith(f"2 of 3 pairs of {study.files.pairs_dir} (2 sources), model ")
    assert "contrast restored: false" in protocol and "seed 0" in protocol


def test_the_page_shows_table_and_figure(study: Study) -> None:
    render_results(study.results_path, study.root / "exp/RESULTS.md")
    page = (study.root / "exp/RESULTS.md").read_text()
    assert "## Robustness (synthetic)" in page
    assert "](robustness/robustness.png)" in page
    assert (study.root / "exp/robustness/robustness.png").read_bytes()[:4] == b"\x89PNG"
    assert "- *unit error rate above clean*: " in page


def test_a_rerun_converts_nothing_and_gives_the_same(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options) -> None:
        raise AssertionError("converted again")

    def values(found: dict[tuple[str, str], Record]) -> list[Record]:
        # Others may commit in between.
        return [replace(record, commit="") for record in found.values()]

    monkeypatch.setattr(robustness_run, "convert_pairs", refuse)
    assert values(study.run()) == values(study.first)
    with pytest.raises(AssertionError, match="converted again"):
        study.run(shares=[0.25])


def test_conversions_are_of_the_damaged_units(study: Study) -> None:
    folder = study.root / "exp/robustness/dropped_0.5"
    clean = study.root / "exp/robustness/clean"
    for pair in ("p1", "p3"):  # The two that were chosen.
        damaged, whole = (
            json.loads((each / f"conversion/record/{pair}.json").read_text())["unit_steps"]
            for each in (folder, clean)
        )
        assert damaged <= whole - int(0.5 * whole)


def test_impossible_amounts_are_refused_before_any_work(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a share of replaced units must lie in \[0, 1\)"):
        study.run(shares=[1.0], out_dir=tmp_path / "other")
    assert not (tmp_path / "other").exists()
