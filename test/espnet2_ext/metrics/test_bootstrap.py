"""Bootstrap intervals."""

import numpy as np
import pytest

from espnet2_ext.metrics.bootstrap import bootstrap_interval


def test_equal_values_leave_no_doubt() -> None:
    assert bootstrap_interval([2.0] * 5) == (2.0, 2.0)


def test_agrees_with_the_normal_interval_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(10.0, 2.0, 400)
    low, high = bootstrap_interval(values)
    margin = 1.96 * values.std() / np.sqrt(len(values))
    # 2000 resamples place the ends within a few percent of their width.
    assert low == pytest.approx(values.mean() - margin, abs=0.1 * margin)
    assert high == pytest.approx(values.mean() + margin, abs=0.1 * margin)


def test_is_the_quantile_of_resampled_means() -> None:
    """Of two values, means are 0, 1/2 and 1 with probability 1/4, 1/2 and 1/4."""
    assert bootstrap_interval([0.0, 1.0], confidence=0.9) == (0.0, 1.0)
    assert bootstrap_interval([0.0, 1.0], confidence=0.3) == (0.5, 0.5)


def test_seed_decides() -> None:
    values = np.random.default_rng(0).normal(size=20)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_refuses_values_without_a_mean(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite values"):
        bootstrap_interval(values)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_refuses_a_confidence_outside(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_interval([1.0], confidence=confidence)
