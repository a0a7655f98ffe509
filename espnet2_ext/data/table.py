"""Kaldi's text tables: one ``key value`` a line, sorted by key, UTF-8."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open


def iterate_table(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield ``(key, value)`` line by line, in file order; the value is stripped.

    A key that stands in several tables is in memory once. A byte order mark before the
    first key, as editors on Windows write it, is passed over.

    Raises:
        FileNotFoundError: the table is not there.
        ValueError: a line has no value, a tab where the key should end, or is not UTF-8;
            the message names file and line.
    """
    # Bytes that are no UTF-8 are read as surrogates, so that the line they stand in is known.
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as stream:
        for number, line in enumerate(stream, start=1):
            if "\0" in line or not (line.isascii() or _is_utf8(line)):
                raise ValueError(
                    f"{path}:{number}: not UTF-8 text; convert the table with iconv -t UTF-8 "
                    "-f and its encoding, such as GBK or UTF-16"
                )
            key, _, value = line.rstrip("\n").partition(" ")
            value = value.strip()
            if not value or key.split() != [key]:
                raise ValueError(f"{path}:{number}: expected 'key value', got {line.strip()!r:.80}")
            yield sys.intern(key), value


def _is_utf8(line: str) -> bool:
    """Return whether a line read with ``surrogateescape`` was UTF-8."""
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def iterate_sorted_table(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield the rows as `iterate_table` does, so that sorted tables can be walked side by side.

    Raises:
        ValueError: see there; or a key is not greater than the one before it.
    """
    previous = ""
    for key, value in iterate_table(path):
        if key <= previous:
            raise ValueError(
                f"{path}: {key} stands after {previous}; sort it by key, as LC_ALL=C sort does, "
                "and leave out what stands twice"
            )
        yield key, value
        previous = key


def read_table(path: str | Path) -> dict[str, str]:
    """Return ``{key: value}`` in file order; the value is the rest of the line, stripped.

    Raises:
        FileNotFoundError: the table is not there.
        ValueError: a line has no value or a key stands twice; the message names the
            file and the line or key.
    """
    table: dict[str, str] = {}
    for key, value in iterate_table(path):
        if key in table:
            raise ValueError(f"{path}: {key} stands twice")
        table[key] = value
    return table


def write_table(path: str | Path, table: Mapping[str, object]) -> None:
    """Write the table sorted by key (byte order, as LC_ALL=C sort), replacing it at once."""
    with atomic_open(path) as stream:
        for key in sorted(table):
            stream.write(f"{key} {table[key]}\n")


def read_int_table(path: str | Path) -> dict[str, list[int]]:
    """Return ``{key: integers}`` of a ``text_int`` table such as ``units_<tag>``.

    Raises:
        ValueError: a value is not a list of integers; the message names file and key.
    """
    result = {}
    for key, value in read_table(path).items():
        try:
            result[key] = [int(token) for token in value.split()]
        except ValueError as error:
            raise ValueError(f"{path}: {key}: not a list of integers: {value[:60]!r}") from error
    return result
