"""Splits that keep groups whole."""

import numpy as np
import pytest

from espnet2_ext.metrics.probes import NotMeasurable, held_out_splits

SPEAKERS = np.repeat([f"s{number}" for number in range(7)], 6)
SENTENCES = np.tile([f"t{number}" for number in range(3)], 14)
LABELS = np.tile([0, 1], 21)


def test_every_utterance_is_tested_once_by_speakers_held_out() -> None:
    splits = list(held_out_splits(LABELS, SPEAKERS))
    assert len(splits) == 5
    assert np.array_equal(np.sum([test for _, test in splits], axis=0), np.ones(42))
    for train, test in splits:
        assert not set(SPEAKERS[train]) & set(SPEAKERS[test])
        assert np.array_equal(train, ~test)


def test_two_groupings_are_both_held_out() -> None:
    splits = list(held_out_splits(LABELS, SPEAKERS, SENTENCES))
    assert len(splits) == 5 * 3
    assert np.array_equal(np.sum([test for _, test in splits], axis=0), np.ones(42))
    for train, test in splits:
        assert not set(SPEAKERS[train]) & set(SPEAKERS[test])
        assert not set(SENTENCES[train]) & set(SENTENCES[test])
        assert train.any()


def test_labels_are_spread_over_the_folds() -> None:
    # Ten speakers, five of each label and listed by label: any fold without one of the
    # labels would be a poor test.
    speakers = np.arange(10).astype(str)
    codes = np.repeat([0, 1], 5)
    for _, test in held_out_splits(codes, speakers):
        assert sorted(codes[test].tolist()) == [0, 1]


def test_groups_of_different_size_fill_folds_evenly() -> None:
    sizes = [8, 5, 4, 3, 2, 1, 1]
    groups = np.repeat(np.arange(7).astype(str), sizes)
    splits = held_out_splits(np.zeros(24, dtype=int), groups, max_folds=3)
    assert sorted(int(test.sum()) for _, test in splits) == [8, 8, 8]


def test_seed_decides_and_order_of_the_yield_is_fixed() -> None:
    def masks(seed: int) -> list[list[bool]]:
        return [test.tolist() for _, test in held_out_splits(LABELS, SPEAKERS, seed=seed)]

    assert masks(1) == masks(1)
    assert masks(1) != masks(2)


def test_needs_two_groups() -> None:
    with pytest.raises(NotMeasurable, match="at least two of them, got 1"):
        list(held_out_splits(LABELS, ["s"] * 42))
    with pytest.raises(NotMeasurable, match="at least two of them, got 1"):
        list(held_out_splits(LABELS, SPEAKERS, ["t"] * 42))
