"""Centres of frames, on the CPU as ever and on a device up to rounding."""

import numpy as np
import pytest
import torch

from espnet2_ext.units.centroids import Centroids, CentroidsOnDevice, UnitEncoderPipeline
from espnet2_ext.units.features import MfccFeatures


def make(centers, **facts):
    return Centroids(np.asarray(centers, np.float32), "hubert_base/6", 320, 200, 1.5, **facts)


@pytest.mark.parametrize("shape", [(1, 3, 2), (400, 7, 5), (50, 100, 36)])
def test_the_nearest_of_all_on_a_device(shape):
    num_frames, num_clusters, dim = shape
    generator = np.random.default_rng(dim)
    centroids = make(generator.standard_normal((num_clusters, dim)))
    frames = generator.standard_normal((num_frames, dim)).astype(np.float32)
    brute = ((frames[:, None, :] - centroids.centers[None]) ** 2).sum(axis=2)
    assigned, distance = CentroidsOnDevice(centroids, "cpu").assign(torch.from_numpy(frames))
    assert assigned.dtype == np.int64
    assert np.array_equal(assigned, brute.argmin(axis=1))
    assert distance == pytest.approx(brute.min(axis=1).sum(), rel=1e-5)


def test_ties_go_to_the_first_on_a_device():
    on_device = CentroidsOnDevice(make([[5, 5], [1, 0], [-1, 0], [1, 0]]), "cpu")
    assert on_device.assign(torch.tensor([[1.0, 0], [0, 0]]))[0].tolist() == [1, 1]


def test_switch_penalty_on_a_device():
    generator = np.random.default_rng(3)
    frames = generator.standard_normal((60, 4)).astype(np.float32)
    centers = generator.standard_normal((9, 4))
    centroids = make(centers, switch_penalty=2.0)
    assigned, distance = CentroidsOnDevice(centroids, "cpu").assign(torch.from_numpy(frames))
    assert np.array_equal(assigned, centroids.assign(frames))
    assert not np.array_equal(assigned, make(centers).assign(frames))
    assert distance == pytest.approx(centroids.squared_distances(frames, assigned).sum(), rel=1e-5)


def test_on_the_cpu_it_is_centroids_assign():
    features = MfccFeatures()
    waveform = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    frames = features(waveform)
    centroids = Centroids(frames[:5].copy(), "mfcc", 320, 0, 0.0, settings=features.settings)
    assigned, distance = UnitEncoderPipeline(centroids, features).assign(waveform)
    expected = centroids.assign(frames)
    assert np.array_equal(assigned, expected)
    assert distance == centroids.squared_distances(frames, expected).sum(dtype=float)


def test_features_must_be_those_learnt_on():
    with pytest.raises(ValueError, match="learnt on features of name 'hubert_base/6'.*again"):
        UnitEncoderPipeline(make(np.eye(2)), MfccFeatures())


def upstream_features(device):
    """Return S3PRL features, without an upstream, whose state of a waveform is its samples."""
    from espnet2_ext.units.features import S3prlFeatures

    features = S3prlFeatures.__new__(S3prlFeatures)
    features.name, features.dim, features.stride_samples = "hubert_base/6", 2, 320
    features.device = device
    features.states = lambda waveform: torch.from_numpy(waveform).reshape(-1, 2).to(device)
    return features


@pytest.mark.parametrize("device", ["cpu", "cpu:0", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_features_of_an_upstream_stay_where_they_are(device, monkeypatch):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    if device != "cpu":
        monkeypatch.setattr(Centroids, "assign", None)  # would fail if called
    assigner = UnitEncoderPipeline(make([[0, 0], [3, 0]]), upstream_features(device))
    assigned, distance = assigner.assign(np.array([3, 1, 0, 0, 2, 0], np.float32))
    assert assigned.tolist() == [1, 0, 1] and distance == pytest.approx(2.0)
