"""Names by the hundred thousand, as one block of bytes."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise


class SortedNames(Sequence[str]):
    """Sorted names, found by bisection; 8 bytes each besides their own.

    A dictionary takes some 200 each, and more in every process that is forked: counting
    references writes to the pages of its keys. Here are no objects to count, so loader
    processes share what their parent has read.

    Args:
        names: sorted, each once.
        source: where they stand, for the message of the error.

    Raises:
        ValueError: a name is not greater than the one before it.

    Example:
        >>> names = SortedNames(["a-1", "a-2", "b-1"])
        >>> names.find("a-2"), names.find("a-3"), names[2]
        (1, None, 'b-1')
    """

    def __init__(self, names: Iterable[str], source: str = "names") -> None:
        text, ends = bytearray(), array("q", [0])
        previous = b""
        for name in names:
            encoded = name.encode()
            if encoded <= previous:
                raise ValueError(
                    f"{source}: {name} stands after {previous.decode()}; sort it by key, as "
                    "LC_ALL=C sort does, and leave out what stands twice"
                )
            text += encoded
            ends.append(len(text))
            previous = encoded
        self._text = bytes(text)
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number):  # type: ignore[override]  # no slices
        """Return the name at a place, which counts from 0."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self._encoded(number).decode()

    def __iter__(self) -> Iterator[str]:
        for start, end in pairwise(self._ends):
            yield self._text[start:end].decode()

    def find(self, name: str) -> int | None:
        """Return the place of a name; None if it is not there."""
        encoded = name.encode()
        number = bisect_left(range(len(self)), encoded, key=self._encoded)
        return number if number < len(self) and self._encoded(number) == encoded else None

    def _encoded(self, number: int) -> bytes:
        return self._text[self._ends[number] : self._ends[number + 1]]
