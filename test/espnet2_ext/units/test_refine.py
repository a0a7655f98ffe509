"""Full-batch passes, against scikit-learn's."""

import numpy as np
import pytest

from espnet2_ext.units import kmeans as module
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.kmeans import refine


def make(centers, **facts):
    return Centroids(np.asarray(centers, np.float32), "mfcc", 320, 0, float("nan"), **facts)


@pytest.fixture
def frames():
    return np.random.default_rng(0).standard_normal((500, 6)).astype(np.float32)


@pytest.mark.parametrize("batch_frames", [64, 10_000])
@pytest.mark.parametrize("num_passes", [0, 1, 4])
def test_as_scikit_learn_does(frames, num_passes, batch_frames, monkeypatch):
    from sklearn.cluster import KMeans

    monkeypatch.setattr(module, "BATCH_FRAMES", batch_frames)
    start = make(frames[:7])
    refined = refine(start, frames, num_passes)
    expected = start.centers
    if num_passes:
        model = KMeans(7, init=expected, n_init=1, max_iter=num_passes, tol=0, algorithm="lloyd")
        expected = model.fit(frames).cluster_centers_
    assert np.allclose(refined.centers, expected, atol=1e-4)
    distances = ((frames[:, None] - refined.centers[None]) ** 2).sum(axis=2)
    assert refined.inertia == pytest.approx(distances.min(axis=1).mean(), rel=1e-5)


def test_it_ends_at_the_optimum(frames):
    refined = refine(make(frames[:7]), frames, 1000)
    assigned = refined.assign(frames)
    means = np.array([frames[assigned == cluster].mean(axis=0) for cluster in range(7)])
    assert np.allclose(refined.centers, means, atol=1e-5)
    again = refine(refined, frames, 5)
    assert np.array_equal(again.centers, refined.centers)


def test_a_centre_without_frames_stays(frames):
    refined = refine(make([*frames[:3], np.full(6, 99)]), frames, 3)
    assert (refined.centers[3] == 99).all()
    assert refined.features == "mfcc"


def test_what_cannot_be(frames):
    with pytest.raises(ValueError, match="must not be negative: -1"):
        refine(make(frames[:2]), frames, -1)
    with pytest.raises(ValueError, match="switch penalty cannot be refined: add it afterwards"):
        refine(make(frames[:2], switch_penalty=1.0), frames, 1)
