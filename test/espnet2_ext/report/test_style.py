"""The table of style transfers, and the figures beneath it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.conversion_list import ListedConversion, write_conversion_list
from espnet2_ext.metrics import conversion as style_measures
from espnet2_ext.metrics.style import Difference, StyleScore
from espnet2_ext.report.records import PATH, read_records
from espnet2_ext.report.render import render_results
from espnet2_ext.report.style import (
    report_style_figures,
    report_style_scores,
    summarise_style,
)

NEAR = Difference(10.0, 1.0, 20.0, 25.0, 2.0)
FAR = Difference(30.0, 3.0, 40.0, 75.0, 4.0)
SCORES = [
    StyleScore("converted", "a", "singing", NEAR, FAR, 0.5, 0.25, 0.0, 0.0),
    StyleScore("converted", "b", "singing", FAR, NEAR, 0.7, 0.75, 1.0, 1.0),
    StyleScore("other reference", "a", "singing", contour_correlation=0.1),
]


def summary(scores: list[StyleScore]) -> dict:
    records = summarise_style(scores, table="t", protocol="p", f0_method="dio")
    return {(record.row, record.metric): record for record in records}


def test_means_counts_and_intervals_by_hand():
    records = summary(SCORES)
    expected = {
        "F0 mean to reference": 20.0,
        "F0 std to reference": 2.0,
        "tempo to reference": 30.0,
        "energy to reference": 3.0,
        "F0 mean from source": 20.0,
        "F0 std from source": 2.0,
        "tempo from source": 30.0,
        "length from source": 50.0,
        "energy from source": 3.0,
        "contour correlation": 0.6,
        "unit error rate": 0.5,
        "unvoiced": 1.0,
        "cut": 1.0,
    }
    of_row = {m: r.value for (row, m), r in records.items() if row == "singing, converted"}
    assert of_row == pytest.approx(expected)
    assert list(of_row) == list(expected)
    length = records["singing, converted", "length from source"]
    assert (length.low, length.high, length.n) == (25.0, 75.0, 2)
    assert records["singing, converted", "unvoiced"].low is None
    others = {metric for row, metric in records if row == "singing, other reference"}
    assert others == {"contour correlation"}


def test_conditions_stand_apart_in_the_order_of_the_list():
    scores = [*SCORES, replace(SCORES[0], condition="b"), replace(SCORES[0], condition="a")]
    rows = list(dict.fromkeys(row for row, _ in summary(scores)))
    assert rows == [
        "singing, converted", "singing, other reference", "b, converted", "a, converted"
    ]  # fmt: skip


@pytest.fixture
def recipe(
    tmp_path: Path, make_pulses: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Return converted files by name, of a list of three in ``list.tsv``."""

    class Encoder:
        def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.array([1, 2]), np.array([1, 1])

    monkeypatch.setattr(style_measures, "load_unit_encoder", lambda path, device: Encoder())
    for name, f0_hz in (("source", 150), ("reference", 200), ("converted", 180)):
        soundfile.write(tmp_path / f"{name}.wav", make_pulses(f0_hz, 0.5), 16000, "FLOAT")
    files = str(tmp_path / "source.wav"), str(tmp_path / "reference.wav")
    listed = [
        ListedConversion(name, condition, *files, text=f"Says {name}.")
        for name, condition in (("a", "singing"), ("b", "singing"), ("c", "own"))
    ]
    write_conversion_list(tmp_path / "list.tsv", listed)
    return {each.name: str(tmp_path / "converted.wav") for each in listed}


def test_scores_and_figures_make_a_page(tmp_path: Path, recipe: dict[str, str]):
    results, cut = tmp_path / "exp/results.jsonl", dict.fromkeys(recipe, False)
    report_style_scores(
        tmp_path / "list.tsv",
        recipe,
        cut,
        tmp_path / "exp/style",
        results,
        centroids_path="none",
        table="Style (synthetic speech)",
        protocol="of list.tsv",
    )
    report_style_figures(
        tmp_path / "list.tsv", recipe, tmp_path / "exp/report", results, title="E", per_condition=1
    )
    records = read_records(results)
    scores = {(r.row, r.metric): r for r in records if r.table.startswith("Style")}
    assert scores["singing, converted", "F0 mean to reference"].value == pytest.approx(10, abs=1)
    assert scores["singing, source (unconverted)", "F0 mean to reference"].value == pytest.approx(
        25, abs=1
    )
    assert scores["own, converted", "F0 mean from source"].n == 1
    assert "of list.tsv, vocoder griffin_lim, F0 by dio" in scores["own, converted", "cut"].protocol
    assert (tmp_path / "exp/style/scores.tsv").is_file()
    shown = [record for record in records if record.unit == PATH]
    assert [r.row for r in shown[::4]] == ["a (as [P2V] Fig. 10)", "c"]
    assert [r.metric for r in shown[:4]] == ["mel and F0", "source", "reference", "converted"]
    assert all((results.parent / r.value).is_file() for r in shown)
    render_results(results, tmp_path / "exp/RESULTS.md")
    page = (tmp_path / "exp/RESULTS.md").read_text()
    assert "| singing, source (unconverted) | 2 |" in page and "Says a." in page


def test_what_was_not_converted_is_named(tmp_path: Path, recipe: dict[str, str]):
    del recipe["a"]
    given = {"centroids_path": "none", "table": "t", "protocol": "p"}
    paths = tmp_path, tmp_path / "r"
    with pytest.raises(ValueError, match=r"list\.tsv: lacks 1 keys, for example a; run the conv"):
        report_style_scores(tmp_path / "list.tsv", recipe, {}, *paths, **given)
    with pytest.raises(ValueError, match=r"list\.tsv: lacks 1 keys, for example a; run the conv"):
        report_style_figures(tmp_path / "list.tsv", recipe, *paths, title="t", per_condition=2)
