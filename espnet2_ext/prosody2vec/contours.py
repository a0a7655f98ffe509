"""Pitch, voicing and level over time, relative to the speaker, for the explicit prosody path.

An absolute mel as the prosody encoder's input carries the voice, and the vector learns it
(DESIGN section 5; [P2V] V-E names the weakness). Contours less the speaker's own means do not.
None of this is in the paper. Contours (T, 3) of an utterance, at its mel frames, are the natural
log of F0 (0 where unvoiced), voicing (0 or 1), and level (log of the mean magnitude of the mel).
"""

from typing import NamedTuple

import numpy as np
import torch

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.metrics.pitch import F0Contour, f0_contour
from espnet2_ext.prosody2vec.mels import HifiGanMel

DEFAULT_TRACKER = "dio"
MIN_VOICED_FRAMES = 4
"""Fewer give no mean log F0 of an utterance."""
PITCH_LIMIT = 0.8
"""Natural log of the widest F0 ratio to the speaker's mean that is kept: 14 semitones."""
MIN_RUN_FRAMES = 3
"""Voiced runs of fewer mel frames, 48 ms, are taken for noise."""
LEVEL_LIMITS = (-4.0, 3.0)
"""Natural log of the lowest and highest ratio of level to the speaker's mean that is kept."""
INPUT_SCALES = (5.0, 1.0, 1.0)
"""Brings pitch, voicing and level to like ranges for a network."""
SPEECH_RANGE = 4.0
"""Natural log. Speech is from the first to the last frame whose level is so near to the loudest."""
PEAK_PROMINENCE = 0.3
"""Natural log. What a maximum of the level must rise above its surroundings to be a syllable."""


# ---------------------------------------------------------------- an utterance


class UtteranceProsody(NamedTuple):
    """What the statistics of a speaker are made of.

    Attributes:
        log_f0: mean natural log of F0 in Hz; nan where fewer than four frames are voiced.
        level: log of the mean magnitude of its mel.
        log_rate: natural log of its syllables a mel frame.
        voiced_frames: how many.
    """

    log_f0: float
    level: float
    log_rate: float
    voiced_frames: int


def contours_of(waveform: np.ndarray, features: HifiGanMel, tracker: str) -> np.ndarray:
    """Return the contours (T, 3) float32 of a waveform (N,) at 16 kHz; see ``make_contours``."""
    samples = torch.as_tensor(waveform, dtype=torch.float32)[None]
    device = next(features.buffers()).device
    with torch.no_grad():
        mels, _ = features(samples.to(device), torch.tensor([samples.size(1)], device=device))
    return make_contours(waveform, mels[0].cpu().numpy(), features.hop_length, tracker)


def make_contours(
    waveform: np.ndarray, mel: np.ndarray, hop_length: int, tracker: str
) -> np.ndarray:
    """Return the contours (T, 3) float32 of an utterance.

    Args:
        waveform: (N,) at 16 kHz.
        mel: (T, M) its natural-log mel, not normalised; T = N // hop_length + 1.
        hop_length: samples between mel frames.
        tracker: a method of ``metrics.pitch.f0_contour``; its nearest frame counts, and is unvoiced
            where further than PITCH_LIMIT from the utterance's median. Voiced runs keep their
            length: at 0 dB taking short ones away costs more (tools/bench/f0_trackers.md).
    """
    centres_s = np.arange(len(mel)) * (hop_length / SAMPLE_RATE_HZ)
    f0_hz = clean_f0(f0_at(f0_contour(waveform, tracker), centres_s), min_run_frames=1)
    voiced = f0_hz > 0.0
    level = np.log(np.exp(mel, dtype=np.float64).mean(axis=1))
    return np.stack([np.log(f0_hz, where=voiced, out=np.zeros(len(mel))), voiced, level], 1).astype(
        np.float32
    )


def f0_at(contour: F0Contour, centres_s: np.ndarray) -> np.ndarray:
    """Return F0 (T,) in Hz of the tracker's frames nearest to centres (T,), 0 where unvoiced."""
    if len(contour.f0_hz) < 2:
        return np.zeros(len(centres_s))
    following = np.searchsorted(contour.times_s, centres_s).clip(1, len(contour.times_s) - 1)
    gaps_s = contour.times_s[following] - centres_s, centres_s - contour.times_s[following - 1]
    return contour.f0_hz[following - (gaps_s[1] < gaps_s[0])]


def clean_f0(f0_hz: np.ndarray, min_run_frames: int = MIN_RUN_FRAMES) -> np.ndarray:
    """Return F0 (T,) in Hz without what no melody does, which becomes unvoiced (0).

    Frames further than PITCH_LIMIT from the median of the voiced ones, then voiced runs shorter
    than ``min_run_frames``. Not in paper.
    """
    voiced = f0_hz > 0.0
    if not voiced.any():
        return f0_hz
    ratio = np.log(f0_hz / np.median(f0_hz[voiced]), where=voiced, out=np.zeros(len(f0_hz)))
    voiced &= np.abs(ratio) <= PITCH_LIMIT
    edges = np.flatnonzero(np.diff(voiced.astype(int), prepend=0, append=0))
    for start, stop in edges.reshape(-1, 2):
        voiced[start:stop] &= stop - start >= min_run_frames
    return np.where(voiced, f0_hz, 0.0)


def summarise(contours: np.ndarray) -> UtteranceProsody:
    """Return what an utterance adds to its speaker's statistics, of contours (T, 3)."""
    log_f0, voicing, level = contours.astype(np.float64).T
    voiced = int((voicing > 0.5).sum())
    return UtteranceProsody(
        float(log_f0[voicing > 0.5].mean()) if voiced >= MIN_VOICED_FRAMES else float("nan"),
        float(np.log(np.exp(level).mean())),
        _log_syllable_rate(level),
        voiced,
    )


def _log_syllable_rate(level: np.ndarray) -> float:
    """Return the natural log of syllables a frame: maxima of the level within the speech.

    Source: peaks of the intensity, as in de Jong and Wempe 2009 ("Praat script to detect syllable
    nuclei"). Deviation: no check of voicing; smoothed over three frames.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    first, last = np.flatnonzero(level > level.max() - SPEECH_RANGE)[[0, -1]]
    speech = level[first : last + 1]
    peaks, _ = find_peaks(gaussian_filter1d(speech, 1.0), prominence=PEAK_PROMINENCE)
    return float(np.log(max(1, len(peaks)) / len(speech)))


# ---------------------------------------------------------------- a batch


def relative_contours(
    contours: torch.Tensor, statistics: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Return contours (B, T, 3) relative to the speaker and clipped, 0 past the end.

    Pitch is the natural log of F0 over the speaker's mean, 0 where unvoiced; level likewise.

    Args:
        contours: (B, T, 3) of ``make_contours``.
        statistics: (B, 2 or more) the speaker's mean log F0 and level.
        mask: (B, T) True at frames of the utterance.
    """
    log_f0, voicing, level = contours.unbind(dim=2)
    voicing = voicing * mask
    pitch = (log_f0 - statistics[:, :1]).clamp(-PITCH_LIMIT, PITCH_LIMIT) * voicing
    level = (level - statistics[:, 1:2]).clamp(*LEVEL_LIMITS) * mask
    return torch.stack([pitch, voicing, level], dim=2)


def contour_input(contours: torch.Tensor) -> torch.Tensor:
    """Return contours (*, 3) scaled for a network."""
    return contours * contours.new_tensor(INPUT_SCALES)


def revoiced(contours: torch.Tensor) -> torch.Tensor:
    """Return contours (*, 3) whose voicing, blurred by interpolation, is 0 or 1 again."""
    pitch, voicing, level = contours.unbind(dim=-1)
    voicing = (voicing > 0.5).to(pitch.dtype)
    return torch.stack([pitch * voicing, voicing, level], dim=-1)


class UnitProsody(NamedTuple):
    """What the units of a batch are spoken with.

    Attributes:
        pitch: (B, U) relative log F0, mean over the unit's voiced frames; 0 without any.
        voicing: (B, U) share of the unit's frames that are voiced.
        level: (B, U) relative level, mean over its frames.
        frames: (B, U) how many mel frames it lasts.
    """

    pitch: torch.Tensor
    voicing: torch.Tensor
    level: torch.Tensor
    frames: torch.Tensor


def unit_prosody(
    contours: torch.Tensor, unit_of_frame: torch.Tensor, num_units: int
) -> UnitProsody:
    """Return the means over each unit's frames.

    Args:
        contours: (B, T, 3) of ``relative_contours``.
        unit_of_frame: (B, T) index of the unit at each frame, below 0 past the end.
        num_units: U.
    """
    place = torch.where(unit_of_frame < 0, num_units, unit_of_frame)
    pitch, voicing, level = contours.unbind(dim=2)

    def total(values: torch.Tensor) -> torch.Tensor:
        sums = values.new_zeros(len(values), num_units + 1)
        return sums.scatter_add_(1, place, values)[:, :num_units]

    frames, voiced = total(torch.ones_like(voicing)), total(voicing)
    return UnitProsody(
        total(pitch * voicing) / voiced.clamp(min=1.0),
        voiced / frames.clamp(min=1.0),
        total(level) / frames.clamp(min=1.0),
        frames,
    )
