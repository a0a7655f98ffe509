"""How much raters agree beyond chance."""

from collections.abc import Iterable, Sequence

import numpy as np

NOMINAL = "nominal"
ORDINAL = "ordinal"


def krippendorff_alpha(
    ratings: Iterable[Sequence[int]], num_values: int, *, level: str
) -> float | None:
    """Return Krippendorff's alpha: 1 full agreement, 0 chance, below 0 worse than chance.

    alpha = 1 - observed / expected disagreement, of pairs of ratings within a unit and of
    any two ratings.

    Args:
        ratings: one list a unit, of any lengths; a unit with one rating has no pair and
            does not count. Values are 0 to ``num_values`` - 1.
        num_values: how many values there are.
        level: ``nominal``, any two values differ alike, or ``ordinal``, they differ by how
            many ratings lie between them.

    Returns:
        None where all ratings that have a pair are equal: nothing could disagree.

    Source: Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.

    Raises:
        ValueError: no unit has two ratings, or another level.
    """
    coincidences = np.zeros((num_values, num_values))
    for unit in ratings:
        if len(unit) > 1:
            counts = np.bincount(unit, minlength=num_values)
            # Ordered pairs of different raters, each rating weighing 1 in all.
            coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    totals = coincidences.sum(axis=1)
    if not totals.any():
        raise ValueError("agreement needs at least one recording that two listeners judged")
    distances = _squared_distances(totals, level)
    number = totals.sum()
    expected = (np.outer(totals, totals) * distances).sum() / (number * (number - 1))
    if expected == 0.0:
        return None
    return float(1.0 - (coincidences * distances).sum() / number / expected)


def _squared_distances(totals: np.ndarray, level: str) -> np.ndarray:
    """Return (K, K) squared distances of values that occur ``totals`` (K,) times."""
    if level == NOMINAL:
        return 1.0 - np.eye(len(totals))
    if level == ORDINAL:
        # All ratings from c to k, less half of those at either end: a difference of ranks.
        ranks = np.cumsum(totals) - totals / 2
        return (ranks[:, None] - ranks[None, :]) ** 2
    raise ValueError(f"level is {level!r}; give nominal or ordinal")
