"""Many files, each measured once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from espnet2_ext.metrics import conversion as module
from espnet2_ext.metrics.conversion import MeasureJob, measure_files
from espnet2_ext.units.centroids import Centroids, UnitEncoderPipeline
from espnet2_ext.units.features import MfccFeatures


def write_centroids(path: Path) -> None:
    """Write eight centres for MFCC."""
    features = MfccFeatures()
    centers = np.random.default_rng(0).normal(size=(8, features.dim)).astype(np.float32)
    Centroids(centers, "mfcc", 320, 0, float("nan")).save(path)


def test_a_file_given_twice_is_measured_once(
    make_wav: Callable[..., Path], fake_units: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav = str(make_wav("a.wav"))
    read = []
    original = module.read_audio
    monkeypatch.setattr(module, "read_audio", lambda path: read.append(path) or original(path))
    job, again = MeasureJob(wav), MeasureJob(wav, resynthesised=True)
    measures = measure_files([job, again, job], centroids_path="any")
    assert read == [wav, wav]
    assert set(measures) == {job, again}
    assert measures[job].duration_s == 0.3
    # 4800 samples are 19 frames, of which the vocoder makes 256 samples each.
    assert measures[again].duration_s == 19 * 256 / 16000


def test_units_are_those_of_the_pipeline_and_processes_agree(
    make_wav: Callable[..., Path], tmp_path: Path
) -> None:
    write_centroids(tmp_path / "centroids.npz")
    jobs = [MeasureJob(str(make_wav(f"{seed}.wav", seed=seed))) for seed in range(2)]
    alone = measure_files(jobs, centroids_path=tmp_path / "centroids.npz")
    pipeline = UnitEncoderPipeline.from_file(tmp_path / "centroids.npz")
    for job in jobs:
        units, _ = pipeline.encode(module.read_audio(job.wav))
        assert alone[job].units == tuple(units)
    assert measure_files(jobs, centroids_path=tmp_path / "centroids.npz", num_workers=2) == alone


def test_names_the_file_that_cannot_be_measured(
    make_wav: Callable[..., Path], fake_units: None
) -> None:
    short = str(make_wav("short.wav", duration_s=0.02))
    with pytest.raises(ValueError, match="short.wav: a mel needs"):
        measure_files([MeasureJob(short, resynthesised=True)], centroids_path="any")
    with pytest.raises(ValueError, match="none.wav: no such file"):
        measure_files([MeasureJob("none.wav")], centroids_path="any")


def test_missing_centroids_are_named(make_wav: Callable[..., Path]) -> None:
    with pytest.raises(FileNotFoundError, match="none.npz: no such centroids"):
        measure_files([MeasureJob(str(make_wav("a.wav")))], centroids_path="none.npz")
