"""Splits for probes: whole groups held out in turn, by one or by two groupings at once."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

Names = Sequence[str] | np.ndarray
"""(n,) a name for each utterance."""


class NotMeasurable(ValueError):
    """Labels or groups that allow no probe, whatever the vectors are."""


def held_out_splits(
    codes: np.ndarray,
    groups: Names,
    other_groups: Names | None = None,
    *,
    max_folds: int = 5,
    seed: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield masks (n,) of training and test; every utterance is in one test.

    With a second grouping, such as sentences beside speakers, the folds of both are
    crossed: a test holds one fold of each, and its training part is what lies in neither.
    What shares one of the two with the test is then in neither mask.

    Args:
        codes: (n,) labels as integers from 0, which are spread over the folds.
        groups: (n,) what is never on both sides.
        other_groups: (n,) a second grouping; None for one.
        max_folds: of each grouping; never more than it has groups.
        seed: of the order in which groups of one size are dealt.

    Raises:
        NotMeasurable: a grouping has fewer than two groups.
    """
    groupings = [groups] if other_groups is None else [groups, other_groups]
    fold_of = [_assign_folds(codes, grouping, max_folds, seed) for grouping in groupings]
    for chosen in product(*(range(folds.max() + 1) for folds in fold_of)):
        inside = np.stack([folds == fold for folds, fold in zip(fold_of, chosen, strict=True)])
        test, train = np.logical_and.reduce(inside), ~np.logical_or.reduce(inside)
        if test.any():
            yield train, test


def _assign_folds(codes: np.ndarray, groups: Names, max_folds: int, seed: int) -> np.ndarray:
    """Return (n,) the fold of each utterance: groups whole, labels spread over the folds.

    Groups are dealt from large to small, each to the fold that has least of its labels.
    """
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    folds = min(max_folds, len(names))
    if folds < 2:
        raise NotMeasurable(f"holding groups out needs at least two of them, got {len(names)}")
    counts = np.zeros((len(names), int(codes.max()) + 1))
    np.add.at(counts, (group, codes), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    totals = np.zeros((folds, counts.shape[1]))
    fold_of = np.zeros(len(names), dtype=np.int64)
    for index in order:
        # Ties go to the smallest fold.
        fold_of[index] = np.lexsort((totals.sum(axis=1), totals @ counts[index]))[0]
        totals[fold_of[index]] += counts[index]
    return fold_of[group]
