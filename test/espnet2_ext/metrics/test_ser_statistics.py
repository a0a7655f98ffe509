"""Spread over folds and paired tests."""

import math

import numpy as np
import pytest
from scipy import stats

from espnet2_ext.metrics.statistics import (
    MAX_EXACT,
    corrected_t_test,
    mcnemar_test,
    mean_and_std,
    sign_flip_test,
)


def test_mean_and_sample_standard_deviation() -> None:
    """Deviations -1, 0, 1: variance 2 / (3 - 1)."""
    assert mean_and_std([0.5, 1.5, 2.5]) == (1.5, 1.0)
    assert mean_and_std([0.7]) == (0.7, None)


@pytest.mark.parametrize("values", [[], [0.5, float("nan")]])
def test_refuses_values_without_a_mean(values: list[float]) -> None:
    with pytest.raises(ValueError, match="expected finite values"):
        mean_and_std(values)
    with pytest.raises(ValueError, match="expected finite values"):
        sign_flip_test(values)


def test_sign_flips_by_hand() -> None:
    """|±1 ±2 ±3| is 6 6 4 4 2 2 0 0; observed 1 + 2 + 3, 1 + 2 - 3 and 1 - 2 + 3."""
    assert sign_flip_test([1.0, 2.0, 3.0]) == 2 / 8
    assert sign_flip_test([1.0, 2.0, -3.0]) == 1.0
    assert sign_flip_test([1.0, -2.0, 3.0]) == 6 / 8
    assert sign_flip_test([-1.0, 2.0, -3.0]) == 6 / 8


@pytest.mark.parametrize("count", [1, 5])
def test_no_p_below_what_so_many_differences_allow(count: int) -> None:
    assert sign_flip_test([0.3] * count) == 2 / 2**count


def test_ties_do_not_depend_on_rounding() -> None:
    """0.1 + 0.2 is not 0.3 in floating point: all patterns of 0.1, 0.2, -0.3 tie with 0."""
    assert sign_flip_test([0.1, 0.2, -0.3]) == 1.0
    assert sign_flip_test([0.0, 0.0]) == 1.0
    # Zeros double every pattern and change nothing.
    assert sign_flip_test([0.1, 0.2, 0.3, 0.0]) == 2 / 8


def test_sign_flips_agree_with_scipy() -> None:
    differences = np.random.default_rng(0).normal(0.3, 1.0, 10)
    result = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_test(differences) == pytest.approx(result.pvalue)
    assert sign_flip_test(-differences) == pytest.approx(result.pvalue)


def test_drawn_patterns_agree_with_all_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(1).normal(0.3, 1.0, 12)
    exact = sign_flip_test(differences)
    monkeypatch.setattr("espnet2_ext.metrics.statistics.MAX_EXACT", 11)
    drawn = sign_flip_test(differences)
    assert drawn != exact
    # Standard deviation of a share of 20000 draws is at most 0.0036.
    assert drawn == pytest.approx(exact, abs=0.015)
    assert sign_flip_test(differences) == drawn
    assert sign_flip_test(differences, seed=1) != drawn


def test_a_drawn_p_is_never_zero() -> None:
    assert sign_flip_test([1.0] * (MAX_EXACT + 24), num_resamples=99) == 1 / 100


def test_corrected_t_by_hand() -> None:
    """Mean 2, variance 1, n 3: t = 2 / sqrt((1/3 + 1/3) * 1) = sqrt(6).

    With 2 degrees of freedom P(|T| > t) = 1 - t / sqrt(t^2 + 2) = 1 - sqrt(6 / 8).
    """
    t, p_value = corrected_t_test([1.0, 2.0, 3.0], 1 / 3)
    assert t == pytest.approx(math.sqrt(6))
    assert p_value == pytest.approx(1 - math.sqrt(6 / 8))
    assert corrected_t_test([-1.0, -2.0, -3.0], 1 / 3) == pytest.approx((-t, p_value))


def test_without_overlap_it_is_the_paired_t_test() -> None:
    differences = np.random.default_rng(2).normal(0.5, 1.0, 15)
    expected = stats.ttest_1samp(differences, 0.0)
    t, p_value = corrected_t_test(differences, 1.0e-12)
    assert (t, p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert corrected_t_test(differences, 1 / 3)[1] > p_value


def test_equal_differences_leave_no_doubt() -> None:
    assert corrected_t_test([0.1] * 3, 0.25) == (math.inf, 0.0)
    assert corrected_t_test([-0.1] * 3, 0.25) == (-math.inf, 0.0)
    assert corrected_t_test([0.0] * 3, 0.25) == (0.0, 1.0)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_a_ratio_that_is_none(ratio: float) -> None:
    with pytest.raises(ValueError, match="test_to_train must be above 0"):
        corrected_t_test([1.0, 2.0], ratio)


def test_refuses_a_t_test_of_one_difference() -> None:
    with pytest.raises(ValueError, match="needs two folds or seeds"):
        corrected_t_test([1.0], 0.25)
    with pytest.raises(ValueError, match="expected finite"):
        corrected_t_test([1.0, float("inf")], 0.25)


def right(only_a: int, only_b: int, both: int = 3) -> tuple[list[bool], list[bool]]:
    return (
        [True] * only_a + [False] * only_b + [True] * both,
        [False] * only_a + [True] * only_b + [True] * both,
    )


def test_mcnemar_by_hand() -> None:
    """4 against 1: 2 * (C(5,0) + C(5,1)) / 2^5; 3 against 0: 2 / 2^3; 2 against 2: capped."""
    assert mcnemar_test(*right(4, 1)) == pytest.approx(12 / 32)
    assert mcnemar_test(*right(3, 0)) == pytest.approx(2 / 8)
    assert mcnemar_test(*right(2, 2)) == 1.0
    assert mcnemar_test(*right(0, 0)) == 1.0
    assert mcnemar_test(*right(1, 2)) == 1.0


def test_mcnemar_is_the_binomial_test() -> None:
    for only_a, only_b in ((10, 25), (700, 640), (1, 0)):
        expected = stats.binomtest(only_a, only_a + only_b).pvalue
        assert mcnemar_test(*right(only_a, only_b)) == pytest.approx(expected)
        assert mcnemar_test(*right(only_b, only_a)) == pytest.approx(expected)


def test_what_both_get_right_does_not_matter() -> None:
    assert mcnemar_test(*right(4, 1, both=0)) == mcnemar_test(*right(4, 1, both=90))


@pytest.mark.parametrize(("a", "b"), [([], []), ([True], [True, False])])
def test_refuses_utterances_that_are_no_pairs(a: list[bool], b: list[bool]) -> None:
    with pytest.raises(ValueError, match="test both on the same utterances"):
        mcnemar_test(a, b)
