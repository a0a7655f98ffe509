"""The figures of one utterance."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.metrics.conversion import measure
from espnet2_ext.metrics.spectrum import espnet_track, paper_track


class Encoder:
    """Say the same units of anything."""

    def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([3, 1]), np.array([1, 1])


def test_measures_pulses(make_pulses: Callable[..., np.ndarray]) -> None:
    measures = measure(make_pulses(200.0, 0.5), Encoder())
    assert measures.f0_hz == pytest.approx(200.0, rel=0.01)
    assert measures.duration_s == 0.5
    assert measures.units == (3, 1)
    half = measure(make_pulses(200.0, 0.5, amplitude=0.25), None)
    assert half.units is None
    assert measures.level_db - half.level_db == pytest.approx(6.02, abs=0.01)


def test_spread_of_f0_is_over_voiced_frames(make_pulses: Callable[..., np.ndarray]) -> None:
    low, high = make_pulses(150.0, 0.6), make_pulses(200.0, 0.6)
    measures = measure(np.concatenate([low, np.zeros(3200), high]), None)
    assert measures.f0_std_hz == pytest.approx(25.0, abs=2.0)  # Of two values 50 Hz apart.
    assert measure(np.zeros(8000), None).f0_std_hz is None


@pytest.mark.parametrize("f0_method", ["dio", "praat"])
def test_tracks_do_not_depend_on_the_method_of_the_mean(
    f0_method: str, make_pulses: Callable[..., np.ndarray]
) -> None:
    wave = make_pulses(200.0, 0.3)
    tracks = measure(wave, None, f0_method).tracks
    assert tracks == {"paper": paper_track(wave), "espnet": espnet_track(wave)}


def test_what_is_too_short_says_nothing() -> None:
    measures = measure(np.full(799, 0.1), Encoder())
    assert measures.units == ()
    assert measures.f0_hz is None


def test_refuses_an_empty_waveform() -> None:
    with pytest.raises(ValueError, match="empty"):
        measure(np.zeros(0), None)
