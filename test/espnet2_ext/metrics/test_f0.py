"""F0 against sounds whose F0 is known."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.metrics.f0 import F0Contour, f0_contour

METHODS = ["praat", "dio", "harvest"]
TOLERANCE = 0.01
"""Relative; Harvest smooths over the ends."""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("f0_hz", [80.0, 150.0, 310.0])
def test_finds_the_f0_of_pulses(
    method: str, f0_hz: float, make_pulses: Callable[..., np.ndarray]
) -> None:
    contour = f0_contour(make_pulses(f0_hz, 0.5), method)
    assert contour.mean_hz == pytest.approx(f0_hz, rel=TOLERANCE)
    assert np.diff(contour.times_s) == pytest.approx(0.005)
    assert len(contour.times_s) == len(contour.f0_hz)


def test_mean_is_over_voiced_frames_only() -> None:
    contour = F0Contour(np.arange(4) * 0.005, np.array([0.0, 100.0, 0.0, 200.0]))
    assert contour.mean_hz == 150.0


def test_pauses_do_not_count(make_pulses: Callable[..., np.ndarray]) -> None:
    pulses = make_pulses(200.0, 0.4)
    with_pause = np.concatenate([pulses, np.zeros(8000, dtype=np.float32), pulses])
    contour = f0_contour(with_pause)
    assert contour.mean_hz == pytest.approx(200.0, rel=TOLERANCE)
    in_pause = (contour.times_s > 0.45) & (contour.times_s < 0.85)
    assert (contour.f0_hz[in_pause] == 0.0).all()


@pytest.mark.parametrize("method", METHODS)
def test_silence_and_very_short_sounds_have_no_mean(method: str) -> None:
    assert f0_contour(np.zeros(8000), method).mean_hz is None
    assert f0_contour(np.ones(1333), method).mean_hz is None
    assert f0_contour(np.zeros(1400), method).mean_hz is None


def test_second_pass_drops_what_lies_far_above(make_pulses: Callable[..., np.ndarray]) -> None:
    """A short piece at four times the pitch is taken for noise, not averaged in."""
    sound = np.concatenate([make_pulses(100.0, 1.0), make_pulses(400.0, 0.1)])
    contour = f0_contour(sound)
    assert contour.mean_hz == pytest.approx(100.0, rel=0.02)
    assert contour.f0_hz.max() < 175.0


def test_refuses_an_unknown_method() -> None:
    with pytest.raises(ValueError, match="expected one of praat, dio, harvest"):
        f0_contour(np.zeros(8000), "yin")
