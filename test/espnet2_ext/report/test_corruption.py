"""Damaged units, by hand and by what must hold of any."""

import numpy as np
import pytest

from espnet2_ext.report.damage import drop_units, replace_units

UNITS = np.array([7, 2, 7, 5, 0, 1])
RUN_LENGTHS = np.array([3, 1, 1, 2, 4, 1])


class FixedGenerator:
    """Damages the given positions in turn; draws the first unit there is."""

    def __init__(self, *order: int) -> None:
        self.order = order

    def permutation(self, length: int) -> np.ndarray:
        return np.array([*self.order, *(i for i in range(length) if i not in self.order)])

    def choice(self, values: np.ndarray) -> int:
        return values[0]


def random_sequence(seed: int, length: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return units of 9 without repeats, and run lengths."""
    generator = np.random.default_rng(seed)
    units = np.cumsum(generator.integers(1, 9, length)) % 9
    return units, generator.integers(1, 6, length)


def test_replaced_units_are_none_of_the_three_around() -> None:
    units, run_lengths = replace_units(UNITS, RUN_LENGTHS, 0.5, 8, FixedGenerator(4, 1, 0))
    # In the order of time: 0 is beside 2, then 1 between 0 and 7 (no 2), then 4 between 5 and 1.
    assert units.tolist() == [0, 1, 7, 5, 2, 1]
    assert run_lengths.tolist() == RUN_LENGTHS.tolist()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 1.0])
def test_the_number_of_replaced_units_is_exact_and_nothing_repeats(share: float) -> None:
    units, run_lengths = random_sequence(0)
    damaged, lengths = replace_units(units, run_lengths, share, 9, np.random.default_rng(1))
    assert (damaged != units).sum() == round(share * 60)
    assert (np.diff(damaged) != 0).all()
    assert 0 <= damaged.min() <= damaged.max() < 9
    np.testing.assert_array_equal(lengths, run_lengths)


def test_the_smallest_codebook_leaves_one_choice() -> None:
    units, _ = replace_units([0, 1, 2], [1, 1, 1], 1 / 3, 4, FixedGenerator(1))
    assert units.tolist() == [0, 3, 2]


def test_a_dropped_unit_leaves_its_frames_to_the_one_before() -> None:
    units, run_lengths = drop_units(UNITS, RUN_LENGTHS, 1 / 6, FixedGenerator(3))
    assert units.tolist() == [7, 2, 7, 0, 1]
    assert run_lengths.tolist() == [3, 1, 3, 4, 1]


def test_neighbours_that_become_equal_are_one() -> None:
    units, run_lengths = drop_units(UNITS, RUN_LENGTHS, 1 / 6, FixedGenerator(1))
    assert units.tolist() == [7, 5, 0, 1]
    assert run_lengths.tolist() == [5, 2, 4, 1]


def test_frames_of_the_first_units_go_to_the_one_after() -> None:
    units, run_lengths = drop_units(UNITS, RUN_LENGTHS, 1 / 3, FixedGenerator(0, 1))
    assert units.tolist() == [7, 5, 0, 1]
    assert run_lengths.tolist() == [5, 2, 4, 1]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.9])
def test_dropping_keeps_the_frames_and_nothing_repeats(share: float) -> None:
    units, run_lengths = random_sequence(2)
    left, lengths = drop_units(units, run_lengths, share, np.random.default_rng(3))
    assert lengths.sum() == run_lengths.sum()
    assert len(left) <= 60 - round(share * 60)
    assert (np.diff(left) != 0).all()


def test_a_larger_share_damages_the_same_units_and_more() -> None:
    units, run_lengths = random_sequence(4)
    changed = []
    for share in (0.1, 0.3):
        damaged, _ = replace_units(units, run_lengths, share, 9, np.random.default_rng(5))
        changed.append(set(np.flatnonzero(damaged != units)))
    assert changed[0] < changed[1]


def test_halves_are_rounded_up_and_small_shares_of_short_speech_do_nothing() -> None:
    units, run_lengths = random_sequence(6, 10)
    for share, number in ((0.04, 0), (0.05, 1), (0.14, 1), (0.25, 3)):
        damaged, _ = replace_units(units, run_lengths, share, 9, np.random.default_rng(0))
        assert (damaged != units).sum() == number


def test_refuses_what_cannot_be() -> None:
    generator = np.random.default_rng(0)
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got"):
            replace_units(UNITS, RUN_LENGTHS, share, 8, generator)
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got"):
            drop_units(UNITS, RUN_LENGTHS, share, generator)
    with pytest.raises(ValueError, match="at least 4 units, got 3"):
        replace_units([0, 1], [1, 1], 0.5, 3, generator)
    with pytest.raises(ValueError, match="units from 0 to 7 are not of a codebook of 7"):
        replace_units(UNITS, RUN_LENGTHS, 0.5, 7, generator)
    with pytest.raises(ValueError, match="dropping 1 of 6 units leaves none"):
        drop_units(UNITS, RUN_LENGTHS, 1.0, generator)
    with pytest.raises(ValueError, match="6,.* units but .*5,.* run lengths"):
        drop_units(UNITS, RUN_LENGTHS[1:], 0.5, generator)
    with pytest.raises(ValueError, match="run lengths must be at least 1"):
        replace_units([1, 2], [1, 0], 0.5, 8, generator)
