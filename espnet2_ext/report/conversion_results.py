"""From the scores of single conversions to the records of a result table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from espnet2_ext.metrics.bootstrap import bootstrap_interval
from espnet2_ext.metrics.conversion import (
    RESYNTHESIS,
    TRUE_TARGET,
    WRONG_SENTENCE,
    score_conversions,
)
from espnet2_ext.metrics.pair_score import PairScore
from espnet2_ext.report.environment import environment_records, git_commit
from espnet2_ext.report.results import Record, append_records
from espnet2_ext.report.training_settings import scheduled_sampling_text


@dataclass(frozen=True)
class Metric:
    """A column of the table: the mean of one value over pairs.

    Attributes:
        name: heads the column.
        value: of a pair; None where the row has no such value.
        unit: see ``Record``.
        better: see ``Record``.
        definition: one sentence.
        is_count: the sum is told instead of the mean, and no interval.
    """

    name: str
    value: Callable[[PairScore], float | None]
    unit: str
    better: str
    definition: str
    is_count: bool = False


def _is_unvoiced(score: PairScore) -> float | None:
    if score.f0_error_percent is None:
        return None
    return float(score.f0_hz is None)


METRICS = (
    Metric(
        "F0-mean error",
        lambda score: score.f0_error_percent,
        "%",
        "lower",
        "|difference of mean F0 over voiced frames| in percent of the true target's, mean over "
        "pairs; F0 as in espnet2_ext/metrics/f0.py by the method the protocol names; an "
        "utterance without a voiced frame counts as 100 %.",
    ),
    Metric(
        "duration error",
        lambda score: score.duration_error_percent,
        "%",
        "lower",
        "|difference in length| in percent of the true target's, silences included.",
    ),
    Metric(
        "energy error",
        lambda score: score.level_error_db,
        "dB",
        "lower",
        "|difference in level to the true target|; level is the mean power of the 20 ms frames "
        "within 30 dB of the strongest.",
    ),
    Metric(
        "forward",
        lambda score: score.forward_share,
        "share",
        "higher",
        "share of decoder steps whose most attended unit is not before the last step's.",
    ),
    Metric(
        "consumed",
        lambda score: score.consumed_share,
        "share",
        "higher",
        "furthest most-attended unit, 0 the first and 1 the last of the source's units.",
    ),
    Metric(
        "stopped",
        lambda score: score.stopped,
        "share",
        "higher",
        "share of conversions ended by the stop token, not by the limit on length.",
    ),
    Metric(
        "looped",
        lambda score: score.looped,
        "share",
        "lower",
        "share of conversions in which attention falls more than 3 units behind the furthest "
        "one reached.",
    ),
    Metric(
        "unit error rate",
        lambda score: score.unit_error_rate,
        "",
        "lower",
        "edits between the units of the speech and the source's units, both de-duplicated, per "
        "unit of the source; mean over pairs.",
    ),
    Metric(
        "unvoiced",
        _is_unvoiced,
        "count",
        "lower",
        "utterances without a voiced frame.",
        is_count=True,
    ),
)

ROWS_POOLED_ONLY = (RESYNTHESIS, TRUE_TARGET, WRONG_SENTENCE)
"""Rows that say what a metric can reach; they are not repeated for every condition."""


def report_scores(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    centroids_path: str | Path,
    results_path: str | Path,
    *,
    unit_tag: str,
    table: str,
    protocol: str,
    train_config: str | Path | None = None,
    row_name: str = "converted",
    with_reference_rows: bool = True,
    vocoder: str = "griffin_lim",
    f0_method: str = "dio",
    num_workers: int = 1,
    device: str = "cpu",
) -> None:
    """Score an inference directory and add its rows to ``results.jsonl``.

    Args:
        inference_dir: see ``score_conversions``.
        data_dir: see there.
        pairs_dir: see there.
        centroids_path: see there.
        results_path: the jsonl.
        unit_tag: which ``units_<tag>``.
        table: title; a condition's rows are called ``<row>, <condition>``.
        protocol: what was converted with what; settings of the metrics are added.
        train_config: ``config.yaml`` of the model; None says nothing of its training.
        row_name: row of these conversions.
        with_reference_rows: also add zero effort, resynthesis, true target and wrong
            sentence; leave them out for a second list over the same sources and targets.
        vocoder: of resynthesis.
        f0_method: see ``f0_contour``.
        num_workers: processes.
        device: of the upstream and of a HiFi-GAN.
    """
    scores = score_conversions(
        inference_dir,
        data_dir,
        pairs_dir,
        centroids_path,
        unit_tag=unit_tag,
        row_name=row_name,
        with_reference_rows=with_reference_rows,
        vocoder=vocoder,
        f0_method=f0_method,
        num_workers=num_workers,
        device=device,
    )
    settings = f"{protocol}; units {unit_tag}, vocoder {vocoder}, F0 by {f0_method}"
    if train_config is not None:
        settings += f", {scheduled_sampling_text(train_config)}"
    records = summarise_scores(scores, table=table, protocol=settings, commit=git_commit())
    append_records(results_path, [*environment_records(device), *records])


def summarise_scores(
    scores: Sequence[PairScore], *, table: str, protocol: str, commit: str
) -> list[Record]:
    """Return the records over all pairs, then rows of zero effort and conversions by condition.

    Raises:
        ValueError: a value is there for some pairs of a row but not for all.
    """
    records = _summarise(scores, table, protocol, commit)
    conditions = sorted({score.condition for score in scores})
    for condition in conditions if len(conditions) > 1 else ():
        chosen = [
            replace(score, row=f"{score.row}, {condition}")
            for score in scores
            if score.condition == condition and score.row not in ROWS_POOLED_ONLY
        ]
        records += _summarise(chosen, table, protocol, commit)
    return records


def _summarise(scores: Iterable[PairScore], table: str, protocol: str, commit: str) -> list[Record]:
    """Return one record for each row and metric that the row has."""
    rows: dict[str, list[PairScore]] = {}
    for score in scores:
        rows.setdefault(score.row, []).append(score)
    records = []
    # Metric by metric, so that columns appear in this order whichever row comes first.
    for metric in METRICS:
        for row, of_row in rows.items():
            values = [metric.value(score) for score in of_row]
            present = np.array([value for value in values if value is not None])
            if len(present) == 0:
                continue
            if len(present) < len(values):
                raise ValueError(
                    f"{table}, {row}: {metric.name} is missing for "
                    f"{len(values) - len(present)} of {len(values)} pairs"
                )
            records.append(_record(metric, present, table, row, protocol, commit))
    return records


def _record(
    metric: Metric, values: np.ndarray, table: str, row: str, protocol: str, commit: str
) -> Record:
    """Return the mean (or sum) of the values with its interval."""
    low, high = (None, None) if metric.is_count else bootstrap_interval(values)
    value = values.sum() if metric.is_count else values.mean()
    return Record(
        table=table,
        row=row,
        metric=metric.name,
        value=round(float(value), 6),
        unit=metric.unit,
        n=len(values),
        definition=metric.definition,
        protocol=protocol,
        commit=commit,
        low=None if low is None else round(low, 6),
        high=None if high is None else round(high, 6),
        better=metric.better,
    )
