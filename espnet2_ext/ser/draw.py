"""Draws that depend on a seed and on names alone, not on a library's random numbers.

Fold lists are published and compared by hash. They must come out the same with every
version of Python and numpy and for every order in which utterances are read, so names
are put in the order of the sha256 of seed, purpose and name.
"""

import hashlib
from collections.abc import Iterable, Mapping


def drawn_order(names: Iterable[str], *key: object) -> list[str]:
    """Return the names in an order that looks random and follows from the key alone.

    Args:
        names: without repetition; their order does not matter.
        key: seed and what the draw is for; another key gives another order.
    """
    prefix = "\n".join(map(str, key))
    return sorted(names, key=lambda name: hashlib.sha256(f"{prefix}\n{name}".encode()).digest())


def proportional_counts(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """Return how many of each name make up ``total``, in proportion (largest remainders).

    Equal remainders go to the name that sorts first. Integers only: no rounding error.

    Args:
        sizes: how many there are of each name.
        total: 0 to the sum of the sizes.
    """
    whole = sum(sizes.values())
    counts = {name: total * size // whole for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(total * sizes[name] % whole), name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def stratified_subset(
    utterances: Iterable[str], labels: Mapping[str, str], count: int, *key: object
) -> list[str]:
    """Return ``count`` of the utterances, sorted; emotions keep their proportions.

    With the same key a larger subset of an emotion contains the smaller one.

    Args:
        utterances: to draw from; all of them come back where they are no more.
        labels: ``{utterance: emotion}``.
        count: how many to draw.
        key: seed and purpose, see `drawn_order`.

    Raises:
        ValueError: the count is below 1 or leaves an emotion without any utterance.
    """
    pool = sorted(utterances)
    if count >= len(pool):
        return pool
    by_emotion: dict[str, list[str]] = {}
    for utterance in pool:
        by_emotion.setdefault(labels[utterance], []).append(utterance)
    sizes = {emotion: len(members) for emotion, members in by_emotion.items()}
    counts = proportional_counts(sizes, max(count, 0))
    for emotion in sorted(counts):
        if counts[emotion] == 0:
            raise ValueError(
                f"a subset of {count} of {len(pool)} utterances has none of {sizes[emotion]} "
                f"{emotion!r}; draw more"
            )
    return sorted(
        utterance
        for emotion, members in by_emotion.items()
        for utterance in drawn_order(members, *key)[: counts[emotion]]
    )
