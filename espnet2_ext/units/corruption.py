"""Damage units on purpose, to see how much of it a model bears.

Source: [P2V] V-E, "randomly replace a few unit values with random numbers or remove a few".
Deviation: the paper gives no shares; here the number of damaged units is exact.
"""

import numpy as np

from espnet2_ext.units.deduplicate import deduplicate, expand


def replace_units(
    units: np.ndarray,
    run_lengths: np.ndarray,
    share: float,
    num_units: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sequence with a share of its units replaced by others drawn at random.

    A new unit differs from the one it replaces and from both neighbours, so that the result
    is as long as before and holds no repeats; run lengths thus stay as they are.

    Args:
        units: (U,) de-duplicated.
        run_lengths: (U,) in frames.
        share: of the U units, from 0 to 1; the number is rounded, halves up.
        num_units: size of the codebook from which new ones are drawn.
        generator: the same state damages a larger share at the same places and more.

    Returns:
        units: (U,) int64.
        run_lengths: (U,) int64.

    Raises:
        ValueError: the share is not in [0, 1], the codebook has fewer than 4 units or lacks
            one of the sequence, or units and run lengths do not belong together.
    """
    units, run_lengths = _checked(units, run_lengths)
    if num_units < 4:
        raise ValueError(f"replacing needs a codebook of at least 4 units, got {num_units}")
    if len(units) and not 0 <= units.min() <= units.max() < num_units:
        raise ValueError(
            f"units from {units.min()} to {units.max()} are not of a codebook of {num_units}"
        )
    result = units.copy()
    for position in np.sort(_positions(len(units), share, generator)):
        around = result[max(position - 1, 0) : position + 2]
        result[position] = generator.choice(np.setdiff1d(np.arange(num_units), around))
    return result, run_lengths.copy()


def drop_units(
    units: np.ndarray, run_lengths: np.ndarray, share: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sequence without a share of its units.

    The frames of a dropped unit go to the one before it (at the start, to the one after),
    and neighbours that have become equal are one unit: run lengths still sum to the frames,
    and no unit is repeated.

    Args:
        units: (U,) de-duplicated.
        run_lengths: (U,) in frames.
        share: of the U units, from 0 to 1; the number is rounded, halves up.
        generator: the same state drops with a larger share the same units and more.

    Returns:
        units: (U',) int64.
        run_lengths: (U',) int64, same sum as before.

    Raises:
        ValueError: the share is not in [0, 1], nothing would be left, or units and run
            lengths do not belong together.
    """
    units, run_lengths = _checked(units, run_lengths)
    is_kept = np.ones(len(units), dtype=bool)
    is_kept[_positions(len(units), share, generator)] = False
    if not is_kept.any():
        raise ValueError(f"dropping {share:g} of {len(units)} units leaves none; drop fewer")
    owners = np.maximum(np.cumsum(is_kept) - 1, 0)
    frames = np.zeros(is_kept.sum(), dtype=np.int64)
    np.add.at(frames, owners, run_lengths)
    return deduplicate(expand(units[is_kept], frames))


def _checked(units: np.ndarray, run_lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as int64; raise ValueError unless they belong together."""
    expand(units, run_lengths)
    return np.asarray(units, dtype=np.int64), np.asarray(run_lengths, dtype=np.int64)


def _positions(length: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """Return the damaged positions; those of a small share are among those of a larger one."""
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of units must lie in [0, 1], got {share}")
    return generator.permutation(length)[: int(share * length + 0.5)]
