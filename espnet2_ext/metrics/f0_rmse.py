"""Root mean square errors of F0 in named definitions, which differ in the frames that count.

* ``paper``: [P2V] Eq. 6 over the entire utterance, voiced and unvoiced, frame by frame from
  the start; nothing is aligned and nothing left out as silence. Cut at the end of the shorter.
* ``padded``: the same to the end of the longer, the shorter being unvoiced there.
* ``dtw``: voiced and unvoiced frames along the path of MCD, which leads through the frames of
  speech of both and so leaves out most pauses and some unvoiced consonants.
* ``voiced``: those frames of that path that are voiced in both; in Hz and, as ESPnet has it,
  of the natural logarithm.

An unvoiced frame is 0 Hz. Each gives one number a pair of utterances, and tables print the
mean of these. [P2V] says "entire utterance", "both voiced and unvoiced regions" and "frame by
frame"; it gives neither F0 tracker nor frame period, nor what is done about unequal lengths,
nor whether frames are pooled over utterances.
"""

from typing import Literal

import numpy as np

from espnet2_ext.metrics.f0 import CEILING_HZ, FLOOR_HZ

WORST_LOG_ERROR = float(np.log(CEILING_HZ / FLOOR_HZ))
"""As wrong as F0 can be between the limits it is looked for: ln(500 / 60) = 2.12."""


def pair_frame_by_frame(
    f0_hz: np.ndarray, target_f0_hz: np.ndarray, end: Literal["shorter", "longer"] = "shorter"
) -> tuple[np.ndarray, np.ndarray]:
    """Return both contours (N,) from their first frames to the same last one.

    Args:
        f0_hz: (T,) of the converted speech, 0 where unvoiced.
        target_f0_hz: (T',) of the target.
        end: ``shorter``, N = min(T, T'), cuts the longer one (definition ``paper``);
            ``longer``, N = max(T, T'), goes on with unvoiced frames (``padded``).
    """
    if end == "shorter":
        num_frames = min(len(f0_hz), len(target_f0_hz))
        return f0_hz[:num_frames], target_f0_hz[:num_frames]
    num_frames = max(len(f0_hz), len(target_f0_hz))
    padded, target_padded = (np.pad(f0, (0, num_frames - len(f0))) for f0 in (f0_hz, target_f0_hz))
    return padded, target_padded


def f0_rmse_all_frames_hz(f0_hz: np.ndarray, target_f0_hz: np.ndarray) -> float:
    """Return the error over all pairs of frames, unvoiced ones as 0 Hz.

    One frame voiced in one utterance only weighs more than any wrong pitch, so this
    measures voicing more than pitch.

    Source: [P2V] Eq. 6; its sum runs to N and is divided by n, which are taken as the same.

    Args:
        f0_hz: (P,) of the converted speech, 0 where unvoiced.
        target_f0_hz: (P,) of the target's frames paired with these.

    Raises:
        ValueError: no frames, or not as many of one as of the other.
    """
    f0_hz, target_f0_hz = _checked(f0_hz, target_f0_hz)
    return _root_mean_square(f0_hz - target_f0_hz)


def f0_rmse_voiced_hz(f0_hz: np.ndarray, target_f0_hz: np.ndarray) -> float | None:
    """Return the error over pairs of frames that are both voiced.

    Where there is no such pair, the speech counts as if its F0 were 0 on the target's
    voiced frames: leaving it out would reward a conversion that is not voiced. None
    when the target is not voiced either.

    Args:
        f0_hz: (P,) of the converted speech, 0 where unvoiced.
        target_f0_hz: (P,) of the target's frames paired with these.

    Raises:
        ValueError: no frames, or not as many of one as of the other.
    """
    f0_hz, target_f0_hz, voiced_hz = _both_voiced(f0_hz, target_f0_hz)
    if len(f0_hz):
        return _root_mean_square(f0_hz - target_f0_hz)
    return _root_mean_square(voiced_hz) if len(voiced_hz) else None


def log_f0_rmse(f0_hz: np.ndarray, target_f0_hz: np.ndarray) -> float | None:
    """Return the error of the natural logarithm over pairs of frames that are both voiced.

    0.058 is a semitone. Where there is no such pair, 2.12: as if F0 lay at one limit of
    the search and the target at the other. None when the target is not voiced either.

    Source: the formula is that of ESPnet's ``evaluate_f0.py``. Its figures are others: F0 is
    Harvest's between 40 and 800 Hz every 16 ms, frames are paired by FastDTW over WORLD's
    mel-cepstra with c0 and without regard to silence, and a pair of utterances that share no
    voiced frame has no number.

    Args:
        f0_hz: (P,) of the converted speech, 0 where unvoiced.
        target_f0_hz: (P,) of the target's frames paired with these.

    Raises:
        ValueError: no frames, or not as many of one as of the other.
    """
    f0_hz, target_f0_hz, voiced_hz = _both_voiced(f0_hz, target_f0_hz)
    if len(f0_hz):
        return _root_mean_square(np.log(f0_hz / target_f0_hz))
    return WORST_LOG_ERROR if len(voiced_hz) else None


def _both_voiced(
    f0_hz: np.ndarray, target_f0_hz: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both where both are voiced, and the target wherever it is."""
    f0_hz, target_f0_hz = _checked(f0_hz, target_f0_hz)
    both = (f0_hz > 0.0) & (target_f0_hz > 0.0)
    return f0_hz[both], target_f0_hz[both], target_f0_hz[target_f0_hz > 0.0]


def _checked(f0_hz: np.ndarray, target_f0_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64."""
    f0_hz, target_f0_hz = (np.asarray(f0, dtype=np.float64) for f0 in (f0_hz, target_f0_hz))
    if f0_hz.ndim != 1 or f0_hz.shape != target_f0_hz.shape or len(f0_hz) == 0:
        raise ValueError(
            f"an F0 error needs frames in pairs, got shapes {f0_hz.shape} and "
            f"{target_f0_hz.shape}; pair them first (pair_frame_by_frame, or along the path of "
            "mel_cepstral_distortion.aligned_frames)"
        )
    return f0_hz, target_f0_hz


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
