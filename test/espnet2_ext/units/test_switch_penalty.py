import itertools

import numpy as np
import pytest

from espnet2_ext.units.centroids import assign_with_switch_penalty


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


def test_without_a_penalty_it_is_the_nearest_centre():
    distances = np.random.default_rng(1).random((20, 4))
    assert (assign_with_switch_penalty(distances, 0) == distances.argmin(1)).all()


def test_a_flicker_is_smoothed_and_a_change_is_kept():
    distances = np.array([[0, 5], [0, 5], [2, 0], [0, 5], [5, 0], [5, 0]], dtype=float)
    assert assign_with_switch_penalty(distances, 3.0).tolist() == [0, 0, 0, 0, 1, 1]


def test_what_all_clusters_share_does_not_matter():
    generator = np.random.default_rng(2)
    distances, shared = generator.random((9, 4)), generator.random((9, 1))
    expected = assign_with_switch_penalty(distances, 0.3)
    assert (assign_with_switch_penalty(distances - shared, 0.3) == expected).all()


def test_a_negative_penalty_is_an_error():
    with pytest.raises(ValueError, match="must not be negative"):
        assign_with_switch_penalty(np.zeros((1, 2)), -1.0)
