"""F0 against sounds whose F0 is known, its errors by hand, and shapes of contours."""

from collections.abc import Callable

import numpy as np
import pytest
import pyworld

from espnet2_ext.metrics.pitch import (
    F0Contour,
    contour_correlation,
    describe_f0,
    f0_contour,
    f0_rmse_all_frames_hz,
    f0_rmse_voiced_hz,
    log_f0_rmse,
    pair_frame_by_frame,
)

MakePulses = Callable[..., np.ndarray]
METHODS = ["praat", "dio", "harvest"]
TOLERANCE = 0.01
"""Relative; Harvest smooths over the ends."""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("f0_hz", [80.0, 150.0, 310.0])
def test_finds_the_f0_of_pulses(method: str, f0_hz: float, make_pulses: MakePulses) -> None:
    contour = f0_contour(make_pulses(f0_hz, 0.5), method)
    assert contour.mean_hz == pytest.approx(f0_hz, rel=TOLERANCE)
    assert np.diff(contour.times_s) == pytest.approx(0.005)
    assert len(contour.times_s) == len(contour.f0_hz)


def test_pauses_do_not_count(make_pulses: MakePulses) -> None:
    pulses = make_pulses(200.0, 0.4)
    contour = f0_contour(np.concatenate([pulses, np.zeros(8000, dtype=np.float32), pulses]))
    assert contour.mean_hz == pytest.approx(200.0, rel=TOLERANCE)
    in_pause = (contour.times_s > 0.45) & (contour.times_s < 0.85)
    assert (contour.f0_hz[in_pause] == 0.0).all()


@pytest.mark.parametrize("method", METHODS)
def test_silence_and_very_short_sounds_have_no_mean(method: str) -> None:
    for wave in (np.zeros(8000), np.ones(1333), np.zeros(1400)):
        assert f0_contour(wave, method).mean_hz is None


def test_second_pass_drops_what_lies_far_above(make_pulses: MakePulses) -> None:
    """A short piece at four times the pitch is taken for noise, not averaged in."""
    contour = f0_contour(np.concatenate([make_pulses(100.0, 1.0), make_pulses(400.0, 0.1)]))
    assert contour.mean_hz == pytest.approx(100.0, rel=0.02)
    assert contour.f0_hz.max() < 175.0


def test_refuses_an_unknown_method() -> None:
    with pytest.raises(ValueError, match="expected one of praat, dio, harvest"):
        f0_contour(np.zeros(8000), "yin")


F0 = np.array([0.0, 100.0, 120.0, 0.0])
TARGET = np.array([0.0, 103.0, 0.0, 50.0])
LONGER = np.array([0.0, 103.0, 0.0, 50.0, 0.0, 80.0])


@pytest.mark.parametrize("pair", [(F0, LONGER), (LONGER, F0)])
def test_unequal_lengths_frame_by_frame(pair: tuple[np.ndarray, np.ndarray]) -> None:
    cut = pair_frame_by_frame(*pair)
    assert [len(f0_hz) for f0_hz in cut] == [4, 4]
    # 0, 3, 120 and 50: (9 + 14400 + 2500) / 4.
    assert f0_rmse_all_frames_hz(*cut) == pytest.approx(np.sqrt(16909.0 / 4.0))
    padded = pair_frame_by_frame(*pair, end="longer")
    assert [len(f0_hz) for f0_hz in padded] == [6, 6]
    # Two more frames: 0 and 80 against what is unvoiced because it has ended.
    assert f0_rmse_all_frames_hz(*padded) == pytest.approx(np.sqrt((16909.0 + 6400.0) / 6.0))


def test_errors_of_frames_voiced_in_both() -> None:
    assert f0_rmse_voiced_hz(F0, TARGET) == pytest.approx(3.0)
    pair = np.array([100.0, 104.0]), np.array([97.0, 100.0])
    assert f0_rmse_voiced_hz(*pair) == pytest.approx(np.sqrt(12.5))
    assert log_f0_rmse(F0, TARGET) == pytest.approx(np.log(1.03))
    octave = log_f0_rmse(np.array([200.0, 50.0]), np.array([100.0, 100.0]))
    assert octave == pytest.approx(np.log(2.0))


def test_not_being_voiced_is_not_rewarded() -> None:
    silent = np.zeros(4)
    assert f0_rmse_voiced_hz(silent, TARGET) == pytest.approx(np.sqrt((103**2 + 50**2) / 2))
    assert log_f0_rmse(silent, TARGET) == pytest.approx(np.log(500 / 60))
    # A target without voice has no error of pitch.
    assert f0_rmse_voiced_hz(F0, silent) is None
    assert log_f0_rmse(F0, silent) is None


def contour(semitones: np.ndarray, base_hz: float = 100.0) -> F0Contour:
    return F0Contour(0.005 * np.arange(len(semitones)), base_hz * 2 ** (semitones / 12))


RISE = np.linspace(0.0, 6.0, 100)
ARCH = 6 * np.sin(np.linspace(0.0, np.pi, 100))


def test_pitch_range_and_length_do_not_matter() -> None:
    stretched = contour(3 * np.interp(np.linspace(0, 99, 250), np.arange(100), ARCH), 220.0)
    assert contour_correlation(contour(ARCH), stretched) == pytest.approx(1.0, abs=1e-3)
    assert contour_correlation(contour(RISE), contour(-RISE)) == pytest.approx(-1.0, abs=1e-6)
    # A line and a symmetric arch have nothing in common.
    assert contour_correlation(contour(RISE), contour(ARCH)) == pytest.approx(0.0, abs=1e-2)


def test_errors_of_the_tracker_silence_and_gaps_do_not_count() -> None:
    wrong = contour(RISE).f0_hz.copy()
    wrong[20:30] *= 2.5
    wrong[50:53] *= 1.4
    assert np.corrcoef(np.log(wrong), RISE)[0, 1] < 0.7
    wrong[60:80] = 0.0
    padded = np.pad(wrong, (30, 50))
    broken = F0Contour(0.005 * np.arange(len(padded)), padded)
    assert contour_correlation(broken, contour(RISE)) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("f0_hz", [[0.0] * 50, [120.0] * 50, [], [100.0, 400.0]])
def test_what_has_no_shape_correlates_with_nothing(f0_hz: list[float]) -> None:
    flat = F0Contour(0.005 * np.arange(len(f0_hz)), np.array(f0_hz))
    assert contour_correlation(flat, contour(RISE)) == 0.0
    assert contour_correlation(contour(RISE), flat) == 0.0


def test_the_description_of_dio_is_what_is_called(
    monkeypatch: pytest.MonkeyPatch, make_pulses: MakePulses
) -> None:
    given = {}

    def dio(waveform: np.ndarray, rate_hz: int, floor_hz: float, ceiling_hz: float, **options):
        given.update(options, floor=floor_hz, ceiling=ceiling_hz)
        return np.zeros(1), np.zeros(1)

    monkeypatch.setattr(pyworld, "dio", dio)
    f0_contour(make_pulses(150.0, 0.2), "dio")
    assert describe_f0("dio") == (
        "F0 by WORLD's DIO every {frame_period:g} ms between {floor:g} and {ceiling:g} Hz "
        "({channels_in_octave:g} channels an octave, allowed range {allowed_range:g}, no "
        "downsampling), refined by StoneMask"
    ).format(**given)
