"""Nearest centres, and files that never hold pickles."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from espnet2_ext.units.centroids import (
    Centroids,
    CentroidsOnDevice,
    UnitEncoderPipeline,
    assign_with_switch_penalty,
    deduplicate,
    expand,
)
from espnet2_ext.units.features import MfccFeatures, S3prlFeatures


def make(centers, features="hubert_base/6", **facts):
    return Centroids(np.asarray(centers, np.float32), features, 320, 200, 1.5, **facts)


@pytest.mark.parametrize("shape", [(0, 3, 2), (400, 7, 5), (50, 100, 36)])
def test_assign_is_the_nearest_of_all_also_on_a_device(shape):
    num_frames, num_clusters, dim = shape
    generator = np.random.default_rng(dim)
    centroids = make(generator.standard_normal((num_clusters, dim)))
    frames = generator.standard_normal((num_frames, dim)).astype(np.float32)
    brute = ((frames[:, None, :] - centroids.centers[None]) ** 2).sum(axis=2)
    assigned = centroids.assign(frames)
    assert np.allclose(centroids.squared_distances(frames, assigned), brute.min(axis=1), rtol=1e-5)
    there, distance = CentroidsOnDevice(centroids, "cpu").assign(torch.from_numpy(frames))
    assert assigned.dtype == there.dtype == np.int64
    assert np.array_equal(assigned, brute.argmin(axis=1)) and np.array_equal(assigned, there)
    assert distance == pytest.approx(brute.min(axis=1).sum(), rel=1e-5)
    ties, frames = make([[5, 5], [1, 0], [-1, 0], [1, 0]]), torch.tensor([[1.0, 0], [0, 0]])
    assert ties.assign(frames.numpy()).tolist() == [1, 1]
    assert CentroidsOnDevice(ties, "cpu").assign(frames)[0].tolist() == [1, 1]


@pytest.mark.parametrize("checkpoint", [None, "some/dir"])
def test_file_returns_the_same_and_has_the_same_bytes(tmp_path, checkpoint):
    centroids = make(np.eye(4), path_or_url=checkpoint, settings="a=1", training='{"seed": 0}')
    centroids.save(tmp_path / "a.npz")
    centroids.save(tmp_path / "b.npz")
    loaded = Centroids.load(tmp_path / "a.npz")
    for field in dataclasses.fields(Centroids):
        assert np.array_equal(getattr(loaded, field.name), getattr(centroids, field.name))
    assert loaded.fingerprint == centroids.fingerprint
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_tag_and_fingerprint_tell_centres_and_features_apart():
    assert make(np.eye(5)).tag == "hubert_base_6_5" and make(np.eye(5), "mfcc").tag == "mfcc_5"
    prints = {
        make(np.eye(4)).fingerprint,
        make(2 * np.eye(4)).fingerprint,
        make(np.eye(4), "hubert_base/7").fingerprint,
        make(np.eye(4), settings="a=1").fingerprint,
        make(np.eye(4), switch_penalty=1.0).fingerprint,
    }
    assert len(prints) == 5


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        b"\x80\x04N.",
        {"centers": np.eye(2)},
        {"centers": np.eye(2), "format": "another"},
        {"centers": np.array([{"a": "pickle"}], object), "format": "espnet2_ext centroids 1"},
    ],
)
def test_other_files_are_refused(tmp_path, content):
    if isinstance(content, bytes):
        (tmp_path / "bad.npz").write_bytes(content)
    else:
        np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(ValueError, match="bad.npz: not centroids.*import_kmeans"):
        Centroids.load(tmp_path / "bad.npz")
    with pytest.raises(FileNotFoundError, match="make them with learn_kmeans"):
        Centroids.load(tmp_path / "none.npz")


def test_bad_centres():
    for centers in (np.zeros(3, np.float32), np.zeros((3, 2)), np.full((1, 1), np.nan, np.float32)):
        with pytest.raises(ValueError, match=r"centers must be \(k, dim\) float32 and finite, got"):
            Centroids(centers, "mfcc", 320, 0, 0.0)


def test_features_must_be_those_learnt_on():
    mfcc = MfccFeatures()
    right = Centroids(np.zeros((2, 36), np.float32), "mfcc", 320, 0, 0.0, settings=mfcc.settings)
    right.check_features(mfcc)
    dataclasses.replace(right, settings="").check_features(mfcc)
    for change, fact in (
        ({"features": "hubert_base/6"}, "name"),
        ({"centers": np.zeros((2, 5), np.float32)}, "width"),
        ({"stride_samples": 160}, "stride"),
        ({"settings": "window_ms=10"}, "settings"),
    ):
        with pytest.raises(ValueError, match=f"learnt on features of {fact} .*learn"):
            dataclasses.replace(right, **change).check_features(mfcc)


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_the_pipeline_assigns_as_centroids_do_also_on_a_device(penalty):
    features = MfccFeatures()
    waveform = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    frames = features(waveform)
    facts = {"settings": features.settings, "switch_penalty": penalty}
    centroids = Centroids(frames[:5].copy(), "mfcc", 320, 0, 0.0, **facts)
    expected = centroids.assign(frames)
    assigned, distance = UnitEncoderPipeline(centroids, features).assign(waveform)
    assert np.array_equal(assigned, expected)
    assert distance == centroids.squared_distances(frames, expected).sum(dtype=float)
    there, distance_there = CentroidsOnDevice(centroids, "cpu").assign(torch.from_numpy(frames))
    assert np.array_equal(there, expected) and distance_there == pytest.approx(distance, rel=1e-5)
    with pytest.raises(ValueError, match="learnt on features of name 'hubert_base/6'.*again"):
        UnitEncoderPipeline(make(np.eye(2)), features)


def upstream_features(device):
    """Return S3PRL features, without an upstream, whose state of a waveform is its samples."""
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


@pytest.mark.parametrize("num_frames", [0, 1, 2, 50])
def test_deduplicate_and_its_inverse(num_frames):
    units, run_lengths = deduplicate(np.array([7, 7, 7, 2, 7]))
    assert units.tolist() == [7, 2, 7] and run_lengths.tolist() == [3, 1, 1]
    assert units.dtype == run_lengths.dtype == np.int64
    assignments = np.random.default_rng(num_frames).integers(0, 3, num_frames)
    units, run_lengths = deduplicate(assignments)
    assert np.array_equal(expand(units, run_lengths), assignments)
    assert (run_lengths >= 1).all() and (units[1:] != units[:-1]).all()
    with pytest.raises(ValueError, match=r"\(2,\) units but \(1,\) durations"):
        expand(np.array([1, 2]), np.array([1]))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        expand(np.array([1, 2]), np.array([1, 0]))


def total_cost(distances, path, penalty):
    steps = sum(distances[frame, cluster] for frame, cluster in enumerate(path))
    return steps + penalty * sum(a != b for a, b in itertools.pairwise(path))


@pytest.mark.parametrize("penalty", [0.1, 0.7, 5.0])
def test_no_path_is_cheaper(penalty):
    generator = np.random.default_rng(0)
    for num_frames in (1, 2, 5):
        distances = generator.random((num_frames, 3))
        found = assign_with_switch_penalty(distances, penalty)
        cheapest = min(
            total_cost(distances, path, penalty)
            for path in itertools.product(range(3), repeat=num_frames)
        )
        assert total_cost(distances, found, penalty) == pytest.approx(cheapest)


def test_a_flicker_is_smoothed_a_change_is_kept_and_what_all_share_does_not_matter():
    distances = np.array([[0, 5], [0, 5], [2, 0], [0, 5], [5, 0], [5, 0]], dtype=float)
    shared = np.random.default_rng(2).random((6, 1))
    for given in (distances, distances - shared):
        assert assign_with_switch_penalty(given, 3.0).tolist() == [0, 0, 0, 0, 1, 1]
    with pytest.raises(ValueError, match="must not be negative"):
        assign_with_switch_penalty(distances, -1.0)
