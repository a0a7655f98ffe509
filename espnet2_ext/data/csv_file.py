"""Read a table that a user wrote by hand or exported from a spreadsheet."""

import csv
from collections.abc import Sequence
from pathlib import Path


def read_csv(
    path: str | Path, required: Sequence[str], optional: Sequence[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Return ``(line, {column: value})`` of every row; a column is filled in all rows or absent.

    Columns stand in any order, separated by commas; values are stripped. A byte
    order mark, which spreadsheets write, is tolerated, and so are blank lines.

    Args:
        path: UTF-8, its first line names the columns.
        required: columns that must be there.
        optional: columns that may be there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not UTF-8, not a csv, a column missing, unknown or given twice, a
            row with more or fewer fields, an empty field, no rows; file and line named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; give the path of a csv file")
    rows: list[tuple[int, dict[str, str]]] = []
    header: list[str] | None = None
    line = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for fields in reader:
                # A quoted field may hold line ends: a row is named by its first line.
                first_line, line = line, reader.line_num + 1
                values = [field.strip() for field in fields]
                if not any(values) and len(values) < 2:
                    continue
                if header is None:
                    header = values
                    _check_header(f"{path}:{first_line}", header, required, optional)
                else:
                    rows.append((first_line, _row(f"{path}:{first_line}", header, values)))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 text; save it as csv in UTF-8") from error
    except csv.Error as error:
        raise ValueError(f"{path}:{line}: not a csv ({error}); check the quotes") from error
    if not rows:
        raise ValueError(f"{path}: holds no rows; give a line {','.join(required)} and rows")
    return rows


def _check_header(
    place: str, header: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> None:
    """Raise a ValueError for a column that is unknown, given twice or missing."""
    known = ", ".join((*required, *optional))
    for name in header:
        if name not in (*required, *optional):
            raise ValueError(f"{place}: unknown column {name!r:.80}; known, with commas: {known}")
        if header.count(name) > 1:
            raise ValueError(f"{place}: column {name!r} stands twice; remove one")
    for name in required:
        if name not in header:
            raise ValueError(f"{place}: column {name!r} is missing; known, with commas: {known}")


def _row(place: str, header: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Return the fields by column; raise a ValueError where one is missing or too many."""
    if len(values) != len(header):
        raise ValueError(
            f"{place}: {len(values)} fields, the first line names {len(header)} columns; "
            "quote fields that hold a comma"
        )
    for name, value in zip(header, values, strict=True):
        if not value:
            raise ValueError(f"{place}: {name} is empty; fill it in, or remove the whole column")
    return dict(zip(header, values, strict=True))
