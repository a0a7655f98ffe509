"""Scores of recordings whose figures are made by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.conversion_list import ListedConversion
from espnet2_ext.metrics.conversion import MeasureJob, Measures, measure_files
from espnet2_ext.metrics.pitch import F0Contour
from espnet2_ext.metrics.style import Difference, jobs_of, score_style, write_style_scores


def measures(
    f0_hz: list[float], seconds: float = 1.0, level_db: float = -20.0, units: str = "1 2 3 4"
) -> Measures:
    frames_hz = np.repeat(np.array(f0_hz, dtype=float), 20)  # more than smoothing takes at once
    contour = F0Contour(0.005 * np.arange(len(frames_hz)), frames_hz)
    return Measures(contour, level_db, seconds, tuple(map(int, units.split())))


LIST = [
    ListedConversion("a", "singing", "s", "up"),
    ListedConversion("b", "singing", "s", "down"),
    ListedConversion("c", "alone", "s", "up"),
]
WAVS = {"a": "A", "b": "B", "c": "C"}
CUT = {"a": False, "b": True, "c": False}
MEASURED = {
    MeasureJob("s"): measures([100, 100], 2.0, -20.0, "1 2 3 4"),
    MeasureJob("s", True): measures([100, 102], 2.0, -20.0, "1 2 3"),
    MeasureJob("up"): measures([150, 250], 1.0, -10.0, "5 6 7 8"),
    MeasureJob("up", True): measures([150, 240], 1.0, -11.0, "9"),
    MeasureJob("down"): measures([250, 150], 1.0, -10.0, "5 6 7 8"),
    MeasureJob("down", True): measures([0, 0], 1.0, -10.0, "9"),
    MeasureJob("A"): measures([160, 200], 1.5, -14.0, "1 2 9 4 4"),
    MeasureJob("B"): measures([0, 0], 1.5, -14.0, "1 2 3 4"),
    MeasureJob("C"): measures([200, 180], 1.0, -10.0, "1 2 3 4"),
}
SCORED = {(s.name, s.row): s for s in score_style(LIST, WAVS, CUT, MEASURED)}


def test_conversion_by_hand() -> None:
    score = SCORED["a", "converted"]
    # 180 of 200 Hz; 20 of 50 Hz; 0.3 of 0.25 s a unit; 1.5 of 1 s; -14 of -10 dB
    to_reference = pytest.approx([10.0, 30.0, 20.0, 50.0, 4.0])
    assert list(vars(score.to_reference).values()) == to_reference
    # of 100 Hz, 0 Hz, 0.5 s a unit, 2 s, -20 dB
    from_source = pytest.approx([80.0, 20.0, 40.0, 25.0, 6.0])
    assert list(vars(score.from_source).values()) == from_source
    assert score.contour_correlation == pytest.approx(1.0)
    assert score.unit_error_rate == 0.5  # 9 for 3, and one more
    assert (score.unvoiced, score.cut) == (0.0, 0.0)


def test_the_unconverted_source() -> None:
    score = SCORED["a", "source (unconverted)"]
    assert score.from_source == Difference(0.0, 0.0, 0.0, 0.0, 0.0)
    assert score.to_reference == Difference(50.0, 50.0, 100.0, 100.0, 10.0)
    assert (score.unit_error_rate, score.contour_correlation, score.cut) == (0.0, 0.0, None)


def test_the_other_reference_is_the_next_of_the_condition() -> None:
    assert SCORED["a", "other reference"].contour_correlation == pytest.approx(-1.0)
    assert SCORED["a", "other reference"].to_reference is None
    assert ("b", "other reference") in SCORED
    assert ("c", "other reference") not in SCORED, "its condition has no other"


def test_resynthesis_takes_prosody_of_the_reference_and_units_of_the_source() -> None:
    score = SCORED["a", "copy synthesis"]
    assert score.to_reference.f0_percent == pytest.approx(2.5)
    assert score.to_reference.level_db == 1.0
    assert score.unit_error_rate == 0.25
    assert score.from_source is None


def test_nothing_voiced_counts_as_all_wrong() -> None:
    score = SCORED["b", "converted"]
    assert (score.to_reference.f0_percent, score.unvoiced, score.cut) == (100.0, 1.0, 1.0)
    assert score.contour_correlation == 0.0
    assert SCORED["b", "copy synthesis"].unvoiced == 1.0


@pytest.mark.parametrize(
    ("wav", "bad", "message"),
    [
        ("s", measures([0, 0]), "s: the source of a has no voiced frame"),
        ("down", measures([100, 90], units=""), "down: the reference of b has no voiced frame or"),
    ],
)
def test_what_cannot_be_compared_with_is_refused(wav: str, bad: Measures, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_style(LIST, WAVS, CUT, {**MEASURED, MeasureJob(wav): bad})


def test_tsv_holds_every_score(tmp_path: Path) -> None:
    scores = list(SCORED.values())
    write_style_scores(tmp_path / "scores.tsv", scores)
    header, *lines = [x.split("\t") for x in (tmp_path / "scores.tsv").read_text().splitlines()]
    assert len(lines) == len(scores) == 11
    rows = {(line[1], line[0]): dict(zip(header, line, strict=True)) for line in lines}
    assert rows["a", "converted"]["to_reference_unit_s_percent"] == "20"
    assert rows["a", "other reference"]["to_reference_f0_percent"] == ""
    assert rows["b", "converted"]["cut"] == "1"


def test_recordings_are_measured_without_tracks(
    tmp_path: Path, make_pulses: Callable[..., np.ndarray], fake_units: None
) -> None:
    assert set(jobs_of(LIST, WAVS)) == set(MEASURED)
    wav = str(tmp_path / "a.wav")
    soundfile.write(wav, make_pulses(150.0, 0.5), 16000, "FLOAT")
    jobs = [MeasureJob(wav), MeasureJob(wav, resynthesised=True)]
    plain, again = measure_files(jobs, centroids_path="x", with_tracks=False).values()
    assert plain.tracks == {} and plain.units == (1, 2, 3, 4)
    assert (plain.duration_s, plain.unit_s) == (0.5, 0.125)
    assert plain.f0_mean_hz == pytest.approx(again.f0_mean_hz, rel=0.03)
    assert abs(plain.level_db - again.level_db) < 3.0 and plain.level_db != again.level_db
