"""One vector of an utterance's units: which share of its time each unit takes."""

from collections.abc import Sequence

import numpy as np


def pooled_units(
    units: Sequence[int] | np.ndarray,
    durations: Sequence[int] | np.ndarray,
    num_units: int,
) -> np.ndarray:
    """Return (num_units,) shares of the frames, which add up to 1.

    Order is lost, and so is tempo: what remains is which sounds an utterance has. For
    comparison with other vectors of utterances; nothing is trained on it.

    Args:
        units: (U,) de-duplicated ids.
        durations: (U,) run lengths in upstream frames.
        num_units: size of the vocabulary.

    Raises:
        ValueError: lengths differ, there are no frames, or an id is outside the vocabulary.
    """
    units, durations = np.asarray(units, dtype=np.int64), np.asarray(durations, dtype=np.int64)
    if units.shape != durations.shape or units.ndim != 1:
        raise ValueError(f"{units.shape} units and {durations.shape} durations; give one each")
    if len(units) == 0 or (durations < 0).any() or durations.sum() == 0:
        raise ValueError("an utterance needs units that last at least one frame")
    if units.min() < 0 or units.max() >= num_units:
        raise ValueError(f"units {units.min()} to {units.max()} of a vocabulary of {num_units}")
    return np.bincount(units, weights=durations, minlength=num_units) / durations.sum()
