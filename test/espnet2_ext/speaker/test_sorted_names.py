import pickle

import numpy as np
import pytest

from espnet2_ext.speaker.embeddings import SortedNames

NAMES = sorted(["a", "a-1", "a-10", "a-2", "b", "ä-1", "語-1", "sp0.9-a"])


def test_every_name_is_found_at_its_place_and_nothing_else() -> None:
    names = SortedNames(NAMES)
    assert list(names) == NAMES
    assert [names.find(name) for name in NAMES] == list(range(len(NAMES)))
    assert names[np.int32(2)] == NAMES[2]
    for name in ("", "a-", "a-11", "z", "語", "語-2"):
        assert names.find(name) is None
    for place in (-1, len(NAMES)):
        with pytest.raises(IndexError):
            names[place]


def test_none_at_all() -> None:
    assert len(SortedNames([])) == 0
    assert SortedNames([]).find("a") is None


def test_a_copy_for_another_process_is_as_small_as_the_names() -> None:
    names = [f"speaker-{number:06d}" for number in range(1000)]
    copied = pickle.dumps(SortedNames(names))
    assert len(copied) < sum(map(len, names)) + 8 * len(names) + 500
    assert list(pickle.loads(copied)) == names


@pytest.mark.parametrize("wrong", [["b", "a"], ["a", "a"]])
def test_order_is_checked(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match=f"utt2spk: {wrong[1]} stands after {wrong[0]}; sort it"):
        SortedNames(wrong, "utt2spk")
