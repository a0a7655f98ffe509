"""Scores of recordings whose figures are made by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.conversion_list import ListedConversion
from espnet2_ext.metrics import style as style_measures
from espnet2_ext.metrics.conversion import MeasureJob
from espnet2_ext.metrics.pitch import F0Contour
from espnet2_ext.metrics.style import (
    Difference,
    StyleMeasures,
    jobs_of,
    measure_recordings,
    measure_waveform,
    score_style,
    write_style_scores,
)


def measures(
    f0_hz: list[float], seconds: float = 1.0, level_db: float = -20.0, units: str = "1 2 3 4"
) -> StyleMeasures:
    frames_hz = np.repeat(np.array(f0_hz, dtype=float), 20)  # more than smoothing takes at once
    contour = F0Contour(0.005 * np.arange(len(frames_hz)), frames_hz)
    return StyleMeasures(contour, seconds, level_db, tuple(map(int, units.split())))


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


@pytest.fixture
def scored() -> dict:
    return {(s.name, s.row): s for s in score_style(LIST, WAVS, CUT, MEASURED)}


def test_conversion_by_hand(scored: dict):
    score = scored["a", "converted"]
    # 180 of 200 Hz; 20 of 50 Hz; 0.3 of 0.25 s a unit; 1.5 of 1 s; -14 of -10 dB
    assert score.to_reference == Difference(
        pytest.approx(10.0), pytest.approx(30.0), pytest.approx(20.0), pytest.approx(50.0), 4.0
    )
    # of 100 Hz, 0 Hz, 0.5 s a unit, 2 s, -20 dB
    assert score.from_source == Difference(
        pytest.approx(80.0), pytest.approx(20.0), pytest.approx(40.0), pytest.approx(25.0), 6.0
    )
    assert score.contour_correlation == pytest.approx(1.0)
    assert score.unit_error_rate == 0.5  # 9 for 3, and one more
    assert (score.unvoiced, score.cut) == (0.0, 0.0)


def test_zero_effort_is_the_source(scored: dict):
    score = scored["a", "zero effort"]
    assert score.from_source == Difference(0.0, 0.0, 0.0, 0.0, 0.0)
    assert score.to_reference == Difference(50.0, 50.0, 100.0, 100.0, 10.0)
    assert (score.unit_error_rate, score.contour_correlation, score.cut) == (0.0, 0.0, None)


def test_the_other_reference_is_the_next_of_the_condition(scored: dict):
    assert scored["a", "other reference"].contour_correlation == pytest.approx(-1.0)
    assert scored["a", "other reference"].to_reference is None
    assert ("b", "other reference") in scored
    assert ("c", "other reference") not in scored, "its condition has no other"


def test_resynthesis_takes_prosody_of_the_reference_and_units_of_the_source(scored: dict):
    score = scored["a", "resynthesis"]
    assert score.to_reference.f0_percent == pytest.approx(2.5)
    assert score.to_reference.level_db == 1.0
    assert score.unit_error_rate == 0.25
    assert score.from_source is None


def test_nothing_voiced_counts_as_all_wrong(scored: dict):
    score = scored["b", "converted"]
    assert (score.to_reference.f0_percent, score.unvoiced, score.cut) == (100.0, 1.0, 1.0)
    assert score.contour_correlation == 0.0
    assert scored["b", "resynthesis"].unvoiced == 1.0


def test_all_files_are_measured_that_scores_need():
    assert set(jobs_of(LIST, WAVS)) == set(MEASURED)


@pytest.mark.parametrize(
    ("wav", "bad", "message"),
    [
        ("s", measures([0, 0]), "s: the source of a has no voiced frame"),
        ("down", measures([100, 90], units=""), "down: the reference of b has no voiced frame or"),
    ],
)
def test_what_cannot_be_compared_with_is_refused(wav: str, bad: StyleMeasures, message: str):
    with pytest.raises(ValueError, match=message):
        score_style(LIST, WAVS, CUT, {**MEASURED, MeasureJob(wav): bad})
    with pytest.raises(ValueError, match="without a voiced frame"):
        Difference.between(bad, measures([0]))


def test_tsv_holds_every_score(tmp_path: Path):
    scores = score_style(LIST, WAVS, CUT, MEASURED)
    write_style_scores(tmp_path / "scores.tsv", scores)
    header, *lines = [x.split("\t") for x in (tmp_path / "scores.tsv").read_text().splitlines()]
    assert len(lines) == len(scores) == 11
    rows = {(line[1], line[0]): dict(zip(header, line, strict=True)) for line in lines}
    assert rows["a", "converted"]["to_reference_unit_s_percent"] == "20"
    assert rows["a", "other reference"]["to_reference_f0_percent"] == ""
    assert rows["b", "converted"]["cut"] == "1"


def test_measures_of_a_waveform(make_pulses: Callable[..., np.ndarray]):
    def encode(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([3, 1]), np.array([20, 30])

    measured = measure_waveform(make_pulses(150.0, 1.0), encode)
    assert measured.f0_hz == pytest.approx(150.0, rel=0.01)
    assert measured.f0_std_hz < 5.0  # frames at the ends
    assert (measured.duration_s, measured.unit_s, measured.units) == (1.0, 0.5, (3, 1))
    short = measure_waveform(np.zeros(500), encode)
    assert (short.f0_hz, short.f0_std_hz, short.units, short.unit_s) == (None, 0.0, (), 500 / 16000)


def test_recordings_are_measured_each_once_and_errors_name_the_file(
    tmp_path: Path, make_pulses: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
):
    class Encoder:
        def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            if len(waveform) == 1600:
                raise ValueError("no units")
            return np.array([1, 2]), np.array([1, 1])

    monkeypatch.setattr(style_measures, "load_unit_encoder", lambda path, device: Encoder())
    wav = str(tmp_path / "a.wav")
    soundfile.write(wav, make_pulses(150.0, 0.5), 16000, "FLOAT")
    jobs = [MeasureJob(wav), MeasureJob(wav), MeasureJob(wav, resynthesised=True)]
    measured = measure_recordings(jobs, centroids_path="x")
    assert len(measured) == 2
    plain, again = measured[jobs[0]], measured[jobs[2]]
    assert plain.f0_hz == pytest.approx(again.f0_hz, rel=0.03)
    assert abs(plain.level_db - again.level_db) < 3.0 and plain.level_db != again.level_db
    soundfile.write(wav, make_pulses(150.0, 0.1), 16000, "FLOAT")
    with pytest.raises(ValueError, match=r"a\.wav: no units"):
        measure_recordings(jobs[:1], centroids_path="x")
