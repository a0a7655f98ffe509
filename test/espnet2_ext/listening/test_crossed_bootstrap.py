"""Intervals over listeners and items."""

import numpy as np
import pytest

from espnet2_ext.listening.crossed_bootstrap import crossed_interval


def crossed(values: np.ndarray) -> tuple[list[float], list[int], list[int]]:
    """Return the values (L, I) of listeners by items as lists."""
    rows, columns = np.indices(values.shape)
    return values.ravel().tolist(), rows.ravel().tolist(), columns.ravel().tolist()


def test_is_the_quantile_of_resampled_means() -> None:
    """Of two listeners, means are 0, 1/2 and 1 with probability 1/4, 1/2 and 1/4."""
    given = crossed(np.array([[0.0], [1.0]]))
    assert crossed_interval(*given, confidence=0.9) == (0.0, 1.0)
    assert crossed_interval(*given, confidence=0.3) == (0.5, 0.5)


@pytest.mark.parametrize("of", ["listeners", "items"])
def test_more_answers_of_the_same_do_not_narrow_it(of: str) -> None:
    """Ten listeners who each always say the same are ten opinions, however many items."""
    opinions = np.random.default_rng(0).normal(size=10)
    one = crossed(opinions[:, None])
    many = crossed(np.repeat(opinions[:, None], 50, axis=1))
    if of == "items":
        one, many = (crossed(np.array(g[0]).reshape(10, -1).T) for g in (one, many))
    low, high = crossed_interval(*one)
    margin = 1.96 * opinions.std() / np.sqrt(10)
    assert high - low == pytest.approx(2 * margin, rel=0.1)
    many_low, many_high = crossed_interval(*many)
    assert many_high - many_low == pytest.approx(high - low, rel=0.05)


def test_variances_of_listeners_and_items_add_up() -> None:
    generator = np.random.default_rng(1)
    listeners, items = generator.normal(size=40), 2 * generator.normal(size=60)
    low, high = crossed_interval(*crossed(listeners[:, None] + items[None, :]))
    width = 2 * 1.96 * np.sqrt(listeners.var() / 40 + items.var() / 60)
    # 2000 resamples place the ends within a few percent of their width.
    assert high - low == pytest.approx(width, rel=0.08)


def test_answers_may_be_missing_also_a_whole_draw() -> None:
    """Each of two listeners heard another item: draws of one and the other hold nothing."""
    assert crossed_interval([0.0, 1.0], "ab", "xy", confidence=0.9) == (0.0, 1.0)


def test_order_and_names_do_not_matter_and_the_seed_does() -> None:
    values = [1.0, 2.0, 4.0, 8.0]
    first = crossed_interval(values, "aabb", "xyxy")
    assert first == crossed_interval(values, [1, 1, 2, 2], ["p", "q", "p", "q"])
    given = crossed(np.random.default_rng(0).normal(size=(6, 7)))
    assert crossed_interval(*given, seed=1) == crossed_interval(*given, seed=1)
    assert crossed_interval(*given, seed=1) != crossed_interval(*given, seed=2)


@pytest.mark.parametrize(
    ("values", "listeners", "confidence", "message"),
    [
        ([], "", 0.9, "finite values"),
        ([float("nan")], "a", 0.9, "finite values"),
        ([1.0], "ab", 0.9, "1 values, 2 listeners, 2 items"),
        ([1.0], "a", 1.0, "confidence"),
    ],
)
def test_refuses(values: list[float], listeners: str, confidence: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crossed_interval(values, listeners, listeners, confidence=confidence)
