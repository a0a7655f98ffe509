"""Duration of an utterance, and errors relative to a true value."""

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ


def duration_s(waveform: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """Return the length in seconds, silence at either end and pauses included."""
    return len(waveform) / sample_rate_hz


def percent_error(value: float, true_value: float) -> float:
    """Return |value - true value| in percent of the true value.

    Raises:
        ValueError: the true value is not above 0.
    """
    if true_value <= 0.0:
        raise ValueError(f"a relative error needs a true value above 0, got {true_value}")
    return 100.0 * (abs(value - true_value) / true_value)
