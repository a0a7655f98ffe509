"""Who hears what, in which order, and the key of a test."""

import json
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from espnet2_ext.listening.design import (
    ListeningTest,
    balance_period,
    listener_order,
    read_key,
    williams_square,
    write_key,
)
from espnet2_ext.listening.manifest import EMOTION, SIMILARITY, Stimulus

EMOTIONS = ("angry", "happy", "sad")


def make_stimuli(
    num_systems: int = 3, per_emotion: int = 2, kinds: tuple[str, ...] = (EMOTION,)
) -> list[Stimulus]:
    return [
        Stimulus(kind, f"system{s}", emotion, f"item{i}", "a.wav", "r.wav" * (kind == SIMILARITY))
        for kind, emotion, i, s in product(kinds, EMOTIONS, range(per_emotion), range(num_systems))
    ]


def orders(stimuli: list[Stimulus], number: int, systems_per_item: str) -> list[list[Stimulus]]:
    options = {"systems_per_item": systems_per_item, "seed": 7}
    places = (listener_order(stimuli, listener, **options) for listener in range(number))
    return [[stimuli[place] for place in order] for order in places]


def is_all_of(order: list[Stimulus], stimuli: list[Stimulus]) -> bool:
    return sorted(order, key=repr) == sorted(stimuli, key=repr)


@pytest.mark.parametrize("size", range(1, 8))
def test_squares_have_every_place_and_every_neighbour_equally_often(size: int) -> None:
    square = williams_square(size)
    assert len(square) == (size if size % 2 == 0 or size == 1 else 2 * size)
    assert all(sorted(row) == list(range(size)) for row in square)
    for column in zip(*square):
        assert set(Counter(column).values()) == {len(square) // size}
    neighbours = Counter(pair for row in square for pair in zip(row, row[1:]))
    assert len(neighbours) == size * (size - 1)
    assert len(set(neighbours.values())) <= 1


@pytest.mark.parametrize(("num_systems", "per_emotion"), [(1, 2), (2, 2), (3, 2), (4, 3), (2, 7)])
def test_all_hear_everything_with_systems_balanced_over_places(num_systems, per_emotion) -> None:
    stimuli = make_stimuli(num_systems, per_emotion)
    period = balance_period(stimuli)
    found = orders(stimuli, period, "all")
    for order in found:
        assert is_all_of(order, stimuli)
        for start in range(0, len(order), num_systems):
            assert len({s.system for s in order[start : start + num_systems]}) == num_systems
        # No item follows itself.
        items = [(s.target_emotion, s.item) for s in order]
        assert num_systems == 1 or all(a != b for a, b in zip(items, items[1:]))
    for place in zip(*found):
        counts = Counter(stimulus.system for stimulus in place)
        assert set(counts.values()) == {period // num_systems}


def test_one_system_an_item_and_all_over_a_few_listeners() -> None:
    stimuli = make_stimuli(3, 3)
    found = orders(stimuli, 3, "one")
    for order in found:
        items = [(s.target_emotion, s.item) for s in order]
        assert sorted(items) == sorted(product(EMOTIONS, ["item0", "item1", "item2"]))
        # Every emotion by every system, or one would stand for the other.
        assert len({(s.target_emotion, s.system) for s in order}) == 9
    assert is_all_of([stimulus for order in found for stimulus in order], stimuli)
    stimuli = make_stimuli(2, 2)
    for place in zip(*orders(stimuli, balance_period(stimuli), "one")):
        assert Counter(s.system for s in place) == {"system0": 1, "system1": 1}


def test_listeners_differ_and_the_seed_decides() -> None:
    stimuli = make_stimuli()
    first, second = orders(stimuli, 2, "all")
    assert first != second
    places = [listener_order(stimuli, 0, systems_per_item="all", seed=seed) for seed in (7, 7, 8)]
    assert places[0] == places[1] != places[2]


def test_kinds_follow_each_other_and_swap_after_a_round() -> None:
    stimuli = make_stimuli(2, kinds=(SIMILARITY, EMOTION))
    assert balance_period(stimuli) == 4
    found = orders(stimuli, 4, "all")
    assert [order[0].kind for order in found] == [SIMILARITY, SIMILARITY, EMOTION, EMOTION]
    for order in found:
        assert len({s.kind for s in order[: len(order) // 2]}) == 1


def test_emotions_with_other_systems_are_mixed_in() -> None:
    originals = [Stimulus(EMOTION, "system0", "neutral", f"item{i}", "a.wav") for i in range(6)]
    stimuli = make_stimuli() + originals
    assert balance_period(stimuli) == 6
    for order in orders(stimuli, 6, "all"):
        assert is_all_of(order, stimuli)
        others = [s for s in order if s.target_emotion != "neutral"]
        for start in range(0, len(others), 3):
            assert len({s.system for s in others[start : start + 3]}) == 3
        assert any(s.target_emotion != "neutral" for s in order[-6:])


def test_practice_comes_first_and_checks_are_scattered() -> None:
    practice = Stimulus(EMOTION, "system0", "sad", "p", "a.wav", role="practice")
    check = Stimulus(EMOTION, "system0", "sad", "c0", "a.wav", role="check", expected="sad")
    stimuli = [check, replace(check, item="c1"), *make_stimuli(), practice]
    seen = set()
    for order in orders(stimuli, 10, "all"):
        assert order[0] == practice
        assert is_all_of(order, stimuli)
        places = [place for place, s in enumerate(order) if s.role == "check"]
        # One in each half of the 18 tested, behind the practice.
        assert places[0] <= 10 <= places[1]
        seen.add(tuple(places))
    assert len(seen) > 3


def test_a_key_is_read_unless_it_was_changed(test_dir: Path, tiny_test: ListeningTest) -> None:
    path = test_dir / "key.json"
    write_key(test_dir / "copy.json", tiny_test)
    assert read_key(test_dir / "copy.json") == tiny_test
    path.write_text(path.read_text().replace("source (unconverted)", "converted"))
    with pytest.raises(ValueError, match="key.json: was changed since it was written"):
        read_key(path)
    for text in ("{", "[]", json.dumps({"hash": "1", "trials": {}})):
        path.write_text(text)
        with pytest.raises(ValueError, match="key.json: not the key of a listening test"):
            read_key(path)
    name, trial = next(iter(tiny_test.trials.items()))
    others = [
        replace(tiny_test, orders=tiny_test.orders[::-1]),
        replace(tiny_test, trials={**tiny_test.trials, name: replace(trial, audio="b.wav")}),
        replace(tiny_test, emotions=tiny_test.emotions[::-1]),
    ]
    assert len({test.digest for test in (tiny_test, *others)}) == 4
