"""Measure many audio files at once, each once, in processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.metrics.heard import Listen
from espnet2_ext.metrics.measures import Measures, UnitEncoder, measure
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel import log_mel


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
    f0_method: str = "dio",
    listen: Listen | None = None,
    num_workers: int = 1,
    device: str = "cpu",
) -> dict[MeasureJob, Measures]:
    """Return the measures of every job; a job given twice is done once.

    Args:
        jobs: what to measure.
        centroids_path: of the units.
        vocoder: of resynthesis, see ``build_vocoder``.
        f0_method: see ``f0_contour``.
        listen: asks models, in every process; None asks none.
        num_workers: processes; use 1 with a GPU.
        device: of the upstream and of a HiFi-GAN.

    Raises:
        ValueError: a file cannot be measured; the message names it.
    """
    unique = sorted(set(jobs))
    results = parallel_map(
        partial(
            _measure_job,
            centroids_path=str(centroids_path),
            vocoder=vocoder,
            f0_method=f0_method,
            listen=listen,
            device=device,
        ),
        unique,
        description="measure",
        num_workers=num_workers,
        initializer=_use_one_thread if num_workers > 1 else None,
        # Torch's threads do not survive a fork.
        start_method="spawn",
    )
    return dict(zip(unique, results, strict=True))


@lru_cache(maxsize=1)
def load_unit_encoder(centroids_path: str, device: str) -> UnitEncoder:
    """Return the encoder of a centroids file, loaded once a process."""
    from espnet2_ext.units.encode import UnitEncoderPipeline

    return UnitEncoderPipeline.from_file(centroids_path, device=device)


def _use_one_thread() -> None:
    """Give a process of many one CPU thread."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)


def _measure_job(
    job: MeasureJob,
    centroids_path: str,
    vocoder: str,
    f0_method: str,
    listen: Listen | None,
    device: str,
) -> Measures:
    # Loaded here and not by an initializer, whose errors would only break the pool.
    encoder = load_unit_encoder(centroids_path, device)
    waveform = read_audio(job.wav)  # Its errors name the file.
    try:
        if job.resynthesised:
            waveform = build_vocoder(vocoder, device)(log_mel(waveform))
        return measure(waveform, encoder, f0_method, listen)
    except ValueError as error:
        raise ValueError(f"{job.wav}: {error}") from error
