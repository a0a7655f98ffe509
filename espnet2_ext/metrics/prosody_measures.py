"""Pitch, pitch range, level and length of utterances: what prosody is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.metrics.duration import duration_s
from espnet2_ext.metrics.energy import speech_level_db
from espnet2_ext.metrics.f0 import f0_contour

RANGE_PERCENTILES = (5.0, 95.0)
"""Not the extremes, which are errors of the pitch tracker more often than speech."""


@dataclass(frozen=True)
class ProsodyMeasures:
    """Figures of one utterance.

    Attributes:
        f0_mean_hz: over voiced frames; None when nothing is voiced.
        f0_range_semitones: from the 5th to the 95th percentile of voiced frames; None when
            nothing is voiced.
        level_db: of the active frames, see ``speech_level_db``.
        duration_s: whole length.
    """

    f0_mean_hz: float | None
    f0_range_semitones: float | None
    level_db: float
    duration_s: float


def prosody_measures(waveform: np.ndarray) -> ProsodyMeasures:
    """Return the figures of a waveform (N,) at 16 kHz; F0 by DIO, which scores use too.

    Raises:
        ValueError: the waveform is empty.
    """
    contour = f0_contour(waveform, method="dio")
    voiced_hz = contour.f0_hz[contour.f0_hz > 0.0]
    range_semitones = None
    if len(voiced_hz):
        low_hz, high_hz = np.percentile(voiced_hz, RANGE_PERCENTILES)
        range_semitones = 12.0 * float(np.log2(high_hz / low_hz))
    return ProsodyMeasures(
        f0_mean_hz=contour.mean_hz,
        f0_range_semitones=range_semitones,
        level_db=speech_level_db(waveform),
        duration_s=duration_s(waveform),
    )


def measure_prosody(wavs: Sequence[str], num_workers: int = 1) -> list[ProsodyMeasures]:
    """Return the figures of audio files, in their order.

    Args:
        wavs: paths.
        num_workers: processes.

    Raises:
        AudioError: a file is missing or broken; the message names it.
    """
    return list(
        parallel_map(
            _measure_file,
            wavs,
            description="prosody measures",
            num_workers=num_workers,
            chunk_size=8,
            # The caller may have run torch, whose threads do not survive a fork.
            start_method="spawn",
        )
    )


def _measure_file(wav: str) -> ProsodyMeasures:
    return prosody_measures(read_audio(wav))
