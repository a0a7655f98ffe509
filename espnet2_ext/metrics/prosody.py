"""Pitch, pitch range, level and length of utterances: what prosody is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.metrics.pitch import f0_contour

# ---------------------------------------------------------------- energy
# Level of speech in dB, pauses left out.

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


# ---------------------------------------------------------------- duration
# Duration of an utterance, and errors relative to a true value.


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


# ---------------------------------------------------------------- prosody measures

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


# ---------------------------------------------------------------- intensity
# Whether speech follows an intensity: pitch, level and length step by step along the scale.
#
# A scale is worth its name if a larger intensity moves the prosody further towards the
# target emotion's. Which way that is, the true target says, against the source: angry and
# happy speech is mostly higher and sad speech lower, but not in every voice.


@dataclass(frozen=True)
class Trend:
    """How one measure of one pair goes along its scale.

    Attributes:
        correlation: Spearman's, of intensity and measure, positive where the measure goes
            the target's way; 0 where it does not move.
        right_steps: share of the steps that go the target's way.
    """

    correlation: float
    right_steps: float


def trend(values: Mapping[float, float], source: float, target: float) -> Trend:
    """Return how a measure goes with the intensity.

    Args:
        values: measure by intensity.
        source: measure of the source.
        target: of the true target.

    Raises:
        ValueError: fewer than two intensities, or a value is not finite.
    """
    if len(values) < 2:
        raise ValueError(f"a scale of {len(values)} intensities has no steps; give two or more")
    intensities = sorted(values)
    measures = np.array([values[a] for a in intensities], dtype=np.float64)
    if not np.isfinite([*measures, source, target]).all():
        raise ValueError("a trend needs finite values; count what has none as 0")
    direction = 1.0 if target >= source else -1.0
    steps = direction * np.diff(measures)
    return Trend(
        correlation=direction * spearman(intensities, measures),
        right_steps=float((steps > 0.0).mean()),
    )


def spearman(values: Sequence[float], others: Sequence[float] | np.ndarray) -> float:
    """Return Spearman's rank correlation; 0 where either does not vary."""
    from scipy.stats import spearmanr

    if np.ptp(values) == 0.0 or np.ptp(others) == 0.0:
        return 0.0
    return float(spearmanr(values, others).statistic)
