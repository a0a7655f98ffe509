"""What is measured of a recording whose style is transferred, and how far two are apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.metrics.duration import duration_s, percent_error
from espnet2_ext.metrics.energy import speech_level_db
from espnet2_ext.metrics.f0 import F0Contour, f0_contour
from espnet2_ext.metrics.measure_files import MeasureJob, load_unit_encoder
from espnet2_ext.metrics.measures import MIN_UNIT_SAMPLES


@dataclass(frozen=True)
class StyleMeasures:
    """What is measured of one recording.

    Attributes:
        contour: F0 over time.
        duration_s: whole length.
        level_db: of the active frames.
        units: de-duplicated; none where it is too short for any.
    """

    contour: F0Contour
    duration_s: float
    level_db: float
    units: tuple[int, ...]

    @property
    def f0_hz(self) -> float | None:
        """Return mean F0 over voiced frames; None when nothing is voiced."""
        return self.contour.mean_hz

    @property
    def f0_std_hz(self) -> float:
        """Return the deviation of F0 over voiced frames, 0 when nothing is voiced."""
        voiced_hz = self.contour.f0_hz[self.contour.f0_hz > 0.0]
        return float(voiced_hz.std()) if len(voiced_hz) else 0.0

    @property
    def unit_s(self) -> float:
        """Return seconds a unit of its own; the whole length where it has none."""
        return self.duration_s / max(len(self.units), 1)


@dataclass(frozen=True)
class Difference:
    """How far a recording is from another one, by absolute values.

    Attributes:
        f0_percent: mean F0, in percent of the other's; 100 when nothing is voiced.
        f0_std_hz: deviation of F0.
        unit_s_percent: seconds a unit, in percent of the other's.
        length_percent: seconds, in percent of the other's.
        level_db: level.
    """

    f0_percent: float
    f0_std_hz: float
    unit_s_percent: float
    length_percent: float
    level_db: float

    @classmethod
    def between(cls, recording: StyleMeasures, other: StyleMeasures) -> "Difference":
        """Return the difference.

        Raises:
            ValueError: the other has no voiced frame.
        """
        if other.f0_hz is None:
            raise ValueError("nothing can be compared with a recording without a voiced frame")
        f0_hz = recording.f0_hz
        return cls(
            100.0 if f0_hz is None else percent_error(f0_hz, other.f0_hz),
            abs(recording.f0_std_hz - other.f0_std_hz),
            percent_error(recording.unit_s, other.unit_s),
            percent_error(recording.duration_s, other.duration_s),
            abs(recording.level_db - other.level_db),
        )


def measure_waveform(
    waveform: np.ndarray,
    encode_units: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    f0_method: str = "dio",
) -> StyleMeasures:
    """Return the measures of a waveform (N,) at 16 kHz.

    Args:
        waveform: not empty.
        encode_units: from a waveform to units (U,) and run lengths.
        f0_method: see ``f0_contour``.
    """
    is_long_enough = len(waveform) >= MIN_UNIT_SAMPLES
    return StyleMeasures(
        f0_contour(waveform, f0_method),
        duration_s(waveform),
        speech_level_db(waveform),
        tuple(encode_units(waveform)[0].tolist()) if is_long_enough else (),
    )


def measure_recordings(
    jobs: Sequence[MeasureJob],
    *,
    centroids_path: str | Path,
    vocoder: str = "griffin_lim",
    f0_method: str = "dio",
    num_workers: int = 1,
    device: str = "cpu",
) -> dict[MeasureJob, StyleMeasures]:
    """Return the measures of audio files, each measured once.

    Args: see ``measure_files``.

    Raises:
        ValueError: a file cannot be measured; the message names it.
    """
    unique = sorted(set(jobs))
    measured = parallel_map(
        partial(
            _measure_job,
            centroids_path=str(centroids_path),
            vocoder=vocoder,
            f0_method=f0_method,
            device=device,
        ),
        unique,
        description="measure",
        num_workers=num_workers,
        # Torch's threads do not survive a fork.
        start_method="spawn",
    )
    return dict(zip(unique, measured, strict=True))


def _measure_job(
    job: MeasureJob, centroids_path: str, vocoder: str, f0_method: str, device: str
) -> StyleMeasures:
    from espnet2_ext.vocoder import build_vocoder
    from espnet2_ext.vocoder.mel import log_mel

    encoder = load_unit_encoder(centroids_path, device)
    waveform = read_audio(job.wav)  # Its errors name the file.
    try:
        if job.resynthesised:
            waveform = build_vocoder(vocoder, device)(log_mel(waveform))
        return measure_waveform(waveform, encoder.encode, f0_method)
    except ValueError as error:
        raise ValueError(f"{job.wav}: {error}") from error
