"""How good are conversions: tables of scores, examples, and scales of intensity."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.pairs import PAIRS, SCALE, read_pairs
from espnet2_ext.data.tables import read_table, require_keys
from espnet2_ext.metrics.conversion import (
    COPY_SYNTHESIS,
    GROUND_TRUTH,
    MISMATCHED_TEXT,
    PairScore,
    crossing,
    score_conversions,
    write_rows,
)
from espnet2_ext.metrics.conversion import SCORES as PAIR_SCORES
from espnet2_ext.metrics.prosody import Trend, measure_prosody, trend
from espnet2_ext.metrics.statistics import Crossing, read_speakers_and_sentences
from espnet2_ext.prosody2vec.decoding import SamplingSchedule
from espnet2_ext.report.evaluation_models import EvaluationModels
from espnet2_ext.report.figures import (
    example_records,
    mel_figure,
    read_curves,
    save_figure,
    training_figure,
)
from espnet2_ext.report.published import add_published
from espnet2_ext.report.records import (
    Column,
    Record,
    Row,
    append_records,
    columns_of,
    environment_records,
    file_record,
    records_of,
    relative_path,
)
from espnet2_ext.training.attention_figure import attention_figure

logger = logging.getLogger(__name__)

ROWS_POOLED_ONLY = (COPY_SYNTHESIS, GROUND_TRUTH, MISMATCHED_TEXT)
"""Rows that say what a metric can reach; they are not repeated for every condition."""
TRAINING = "Training"


def conversion_columns(f0_method: str = "dio") -> tuple[Column, ...]:
    """Return the columns of a table; ``f0_method`` is that of mean and deviation of F0 alone."""
    return *columns_of("conversion", f0_method), *columns_of("evaluation models")


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

    See ``score_conversions`` and ``EvaluationModels`` for the other arguments and errors.

    Args:
        protocol: what was converted with what; settings of the metrics are added.
        train_config: ``config.yaml`` of the model; None says nothing of its training.
        row_name: row of these conversions; those of a condition are ``<row>, <condition>``.
        with_reference_rows: also add ``REFERENCE_ROWS``; leave them out for a second list over the
            same sources and targets.
        with_published: also the rows of [P2V] Table VII, which are of ESD.
    """
    models = EvaluationModels(emotion_model, speaker_encoder, whisper_model, with_dnsmos, device)
    settings = [f"{protocol}; units {unit_tag}, vocoder {vocoder}, F0 by {f0_method}"]
    settings += models.protocol(data_dir, pairs_dir)
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
        predict=models.predictor(),
        texts=models.texts(data_dir, pairs_dir),
        num_workers=num_workers,
        device=device,
    )
    training = "" if train_config is None else f", {scheduled_sampling_text(train_config)}"
    records = summarise_scores(
        scores,
        table=table,
        protocol="; ".join(settings) + training,
        f0_method=f0_method,
        source=relative_path(Path(inference_dir) / PAIR_SCORES, results_path),
    )
    if with_published:
        records = add_published(records, table)
    append_records(results_path, [*environment_records(device), *records])


def scheduled_sampling_text(train_config: str | Path) -> str:
    """Return in words which scheduled sampling the model of a ``config.yaml`` was trained with."""
    configuration = yaml.safe_load(Path(train_config).read_text(encoding="utf-8"))
    fields = configuration.get("model_conf", {}).get("scheduled_sampling") or {}
    schedule = SamplingSchedule(**fields)
    if schedule.probability == 0.0:
        return "scheduled sampling off"
    return (
        f"scheduled sampling {schedule.mode}, to {schedule.probability:g} from update "
        f"{schedule.start_updates} to {schedule.end_updates}"
    )


def summarise_scores(
    scores: Sequence[PairScore],
    *,
    table: str,
    protocol: str,
    f0_method: str = "dio",
    source: str = "",
) -> list[Record]:
    """Return the records over all pairs, then rows of sources and conversions by condition."""
    columns = conversion_columns(f0_method)
    records = records_of(columns, pair_rows(scores, protocol, source), table=table)
    conditions = sorted({score.condition for score in scores})
    for condition in conditions if len(conditions) > 1 else ():
        chosen = [
            replace(score, row=f"{score.row}, {condition}")
            for score in scores
            if score.condition == condition and score.row not in ROWS_POOLED_ONLY
        ]
        rows = pair_rows(chosen, protocol, source)
        records += records_of(columns, rows, table=table)
    return records


def pair_rows(scores: Iterable[PairScore], protocol: str, source: str) -> list[Row]:
    """Return the rows of a table in order of first appearance, each with its pairs."""
    rows: dict[str, list[PairScore]] = {}
    for score in scores:
        rows.setdefault(score.row, []).append(score)
    return [Row(name, of, protocol, crossing(of), source) for name, of in rows.items()]


def report_conversion(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    output_dir: str | Path,
    results_path: str | Path,
    *,
    title: str,
    train_dir: str | Path | None = None,
) -> None:
    """Write figures and audio of the first pair of each condition, and their records.

    ``inference_dir`` holds ``wav.scp`` and ``attention.scp``, ``data_dir`` ``wav.scp`` and, where
    known, ``text``; a pair missing in one is a ValueError. ``train_dir`` adds training curves.
    """
    read = cache(read_table)

    def look_up(folder: str | Path, name: str, key: str) -> str:
        table = read(Path(folder) / name)
        require_keys(Path(folder) / name, table, [key])
        return table[key]

    first: dict[str, str] = {}
    for pair, condition in sorted(read(Path(pairs_dir) / "conditions").items()):
        first.setdefault(condition, pair)
    records = []
    for condition, pair in sorted(first.items()):
        source, prosody = look_up(pairs_dir, "pairs", pair).split()[:2]
        target = look_up(pairs_dir, "targets", pair)
        wavs = {
            "source": look_up(data_dir, "wav.scp", source),
            "reference": look_up(data_dir, "wav.scp", prosody),
            "converted": look_up(inference_dir, "wav.scp", pair),
            "ground-truth target": look_up(data_dir, "wav.scp", target),
        }
        waveforms = {what: read_audio(wav) for what, wav in wavs.items()}
        has_text = (Path(data_dir) / "text").is_file()
        sentence = look_up(data_dir, "text", source) if has_text else ""
        titles = {"reference": "reference (prosody only, other words)"}
        panels = {titles.get(what, what): waveform for what, waveform in waveforms.items()}
        heading = f"{condition}: “{sentence}”" if sentence else condition
        attention = np.load(look_up(inference_dir, "attention.scp", pair), allow_pickle=False)
        figures = {
            "mel and F0": mel_figure(panels, heading),
            "attention": attention_figure(attention, f"attention, {condition}"),
        }
        prefix = Path(output_dir) / pair
        records += example_records(
            prefix, figures, waveforms, title, condition, sentence, results_path
        )
    if train_dir is not None:
        try:
            figure = training_figure(read_curves(train_dir))
        except FileNotFoundError as error:
            logger.warning("no training curves: %s", error)
        else:
            file, name = Path(output_dir) / "training.png", Path(train_dir).name
            save_figure(figure, file)
            what = "training curves"
            records.append(file_record(TRAINING, name, what, file, "", results_path))
    append_records(results_path, records, replace_tables=[title])


# Conversions along a scale of intensity: what is measured at each, and whether it moves from
# the source towards the ground-truth target.

INTENSITY_SCORES = "intensity.tsv"
TRENDS = "intensity_trends.tsv"
MEASURES = ("F0 mean", "level", "duration")
Measured = dict[str, float]
"""`MEASURES` by name; F0 is 0 if unvoiced."""


@dataclass(frozen=True)
class ScaledPair:
    """One pair along its scale, who says what, and how each of `MEASURES` goes with intensity."""

    pair_id: str
    condition: str
    speaker: object
    sentence: object
    by_intensity: dict[float, Measured]
    source: Measured
    target: Measured
    trends: dict[str, Trend]


def report_intensity(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    results_path: str | Path,
    *,
    table: str,
    protocol: str,
    num_workers: int = 1,
) -> None:
    """Measure conversions along the scale of ``derive_pairs`` and add records.

    They are the means at each intensity by condition, and in a second table the trends;
    ``inference_dir`` gets ``intensity*.tsv``, with every value.
    """
    scaled = measure_scale(Path(inference_dir), Path(data_dir), Path(pairs_dir), num_workers)
    by_condition: dict[str, list[ScaledPair]] = {}
    for pair in sorted(scaled, key=lambda pair: pair.condition):
        by_condition.setdefault(pair.condition, []).append(pair)
    scores, trends = (Path(inference_dir) / name for name in (INTENSITY_SCORES, TRENDS))
    at_each: list[list[str | float]] = [
        [pair.pair_id, pair.condition, a, *measured.values()]
        for pair in scaled
        for a, measured in pair.by_intensity.items()
    ]
    write_rows(scores, "pair_id condition intensity f0_hz level_db duration_s".split(), at_each)
    of_pairs: list[list[str | float]] = [
        [pair.pair_id, pair.condition, name, found.correlation, found.right_steps]
        for pair in scaled
        for name, found in pair.trends.items()
    ]
    write_rows(trends, "pair_id condition measure correlation right_steps".split(), of_pairs)
    records = []

    def add(title: str, name: str, pairs: list[ScaledPair], items: list[dict], file: Path) -> None:
        shared = Crossing([pair.speaker for pair in pairs], [pair.sentence for pair in pairs])
        row = Row(name, items, protocol, shared, relative_path(file, results_path))
        columns = columns_of("intensity" if title == table else "intensity trends")
        records.extend(records_of(columns, [row], table=title))

    for condition, pairs in by_condition.items():
        add(table, f"{condition}, source", pairs, [pair.source for pair in pairs], scores)
        for a in pairs[0].by_intensity:
            measured = [pair.by_intensity[a] for pair in pairs]
            add(table, f"{condition}, a = {a:g}", pairs, measured, scores)
        target = f"{condition}, ground-truth target"
        add(table, target, pairs, [pair.target for pair in pairs], scores)
    for name, pairs in {"all": scaled, **by_condition}.items():
        items = [
            {f"{measure}: correlation": each.correlation for measure, each in pair.trends.items()}
            | {f"{measure}: right steps": each.right_steps for measure, each in pair.trends.items()}
            for pair in pairs
        ]
        add(f"{table}: trends", name, pairs, items, trends)
    append_records(results_path, records, replace_tables=[table, f"{table}: trends"])


def measure_scale(
    inference_dir: Path, data_dir: Path, pairs_dir: Path, num_workers: int
) -> list[ScaledPair]:
    """Return the measures of all pairs; see ``report_intensity``."""
    converted = read_table(inference_dir / "wav.scp")
    wavs = read_table(data_dir / "wav.scp")
    scale = {name: value.split() for name, value in read_table(pairs_dir / SCALE).items()}
    targets, conditions = read_table(pairs_dir / "targets"), read_table(pairs_dir / "conditions")
    sources = {pair.pair_id: pair.source for pair in read_pairs(pairs_dir / PAIRS)}
    if not sources:
        raise ValueError(f"{pairs_dir / PAIRS}: holds no pairs")
    require_keys(inference_dir / "wav.scp", converted, scale, "run inference again")
    files = {converted[name] for name in scale}
    files |= {wavs[name] for name in (*sources.values(), *targets.values())}
    measured = {
        file: dict(zip(MEASURES, (m.f0_mean_hz or 0.0, m.level_db, m.duration_s), strict=True))
        for file, m in zip(sorted(files), measure_prosody(sorted(files), num_workers))
    }
    by_parent: dict[str, dict[float, str]] = {}
    for name, (parent, intensity) in sorted(scale.items(), key=lambda line: float(line[1][1])):
        by_parent.setdefault(parent, {})[float(intensity)] = name
    names = [min(of_parent.values()) for _, of_parent in sorted(by_parent.items())]
    shared = read_speakers_and_sentences(data_dir, [sources[name] for name in names])
    scaled = []
    for name, speaker, sentence in zip(names, shared.rows, shared.columns, strict=True):
        parent, source, target = scale[name][0], wavs[sources[name]], wavs[targets[name]]
        ends = measured[source], measured[target]
        along = {a: measured[converted[each]] for a, each in by_parent[parent].items()}
        trends = {
            measure: trend({a: at[measure] for a, at in along.items()}, *(e[measure] for e in ends))
            for measure in MEASURES
        }
        scaled.append(ScaledPair(parent, conditions[name], speaker, sentence, along, *ends, trends))
    return scaled
