"""``exp/results.jsonl``: every number of every table, one record a line.

A table is made by ``records_of`` from columns, which say what is measured and how, and rows,
which hold what was evaluated. Files to look at or listen to are records too (``file_record``),
and so is the environment in which all of it was computed.
"""

import datetime
import json
import math
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from espnet2_ext import __version__
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.metrics.statistics import Crossing

TEXT = "text"
"""Unit of a record whose value is words, such as a version."""
PATH = "path"
"""Unit of a record whose value is a file, relative to the folder of the jsonl."""


@dataclass(frozen=True)
class Record:
    """One number (or text, or file) with all that is needed to believe it.

    Attributes:
        table: title of the table; says ``synthetic`` where the data are.
        row: what was evaluated.
        metric: what was measured.
        value: the mean, or a text.
        unit: ``%``, ``dB``, ``share``, ``count``, ``text``, ``path``; "" for a plain number.
        n: utterances that the value stands for; None where a publication does not say.
        definition: of the metric, one sentence.
        protocol: data, lists and settings of the evaluation.
        commit: of the code; "" if unknown.
        low: lower end of the interval, if there is one.
        high: upper end.
        better: ``lower``, ``higher`` or "".
        drawn: what the interval is drawn over, for instance ``10 speakers and 50 sentences``;
            "" where there is none, and in records that older versions wrote.
        source: file that the value was computed from, relative to the folder of the jsonl;
            "" where there is none, or in files written before it was recorded.
    """

    table: str
    row: str
    metric: str
    value: float | str
    unit: str
    n: int | None
    definition: str
    protocol: str
    commit: str
    low: float | None = None
    high: float | None = None
    better: str = ""
    drawn: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Raises: ValueError for a value that is not finite, or no utterances."""
        if self.n is not None and self.n < 1:
            raise ValueError(f"{self.table}, {self.row}, {self.metric}: n is {self.n}")
        for number in (self.value, self.low, self.high):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"{self.table}, {self.row}, {self.metric}: value is {number}")

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return what a later record must share to replace this one."""
        return self.table, self.row, self.metric, self.protocol


def read_records(path: str | Path) -> list[Record]:
    """Return the records of a file in order; none where there is no file.

    Raises:
        ValueError: a line is no record; the message names file and line.
    """
    if not Path(path).is_file():
        return []
    records = []
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                records.append(Record(**json.loads(line)))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: not a record ({error})") from error
    return records


def append_records(
    path: str | Path, records: Iterable[Record], *, replace_tables: Iterable[str] = ()
) -> None:
    """Add records to a file; one that is there already is replaced in its place.

    The same records appended again leave the file as it is.

    Args:
        path: of the jsonl.
        records: new ones.
        replace_tables: tables whose old records all go, also those not given anew; the
            new ones stand where the old ones stood.
    """
    records = list(records)
    gone = set(replace_tables)
    merged: dict[tuple[str, str, str, str], Record] = {}
    for old in read_records(path):
        if old.table in gone:
            merged.update((new.key, new) for new in records if new.table == old.table)
        else:
            merged[old.key] = old
    merged.update((record.key, record) for record in records)
    with atomic_open(path) as stream:
        for record in merged.values():
            stream.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")


# Tables from columns and rows.

Item = TypeVar("Item")


@dataclass(frozen=True)
class Estimate:
    """A value that is no mean over the items of a row, such as an accuracy over folds.

    Attributes:
        value: in the unit of the column, or words.
        n: utterances that it stands for; see ``Record``.
        low: lower end of its interval, if there is one.
        high: upper end.
        source: file that it was computed from, if not that of the row.
        drawn: what the interval is drawn over, in words; see ``Record``.
    """

    value: float | str
    n: int | None
    low: float | None = None
    high: float | None = None
    source: str | None = None
    drawn: str = ""


@dataclass(frozen=True)
class Column(Generic[Item]):
    """What a table measures of each item of a row; by default the mean over them is told.

    Attributes:
        name: heads the column.
        value: of an item; None where the row has no such value. An ``Estimate`` of a row's
            only item is told as it is.
        unit: see ``Record``.
        better: see ``Record``.
        definition: one sentence.
        is_count: the sum is told instead of the mean, and no interval.
        weight: of an item in the mean; None for 1.
    """

    name: str
    value: Callable[[Item], float | Estimate | None]
    unit: str
    better: str
    definition: str
    is_count: bool = False
    weight: Callable[[Item], float] | None = None


@dataclass(frozen=True)
class Row(Generic[Item]):
    """What was evaluated.

    Attributes:
        name: stands before the values.
        items: single conversions, utterances ..., or the one that has an ``Estimate``.
        protocol: see ``Record``.
        crossing: which items share a speaker, and which a sentence; of means only.
        source: see ``Record``.
    """

    name: str
    items: Sequence[Item]
    protocol: str
    crossing: Crossing | None = None
    source: str = ""


def records_of(
    columns: Iterable[Column[Item]],
    rows: Sequence[Row[Item]],
    *,
    table: str,
    commit: str,
    is_rounded: bool = True,
) -> list[Record]:
    """Return one record for each column and row that has a value, column by column.

    Columns thus stand in their order whichever of them the first row lacks.

    Args:
        columns: of the table.
        rows: of the table.
        table: title.
        commit: of the code.
        is_rounded: to six decimals.

    Raises:
        ValueError: a value is there for some items of a row but not for all.
    """
    records = []
    for column in columns:
        for row in rows:
            values = [column.value(item) for item in row.items]
            present = [value for value in values if value is not None]
            if not present:
                continue
            if len(present) < len(values):
                raise ValueError(
                    f"{table}, {row.name}: {column.name} is missing for "
                    f"{len(values) - len(present)} of {len(values)} values"
                )
            found = present[0]
            if not isinstance(found, Estimate):
                found = _mean(column, np.array(present), row)
            if is_rounded:
                found = _rounded(found)
            records.append(
                Record(
                    table=table,
                    row=row.name,
                    metric=column.name,
                    value=found.value,
                    unit="" if isinstance(found.value, str) else column.unit,
                    n=found.n,
                    definition=column.definition,
                    protocol=row.protocol,
                    commit=commit,
                    low=found.low,
                    high=found.high,
                    better=column.better,
                    drawn=found.drawn,
                    source=row.source if found.source is None else found.source,
                )
            )
    return records


def _mean(column: Column[Item], values: np.ndarray, row: Row[Item]) -> Estimate:
    """Return the mean of the values (n,) with its interval, or the sum of a count."""
    if column.is_count:
        return Estimate(float(values.sum()), len(values))
    weights = None if column.weight is None else np.array([*map(column.weight, row.items)])
    mean = Estimate(float(np.average(values, weights=weights)), len(values))
    if row.crossing is None:
        return mean
    low, high = row.crossing.interval(values, weights)
    return replace(mean, low=low, high=high, drawn=row.crossing.text())


def _rounded(found: Estimate) -> Estimate:
    low, high = (None if end is None else round(end, 6) for end in (found.low, found.high))
    value = found.value if isinstance(found.value, str) else round(found.value, 6)
    return replace(found, value=value, low=low, high=high)


def relative_path(path: str | Path, results_path: str | Path) -> str:
    """Return a file as records name it: relative to the folder of the jsonl."""
    folder = Path(results_path).resolve().parent
    return Path(os.path.relpath(Path(path).resolve(), folder)).as_posix()


def file_record(
    table: str, row: str, what: str, file: Path, caption: str, results_path: str | Path, n: int = 1
) -> Record:
    """Return the record that makes the page show a file."""
    return Record(table, row, what, relative_path(file, results_path), PATH, n, caption, "", "")


# Where results came from: versions, code and machine.

ENVIRONMENT = "Environment"
"""Title of the table."""


def git_commit(directory: str | Path | None = None) -> str:
    """Return the short hash of the code, ``+`` behind it if changed since; "" outside git.

    Args:
        directory: inside the repository; None for this package's.
    """
    place = Path(__file__).parent if directory is None else Path(directory)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(place), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def environment_records(device: str = "cpu") -> list[Record]:
    """Return the environment block of ESPnet's result pages as records.

    Args:
        device: on which the model ran, ``cpu`` or ``cuda``.
    """
    facts = {
        "date": datetime.date.today().isoformat(),
        "python version": platform.python_version(),
        "espnet version": _version("espnet"),
        "pytorch version": _version("torch"),
        "espnet2_ext version": __version__,
        "Git hash": git_commit() or "unknown",
        "device": _device_name(device),
        "CPU cores": str(len(os.sched_getaffinity(0))),
    }
    return [
        Record(ENVIRONMENT, name, "value", value, TEXT, 1, "", "", "")
        for name, value in facts.items()
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device_name(device: str) -> str:
    if device == "cpu":
        return f"CPU ({platform.machine()})"
    import torch

    return torch.cuda.get_device_name(device)
