"""Fundamental frequency: contours, their error, and their correlation.

An F0-RMSE depends on which frames count (an unvoiced frame is 0 Hz), so each definition has a name:

* ``paper``: [P2V] Eq. 6 over the entire utterance, voiced and unvoiced, frame by frame from
  the start without alignment, cut at the end of the shorter utterance.
* ``padded``: the same to the end of the longer one, the shorter being unvoiced there.
* ``dtw``: voiced and unvoiced frames along the path of MCD, which leads through the frames of
  speech of both; ``voiced``: those of them that are voiced in both, in Hz or logarithms.

Deviation: [P2V] gives neither F0 tracker nor frame period, nor what is done about unequal
lengths, nor whether frames are pooled over utterances: tables print the mean over utterances.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ

FLOOR_HZ, CEILING_HZ = 60.0, 500.0
FRAME_PERIOD_S = 0.005
FLOOR_FACTOR, CEILING_FACTOR = 0.6, 1.75
"""Limits of Praat's second pass, times the median of the first: nine semitones each way."""
MIN_DURATION_S = 3.0 / (FLOOR_FACTOR * FLOOR_HZ)
"""Praat needs three periods of the lowest floor there can be."""
DIO_CHANNELS_IN_OCTAVE, DIO_ALLOWED_RANGE = 2.0, 0.1
"""Both are pyworld's defaults; given all the same, because definitions of metrics name them."""

WORST_LOG_ERROR = float(np.log(CEILING_HZ / FLOOR_HZ))
"""F0 at one limit of the search and the target at the other: ln(500 / 60) = 2.12."""

GRID_POINTS = 200
"""Places at which two contours are compared."""
OCTAVE_ERROR_SEMITONES = 9.0
"""Frames further than this from the median are taken as errors of the tracker."""
SMOOTHING_FRAMES = 11
"""Voiced frames whose median replaces each; 55 ms, which no melody is faster than."""


@dataclass(frozen=True)
class F0Contour:
    """F0 over time: frame centres (frames,), and F0 (frames,), 0 where unvoiced."""

    times_s: np.ndarray
    f0_hz: np.ndarray

    @property
    def voiced_hz(self) -> np.ndarray:
        """Return F0 of the voiced frames."""
        return self.f0_hz[self.f0_hz > 0.0]

    @property
    def mean_hz(self) -> float | None:
        """Return the mean over voiced frames; None when no frame is voiced."""
        return float(self.voiced_hz.mean()) if len(self.voiced_hz) else None


def f0_contour(waveform: np.ndarray, method: str = "praat") -> F0Contour:
    """Return F0 every 5 ms, searched between 60 and 500 Hz, of a waveform (N,) at 16 kHz.

    * ``praat``: Praat's autocorrelation, the tool of [P2V] Figs. 7-10, in two passes: the second
      between 0.6 x and 1.75 x the median of the first, because a single pass takes noisy frames
      of vocoded low voices for high pitches.
    * ``dio``: WORLD's DIO refined by StoneMask, as in ESPnet's TTS front end.
    * ``harvest``: WORLD's Harvest, which calls more frames voiced; as in ESPnet's evaluate_f0.py.

    How far the mean moves when mini_emo's parallel test set goes through mel and Griffin-Lim, on
    average and at most: two passes 0.6 and 7 %, one pass 6 and 139 %, DIO 2 and 22 %, Harvest 3
    and 11 % (twenty times the cost). Scores use DIO all the same: of conversions, which are
    noisier, Praat finds a tenth unvoiced and others twice too high. Waveforms shorter than 83 ms
    have no frames; another method raises ValueError.
    """
    if method not in _METHODS:
        raise ValueError(f"F0 method {method!r}: expected one of {', '.join(_METHODS)}")
    if len(waveform) <= MIN_DURATION_S * SAMPLE_RATE_HZ:
        return F0Contour(np.zeros(0), np.zeros(0))
    return _METHODS[method][0](np.ascontiguousarray(waveform, dtype=np.float64))


def describe_f0(method: str) -> str:
    """Return tracker, frame period and limits of a method, for definitions of metrics."""
    return _METHODS[method][1]


def _praat(waveform: np.ndarray) -> F0Contour:
    import parselmouth

    sound = parselmouth.Sound(waveform, SAMPLE_RATE_HZ)

    def search(floor_hz: float, ceiling_hz: float) -> F0Contour:
        pitch = sound.to_pitch(
            time_step=FRAME_PERIOD_S, pitch_floor=floor_hz, pitch_ceiling=ceiling_hz
        )
        return F0Contour(pitch.xs(), pitch.selected_array["frequency"])

    first = search(FLOOR_HZ, CEILING_HZ)
    if len(first.voiced_hz) == 0:
        return first
    median_hz = float(np.median(first.voiced_hz))
    return search(FLOOR_FACTOR * median_hz, CEILING_FACTOR * median_hz)


def _dio(waveform: np.ndarray) -> F0Contour:
    import pyworld

    coarse_hz, times_s = pyworld.dio(
        waveform,
        SAMPLE_RATE_HZ,
        FLOOR_HZ,
        CEILING_HZ,
        channels_in_octave=DIO_CHANNELS_IN_OCTAVE,
        frame_period=1000.0 * FRAME_PERIOD_S,
        allowed_range=DIO_ALLOWED_RANGE,
    )
    return F0Contour(times_s, pyworld.stonemask(waveform, coarse_hz, times_s, SAMPLE_RATE_HZ))


def _harvest(waveform: np.ndarray) -> F0Contour:
    import pyworld

    f0_hz, times_s = pyworld.harvest(
        waveform, SAMPLE_RATE_HZ, FLOOR_HZ, CEILING_HZ, frame_period=1000.0 * FRAME_PERIOD_S
    )
    return F0Contour(times_s, f0_hz)


_LIMITS = f"every {1000.0 * FRAME_PERIOD_S:g} ms between {FLOOR_HZ:g} and {CEILING_HZ:g} Hz"
_METHODS: dict[str, tuple[Callable[[np.ndarray], F0Contour], str]] = {
    "praat": (
        _praat,
        f"F0 by Praat's autocorrelation {_LIMITS}, then again between {FLOOR_FACTOR:g} and "
        f"{CEILING_FACTOR:g} times the median found",
    ),
    "dio": (
        _dio,
        f"F0 by WORLD's DIO {_LIMITS} ({DIO_CHANNELS_IN_OCTAVE:g} channels an octave, allowed "
        f"range {DIO_ALLOWED_RANGE:g}, no downsampling), refined by StoneMask",
    ),
    "harvest": (_harvest, f"F0 by WORLD's Harvest {_LIMITS}"),
}
"""Name: tracker, and what definitions of metrics say of it."""


def pair_frame_by_frame(
    f0_hz: np.ndarray, target_f0_hz: np.ndarray, end: Literal["shorter", "longer"] = "shorter"
) -> tuple[np.ndarray, np.ndarray]:
    """Return F0 of speech (T,) and target (T',), cut or padded (unvoiced) to one length."""
    if end == "shorter":
        num_frames = min(len(f0_hz), len(target_f0_hz))
        return f0_hz[:num_frames], target_f0_hz[:num_frames]
    num_frames = max(len(f0_hz), len(target_f0_hz))
    first, second = (np.pad(f0, (0, num_frames - len(f0))) for f0 in (f0_hz, target_f0_hz))
    return first, second


def f0_rmse_all_frames_hz(f0_hz: np.ndarray, target_f0_hz: np.ndarray) -> float:
    """Return the error over all pairs of frames (P,), unvoiced ones as 0 Hz.

    A frame voiced in one utterance only weighs more than any wrong pitch: this measures voicing.

    Source: [P2V] Eq. 6; its sum runs to N and is divided by n, which are taken as the same.
    """
    return _root_mean_square(f0_hz.astype(np.float64) - target_f0_hz)


def f0_rmse_voiced_hz(f0_hz: np.ndarray, target_f0_hz: np.ndarray) -> float | None:
    """Return the error over the pairs of frames (P,) that are both voiced.

    Without such a pair, the speech counts as 0 Hz on the target's voiced frames: leaving it out
    would reward an unvoiced conversion. None when the target is not voiced either.
    """
    f0_hz, target_f0_hz, voiced_hz = _both_voiced(f0_hz, target_f0_hz)
    if len(f0_hz):
        return _root_mean_square(f0_hz - target_f0_hz)
    return _root_mean_square(voiced_hz) if len(voiced_hz) else None


def log_f0_rmse(f0_hz: np.ndarray, target_f0_hz: np.ndarray) -> float | None:
    """Return the error of the natural logarithm over pairs of frames (P,) both voiced.

    0.058 is a semitone. Without such a pair, `WORST_LOG_ERROR`; None when the target is not voiced.

    Source: the formula of ESPnet's ``evaluate_f0.py``, whose figures are others: Harvest's F0 every
    16 ms, FastDTW over mel-cepstra with c0 and silence, no number where no voiced frame is shared.
    """
    f0_hz, target_f0_hz, voiced_hz = _both_voiced(f0_hz, target_f0_hz)
    if len(f0_hz):
        return _root_mean_square(np.log(f0_hz / target_f0_hz))
    return WORST_LOG_ERROR if len(voiced_hz) else None


def _both_voiced(
    f0_hz: np.ndarray, target_f0_hz: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both where both are voiced, and the target wherever it is."""
    both = (f0_hz > 0.0) & (target_f0_hz > 0.0)
    voiced = (f0_hz[both], target_f0_hz[both], target_f0_hz[target_f0_hz > 0.0])
    first, second, third = (each.astype(np.float64) for each in voiced)
    return first, second, third


def _root_mean_square(values: np.ndarray) -> float:
    if len(values) == 0:
        raise ValueError("an F0 error needs frames in pairs")
    return float(np.sqrt(np.mean(np.square(values))))


def contour_correlation(first: F0Contour, second: F0Contour) -> float:
    """Return Pearson's correlation (-1 to 1) of two F0 contours in semitones, time-normalised.

    Frames more than 9 semitones off the median are left out and the rest is smoothed, since
    trackers err on vocoded speech; contours are interpolated where unvoiced and stretched to one
    length. 0 if one is flat, has no voiced frame, or lies in two halves more than 18 semitones
    apart.
    """
    one, other = _shape(first), _shape(second)
    if one is None or other is None:
        return 0.0
    return float(np.clip(one @ other / GRID_POINTS, -1.0, 1.0))


def _shape(contour: F0Contour) -> np.ndarray | None:
    """Return the contour (GRID_POINTS,) with mean 0 and deviation 1; None if it has none."""
    if len(contour.voiced_hz) == 0:
        return None
    times_s, semitones = contour.times_s[contour.f0_hz > 0.0], 12.0 * np.log2(contour.voiced_hz)
    is_right = np.abs(semitones - np.median(semitones)) <= OCTAVE_ERROR_SEMITONES
    if not is_right.any():  # two halves, octaves apart
        return None
    padded = np.pad(semitones[is_right], SMOOTHING_FRAMES // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, SMOOTHING_FRAMES)
    times_s, semitones = times_s[is_right], np.nanmedian(windows, axis=1)
    grid_s = np.linspace(times_s[0], times_s[-1], GRID_POINTS)
    shape = np.interp(grid_s, times_s, semitones)
    if shape.std() < 1.0e-6:
        return None
    return (shape - shape.mean()) / shape.std()
