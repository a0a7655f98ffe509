"""Nearest centres, and files that never hold pickles."""

import dataclasses

import numpy as np
import pytest

from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.features import MfccFeatures


def make(centers, features="hubert_base/6", **facts):
    return Centroids(np.asarray(centers, np.float32), features, 320, 200, 1.5, **facts)


@pytest.mark.parametrize("shape", [(1, 3, 2), (400, 7, 5), (50, 100, 36)])
def test_assign_is_the_nearest_of_all(shape):
    num_frames, num_clusters, dim = shape
    generator = np.random.default_rng(dim)
    centroids = make(generator.standard_normal((num_clusters, dim)))
    frames = generator.standard_normal((num_frames, dim)).astype(np.float32)
    brute = ((frames[:, None, :] - centroids.centers[None]) ** 2).sum(axis=2)
    assigned = centroids.assign(frames)
    assert assigned.dtype == np.int64
    assert np.array_equal(assigned, brute.argmin(axis=1))
    assert np.allclose(centroids.squared_distances(frames, assigned), brute.min(axis=1), rtol=1e-5)


def test_ties_go_to_the_first():
    centroids = make([[5, 5], [1, 0], [-1, 0], [1, 0]])
    assert centroids.assign(np.array([[1, 0], [0, 0]], np.float32)).tolist() == [1, 1]


def test_no_frames():
    assert make([[0, 0]]).assign(np.zeros((0, 2), np.float32)).tolist() == []


def test_other_width_is_refused():
    with pytest.raises(ValueError, match="hubert_base_6_2 expect frames of 3 values.*1, 4"):
        make(np.eye(2, 3)).assign(np.zeros((1, 4), np.float32))


def test_tag_and_size():
    assert make(np.eye(5), "hubert_base/6").tag == "hubert_base_6_5"
    assert make(np.eye(5), "mfcc").tag == "mfcc_5"
    assert make(np.eye(5)).num_clusters == 5


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


def test_fingerprint_tells_centres_and_features_apart():
    prints = {
        make(np.eye(4)).fingerprint,
        make(2 * np.eye(4)).fingerprint,
        make(np.eye(4), "hubert_base/7").fingerprint,
        make(np.eye(4), settings="a=1").fingerprint,
    }
    assert len(prints) == 4


def test_pickles_are_refused(tmp_path):
    bomb = np.array([{"a": "pickled object"}], dtype=object)
    np.savez(tmp_path / "bad.npz", centers=bomb, format="espnet2_ext centroids 1")
    with pytest.raises(ValueError, match="bad.npz: not centroids.*import_kmeans"):
        Centroids.load(tmp_path / "bad.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x80\x04N."])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(ValueError, match="bad.npz: not centroids"):
        Centroids.load(tmp_path / "bad.npz")


def test_other_archives_are_refused(tmp_path):
    np.savez(tmp_path / "bad.npz", centers=np.eye(2))
    with pytest.raises(ValueError, match="not centroids"):
        Centroids.load(tmp_path / "bad.npz")
    np.savez(tmp_path / "bad.npz", centers=np.eye(2), format="another")
    with pytest.raises(ValueError, match="format another"):
        Centroids.load(tmp_path / "bad.npz")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="make them with learn_kmeans"):
        Centroids.load(tmp_path / "none.npz")


def test_bad_centres():
    with pytest.raises(ValueError, match=r"\(k, dim\) float32"):
        Centroids(np.zeros(3, np.float32), "mfcc", 320, 0, 0.0)
    with pytest.raises(ValueError, match="float64"):
        Centroids(np.zeros((3, 2)), "mfcc", 320, 0, 0.0)
    with pytest.raises(ValueError, match="finite"):
        make([[np.nan]])


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
