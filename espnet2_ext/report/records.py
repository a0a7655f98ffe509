"""``exp/results.jsonl``: every number of every table, one record a line."""

import datetime
import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np

from espnet2_ext import __version__
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.metrics.statistics import Crossing

# ---------------------------------------------------------------- results

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


# ---------------------------------------------------------------- mean record
# One cell of a result table: the mean of a column over utterances, with its interval.


class Column(Protocol):
    """What a column says of itself; see ``conversion_metrics.Metric``."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def better(self) -> str: ...
    @property
    def definition(self) -> str: ...
    @property
    def is_count(self) -> bool: ...


def mean_record(
    column: Column,
    values: np.ndarray,
    crossing: Crossing,
    table: str,
    row: str,
    protocol: str,
    commit: str,
    weights: np.ndarray | None = None,
) -> Record:
    """Return the mean of the values with its interval, or the sum of a count.

    Args:
        column: heads the values.
        values: (n,), none missing.
        crossing: which of them share a speaker, and which a sentence.
        table: see ``Record``, as are the others.
        row: see there.
        protocol: see there.
        commit: see there.
        weights: (n,) of the values in the mean; None for 1.
    """
    low, high = (None, None) if column.is_count else crossing.interval(values, weights)
    value = values.sum() if column.is_count else np.average(values, weights=weights)
    return Record(
        table=table,
        row=row,
        metric=column.name,
        value=round(float(value), 6),
        unit=column.unit,
        n=len(values),
        definition=column.definition,
        protocol=protocol,
        commit=commit,
        low=None if low is None else round(low, 6),
        high=None if high is None else round(high, 6),
        better=column.better,
        drawn="" if column.is_count else crossing.text(),
    )


# ---------------------------------------------------------------- environment
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
