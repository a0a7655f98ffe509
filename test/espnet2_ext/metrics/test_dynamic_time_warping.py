"""The best path against all paths, and against cells taken one by one."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from espnet2_ext.metrics.spectrum import dynamic_time_warping


def all_paths(rows: int, columns: int) -> Iterator[list[tuple[int, int]]]:
    """Yield every path to the last cell of a table, one step at a time."""
    if (rows, columns) == (1, 1):
        yield [(0, 0)]
    for back in ((1, 1), (1, 0), (0, 1)):
        if rows > back[0] and columns > back[1]:
            for path in all_paths(rows - back[0], columns - back[1]):
                yield [*path, (rows - 1, columns - 1)]


def total(costs: np.ndarray, path: np.ndarray) -> float:
    return float(costs[path[:, 0], path[:, 1]].sum())


@pytest.mark.parametrize(("rows", "columns"), [*product([1, 2, 4], [1, 3, 5])])
def test_no_path_is_cheaper(rows: int, columns: int) -> None:
    for seed in range(5):
        costs = np.random.default_rng(seed).uniform(size=(rows, columns))
        path = dynamic_time_warping(costs)
        every = [np.array(path) for path in all_paths(rows, columns)]
        assert path.tolist() in [one.tolist() for one in every]
        assert total(costs, path) == pytest.approx(min(total(costs, one) for one in every))


def least_total(costs: np.ndarray) -> float:
    """Return the sum of the best path, by rows and columns."""
    totals = np.full((len(costs) + 1, costs.shape[1] + 1), np.inf)
    totals[0, 0] = 0.0
    for row, column in np.ndindex(costs.shape):
        before = totals[row, column], totals[row, column + 1], totals[row + 1, column]
        totals[row + 1, column + 1] = costs[row, column] + min(before)
    return float(totals[-1, -1])


@pytest.mark.parametrize(("rows", "columns"), [(37, 61), (61, 37), (50, 50)])
def test_long_sequences_have_the_least_sum_too(rows: int, columns: int) -> None:
    costs = np.random.default_rng(3).uniform(size=(rows, columns))
    path = dynamic_time_warping(costs)
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [rows - 1, columns - 1]
    assert {tuple(step) for step in np.diff(path, axis=0)} <= {(1, 1), (1, 0), (0, 1)}
    assert total(costs, path) == pytest.approx(least_total(costs))


def test_slower_speech_repeats_frames() -> None:
    first, second = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0])
    path = dynamic_time_warping(np.abs(first[:, None] - second))
    assert path.tolist() == [[0, 0], [0, 1], [1, 2], [1, 3], [2, 4], [2, 5]]


def test_of_equal_paths_the_shortest_is_taken() -> None:
    assert dynamic_time_warping(np.zeros((3, 3))).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert dynamic_time_warping(np.zeros((3, 2))).tolist() == [[0, 0], [1, 0], [2, 1]]


@pytest.mark.parametrize("costs", [np.zeros(3), np.zeros((0, 3)), np.zeros((3, 0))])
def test_refuses_costs_without_frames(costs: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected costs of shape"):
        dynamic_time_warping(costs)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_costs_that_are_not_finite(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        dynamic_time_warping(np.array([[0.0, value]]))
