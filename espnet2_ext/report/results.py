"""``exp/results.jsonl``: every number of every table, one record a line."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open

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
