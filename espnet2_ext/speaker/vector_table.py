"""The speaker vectors of a set, left on disk until they are asked for."""

from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from espnet2_ext._compat import load_ark_array
from espnet2_ext.data.table import iterate_table
from espnet2_ext.speaker.sorted_names import SortedNames


class VectorTable(Mapping[str, np.ndarray]):
    """``{utterance: (dim,)}`` over a ``spk_embed.scp``; iterates in sorted order.

    What is kept of an utterance is its name and where its vector begins: 20 bytes and those
    of the name. Nothing in it is counted by reference, see `SortedNames`.

    Args:
        path: lines ``utterance ark:offset``, sorted, as `write_ark_scp` writes them.

    Raises:
        ValueError: a line is of another form, or they are not sorted.
    """

    def __init__(self, path: str | Path) -> None:
        self._arks: list[str] = []
        self._ark_numbers = array("i")
        self._offsets = array("q")
        self._names = SortedNames(self._read(path), str(path))

    def _read(self, path: str | Path) -> Iterator[str]:
        """Yield the utterances and note where their vectors are."""
        numbers: dict[str, int] = {}
        for utterance, place in iterate_table(path):
            ark, _, offset = place.rpartition(":")
            if not ark or not offset.isdecimal():
                raise ValueError(f"{path}: {utterance}: expected 'ark:offset', got {place!r:.80}")
            self._ark_numbers.append(numbers.setdefault(ark, len(numbers)))
            self._offsets.append(int(offset))
            yield utterance
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
