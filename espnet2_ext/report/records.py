"""``exp/results.jsonl``: every number of every table, one record a line.

A table is made by ``records_of`` from columns (``columns.yaml``), which say what is measured and
how, and rows, which hold what was evaluated. Files to look at or listen to are records too, and so
is the environment in which all of it was computed.
"""

import datetime
import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from espnet2_ext import __version__
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.metrics.pitch import describe_f0
from espnet2_ext.metrics.statistics import Crossing

TEXT = "text"
"""Unit of a record whose value is words, such as a version."""
PATH = "path"
"""Unit of a record whose value is a file, relative to the folder of the jsonl."""
ENVIRONMENT = "Environment"
OLD_LABELS = {
    "zero effort": "source (unconverted)",
    "true target": "ground-truth target",
    "wrong sentence": "mismatched text",
    "resynthesis": "copy synthesis",
    "contrast restored": "variance compensation",
    "they judge": "they evaluate",
    "Judge of conversions": "Evaluation model of conversions",
    "forward": "monotonic steps",
    "consumed": "attention coverage",
    "looped": "attention repetition",
}
"""Former names of rows and metrics, or parts of these between commas; those with a space also in
definitions and protocols."""
_OLD_PHRASES = re.compile(rf"\b({'|'.join(old for old in OLD_LABELS if ' ' in old)})\b")


@dataclass(frozen=True)
class Record:
    """One number (or text, or file) with all that is needed to believe it.

    Attributes:
        table: title; says ``synthetic`` where the data are.
        row: what was evaluated; ``metric`` what was measured, by its one-sentence ``definition``.
        value: the mean, or a text; ``low`` and ``high`` are the ends of its interval, if any.
        unit: ``%``, ``dB``, ``share``, ``count``, ``text``, ``path``; "" for a plain number.
        n: utterances that the value stands for; None where a publication does not say.
        protocol: data, lists and settings of the evaluation.
        commit: of the code; "" if unknown.
        better: ``lower``, ``higher`` or "".
        drawn: what the interval resamples, such as ``10 speakers and 50 sentences``.
        source: file that the value was computed from, relative to the folder of the jsonl.

    ValueError for a value that is not finite or an n below 1.
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
        numbers = [each for each in (self.value, self.low, self.high) if isinstance(each, float)]
        if self.n == 0 or not all(map(math.isfinite, numbers)):
            found = f"value is {self.value}, interval {self.low} to {self.high}, n {self.n}"
            raise ValueError(f"{self.table}, {self.row}, {self.metric}: {found}")

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return what a later record must share to replace this one."""
        return self.table, self.row, self.metric, self.protocol

    def renamed(self) -> "Record":
        """Return the record with the names of today for ``OLD_LABELS``."""

        def label(text: str) -> str:
            return ", ".join(OLD_LABELS.get(part, part) for part in text.split(", "))

        def prose(text: str) -> str:
            return _OLD_PHRASES.sub(lambda match: OLD_LABELS[match[0]], text)

        return replace(
            self,
            row=label(self.row),
            metric=label(self.metric),
            definition=prose(self.definition),
            protocol=prose(self.protocol),
        )


def read_records(path: str | Path) -> list[Record]:
    """Return the records of a file, none if it is missing; ValueError names a line that is none."""
    if not Path(path).is_file():
        return []
    records = []
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                records.append(Record(**json.loads(line)).renamed())
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: not a record ({error})") from error
    return records


def append_records(
    path: str | Path, records: Iterable[Record], *, replace_tables: Iterable[str] = ()
) -> None:
    """Add records to a file; one of the same key is replaced in its place.

    Of ``replace_tables`` all old records are removed, also those not given anew.
    """
    records = [record.renamed() for record in records]
    replaced = set(replace_tables)
    merged: dict[tuple[str, str, str, str], Record] = {}
    for old in read_records(path):
        if old.table in replaced:
            merged.update((new.key, new) for new in records if new.table == old.table)
        else:
            merged[old.key] = old
    merged.update((record.key, record) for record in records)
    with atomic_open(path) as stream:
        for record in merged.values():
            stream.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Estimate:
    """A value that is not the mean over a row's items; ``source`` where it is not the row's."""

    value: float | str
    n: int | None
    low: float | None = None
    high: float | None = None
    source: str | None = None
    drawn: str = ""

    @classmethod
    def percent(
        cls, share: float, n: int, interval: Sequence[float] | None = None, drawn: str = ""
    ) -> "Estimate":
        """Return a share and its interval in percent."""
        low, high = (None, None) if interval is None else (100 * end for end in interval)
        return cls(100 * share, n, low, high, drawn=drawn)


Estimates = Mapping[str, Estimate]
"""The only item of a row whose columns are no means; a column without a key has no value."""


@dataclass(frozen=True)
class Column:
    """What a table measures of the items of a row: their mean, unless said otherwise.

    Attributes:
        value: key or attribute of an item, ``a.b`` of its ``a``; None where the row has no such
            value. The ``Estimate`` of a row's only item is taken as it is.
        is_count: the sum instead of the mean, and no interval.
        weight: the same of an item's weight in the mean; None for 1.
    """

    name: str
    value: str
    unit: str
    better: str
    definition: str
    is_count: bool = False
    weight: str | None = None


@dataclass(frozen=True)
class Row:
    """What was evaluated: ``items`` (conversions, utterances ..., or the one ``Estimates``).

    ``crossing`` says which items share a speaker and which a sentence; of means only.
    """

    name: str
    items: Sequence[Any]
    protocol: str
    crossing: Crossing | None = None
    source: str = ""


def columns_of(table: str, f0_method: str = "dio", **phrases: str) -> tuple[Column, ...]:
    """Return a table's columns in ``columns.yaml``, with ``phrases`` and ``{f0}`` put in."""
    known = {"f0": describe_f0(f0_method), "dio": describe_f0("dio"), **phrases}
    known |= {name: text.format(**known) for name, text in _definitions()["phrases"].items()}
    return tuple(
        Column(
            name,
            fields.get("value", name),
            fields.get("unit", ""),
            fields.get("better", ""),
            fields["definition"].format(**known),
            fields.get("is_count", False),
            fields.get("weight"),
        )
        for name, fields in _definitions()[table].items()
    )


@cache
def _definitions() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((files("espnet2_ext.report") / "columns.yaml").read_text("utf-8"))


def _look_up(path: str, item: Any) -> Any:
    """Return the value of a path of ``Column``."""
    if isinstance(item, Mapping):
        return item.get(path)
    for name in path.split("."):
        item = None if item is None else getattr(item, name)
    return item


def records_of(
    columns: Iterable[Column],
    rows: Sequence[Row],
    *,
    table: str,
    commit: str | None = None,
    is_rounded: bool = True,
) -> list[Record]:
    """Return one record for each column and row that has a value, column by column.

    Values are rounded to six decimals if ``is_rounded``. The commit is that of this code if not
    given. ValueError if a value is there for some items of a row but not for all.
    """
    commit = _this_commit() if commit is None else commit
    records = []
    for column in columns:
        for row in rows:
            values = [_look_up(column.value, item) for item in row.items]
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
            value, low, high = found.value, found.low, found.high
            if is_rounded:
                value, low, high = map(_rounded, (value, low, high))
            records.append(
                Record(
                    table,
                    row.name,
                    column.name,
                    value,
                    "" if isinstance(value, str) else column.unit,
                    found.n,
                    column.definition,
                    row.protocol,
                    commit,
                    low,
                    high,
                    column.better,
                    found.drawn,
                    row.source if found.source is None else found.source,
                )
            )
    return records


def _mean(column: Column, values: np.ndarray, row: Row) -> Estimate:
    """Return the mean of the values (n,) with its interval, or the sum of a count."""
    if column.is_count:
        return Estimate(float(values.sum()), len(values))
    weights = None
    if column.weight is not None:
        weights = np.array([_look_up(column.weight, item) or 0.0 for item in row.items])
    mean = Estimate(float(np.average(values, weights=weights)), len(values))
    if row.crossing is None:
        return mean
    low, high = row.crossing.interval(values, weights)
    return replace(mean, low=low, high=high, drawn=row.crossing.text())


def _rounded(number: Any) -> Any:
    return round(number, 6) if isinstance(number, float) else number


def relative_path(path: str | Path, results_path: str | Path) -> str:
    """Return a file as records name it: relative to the folder of the jsonl."""
    folder = Path(results_path).resolve().parent
    return Path(os.path.relpath(Path(path).resolve(), folder)).as_posix()


def file_record(
    table: str, row: str, what: str, file: Path, caption: str, results_path: str | Path, n: int = 1
) -> Record:
    """Return the record that makes the page show a file."""
    return Record(table, row, what, relative_path(file, results_path), PATH, n, caption, "", "")


def git_commit(directory: str | Path | None = None) -> str:
    """Return the short hash of this package's code, ``+`` behind it if changed; "" outside git."""
    place = str(directory or Path(__file__).parent)

    def git(*arguments: str) -> str:
        command = ["git", "-C", place, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


_this_commit = cache(git_commit)


def environment_records(device: str = "cpu") -> list[Record]:
    """Return the environment block of ESPnet's result pages; ``device`` is the model's."""
    name = f"CPU ({platform.machine()})"
    if device != "cpu":
        import torch

        name = torch.cuda.get_device_name(device)
    facts = {
        "date": datetime.date.today().isoformat(),
        "python version": platform.python_version(),
        "espnet version": _version("espnet"),
        "pytorch version": _version("torch"),
        "espnet2_ext version": __version__,
        "Git hash": git_commit() or "unknown",
        "device": name,
        "CPU cores": str(len(os.sched_getaffinity(0))),
    }
    return [
        Record(ENVIRONMENT, fact, "value", value, TEXT, 1, "", "", "")
        for fact, value in facts.items()
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
