"""Who hears what, and in which order."""

import math
from collections.abc import Sequence

import numpy as np

from espnet2_ext.listening.latin_square import williams_square
from espnet2_ext.listening.manifest import CHECK, KINDS, PRACTICE, TEST, Stimulus

ALL = "all"
ONE = "one"
SYSTEMS_PER_ITEM = (ALL, ONE)
"""Whether a listener hears an item by every system, or by one and other listeners by others."""

Item = tuple[str, str]
"""Target emotion and name."""


def listener_order(
    stimuli: Sequence[Stimulus], listener: int, *, systems_per_item: str, seed: int
) -> list[int]:
    """Return the places in ``stimuli`` of what a listener hears, in order.

    The kinds follow each other, every other round of listeners the other way round. Each
    begins with its practice. Then come blocks with one recording by each system, in the
    order of the listener's row of a Latin square; items are in a random order of the
    listener's own. Checks lie scattered in between.

    Args:
        stimuli: complete as ``check_complete`` has it.
        listener: from 0.
        systems_per_item: ``all`` or ``one``.
        seed: of everything random.

    Raises:
        ValueError: another word than ``all`` or ``one``.
    """
    if systems_per_item not in SYSTEMS_PER_ITEM:
        raise ValueError(f"systems_per_item is {systems_per_item!r}; give all or one")
    kinds = [kind for kind in KINDS if any(s.kind == kind for s in stimuli)]
    shift = listener // _square_period(stimuli) % len(kinds)
    order: list[int] = []
    for kind in kinds[shift:] + kinds[:shift]:
        generator = np.random.default_rng([seed, KINDS.index(kind), listener])
        places = {
            role: [i for i, s in enumerate(stimuli) if (s.kind, s.role) == (kind, role)]
            for role in (TEST, PRACTICE, CHECK)
        }
        sequences = [
            _group_order(stimuli, group, listener, systems_per_item, seed, generator)
            for group in _groups(stimuli, places[TEST])
        ]
        tested = _merge(sequences, generator)
        order += places[PRACTICE] + _scatter(tested, places[CHECK], generator)
    return order


def balance_period(stimuli: Sequence[Stimulus]) -> int:
    """Return the number of listeners after which orders of systems and kinds repeat.

    Only over a multiple of it is every system equally often in every place.
    """
    return _square_period(stimuli) * len({stimulus.kind for stimulus in stimuli})


def _square_period(stimuli: Sequence[Stimulus]) -> int:
    tested = [place for place, stimulus in enumerate(stimuli) if stimulus.role == TEST]
    groups = [
        {stimuli[place].system for place in group}
        for kind in KINDS
        for group in _groups(stimuli, [i for i in tested if stimuli[i].kind == kind])
    ]
    return math.lcm(*(len(williams_square(len(systems))) for systems in groups))


def _groups(stimuli: Sequence[Stimulus], places: Sequence[int]) -> list[list[int]]:
    """Return places by the set of systems that the emotion has; often there is one group.

    Neutral recordings, for instance, may be there as originals but not as conversions.
    """
    systems: dict[str, set[str]] = {}
    for place in places:
        systems.setdefault(stimuli[place].target_emotion, set()).add(stimuli[place].system)
    groups: dict[frozenset[str], list[int]] = {}
    for place in places:
        groups.setdefault(frozenset(systems[stimuli[place].target_emotion]), []).append(place)
    return list(groups.values())


def _group_order(
    stimuli: Sequence[Stimulus],
    group: Sequence[int],
    listener: int,
    systems_per_item: str,
    seed: int,
    generator: np.random.Generator,
) -> list[int]:
    """Return the order of one group: block by block, each by a row of the Latin square."""
    place_of = {(stimuli[i].system, (stimuli[i].target_emotion, stimuli[i].item)): i for i in group}
    systems = list(dict.fromkeys(system for system, _ in place_of))
    items = list(dict.fromkeys(item for _, item in place_of))
    if systems_per_item == ALL:
        queues = _rotated(items, len(systems), generator)
    else:
        queues = _divided(items, len(systems), listener, seed, generator)
    square = williams_square(len(systems))
    return [
        place_of[systems[system], queues[system][block]]
        for block in range(max(map(len, queues)))
        for system in square[(listener + block) % len(square)]
        if block < len(queues[system])
    ]


def _rotated(
    items: Sequence[Item], num_systems: int, generator: np.random.Generator
) -> list[list[Item]]:
    """Return for each system all items, shifted so that the same item is never near.

    With at least twice as many items as systems, no item follows itself.
    """
    shuffled = [items[i] for i in generator.permutation(len(items))]
    step = max(1, len(items) // num_systems)
    shifts = [system * step % len(items) for system in range(num_systems)]
    return [shuffled[shift:] + shuffled[:shift] for shift in shifts]


def _divided(
    items: Sequence[Item],
    num_systems: int,
    listener: int,
    seed: int,
    generator: np.random.Generator,
) -> list[list[Item]]:
    """Return for each system the items that this listener hears by it.

    Item r of an emotion goes to system (r + listener) mod S: S listeners in a row hear
    every item by every system once, and where an emotion has S items or more each of them
    hears it by every system.
    """
    # Without the listener, or the square would fall apart.
    shuffled = [items[i] for i in np.random.default_rng(seed).permutation(len(items))]
    emotions = sorted({emotion for emotion, _ in items})
    queues: list[list[Item]] = [[] for _ in range(num_systems)]
    for shift, emotion in enumerate(emotions):
        of_emotion = [item for item in shuffled if item[0] == emotion]
        for rank, item in enumerate(of_emotion):
            queues[(rank + shift + listener) % num_systems].append(item)
    return [[queue[i] for i in generator.permutation(len(queue))] for queue in queues]


def _merge(sequences: Sequence[Sequence[int]], generator: np.random.Generator) -> list[int]:
    """Return all sequences in one, each in its own order, randomly interleaved."""
    lengths = [len(sequence) for sequence in sequences]
    turns = generator.permutation(np.repeat(np.arange(len(sequences)), lengths))
    iterators = [iter(sequence) for sequence in sequences]
    return [next(iterators[turn]) for turn in turns]


def _scatter(
    sequence: list[int], checks: Sequence[int], generator: np.random.Generator
) -> list[int]:
    """Return the sequence with one check somewhere in each of as many equal parts."""
    edges = np.linspace(0, len(sequence), len(checks) + 1).astype(int)
    result: list[int] = []
    for check, low, high in zip(generator.permutation(checks), edges, edges[1:]):
        cut = int(generator.integers(low, high + 1))
        result += [*sequence[low:cut], int(check), *sequence[cut:high]]
    return result if len(checks) else list(sequence)
