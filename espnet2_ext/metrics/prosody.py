"""Pitch, pitch range, level and length of utterances, and their trend along an intensity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio
from espnet2_ext.data.parallel import spawn_map
from espnet2_ext.metrics.pitch import F0Contour, f0_contour

FRAME_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000
HOP_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
ACTIVE_RANGE_DB = 30.0
"""Frames weaker than the strongest one by more than this are pauses."""
FLOOR_DB = -100.0
"""Level of digital silence."""
RANGE_PERCENTILES = (5.0, 95.0)
"""Not the extremes, which are errors of the pitch tracker more often than speech."""


def speech_level_db(waveform: np.ndarray) -> float:
    """Return the mean power of active frames in dB, 0 dB being a constant 1, of (N,) at 16 kHz.

    Frames of 20 ms every 10 ms are active within 30 dB of the strongest, so that neither pauses
    nor a longer utterance lower the level. An empty waveform raises ValueError.
    """
    if len(waveform) == 0:
        raise ValueError("the level of an empty waveform is not defined")
    squares = np.square(np.asarray(waveform, dtype=np.float64))
    window = min(FRAME_SAMPLES, len(squares))
    frames = np.lib.stride_tricks.sliding_window_view(squares, window)[::HOP_SAMPLES]
    powers = frames.mean(axis=1)
    active = powers[powers >= powers.max() * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)]
    return max(FLOOR_DB, 10.0 * float(np.log10(max(active.mean(), 1.0e-30))))


def percent_error(value: float, true_value: float) -> float:
    """Return |value - true value| in percent of the true value, which is above 0."""
    return 100.0 * (abs(value - true_value) / true_value)


@dataclass(frozen=True)
class ProsodyMeasures:
    """Prosody of one utterance; F0 statistics are None when nothing is voiced."""

    contour: F0Contour
    level_db: float
    duration_s: float

    @property
    def f0_mean_hz(self) -> float | None:
        """Return mean F0 over voiced frames."""
        return self.contour.mean_hz

    @property
    def f0_std_hz(self) -> float | None:
        """Return the standard deviation of F0 over voiced frames."""
        voiced_hz = self.contour.voiced_hz
        return float(voiced_hz.std()) if len(voiced_hz) else None

    @property
    def f0_range_semitones(self) -> float | None:
        """Return the distance of the 5th and 95th percentiles of voiced frames."""
        voiced_hz = self.contour.voiced_hz
        if len(voiced_hz) == 0:
            return None
        low_hz, high_hz = np.percentile(voiced_hz, RANGE_PERCENTILES)
        return 12.0 * float(np.log2(high_hz / low_hz))


def prosody_measures(waveform: np.ndarray, f0_method: str = "dio") -> ProsodyMeasures:
    """Return the prosody of a waveform (N,) at 16 kHz; ValueError if it is empty."""
    contour = f0_contour(waveform, f0_method)
    return ProsodyMeasures(contour, speech_level_db(waveform), len(waveform) / SAMPLE_RATE_HZ)


def measure_prosody(wavs: Sequence[str], num_workers: int = 1) -> list[ProsodyMeasures]:
    """Return the prosody of audio files, in their order; a bad one raises AudioError."""
    return spawn_map(
        _measure_file, wavs, description="prosody measures", num_workers=num_workers, chunk_size=8
    )


def _measure_file(wav: str) -> ProsodyMeasures:
    return prosody_measures(read_audio(wav))


@dataclass(frozen=True)
class Trend:
    """Trend of one measure of one pair along its intensity scale.

    ``correlation`` is Spearman's, of intensity and measure, positive where the measure goes the
    target's way, 0 where it does not move; ``right_steps`` the share of steps that go that way.
    """

    correlation: float
    right_steps: float


def trend(values: Mapping[float, float], source: float, target: float) -> Trend:
    """Return the trend of a measure by intensity, ``{intensity: measure}``.

    A larger intensity should move the prosody towards the ground-truth target's, which lies above
    or below the source's: angry speech is mostly higher and sad speech lower, but not in every
    voice. Fewer than two intensities, or values that are not finite, raise ValueError.
    """
    from scipy.stats import spearmanr

    if len(values) < 2:
        raise ValueError(f"a scale of {len(values)} intensities has no steps; give two or more")
    intensities = sorted(values)
    measures = np.array([values[a] for a in intensities], dtype=np.float64)
    if not np.isfinite([*measures, source, target]).all():
        raise ValueError("a trend needs finite values; count what has none as 0")
    direction = 1.0 if target >= source else -1.0
    is_flat = np.ptp(measures) == 0.0
    correlation = 0.0 if is_flat else float(spearmanr(intensities, measures).statistic)
    right_steps = float((direction * np.diff(measures) > 0.0).mean())
    return Trend(direction * correlation, right_steps)
