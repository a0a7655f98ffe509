"""Runs of equal units: taken out, and put back."""

import numpy as np


def deduplicate(assignments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the units without repeats and how many frames each stood for.

    Source: [P2V] III-A, repeated units are removed. The run lengths are kept here because
    they give the alignment of units and mel frames without a search.

    Args:
        assignments: (F,) unit of each frame, F may be 0.

    Returns:
        units: (U,) int64, no two neighbours equal.
        run_lengths: (U,) int64 in frames, each at least 1, sum F.

    Example:
        >>> deduplicate(np.array([7, 7, 7, 2, 7]))
        (array([7, 2, 7]), array([3, 1, 1]))
    """
    assignments = np.asarray(assignments, dtype=np.int64)
    if assignments.ndim != 1:
        raise ValueError(f"assignments must be (F,), got shape {assignments.shape}")
    if len(assignments) == 0:
        return assignments, assignments.copy()
    starts = np.flatnonzero(np.r_[True, assignments[1:] != assignments[:-1]])
    return assignments[starts], np.diff(np.r_[starts, len(assignments)])


def expand(units: np.ndarray, run_lengths: np.ndarray) -> np.ndarray:
    """Return one unit a frame (F,), the inverse of ``deduplicate``.

    Raises:
        ValueError: as many run lengths as units are needed, none below 1.
    """
    units, run_lengths = np.asarray(units, np.int64), np.asarray(run_lengths, np.int64)
    if units.shape != run_lengths.shape or units.ndim != 1:
        raise ValueError(f"{units.shape} units but {run_lengths.shape} run lengths")
    if (run_lengths < 1).any():
        raise ValueError(f"run lengths must be at least 1, got {run_lengths.min()}")
    return np.repeat(units, run_lengths)
