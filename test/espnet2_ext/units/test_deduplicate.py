"""Runs out and back in."""

import numpy as np
import pytest

from espnet2_ext.units.centroids import deduplicate, expand


def test_golden():
    units, run_lengths = deduplicate(np.array([7, 7, 7, 2, 7]))
    assert units.tolist() == [7, 2, 7]
    assert run_lengths.tolist() == [3, 1, 1]
    assert units.dtype == run_lengths.dtype == np.int64


@pytest.mark.parametrize("num_frames", [0, 1, 2, 3, 50, 999])
@pytest.mark.parametrize("num_units", [1, 2, 100])
def test_properties(num_frames, num_units):
    assignments = np.random.default_rng(num_frames).integers(0, num_units, num_frames)
    units, run_lengths = deduplicate(assignments)
    assert np.array_equal(expand(units, run_lengths), assignments)
    assert run_lengths.sum() == num_frames
    assert (run_lengths >= 1).all()
    assert (units[1:] != units[:-1]).all()
    again, ones = deduplicate(units)
    assert np.array_equal(again, units) and (ones == 1).all()


def test_refuses_two_dimensions():
    with pytest.raises(ValueError, match=r"\(F,\)"):
        deduplicate(np.zeros((2, 2)))


def test_expand_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="2 units but 1 run|units but"):
        expand(np.array([1, 2]), np.array([1]))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        expand(np.array([1, 2]), np.array([1, 0]))
