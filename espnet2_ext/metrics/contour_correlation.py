"""How alike the melodies of two utterances are, whatever their pitch and length."""

import numpy as np

from espnet2_ext.metrics.f0 import F0Contour

GRID_POINTS = 200
"""Places on which two contours are compared."""
OCTAVE_ERROR_SEMITONES = 9.0
"""Frames further than this from the median are taken as errors of the tracker."""
SMOOTHING_FRAMES = 11
"""Voiced frames whose median replaces each; 55 ms, which no melody is faster than."""


def contour_correlation(first: F0Contour, second: F0Contour) -> float:
    """Return Pearson's correlation of two F0 contours in semitones, time-normalised.

    Frames more than 9 semitones off the median are left out and the rest is smoothed by
    a running median: both are for vocoded speech, in which trackers err. Each contour is
    then taken from its first to its last voiced frame, bridged in a straight line where
    unvoiced, and stretched linearly to the same length; nothing is aligned. Pitch and pitch
    range do not matter, only the shape does.

    Args:
        first: any length.
        second: any length.

    Returns:
        -1 to 1; 0 if one of them is flat, has no voiced frame, or lies in two halves that are
        more than 18 semitones apart.
    """
    one, other = _shape(first), _shape(second)
    if one is None or other is None:
        return 0.0
    return float(np.clip(one @ other / GRID_POINTS, -1.0, 1.0))


def _shape(contour: F0Contour) -> np.ndarray | None:
    """Return the contour (GRID_POINTS,) with mean 0 and deviation 1; None if it has none."""
    voiced = contour.f0_hz > 0.0
    if not voiced.any():
        return None
    times_s, semitones = contour.times_s[voiced], 12.0 * np.log2(contour.f0_hz[voiced])
    is_right = np.abs(semitones - np.median(semitones)) <= OCTAVE_ERROR_SEMITONES
    if not is_right.any():  # two halves, octaves apart
        return None
    times_s, semitones = times_s[is_right], _smoothed(semitones[is_right])
    grid_s = np.linspace(times_s[0], times_s[-1], GRID_POINTS)
    shape = np.interp(grid_s, times_s, semitones)
    if shape.std() < 1.0e-6:
        return None
    return (shape - shape.mean()) / shape.std()


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Return the running median (F,), of fewer values at either end."""
    padded = np.pad(values, SMOOTHING_FRAMES // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, SMOOTHING_FRAMES)
    return np.nanmedian(windows, axis=1)
