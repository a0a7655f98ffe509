"""Who hears what, and when."""

from collections import Counter
from itertools import product

import pytest

from espnet2_ext.listening.design import balance_period, listener_order
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
    return [
        [
            stimuli[place]
            for place in listener_order(
                stimuli, listener, systems_per_item=systems_per_item, seed=7
            )
        ]
        for listener in range(number)
    ]


@pytest.mark.parametrize("num_systems", [1, 2, 3, 4])
def test_all_hear_everything_with_systems_balanced_over_places(num_systems: int) -> None:
    stimuli = make_stimuli(num_systems)
    period = balance_period(stimuli)
    heard = orders(stimuli, period, "all")
    for order in heard:
        assert sorted(order, key=repr) == sorted(stimuli, key=repr)
        blocks = [order[i : i + num_systems] for i in range(0, len(order), num_systems)]
        for block in blocks:
            assert len({s.system for s in block}) == num_systems
    for place in zip(*heard):
        counts = Counter(stimulus.system for stimulus in place)
        assert set(counts.values()) == {period // num_systems}


@pytest.mark.parametrize(("num_systems", "per_emotion"), [(2, 2), (3, 2), (4, 3), (2, 7)])
def test_no_item_follows_itself(num_systems: int, per_emotion: int) -> None:
    for order in orders(make_stimuli(num_systems, per_emotion), 5, "all"):
        items = [(s.target_emotion, s.item) for s in order]
        assert all(first != second for first, second in zip(items, items[1:]))


def test_one_system_an_item_and_all_over_a_few_listeners() -> None:
    stimuli = make_stimuli(3, 3)
    heard = orders(stimuli, 3, "one")
    for order in heard:
        items = [(s.target_emotion, s.item) for s in order]
        assert sorted(items) == sorted(product(EMOTIONS, ["item0", "item1", "item2"]))
        # Every emotion by every system, or one would stand for the other.
        assert len({(s.target_emotion, s.system) for s in order}) == 9
    everything = [stimulus for order in heard for stimulus in order]
    assert sorted(everything, key=repr) == sorted(stimuli, key=repr)


def test_one_system_an_item_keeps_places_balanced_too() -> None:
    stimuli = make_stimuli(2, 2)
    period = balance_period(stimuli)
    for place in zip(*orders(stimuli, period, "one")):
        assert Counter(s.system for s in place) == {"system0": 1, "system1": 1}


def test_listeners_differ_and_the_seed_decides() -> None:
    stimuli = make_stimuli()
    first, second = orders(stimuli, 2, "all")
    assert first != second
    assert orders(stimuli, 1, "all") == [first]
    places = [listener_order(stimuli, 0, systems_per_item="all", seed=seed) for seed in (7, 7, 8)]
    assert places[0] == places[1] != places[2]


def test_kinds_follow_each_other_and_swap_after_a_round() -> None:
    stimuli = make_stimuli(2, kinds=(SIMILARITY, EMOTION))
    assert balance_period(stimuli) == 4
    heard = orders(stimuli, 4, "all")
    firsts = [order[0].kind for order in heard]
    assert firsts == [SIMILARITY, SIMILARITY, EMOTION, EMOTION]
    for order in heard:
        assert len({s.kind for s in order[: len(order) // 2]}) == 1


def test_emotions_with_other_systems_are_mixed_in() -> None:
    originals = [Stimulus(EMOTION, "system0", "neutral", f"item{i}", "a.wav") for i in range(6)]
    stimuli = make_stimuli() + originals
    assert balance_period(stimuli) == 6
    for order in orders(stimuli, 6, "all"):
        assert sorted(order, key=repr) == sorted(stimuli, key=repr)
        others = [s for s in order if s.target_emotion != "neutral"]
        for block in (others[i : i + 3] for i in range(0, len(others), 3)):
            assert len({s.system for s in block}) == 3
        assert order[-6:] != [s for s in order if s.target_emotion == "neutral"]


def test_practice_comes_first_and_checks_are_scattered() -> None:
    practice = Stimulus(EMOTION, "system0", "sad", "p", "a.wav", role="practice")
    checks = [
        Stimulus(EMOTION, "system0", "sad", f"c{i}", "a.wav", role="check", expected="sad")
        for i in range(2)
    ]
    stimuli = [*checks, *make_stimuli(), practice]
    seen = set()
    for order in orders(stimuli, 10, "all"):
        assert order[0] == practice
        assert sorted(order, key=repr) == sorted(stimuli, key=repr)
        places = [place for place, s in enumerate(order) if s.role == "check"]
        # One in each half of the 18 tested, behind the practice.
        assert places[0] <= 10 <= places[1]
        seen.add(tuple(places))
    assert len(seen) > 3


def test_refuses_another_design() -> None:
    with pytest.raises(ValueError, match="systems_per_item is 'two'; give all or one"):
        listener_order(make_stimuli(), 0, systems_per_item="two", seed=0)
