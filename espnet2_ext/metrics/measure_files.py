"""Measure many audio files at once, each once, in processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.metrics.measures import Measures, UnitEncoder, measure
from espnet2_ext.vocoder import Vocoder, build_vocoder
from espnet2_ext.vocoder.mel import log_mel

_encoder: UnitEncoder | None = None
_vocoder: Vocoder | None = None


@dataclass(frozen=True, order=True)
class MeasureJob:
    """One file to measure.

    Attributes:
        wav: path of the audio.
        resynthesised: measure what the vocoder makes of its mel, not the file itself.
    """

    wav: str
    resynthesised: bool = False


def measure_files(
    jobs: Sequence[MeasureJob],
    *,
    centroids_path: str | Path,
    vocoder: str = "griffin_lim",
    f0_method: str = "praat",
    num_workers: int = 1,
    device: str = "cpu",
) -> dict[MeasureJob, Measures]:
    """Return the measures of every job; a job given twice is done once.

    Args:
        jobs: what to measure.
        centroids_path: of the units.
        vocoder: of resynthesis, see ``build_vocoder``.
        f0_method: see ``f0_contour``.
        num_workers: processes; use 1 with a GPU.
        device: of the upstream and of a HiFi-GAN.

    Raises:
        ValueError: a file cannot be measured; the message names it.
    """
    unique = sorted(set(jobs))
    results = parallel_map(
        partial(_measure_job, f0_method=f0_method),
        unique,
        description="measure",
        num_workers=num_workers,
        initializer=_start_worker,
        initializer_arguments=(str(centroids_path), vocoder, device, num_workers > 1),
        # Torch's threads do not survive a fork.
        start_method="spawn",
    )
    return dict(zip(unique, results, strict=True))


def load_unit_encoder(centroids_path: str, device: str) -> UnitEncoder:
    """Return the encoder of a centroids file."""
    from espnet2_ext.units.encode import UnitEncoderPipeline

    return UnitEncoderPipeline.from_file(centroids_path, device=device)


def _start_worker(centroids_path: str, vocoder: str, device: str, is_own_process: bool) -> None:
    """Load the models of a process."""
    global _encoder, _vocoder
    if is_own_process:
        import torch
        from threadpoolctl import threadpool_limits

        torch.set_num_threads(1)
        threadpool_limits(1)
    _encoder = load_unit_encoder(centroids_path, device)
    _vocoder = build_vocoder(vocoder, device)


def _measure_job(job: MeasureJob, f0_method: str) -> Measures:
    if _vocoder is None:
        raise RuntimeError("_start_worker has not run in this process")
    waveform = read_audio(job.wav)  # Its errors name the file.
    try:
        if job.resynthesised:
            waveform = _vocoder(log_mel(waveform))
        return measure(waveform, _encoder, f0_method)
    except ValueError as error:
        raise ValueError(f"{job.wav}: {error}") from error
