"""Agreement of raters."""

from itertools import combinations, permutations

import numpy as np
import pytest

from espnet2_ext.listening.scores import krippendorff_alpha


def test_nominal_by_hand() -> None:
    """Two raters, three units: aa, ab, bb.

    Ordered pairs within units: aa 2, ab 1, ba 1, bb 2; a and b occur 3 times each. Observed
    disagreement 2/6; expected 2 * 3 * 3 / (6 * 5) = 3/5; alpha = 1 - (1/3) / (3/5) = 4/9.
    """
    alpha = krippendorff_alpha([[0, 0], [0, 1], [1, 1]], 2, level="nominal")
    assert alpha == pytest.approx(4 / 9)


def test_ordinal_by_hand() -> None:
    """Units 00, 02, 11, 12: values 0, 1, 2 occur 3, 3, 2 times.

    Ranks (ratings below plus half of one's own): 1.5, 4.5, 7. Squared distances: 01 9,
    02 30.25, 12 6.25. Observed: 02 and 12 with both orders, 2 (30.25 + 6.25) / 8 = 9.125.
    Expected: 2 (3*3*9 + 3*2*30.25 + 3*2*6.25) / (8 * 7) = 600 / 56.
    alpha = 1 - 9.125 * 56 / 600.
    """
    alpha = krippendorff_alpha([[0, 0], [0, 2], [1, 1], [1, 2]], 3, level="ordinal")
    assert alpha == pytest.approx(1 - 9.125 * 56 / 600)


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_published_example(level: str, published: float) -> None:
    """Four observers, twelve units, values missing: Krippendorff 2011, section D."""
    table = [
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * 3",
        "* 3 3 3 2 3 4 2 2 5 1 *",
        "1 2 3 3 2 4 4 1 2 5 1 *",
    ]
    units = [
        [int(value) - 1 for value in unit if value != "*"]
        for unit in zip(*(row.split() for row in table))
    ]
    assert krippendorff_alpha(units, 5, level=level) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_agrees_with_a_sum_over_all_pairs(level: str) -> None:
    """The definition without a matrix: mean distance within units and over all ratings."""
    generator = np.random.default_rng(3)
    units = [list(generator.integers(0, 4, size)) for size in (2, 3, 5, 2, 1, 4)]
    paired = [unit for unit in units if len(unit) > 1]
    ratings = [value for unit in paired for value in unit]

    def distance(a: int, b: int) -> float:
        low, high = min(a, b), max(a, b)
        if level == "nominal":
            return float(a != b)
        between = sum(low <= value <= high for value in ratings)
        return (between - (ratings.count(low) + ratings.count(high)) / 2) ** 2

    observed = sum(
        distance(a, b) / (len(unit) - 1) for unit in paired for a, b in permutations(unit, 2)
    ) / len(ratings)
    expected = float(np.mean([distance(a, b) for a, b in combinations(ratings, 2)]))
    assert krippendorff_alpha(units, 4, level=level) == pytest.approx(1 - observed / expected)


def test_full_agreement_chance_and_none() -> None:
    assert krippendorff_alpha([[0, 0], [1, 1]], 2, level="nominal") == 1.0
    assert krippendorff_alpha([[1, 1], [1, 1]], 2, level="nominal") is None
    generator = np.random.default_rng(0)
    random = krippendorff_alpha(generator.integers(0, 3, (4000, 2)), 3, level="ordinal")
    assert random == pytest.approx(0.0, abs=0.06)  # 4 standard errors of 1 / sqrt(4000)


def test_refuses_ratings_without_pairs_and_other_levels() -> None:
    with pytest.raises(ValueError, match="one recording that two listeners judged"):
        krippendorff_alpha([[0], [1]], 2, level="nominal")
    with pytest.raises(ValueError, match="level is 'ratio'"):
        krippendorff_alpha([[0, 1]], 2, level="ratio")
