"""Records of work done, a line of JSON each, which a kill may cut off but not spoil."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from espnet2_ext.data.atomic import atomic_open

Record = TypeVar("Record")


class Journal(Generic[Record]):
    """Records of one dataclass in a file; of two with one key the later counts.

    Args:
        path: the file, which need not be there.
        key_of: returns the key of a record.
        decode: returns the record of a line's fields. A line for which it raises ValueError,
            TypeError, KeyError or AttributeError is as if not there.
    """

    def __init__(
        self, path: Path, key_of: Callable[[Record], str], decode: Callable[[dict], Record]
    ):
        self.path = path
        self.key_of = key_of
        self.decode = decode

    def read(self) -> dict[str, Record]:
        """Return ``{key: record}``."""
        records: dict[str, Record] = {}
        if not self.path.is_file():
            return records
        with open(self.path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                try:
                    record = self.decode(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError):
                    continue
                records[self.key_of(record)] = record
        return records

    @contextmanager
    def appending(self) -> Iterator[Callable[[Record], None]]:
        """Yield a function that adds a record, on disk when it returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8", newline="\n") as stream:
            stream.write("\n")  # ends a line that a kill cut off

            def append(record: Record) -> None:
                stream.write(_to_line(record))
                stream.flush()

            yield append

    def replace(self, records: Iterable[Record]) -> None:
        """Write these records in place of what is there."""
        with atomic_open(self.path) as stream:
            stream.writelines(map(_to_line, records))


def _to_line(record: Any) -> str:
    return json.dumps(asdict(record), ensure_ascii=False) + "\n"
