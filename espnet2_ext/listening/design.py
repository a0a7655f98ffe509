"""The design of a test: its trials, who hears what in which order, and its ``key.json``.

The key holds what the listeners must not see, and what scoring needs.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.listening.manifest import CHECK, KINDS, PRACTICE, TEST, Stimulus

KEY = "key.json"
ALL = "all"
ONE = "one"
"""How many systems a listener hears an item by; if one, other listeners hear others."""


@dataclass(frozen=True)
class Trial:
    """One question of the page; see ``Stimulus``. Names of it and its files reveal nothing."""

    trial_id: str
    kind: str
    role: str
    system: str
    target_emotion: str
    item: str
    audio: str
    reference: str
    expected: tuple[str, ...]


@dataclass(frozen=True)
class ListeningTest:
    """A whole test; ``orders`` has the trial ids of each listener, see ``listener_order``."""

    title: str
    emotions: tuple[str, ...]
    systems: tuple[str, ...]
    systems_per_item: str
    seed: int
    trials: dict[str, Trial]
    orders: tuple[tuple[str, ...], ...]

    @property
    def digest(self) -> str:
        """Return 16 hexadecimal digits that change with any trial, recording or order."""
        text = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_key(path: str | Path, test: ListeningTest) -> None:
    """Write the test with its hash."""
    with atomic_open(path) as stream:
        json.dump({"hash": test.digest, **asdict(test)}, stream, ensure_ascii=False, indent=1)
        stream.write("\n")


def read_key(path: str | Path) -> ListeningTest:
    """Return what ``write_key`` wrote; ValueError for any other file, or one changed since."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        digest = content.pop("hash")
        for name in ("emotions", "systems"):
            content[name] = tuple(content[name])
        content["orders"] = tuple(map(tuple, content["orders"]))
        content["trials"] = {
            name: Trial(**{**trial, "expected": tuple(trial["expected"])})
            for name, trial in content["trials"].items()
        }
        test = ListeningTest(**content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not the key of a listening test ({error!r:.80})") from error
    if test.digest != digest:
        raise ValueError(f"{path}: was changed since it was written; make the test again")
    return test


def listener_order(
    stimuli: Sequence[Stimulus], listener: int, *, systems_per_item: str, seed: int
) -> list[int]:
    """Return the places in ``stimuli`` of what a listener, counted from 0, hears, in order.

    The kinds follow each other, every other round of listeners the other way round. Each begins
    with its practice, then come blocks with one recording by each system, ordered by the
    listener's row of a Latin square; items are in a random order of the listener's own, checks
    lie scattered in between. ``systems_per_item`` is ``all`` or ``one``.
    """
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
    """Return how many listeners it takes until every system was equally often in every place."""
    return _square_period(stimuli) * len({stimulus.kind for stimulus in stimuli})


def _square_period(stimuli: Sequence[Stimulus]) -> int:
    sizes = []
    for kind in KINDS:
        tested = [i for i, s in enumerate(stimuli) if (s.kind, s.role) == (kind, TEST)]
        for group in _groups(stimuli, tested):
            sizes.append(len({stimuli[place].system for place in group}))
    return math.lcm(*(len(williams_square(size)) for size in sizes))


def _groups(stimuli: Sequence[Stimulus], places: Sequence[int]) -> list[list[int]]:
    """Return places by the set of systems that the emotion has; often there is one group."""
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
        # Shifted so that no item follows itself.
        shuffled = [items[i] for i in generator.permutation(len(items))]
        step = max(1, len(items) // len(systems))
        shifts = [system * step % len(items) for system in range(len(systems))]
        queues = [shuffled[shift:] + shuffled[:shift] for shift in shifts]
    else:
        divided = _divided(items, len(systems), listener, seed)
        queues = [[queue[i] for i in generator.permutation(len(queue))] for queue in divided]
    square = williams_square(len(systems))
    return [
        place_of[systems[system], queues[system][block]]
        for block in range(max(map(len, queues)))
        for system in square[(listener + block) % len(square)]
        if block < len(queues[system])
    ]


def _divided(
    items: Sequence[tuple[str, str]], num_systems: int, listener: int, seed: int
) -> list[list[tuple[str, str]]]:
    """Return the items a listener hears by each system: r of an emotion by (r + listener) mod S."""
    # Without the listener, or the square would fall apart.
    shuffled = [items[i] for i in np.random.default_rng(seed).permutation(len(items))]
    queues: list[list[tuple[str, str]]] = [[] for _ in range(num_systems)]
    for shift, emotion in enumerate(sorted({emotion for emotion, _ in items})):
        of_emotion = [item for item in shuffled if item[0] == emotion]
        for rank, item in enumerate(of_emotion):
            queues[(rank + shift + listener) % num_systems].append(item)
    return queues


def _merge(sequences: Sequence[Sequence[int]], generator: np.random.Generator) -> list[int]:
    """Return all sequences in one, each in its own order, randomly interleaved."""
    numbers = np.repeat(np.arange(len(sequences)), [len(sequence) for sequence in sequences])
    iterators = [iter(sequence) for sequence in sequences]
    return [next(iterators[turn]) for turn in generator.permutation(numbers)]


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


def williams_square(size: int) -> list[list[int]]:
    """Return orders of ``range(size)``: ``size`` of them, twice as many for odd sizes above 1.

    Over all orders every number stands equally often in every place and follows every other
    number equally often, so neither fatigue nor the preceding recording favours a system.

    Source: Williams, Australian Journal of Scientific Research 2, 1949.
    """
    # 0, 1, size - 1, 2, size - 2, ...
    first = [(place + 1) // 2 * (1 if place % 2 else -1) % size for place in range(size)]
    rows = [[(number + shift) % size for number in first] for shift in range(size)]
    # For odd sizes only the mirrored orders complete the balance of neighbours.
    return rows + [row[::-1] for row in rows] if size % 2 and size > 1 else rows
