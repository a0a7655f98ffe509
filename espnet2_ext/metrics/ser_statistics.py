"""Spread over folds and seeds, and tests whether one system is better than another.

Folds share most of their training data, so their scores depend on each other, and the
sign-flip test over folds and seeds finds differences too easily. The corrected t-test
widens the variance for that and is the one to believe; McNemar's test and
``paired_bootstrap`` ask about the utterances instead, with the recognisers as they are.

Student's and the binomial distribution come from scipy, which scikit-learn brings.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr, stdtr

MAX_EXACT = 16
"""Up to so many differences all 2^n patterns of signs are tried."""


def mean_and_std(values: Sequence[float] | np.ndarray) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation (n - 1); None for a single value.

    Args:
        values: (n,), one a fold and seed.

    Raises:
        ValueError: no values, or values that are not finite.
    """
    numbers = _finite(values)
    return float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else None


def sign_flip_test(
    differences: Sequence[float] | np.ndarray, *, num_resamples: int = 20000, seed: int = 0
) -> float:
    """Return the two-sided p value of a paired permutation test of the mean.

    If two systems are alike, each difference might as well have the other sign. p is
    the share of sign patterns whose |mean| is at least the observed one: of all
    patterns up to `MAX_EXACT` differences, else of drawn ones (the observed one counts
    among them). n differences can reach no p below 2 / 2^n: five folds, no less than 0.0625.

    Differences of one fold under several seeds share the test utterances, those of two
    folds share training data; both make p too small. See `corrected_t_test`.

    Args:
        differences: (n,) score of A less score of B, one a fold and seed.
        num_resamples: patterns drawn beyond `MAX_EXACT` differences.
        seed: of the draw.

    Raises:
        ValueError: no differences, or differences that are not finite.
    """
    numbers = _finite(differences)
    # Patterns that should tie must not fall apart by the last bit of a sum.
    observed = abs(numbers.sum()) - 1.0e-9 * np.abs(numbers).sum()
    if len(numbers) <= MAX_EXACT:
        bits = np.arange(2 ** len(numbers))[:, None] >> np.arange(len(numbers)) & 1
        signs = 1.0 - 2.0 * bits
        return float((np.abs(signs @ numbers) >= observed).mean())
    drawn = np.random.default_rng(seed).choice((1.0, -1.0), size=(num_resamples, len(numbers)))
    count = int((np.abs(drawn @ numbers) >= observed).sum())
    return (count + 1) / (num_resamples + 1)


def corrected_t_test(
    differences: Sequence[float] | np.ndarray, test_to_train: float
) -> tuple[float, float]:
    """Return t and the two-sided p value of the corrected resampled t-test.

    t = mean / sqrt((1 / n + test_to_train) * variance), n - 1 degrees of freedom. The
    second summand stands for what overlapping training data make scores share.

    Args:
        differences: (n,) score of A less score of B, one a fold and seed; n > 1.
        test_to_train: test utterances over training utterances of a fold.

    Returns:
        t and p; equal differences leave no doubt: infinite t and p = 0, unless they
        are all 0, which gives t = 0 and p = 1.

    Raises:
        ValueError: fewer than two differences, one that is not finite, or a ratio that
            is not above 0.

    Source: Nadeau and Bengio, "Inference for the generalization error", Machine
        Learning 52, 2003, section 5 (corrected resampled t-test).
    Deviation: they draw training and test sets at random; folds by session or speaker
        are the usual, not the proven, use.
    """
    numbers = _finite(differences)
    if len(numbers) < 2:
        raise ValueError("the corrected t-test needs two folds or seeds; run more of them")
    if not (math.isfinite(test_to_train) and test_to_train > 0):
        raise ValueError(f"test_to_train must be above 0, got {test_to_train}")
    error = math.sqrt((1 / len(numbers) + test_to_train) * float(numbers.var(ddof=1)))
    mean = float(numbers.mean())
    # Equal differences may leave a variance of rounding errors.
    if error <= 1.0e-12 * abs(mean):
        return (math.copysign(math.inf, mean), 0.0) if mean else (0.0, 1.0)
    t = mean / error
    return t, float(2 * stdtr(len(numbers) - 1, -abs(t)))


def mcnemar_test(
    right_a: Sequence[bool] | np.ndarray, right_b: Sequence[bool] | np.ndarray
) -> float:
    """Return the exact two-sided p value of McNemar's test of two accuracies (WA).

    Only utterances that exactly one system gets right count; if the systems are alike,
    each is as likely the right one. p = 2 P(X <= the smaller count), X binomial with
    probability 1/2, at most 1.

    Args:
        right_a: (n,) whether A is right, one an utterance: predictions of several seeds
            on one utterance are not independent, as the test would have them.
        right_b: (n,) whether B is right on the same utterances.

    Raises:
        ValueError: no utterances, or lists of different length.
    """
    a, b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
    if len(a) != len(b) or len(a) == 0:
        raise ValueError(
            f"{len(a)} utterances of A and {len(b)} of B; test both on the same utterances"
        )
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if only_a == only_b:
        return 1.0
    return min(1.0, float(2 * bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) == 0 or not np.isfinite(numbers).all():
        raise ValueError(f"expected finite values, at least one; got {numbers.tolist()[:5]}")
    return numbers
