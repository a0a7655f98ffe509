"""Bootstrap intervals of scores that are no means over utterances, such as UA and macro-F1.

What is drawn is a group: an utterance with the predictions of all its training seeds,
or a speaker with all utterances. Groups are drawn, not predictions, because two seeds
on one utterance, or two utterances of one speaker, are not two independent trials. Where
speakers say the same sentences, as in acted corpora, both are drawn, see ``statistics.py``.

The intervals speak of other test utterances (or speakers and sentences) for the recognisers
at hand, not of recognisers trained anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.metrics.ser import class_indices
from espnet2_ext.metrics.statistics import NUM_RESAMPLES, Crossing, resampled_sums

Score = Callable[[np.ndarray], np.ndarray]
"""From confusions (R, K, K) to scores (R,), see ``metrics/ser.py``."""


@dataclass(frozen=True)
class PairedDifference:
    """How much better A is than B on the same utterances.

    Attributes:
        difference: score of A less score of B.
        low: lower end of its interval.
        high: upper end.
        p_value: two-sided; twice the share of resamples on the rarer side of 0.
    """

    difference: float
    low: float
    high: float
    p_value: float


def grouped_confusions(
    labels: Sequence[str],
    predicted: Sequence[str],
    classes: Sequence[str],
    groups: Sequence[str] | None = None,
) -> np.ndarray:
    """Return (G, K, K) counts, one matrix a group, groups sorted; rows are references.

    Args:
        labels: (n,) reference emotions.
        predicted: (n,) recognised emotions.
        classes: (K,) emotions.
        groups: (n,) names, such as utterance ids or speakers; None makes every
            prediction a group of its own.

    Raises:
        ValueError: there is no prediction, lengths differ, a class stands twice, or an
            emotion is none of the classes.
    """
    names = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if not len(labels) == len(predicted) == len(names) > 0:
        raise ValueError(
            f"{len(labels)} labels, {len(predicted)} predictions and {len(names)} groups; give "
            "one of each for every prediction, and at least one"
        )
    places, group = np.unique(names, return_inverse=True)
    confusions = np.zeros((len(places), len(classes), len(classes)), dtype=np.int64)
    cells = group, class_indices(labels, classes), class_indices(predicted, classes)
    np.add.at(confusions, cells, 1)
    return confusions


def bootstrap_score(
    confusions: np.ndarray,
    score: Score,
    *,
    crossing: Crossing | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval (low, high) of the score of all groups together.

    A resample that misses a class is scored over those it has, like a fold.

    Args:
        confusions: (G, K, K), see `grouped_confusions`.
        score: of summed confusions.
        crossing: of the groups, (G,); None draws groups.
        confidence: mass inside the interval.
        num_resamples: samples drawn with replacement.
        seed: the same confusions and seed give the same interval, without a crossing in any
            order.

    Raises:
        ValueError: a confidence outside (0, 1), a group without any prediction.
    """
    _check(confusions, confidence)
    scores = score(_resampled(confusions, crossing, num_resamples, seed))
    return _interval(scores, confidence)


def paired_bootstrap(
    confusions_a: np.ndarray,
    confusions_b: np.ndarray,
    score: Score,
    *,
    crossing: Crossing | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> PairedDifference:
    """Return the difference of two systems' scores, with every group drawn for both at once.

    Args:
        confusions_a: (G, K, K) of A, see `grouped_confusions`.
        confusions_b: (G, K, K) of B over the same groups.
        score: see `bootstrap_score`.
        crossing: see there.
        confidence: see there.
        num_resamples: see there.
        seed: see there.

    Raises:
        ValueError: the systems were not scored on the same utterances; see also
            `bootstrap_score`.
    """
    _check(confusions_a, confidence)
    references = [confusions.sum(axis=-1) for confusions in (confusions_a, confusions_b)]
    if not np.array_equal(*references):
        raise ValueError(
            "the two systems do not have the same groups with the same reference emotions; "
            "test both on the same utterances"
        )
    both = np.stack([confusions_a, confusions_b], axis=1)
    drawn = _resampled(both, crossing, num_resamples, seed)
    differences = score(drawn[:, 0]) - score(drawn[:, 1])
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    low, high = _interval(differences, confidence)
    return PairedDifference(
        difference=float(score(confusions_a.sum(axis=0)) - score(confusions_b.sum(axis=0))),
        low=low,
        high=high,
        # One more than counted: of finitely many resamples none may say "impossible".
        p_value=min(1.0, 2.0 * (float(rarer) + 1.0) / (len(differences) + 1.0)),
    )


def _check(confusions: np.ndarray, confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    if len(confusions) == 0 or (confusions.sum(axis=(-2, -1)) == 0).any():
        raise ValueError("an interval needs groups of at least one prediction each")


def _resampled(
    counts: np.ndarray, crossing: Crossing | None, num_resamples: int, seed: int
) -> np.ndarray:
    """Return the sums of G groups drawn with replacement, (R, ...) from (G, ...).

    Without a crossing, groups with the same counts are drawn as one kind, by how many there
    are: thousands of utterances are few kinds. With one, R is less where draws hold nothing.
    """
    if crossing is not None:
        sums = resampled_sums(
            counts.reshape(len(counts), -1),
            crossing.rows,
            crossing.columns,
            num_resamples=num_resamples,
            seed=seed,
        )
        return sums[sums.any(axis=1)].reshape(-1, *counts.shape[1:])
    kinds, how_many = np.unique(counts.reshape(len(counts), -1), axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(counts), how_many / len(counts), size=num_resamples)
    return (drawn @ kinds).reshape(num_resamples, *counts.shape[1:])


def _interval(scores: np.ndarray, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(scores, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
