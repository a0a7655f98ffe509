"""The figures of one utterance."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.metrics.measures import measure


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


def test_what_is_too_short_says_nothing() -> None:
    measures = measure(np.full(799, 0.1), Encoder())
    assert measures.units == ()
    assert measures.f0_hz is None


def test_refuses_an_empty_waveform() -> None:
    with pytest.raises(ValueError, match="empty"):
        measure(np.zeros(0), None)
