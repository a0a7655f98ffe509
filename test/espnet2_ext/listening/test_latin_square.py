"""Latin squares."""

from collections import Counter

import pytest

from espnet2_ext.listening.design import williams_square


@pytest.mark.parametrize("size", range(1, 8))
def test_every_place_and_every_neighbour_equally_often(size: int) -> None:
    square = williams_square(size)
    assert len(square) == (size if size % 2 == 0 or size == 1 else 2 * size)
    assert all(sorted(row) == list(range(size)) for row in square)
    for column in zip(*square):
        assert set(Counter(column).values()) == {len(square) // size}
    neighbours = Counter(pair for row in square for pair in zip(row, row[1:]))
    assert len(neighbours) == size * (size - 1)
    assert len(set(neighbours.values())) <= 1


def test_of_four_by_hand() -> None:
    assert williams_square(4) == [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]]


def test_refuses_nothing_to_order() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        williams_square(0)
