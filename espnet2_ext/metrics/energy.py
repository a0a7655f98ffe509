"""Level of speech in dB, pauses left out."""

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ

FRAME_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000
HOP_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
ACTIVE_RANGE_DB = 30.0
"""Frames weaker than the strongest one by more than this are pauses."""
FLOOR_DB = -100.0
"""Level of digital silence."""


def speech_level_db(waveform: np.ndarray) -> float:
    """Return the mean power of active frames in dB, 0 dB being a constant 1.

    Frames of 20 ms every 10 ms; a frame is active when its power is within 30 dB of
    the strongest. Pauses thus do not lower the level, nor does a longer utterance.

    Args:
        waveform: (N,) at 16 kHz; shorter than a frame counts as one frame.

    Raises:
        ValueError: the waveform is empty.
    """
    if len(waveform) == 0:
        raise ValueError("the level of an empty waveform is not defined")
    squares = np.square(np.asarray(waveform, dtype=np.float64))
    window = min(FRAME_SAMPLES, len(squares))
    frames = np.lib.stride_tricks.sliding_window_view(squares, window)[::HOP_SAMPLES]
    powers = frames.mean(axis=1)
    active = powers[powers >= powers.max() * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)]
    return max(FLOOR_DB, 10.0 * float(np.log10(max(active.mean(), 1.0e-30))))
