"""What is converted and scored, and what a rerun keeps."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from reference.robustness_study import LevelEncoder, write_study

from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.metrics.conversion import PairScore, write_scores
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.report import robustness as robustness_run
from espnet2_ext.report.robustness import (
    Condition,
    ConditionRunner,
    ConversionSettings,
    StudySet,
    read_study_set,
)

DAMAGED = Condition("dropped", 0.3)


class Calls:
    """Stands for conversion and scoring, and keeps what they were asked."""

    def __init__(self) -> None:
        self.conversions: list[dict] = []
        self.scorings: list[dict] = []

    def convert(self, **options) -> None:
        self.conversions.append(options)
        folder = options["output_dir"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"made by call {len(self.conversions)}").touch()

    def score(self, inference_dir: Path, data_dir: Path, *others, **options) -> list[PairScore]:
        self.scorings.append({"inference_dir": inference_dir, "data_dir": data_dir, **options})
        scores = [
            PairScore(options["row_name"], pair, "neutral-angry", "s", "t", unit_error_rate=0.5)
            for pair in ("p1", "p2", "p3")
        ]
        write_scores(inference_dir / "scores.tsv", scores)
        return scores


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    monkeypatch.setattr(robustness_run, "convert_pairs", calls.convert)
    monkeypatch.setattr(robustness_run, "score_conversions", calls.score)
    monkeypatch.setattr(robustness_run, "load_unit_encoder", lambda path, device: LevelEncoder())
    codebook = SimpleNamespace(load=lambda path: SimpleNamespace(num_clusters=6))
    monkeypatch.setattr(robustness_run, "Centroids", codebook)
    return calls


@pytest.fixture
def study(tmp_path: Path) -> StudySet:
    files = write_study(tmp_path, LevelEncoder().encode)
    return read_study_set(files.data_dir, "tiny", files.pairs_dir)


@pytest.fixture
def settings(tmp_path: Path) -> ConversionSettings:
    (tmp_path / "model.pth").write_bytes(b"weights")
    (tmp_path / "centroids.npz").write_bytes(b"centres")
    return ConversionSettings(tmp_path / "model.pth", tmp_path / "centroids.npz")


def make_runner(study: StudySet, settings: ConversionSettings) -> ConditionRunner:
    root = study.path.parent
    return ConditionRunner(study, root / "pairs", root / "out", settings)


def test_damaged_is_converted_and_clean_is_what_it_is_scored_against(
    study: StudySet, settings: ConversionSettings, calls: Calls
) -> None:
    runner = make_runner(study, settings)
    result = runner.run(DAMAGED)
    folder = runner.out_dir / "dropped_0.3"
    [conversion], [scoring] = calls.conversions, calls.scorings
    assert (conversion["data_dir"], conversion["output_dir"]) == (
        folder / "data", folder / "conversion"
    )  # fmt: skip
    assert (folder / "data/units_tiny").is_file()
    assert (scoring["inference_dir"], scoring["data_dir"]) == (folder / "conversion", study.path)
    assert (scoring["row_name"], scoring["with_reference_rows"]) == (DAMAGED.row, False)
    assert [score.condition for score in result.scores] == ["", "", ""]
    assert min(result.input_error_rates.values()) > 0.0
    runner.run(Condition("clean"))
    assert calls.scorings[1]["with_reference_rows"]


def test_a_complete_condition_is_read(
    study: StudySet, settings: ConversionSettings, calls: Calls
) -> None:
    first = make_runner(study, settings).run(DAMAGED)
    assert make_runner(study, settings).run(DAMAGED) == first
    assert len(calls.conversions) == len(calls.scorings) == 1


def test_a_begun_condition_goes_on(
    study: StudySet, settings: ConversionSettings, calls: Calls
) -> None:
    runner = make_runner(study, settings)
    runner.run(DAMAGED)
    folder = runner.out_dir / "dropped_0.3/conversion"
    (folder / "scores.tsv").unlink()
    make_runner(study, settings).run(DAMAGED)
    assert len(calls.conversions) == 2
    assert (folder / "made by call 1").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"vocoder": "./hifigan"},
        {"contrast_data_dir": "dump/valid"},
        {"contrast_speaker_dir": "dump/train"},
        {"limits": GenerationLimits(max_frames_per_unit=6.0)},
    ],
)
def test_other_settings_start_anew(
    change: dict, study: StudySet, settings: ConversionSettings, calls: Calls
) -> None:
    runner = make_runner(study, settings)
    runner.run(DAMAGED)
    make_runner(study, replace(settings, **change)).run(DAMAGED)
    assert len(calls.conversions) == 2
    assert not (runner.out_dir / "dropped_0.3/conversion/made by call 1").exists()


def test_other_weights_centroids_targets_or_units_start_anew(
    study: StudySet, settings: ConversionSettings, calls: Calls
) -> None:
    make_runner(study, settings).run(DAMAGED)
    Path(settings.model_file).write_bytes(b"other weights")
    make_runner(study, settings).run(DAMAGED)
    Path(settings.centroids_path).write_bytes(b"other centres")
    make_runner(study, settings).run(DAMAGED)
    targets = study.path.parent / "pairs/targets"
    write_table(targets, read_table(targets) | {"p1": "a-2"})
    make_runner(study, settings).run(DAMAGED)
    other_units = replace(study, units={**study.units, "a-1": study.units["a-1"][::-1]})
    make_runner(other_units, settings).run(DAMAGED)
    assert len(calls.conversions) == 5


def test_processes_and_device_change_nothing(
    study: StudySet, settings: ConversionSettings, calls: Calls
) -> None:
    make_runner(study, settings).run(DAMAGED)
    make_runner(study, replace(settings, num_workers=4, device="cuda")).run(DAMAGED)
    assert len(calls.conversions) == 1


def test_a_missing_model_is_named(
    study: StudySet, settings: ConversionSettings, calls: Calls
) -> None:
    missing = replace(settings, model_file="nowhere/model.pth")
    with pytest.raises(FileNotFoundError, match=r"nowhere/model\.pth"):
        make_runner(study, missing).run(DAMAGED)
