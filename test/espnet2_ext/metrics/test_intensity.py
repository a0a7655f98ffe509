"""Trends along an intensity scale, by hand."""

import numpy as np
import pytest

from espnet2_ext.metrics.prosody import spearman, trend


def test_up_where_the_target_is_higher() -> None:
    found = trend({0.0: 100.0, 0.5: 120.0, 1.0: 150.0}, source=100.0, target=160.0)
    assert (found.correlation, found.right_steps) == (pytest.approx(1.0), 1.0)


def test_up_is_wrong_where_the_target_is_lower() -> None:
    found = trend({0.0: 100.0, 0.5: 120.0, 1.0: 150.0}, source=100.0, target=80.0)
    assert (found.correlation, found.right_steps) == (pytest.approx(-1.0), 0.0)


def test_one_step_back_by_hand() -> None:
    # Ranks 1 3 2 4: 1 - 6 x (0 + 1 + 1 + 0) / (4 x 15) = 0.8; two of three steps go up.
    found = trend({1.0: 9.0, 0.0: 1.0, 0.25: 5.0, 0.5: 4.0}, source=0.0, target=1.0)
    assert found.correlation == pytest.approx(0.8)
    assert found.right_steps == pytest.approx(2 / 3)


def test_what_does_not_move_has_no_correlation_and_no_right_step() -> None:
    found = trend({0.0: 2.0, 1.0: 2.0}, source=0.0, target=1.0)
    assert (found.correlation, found.right_steps) == (0.0, 0.0)


def test_ranks_ignore_the_shape() -> None:
    values = np.array([0.0, 0.3, 0.9, 1.0])
    assert spearman(values, np.exp(5 * values)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "target", "said"),
    [({0.0: 1.0}, 1.0, "no steps"), ({0.0: 1.0, 1.0: float("nan")}, 1.0, "finite values"),
     ({0.0: 1.0, 1.0: 1.0}, float("inf"), "finite values")],
)  # fmt: skip
def test_what_has_no_trend_is_an_error(values, target, said) -> None:
    with pytest.raises(ValueError, match=said):
        trend(values, 0.0, target)
