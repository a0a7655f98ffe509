"""Unit error rate: how much of the content, as units, was not said as it should be."""

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein


def unit_error_rate(reference: Sequence[int], hypothesis: Sequence[int]) -> float:
    """Return (substitutions + deletions + insertions) / reference units; may exceed 1.

    Both are de-duplicated units, so that speaking slower or faster is no error.

    Args:
        reference: (U,) units of the source.
        hypothesis: units of what was said.

    Raises:
        ValueError: the reference is empty.
    """
    if len(reference) == 0:
        raise ValueError("the unit error rate needs a reference with at least one unit")
    distance = Levenshtein.distance(
        [int(unit) for unit in reference], [int(unit) for unit in hypothesis]
    )
    return distance / len(reference)
