"""The text tables of a corpus: Kaldi's, ``rejected.tsv``, and a csv that a user wrote.

Kaldi's tables have one ``key value`` a line, are UTF-8 and sorted by key in byte order, as
``LC_ALL=C sort`` does.
"""

import csv
import logging
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from espnet2_ext.data.parallel import atomic_open

logger = logging.getLogger(__name__)

REJECTED = "rejected.tsv"
_ROW = re.compile(r"([^ \t]+)[ \t](.*)", re.DOTALL)
_NO_UTF8 = re.compile("[\udc80-\udcff]")
_EVENT = re.compile(r"\[[^\]]*\]|<[^>]*>")


class _Tabs(csv.excel_tab):
    quoting = csv.QUOTE_NONE


def iterate_table(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield ``(key, value)`` line by line, in file order; the value is stripped.

    Blanks or tabs separate the two. A byte order mark is skipped. Keys are interned. ValueError
    where a line has no value or is not UTF-8; file and line are named.
    """
    # Bytes that are no UTF-8 are read as surrogates, so that the line they stand in is known.
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as stream:
        for number, line in enumerate(stream, start=1):
            if "\0" in line or (not line.isascii() and _NO_UTF8.search(line)):
                raise ValueError(
                    f"{path}:{number}: not UTF-8 text; convert the table with iconv -t UTF-8 "
                    "-f and its encoding, such as GBK or UTF-16"
                )
            row = _ROW.fullmatch(line)
            key, value = (row[1], row[2].strip()) if row else ("", "")
            if not value or key.split() != [key]:
                raise ValueError(f"{path}:{number}: expected 'key value', got {line.strip()!r:.80}")
            yield sys.intern(key), value


def iterate_sorted_table(path: str | Path) -> Iterator[tuple[str, str]]:
    """Yield the rows as `iterate_table`, so that sorted tables can be walked side by side.

    ValueError where a key is not greater than the one before it.
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
    """Return ``{key: value}`` in file order; raises as `iterate_table`, or where a key is twice."""
    table: dict[str, str] = {}
    for key, value in iterate_table(path):
        if key in table:
            raise ValueError(f"{path}: {key} stands twice")
        table[key] = value
    return table


def require_keys(
    path: str | Path,
    table: Mapping[str, object],
    keys: Iterable[str],
    remedy: str = "run the stage that writes it again",
) -> None:
    """Raise a ValueError that names the table and a key where it lacks some."""
    if lacking := set(keys) - table.keys():
        raise ValueError(f"{path}: lacks {len(lacking)} keys, for example {min(lacking)}; {remedy}")


def read_int_table(path: str | Path) -> dict[str, list[int]]:
    """Return ``{key: integers}`` of a ``text_int`` table such as ``units_<tag>``.

    ValueError where a value is not a list of integers.
    """
    result = {}
    for key, value in read_table(path).items():
        try:
            result[key] = [int(token) for token in value.split()]
        except ValueError as error:
            raise ValueError(f"{path}: {key}: not a list of integers: {value[:60]!r}") from error
    return result


def write_table(path: str | Path, table: Mapping[str, object]) -> None:
    """Write the table sorted by key, replacing it at once."""
    with atomic_open(path) as stream:
        stream.writelines(f"{key} {table[key]}\n" for key in sorted(table))


def read_rejected(path: str | Path) -> dict[str, str]:
    """Return ``{utterance: reason}`` of a data directory; empty where nothing is listed.

    ValueError where a line is not ``utterance<TAB>reason``.
    """
    table = Path(path) / REJECTED
    rejected: dict[str, str] = {}
    if not table.is_file():
        return rejected
    with open(table, encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            utterance_id, _, reason = line.rstrip("\n").partition("\t")
            if not utterance_id or not reason:
                raise ValueError(f"{table}:{number}: expected 'utterance<TAB>reason'")
            rejected[utterance_id] = reason
    return rejected


def write_rejected(path: str | Path, rejected: Mapping[str, str]) -> None:
    """Write ``rejected.tsv`` sorted, also an empty one, which says that nothing was left out."""
    with atomic_open(Path(path) / REJECTED) as stream:
        for utterance_id in sorted(rejected):
            reason = " ".join(rejected[utterance_id].split())
            stream.write(f"{utterance_id}\t{reason}\n")


def replace_rejected(path: str | Path, stage: str, rejected: Mapping[str, str], total: int) -> None:
    """List what a stage rejected, as ``stage: reason``, in place of its earlier lines; log it."""
    own = {utterance_id: f"{stage}: {reason}" for utterance_id, reason in rejected.items()}
    others = read_rejected(path).items()
    write_rejected(path, {k: v for k, v in others if not v.startswith(f"{stage}: ")} | own)
    report_rejected(path, own, total)


def report_rejected(path: str | Path, rejected: Mapping[str, str], total: int) -> None:
    """Log one line: how many of ``total`` were left out just now, and an example."""
    if not rejected:
        logger.info("%s: all %d utterances kept", path, total)
        return
    example = min(rejected)
    logger.warning(
        "%s: %d of %d utterances rejected, listed in %s; for example %s: %s",
        *(path, len(rejected), total, Path(path) / REJECTED, example, rejected[example]),
    )


def read_csv(
    path: str | Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    is_tabs: bool = False,
    has_gaps: bool = False,
) -> list[tuple[int, dict[str, str]]]:
    """Return ``(line, {column: value})`` of every row of a table whose first line names columns.

    Columns stand in any order, none besides the named ones; values are stripped. Blank lines and a
    byte order mark, which spreadsheets write, are skipped. ``is_tabs``: tabs separate columns and
    quotes have no meaning. ``has_gaps``: optional columns may be empty in some rows.

    ValueError: not UTF-8, wrong quotes, a column missing, unknown or given twice, a row with more
    or fewer fields, an empty field, no rows; file and line are named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give the path of a table")
    rows: list[tuple[int, dict[str, str]]] = []
    header: list[str] | None = None
    line = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, _Tabs if is_tabs else csv.excel, strict=True)
            for fields in reader:
                # A quoted field may hold line ends: a row is named by its first line.
                first_line, line = line, reader.line_num + 1
                values = [field.strip() for field in fields]
                if not any(values) and (is_tabs or len(values) < 2):
                    continue
                if header is None:
                    header = values
                    _check_header(f"{path}:{first_line}", header, required, optional)
                    continue
                if len(values) != len(header):
                    raise ValueError(
                        f"{path}:{first_line}: {len(values)} fields, the first line names "
                        f"{len(header)} columns; check the {'tabs' if is_tabs else 'quotes'}"
                    )
                row = dict(zip(header, values, strict=True))
                for name, value in row.items():
                    if not value and not (has_gaps and name in optional):
                        raise ValueError(f"{path}:{first_line}: {name} is empty; fill it in")
                rows.append((first_line, row))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 text; save it in UTF-8") from error
    except csv.Error as error:
        raise ValueError(f"{path}:{line}: not a csv ({error}); check the quotes") from error
    if not rows:
        raise ValueError(f"{path}: holds no rows; give a line {','.join(required)} and rows")
    return rows


def _check_header(
    place: str, header: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> None:
    """Raise a ValueError for a column that is unknown, given twice or missing."""
    known = (*required, *optional)
    faults = [
        *(f"unknown column {name!r:.80}" for name in header if name not in known),
        *(f"column {name!r} stands twice" for name in header if header.count(name) > 1),
        *(f"column {name!r} is missing" for name in required if name not in header),
    ]
    if faults:
        raise ValueError(f"{place}: {faults[0]}; known: {', '.join(known)}")


def normalise_sentence(text: str) -> str | None:
    """Return the words alone, or None where there are none.

    Case, punctuation, apostrophes, spacing and bracketed events (``[LAUGHTER]``) are left out;
    letters keep their accents and vowel signs.
    """
    text = _EVENT.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    text = re.sub(r"['\u2018\u2019\u02bc]", "", text)
    kept = (char if unicodedata.category(char)[0] in "LMN" else " " for char in text)
    return " ".join("".join(kept).split()) or None
