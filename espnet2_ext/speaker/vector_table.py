"""The speaker vectors of a set, left on disk until they are asked for."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from operator import itemgetter
from pathlib import Path

import numpy as np

from espnet2_ext._compat import load_ark_array
from espnet2_ext.data.table import iterate_sorted_table
from espnet2_ext.speaker.sorted_names import SortedNames


class VectorTable(Mapping[str, np.ndarray]):
    """``{utterance: (dim,)}`` over tables ``spk_embed.scp``; iterates in sorted order.

    What is kept of an utterance is its name and where its vector begins: 20 bytes and those
    of the name. Nothing in it is counted by reference, see `SortedNames`.

    Args:
        paths: lines ``utterance ark:offset``, sorted, as `write_ark_scp` writes them. Of an
            utterance that stands in several tables the first one's line counts.
        among: the utterances to keep, sorted; None keeps all.

    Raises:
        ValueError: a line is of another form, or they are not sorted.
    """

    def __init__(self, *paths: str | Path, among: Iterable[str] | None = None) -> None:
        self._arks: list[str] = []
        self._ark_numbers = array("i")
        self._offsets = array("q")
        self._names = SortedNames(self._read(paths, among))

    def _read(self, paths: Iterable[str | Path], among: Iterable[str] | None) -> Iterator[str]:
        """Yield the utterances and note where their vectors are."""
        numbers: dict[str, int] = {}
        rows = merge(*map(_places, paths), key=itemgetter(0))
        previous = ""
        for utterance, ark, offset in rows if among is None else _only(rows, among):
            if utterance == previous:
                continue
            self._ark_numbers.append(numbers.setdefault(ark, len(numbers)))
            self._offsets.append(offset)
            yield utterance
            previous = utterance
        self._arks = list(numbers)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, utterance: object) -> bool:
        return isinstance(utterance, str) and self._names.find(utterance) is not None

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Read one vector from its ark.

        Raises:
            KeyError: the table has no such utterance.
        """
        number = self._names.find(utterance)
        if number is None:
            raise KeyError(utterance)
        return load_ark_array(self._arks[self._ark_numbers[number]], self._offsets[number])


def _places(path: str | Path) -> Iterator[tuple[str, str, int]]:
    """Yield ``(utterance, ark, offset)`` of a table."""
    for utterance, place in iterate_sorted_table(path):
        ark, _, offset = place.rpartition(":")
        if not ark or not offset.isdecimal():
            raise ValueError(f"{path}: {utterance}: expected 'ark:offset', got {place!r:.80}")
        yield utterance, ark, int(offset)


def _only(
    rows: Iterable[tuple[str, str, int]], among: Iterable[str]
) -> Iterator[tuple[str, str, int]]:
    """Yield the rows of the utterances that are among these; both are sorted."""
    wanted = iter(among)
    name = next(wanted, None)
    for row in rows:
        while name is not None and name < row[0]:
            name = next(wanted, None)
        if name == row[0]:
            yield row
