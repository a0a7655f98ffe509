"""One cell of a result table: the mean of a column over utterances, with its interval."""

from typing import Protocol

import numpy as np

from espnet2_ext.metrics.bootstrap import bootstrap_interval
from espnet2_ext.report.results import Record


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
    column: Column, values: np.ndarray, table: str, row: str, protocol: str, commit: str
) -> Record:
    """Return the mean of the values with its bootstrap interval, or the sum of a count.

    Args:
        column: heads the values.
        values: (n,), none missing.
        table: see ``Record``, as are the others.
        row: see there.
        protocol: see there.
        commit: see there.
    """
    low, high = (None, None) if column.is_count else bootstrap_interval(values)
    value = values.sum() if column.is_count else values.mean()
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
    )
