"""What a linear model reads out of vectors, on groups that it was not trained on.

A probe is linear, so that what it reads lies in the vector and is not computed by the probe.
Speakers, and sentences where several voices say them, are held out: otherwise a vector that
only identifies the voice would seem to encode whatever correlates with the voice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from espnet2_ext.data.parallel import one_thread
from espnet2_ext.metrics.statistics import Crossing

Names = Sequence[str] | np.ndarray
"""(n,) a name for each utterance."""

MAX_FOLDS = 5
INVERSE_PENALTY = 0.1
"""C of the logistic regression on standardised vectors; not in paper. It is fixed, so that rows
compare; on the two test sets of mini_emo, C between 0.01 and 1 moved no score by over 7 points."""
RIDGE_PENALTY = 100.0
"""Alpha of the ridge regression on standardised vectors; not in paper."""
MAX_ITERATIONS = 500

Split = tuple[np.ndarray, np.ndarray]
"""Masks (n,) of training and test."""


class NotMeasurable(ValueError):
    """Labels or groups that allow no probe, whatever the vectors are."""


@dataclass(frozen=True)
class ProbeScore:
    """How well labels are read from vectors.

    ``accuracy`` is unweighted (class-mean), with its 95 % interval over what ``drawn`` says (see
    ``Crossing.text``); ``chance`` is 1 / classes. ``n`` utterances are scored; the label of those
    ``left_out`` was not in the training part of their fold. A model is trained per fold.
    """

    accuracy: float
    low: float
    high: float
    drawn: str
    chance: float
    n: int
    left_out: int
    classes: int
    folds: int


@dataclass(frozen=True)
class CorrelationScore:
    """How well a scalar is read from vectors.

    ``pearson_r`` is between truth and prediction, each less the mean of the training part; 0
    where nothing but that mean is read. The rest is as in `ProbeScore`.
    """

    pearson_r: float
    n: int
    left_out: int
    folds: int


def held_out_splits(
    codes: np.ndarray,
    groups: Names,
    other_groups: Names | None = None,
    *,
    max_folds: int = MAX_FOLDS,
    seed: int = 0,
) -> Iterator[Split]:
    """Yield masks (n,) of training and test; every utterance is in one test.

    Groups (n,) are never on both sides, and the labels ``codes`` (n,), integers from 0, are
    spread over the folds. With a second grouping, such as sentences beside speakers, the folds
    of both are crossed: a test holds one fold of each, its training part shares neither with
    it, and the remaining utterances are in neither mask. Fewer than two groups raise NotMeasurable.
    """
    groupings = [groups] if other_groups is None else [groups, other_groups]
    fold_of = [_assign_folds(codes, grouping, max_folds, seed) for grouping in groupings]
    for chosen in product(*(range(folds.max() + 1) for folds in fold_of)):
        inside = np.stack([folds == fold for folds, fold in zip(fold_of, chosen, strict=True)])
        test, train = np.logical_and.reduce(inside), ~np.logical_or.reduce(inside)
        if test.any():
            yield train, test


def _assign_folds(codes: np.ndarray, groups: Names, max_folds: int, seed: int) -> np.ndarray:
    """Return (n,) the fold of each utterance: groups whole, labels spread over the folds."""
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
    for index in order:  # From large to small, each to the fold that has least of its labels.
        # Ties go to the smallest fold.
        fold_of[index] = np.lexsort((totals.sum(axis=1), totals @ counts[index]))[0]
        totals[fold_of[index]] += counts[index]
    return fold_of[group]


def linear_probe(
    vectors: np.ndarray,
    labels: Names,
    groups: Names,
    other_groups: Names | None = None,
    *,
    crossing: Crossing | None = None,
    seed: int = 0,
) -> ProbeScore:
    """Return how well logistic regression reads labels (n,) from vectors (n, dim).

    Folds are those of `held_out_splits`; vectors are standardised by the training part, classes
    weigh the same. ``crossing`` is what the interval is drawn over; None for the groups held out.
    NotMeasurable for fewer than two labels or groups, or no fold that has a label on both sides.
    """
    from sklearn.linear_model import LogisticRegression

    vectors = _checked(vectors, labels, groups, other_groups)
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    if len(names) < 2:
        raise NotMeasurable(f"a probe needs at least two classes, got {len(names)}")
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=MAX_ITERATIONS)
    splits = []
    for train, test in held_out_splits(codes, groups, other_groups, seed=seed):
        known = np.unique(codes[train])
        test &= np.isin(codes, known)  # a label that training lacks is left out
        if len(known) > 1 and test.any():
            splits.append((train, test))
    read = np.full(len(codes), -1)
    for _, test, predicted in _predictions(model, vectors, codes, splits):
        read[test] = predicted
    scored = read >= 0
    classes, positions, sizes = np.unique(codes[scored], return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise NotMeasurable("fewer than two labels are on both sides of a fold; all stay together")
    right = read[scored] == codes[scored]
    # Weights make the mean over utterances the mean over classes.
    weights = 1.0 / (len(classes) * sizes[positions])
    if crossing is None:
        others = groups if other_groups is None else other_groups
        rows, columns = (np.asarray(names).tolist() for names in (groups, others))
        crossing = Crossing(rows, columns, "groups", "groups")
    shared = crossing.at(scored)
    low, high = shared.interval(right, weights)
    return ProbeScore(
        accuracy=float(np.average(right, weights=weights)),
        low=low,
        high=high,
        drawn=shared.text(),
        chance=1.0 / len(classes),
        n=int(scored.sum()),
        left_out=int((~scored).sum()),
        classes=len(classes),
        folds=len(splits),
    )


def ridge_correlation(
    vectors: np.ndarray,
    target: Sequence[float] | np.ndarray,
    groups: Names,
    other_groups: Names | None = None,
    *,
    seed: int = 0,
) -> CorrelationScore:
    """Return how well ridge regression reads a scalar (n,); see `linear_probe` for the rest.

    In each fold the mean of the training part is subtracted from truth and prediction: where a
    high voice is held out, the others' mean is low, and vectors without any information would
    seem to be anticorrelated. NotMeasurable also for a constant target.
    """
    from sklearn.linear_model import Ridge

    vectors = _checked(vectors, target, groups, other_groups)
    target = np.asarray(target, dtype=np.float64)
    if not np.isfinite(target).all():
        raise ValueError("a target of a correlation is not finite; leave the utterance out")
    if len(target) == 0 or np.ptp(target) == 0.0:
        raise NotMeasurable("a correlation needs a target that varies")
    same = np.zeros(len(target), dtype=np.int64)  # Folds are balanced in size alone.
    found = held_out_splits(same, groups, other_groups, seed=seed)
    splits = [split for split in found if split[0].sum() > 1]
    read, true = np.full((2, len(target)), np.nan)
    for train, test, predicted in _predictions(Ridge(RIDGE_PENALTY), vectors, target, splits):
        mean = target[train].mean()
        read[test], true[test] = predicted - mean, target[test] - mean
    scored = np.isfinite(read)
    if scored.sum() < 2:
        raise NotMeasurable("no fold has utterances to train on that share no group with the test")
    pearson_r = _pearson_r(read[scored], true[scored])
    return CorrelationScore(pearson_r, int(scored.sum()), int((~scored).sum()), len(splits))


def _predictions(
    model, vectors: np.ndarray, values: np.ndarray, splits: Sequence[Split]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield train, test and the test's predictions by a model of standardised vectors."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), model)
    with one_thread():
        for train, test in splits:
            yield train, test, pipeline.fit(vectors[train], values[train]).predict(vectors[test])


def _pearson_r(read: np.ndarray, true: np.ndarray) -> float:
    """Return the correlation; 0 where one of both does not vary by more than rounding."""
    smallest = 1.0e-9 * max(float(np.abs(true).max()), 1.0e-300)
    if np.ptp(read) <= smallest or np.ptp(true) <= smallest:
        return 0.0
    return float(np.corrcoef(read, true)[0, 1])


def _checked(vectors: np.ndarray, *others: Sequence | np.ndarray | None) -> np.ndarray:
    """Return the vectors as float64; ValueError for lengths that differ and for nan."""
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = {len(other) for other in others if other is not None}
    if lengths != {len(vectors)}:
        raise ValueError(f"vectors {vectors.shape} need one label and group each, got {lengths}")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds values that are not finite")
    return vectors
