"""F0 against sounds whose F0 is known."""

from collections.abc import Callable

import numpy as np
import pytest
import pyworld

from espnet2_ext.metrics.pitch import F0Contour, describe_f0, f0_contour

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


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("f0_hz", [45.0, 600.0])
def test_nothing_is_found_outside_the_limits_of_the_description(
    method: str, f0_hz: float, make_pulses: Callable[..., np.ndarray]
) -> None:
    """ESPnet's limits, 40 and 800 Hz, would find both."""
    assert "every 5 ms between 60 and 500 Hz" in describe_f0(method)
    f0 = f0_contour(make_pulses(f0_hz, 0.5), method).f0_hz
    assert not np.isclose(f0, f0_hz, rtol=TOLERANCE).any()


def test_the_description_of_dio_is_what_is_called(
    monkeypatch: pytest.MonkeyPatch, make_pulses: Callable[..., np.ndarray]
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


def test_refuses_an_unknown_method() -> None:
    for function in (lambda: f0_contour(np.zeros(8000), "yin"), lambda: describe_f0("yin")):
        with pytest.raises(ValueError, match="expected one of praat, dio, harvest"):
            function()
