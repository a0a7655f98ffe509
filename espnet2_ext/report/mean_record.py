"""One cell of a result table: the mean of a column over utterances, with its interval."""

from typing import Protocol

import numpy as np

from espnet2_ext.metrics.statistics import Crossing
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
