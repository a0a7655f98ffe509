"""From the scores of single conversions to the records of a result table."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from espnet2_ext.metrics.conversion import (
    RESYNTHESIS,
    TRUE_TARGET,
    WRONG_SENTENCE,
    score_conversions,
)
from espnet2_ext.metrics.pair_score import PairScore, crossing
from espnet2_ext.report.conversion_metrics import Metric, conversion_metrics
from espnet2_ext.report.environment import environment_records, git_commit
from espnet2_ext.report.hearing_metrics import HEARING_METRICS
from espnet2_ext.report.judges import Judges
from espnet2_ext.report.mean_record import mean_record
from espnet2_ext.report.published_evc import add_published
from espnet2_ext.report.results import Record, append_records
from espnet2_ext.report.training_settings import scheduled_sampling_text

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
    emotion_model: str | None = None,
    speaker_encoder: str | None = None,
    whisper_model: str | None = None,
    with_dnsmos: bool = False,
    with_published: bool = False,
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
        emotion_model: weights or a folder of trained recognisers, see ``find_recognisers``;
            None for no emotion accuracy.
        speaker_encoder: hub name or directory; None for no speaker cosine.
        whisper_model: name or path, see ``whisper_transcriber``; None for no word error
            rate, which needs ``text`` in ``data_dir``.
        with_dnsmos: also ask for DNSMOS.
        with_published: also the rows of [P2V] Table VII, which are of ESD.
        num_workers: processes.
        device: of the upstream, of a HiFi-GAN and of what is asked.

    Raises:
        FileNotFoundError: see ``Judges`` and ``score_conversions``.
        ValueError: see there.
    """
    judges = Judges(emotion_model, speaker_encoder, whisper_model, with_dnsmos, device)
    heard_by = judges.protocol(data_dir, pairs_dir)
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
        listen=judges.listener(),
        texts=judges.texts(data_dir, pairs_dir),
        num_workers=num_workers,
        device=device,
    )
    settings = f"{protocol}; units {unit_tag}, vocoder {vocoder}, F0 by {f0_method}"
    settings += "".join(f"; {each}" for each in heard_by)
    if train_config is not None:
        settings += f", {scheduled_sampling_text(train_config)}"
    records = summarise_scores(
        scores, table=table, protocol=settings, commit=git_commit(), f0_method=f0_method
    )
    if with_published:
        records = add_published(records, table)
    append_records(results_path, [*environment_records(device), *records])


def summarise_scores(
    scores: Sequence[PairScore], *, table: str, protocol: str, commit: str, f0_method: str = "dio"
) -> list[Record]:
    """Return the records over all pairs, then rows of zero effort and conversions by condition.

    Args:
        scores: of all rows.
        table: title.
        protocol: see ``Record``.
        commit: of the code.
        f0_method: by which the scores' mean F0 was measured.

    Raises:
        ValueError: a value is there for some pairs of a row but not for all.
    """
    metrics = (*conversion_metrics(f0_method), *HEARING_METRICS)
    records = _summarise(metrics, scores, table, protocol, commit)
    conditions = sorted({score.condition for score in scores})
    for condition in conditions if len(conditions) > 1 else ():
        chosen = [
            replace(score, row=f"{score.row}, {condition}")
            for score in scores
            if score.condition == condition and score.row not in ROWS_POOLED_ONLY
        ]
        records += _summarise(metrics, chosen, table, protocol, commit)
    return records


def _summarise(
    metrics: Sequence[Metric],
    scores: Iterable[PairScore],
    table: str,
    protocol: str,
    commit: str,
) -> list[Record]:
    """Return one record for each row and metric that the row has."""
    rows: dict[str, list[PairScore]] = {}
    for score in scores:
        rows.setdefault(score.row, []).append(score)
    records = []
    # Metric by metric, so that columns appear in this order whichever row comes first.
    for metric in metrics:
        for row, of_row in rows.items():
            values = [metric.value(score) for score in of_row]
            present = np.array([value for value in values if value is not None])
            weights = None if metric.weight is None else np.array([*map(metric.weight, of_row)])
            if len(present) == 0:
                continue
            if len(present) < len(values):
                raise ValueError(
                    f"{table}, {row}: {metric.name} is missing for "
                    f"{len(values) - len(present)} of {len(values)} pairs"
                )
            records.append(
                mean_record(
                    metric, present, crossing(of_row), table, row, protocol, commit, weights
                )
            )
    return records
