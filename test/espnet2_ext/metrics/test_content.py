"""Unit error rate by hand."""

import numpy as np
import pytest

from espnet2_ext.metrics.content import unit_error_rate


@pytest.mark.parametrize(
    ("hypothesis", "expected"),
    [
        ([1, 2, 3, 4], 0.0),
        ([1, 9, 3, 4], 0.25),  # One substituted.
        ([1, 3, 4], 0.25),  # One deleted.
        ([1, 2, 7, 3, 4], 0.25),  # One inserted.
        ([], 1.0),
        ([4, 3, 2, 1], 1.0),
        ([1, 2, 3, 4, 1, 2, 3, 4, 5], 1.25),
    ],
)
def test_counts_edits_per_unit_of_the_source(hypothesis: list[int], expected: float) -> None:
    assert unit_error_rate([1, 2, 3, 4], hypothesis) == expected


def test_takes_arrays_and_ids_above_a_byte() -> None:
    assert unit_error_rate(np.array([300, 44]), np.array([44, 44])) == 0.5


def test_refuses_an_empty_source() -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        unit_error_rate([], [1])
