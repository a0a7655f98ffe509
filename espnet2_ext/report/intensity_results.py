"""From conversions along an intensity scale to the records of a result table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.table import read_table
from espnet2_ext.metrics.f0 import describe_f0
from espnet2_ext.metrics.intensity import Trend, trend
from espnet2_ext.metrics.prosody_measures import ProsodyMeasures, measure_prosody
from espnet2_ext.metrics.statistics import Crossing, read_speakers_and_sentences
from espnet2_ext.prosody2vec.pair_rules import SCALE
from espnet2_ext.prosody2vec.pairs import PAIRS, read_pairs
from espnet2_ext.report.environment import git_commit
from espnet2_ext.report.results import Record, append_records

SCORES = "intensity.tsv"
TRENDS = "intensity_trends.tsv"
COLUMNS = ("pair_id", "condition", "intensity", "f0_hz", "level_db", "duration_s")
TREND_COLUMNS = ("pair_id", "condition", "measure", "correlation", "right_steps")


@dataclass(frozen=True)
class Measure:
    """One thing that is followed; ``value`` is 0 Hz for speech without a voiced frame."""

    name: str
    unit: str
    value: Callable[[ProsodyMeasures], float]


MEASURES = (
    Measure("F0 mean", "Hz", lambda m: m.f0_mean_hz or 0.0),
    Measure("level", "dB", lambda m: m.level_db),
    Measure("duration", "s", lambda m: m.duration_s),
)
MEAN_DEFINITION = (
    f"mean over pairs; F0 over voiced frames, 0 Hz where nothing is voiced, {describe_f0('dio')}; "
    "level is the mean power of the 20 ms frames within 30 dB of the strongest; duration in "
    "seconds."
)
CORRELATION_DEFINITION = (
    "Spearman's rank correlation of the intensity and this measure over the scale, a pair at a "
    "time and then the mean; positive where it goes the way from the source to the true target; "
    "0 where it does not move."
)
STEPS_DEFINITION = (
    "share of the steps from one intensity to the next in which this measure goes the way from "
    "the source to the true target."
)


@dataclass(frozen=True)
class ScaledPair:
    """One pair along its scale: who says what, and everything measured."""

    pair_id: str
    condition: str
    speaker: str
    sentence: str
    by_intensity: dict[float, ProsodyMeasures]
    source: ProsodyMeasures
    target: ProsodyMeasures

    def trend(self, measure: Measure) -> Trend:
        """Return how a measure goes with the intensity."""
        values = {a: measure.value(measured) for a, measured in self.by_intensity.items()}
        return trend(values, measure.value(self.source), measure.value(self.target))


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
    """Measure conversions along a scale, write ``intensity*.tsv`` and add records.

    Args:
        inference_dir: holds ``wav.scp`` of the conversions; gets ``intensity.tsv``.
        data_dir: holds ``wav.scp`` of sources and targets.
        pairs_dir: of ``derive_pairs``: ``pairs targets conditions scale``.
        results_path: the jsonl.
        table: title.
        protocol: what was converted with what.
        num_workers: processes.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a pair was not converted, or there are none.
    """
    scaled = measure_scale(inference_dir, data_dir, pairs_dir, num_workers)
    _write_tsvs(Path(inference_dir), scaled)
    records = summarise_scale(scaled, table, protocol, git_commit())
    append_records(results_path, records, replace_tables=[table, f"{table}: trends"])


def _write_tsvs(folder: Path, scaled: Sequence[ScaledPair]) -> None:
    """Write every measure and every trend, from which the tables can be rebuilt."""
    with atomic_open(folder / SCORES) as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for pair in scaled:
            for a, measured in pair.by_intensity.items():
                values = [f"{measure.value(measured):.6g}" for measure in MEASURES]
                stream.write("\t".join([pair.pair_id, pair.condition, f"{a:g}", *values]) + "\n")
    with atomic_open(folder / TRENDS) as stream:
        stream.write("\t".join(TREND_COLUMNS) + "\n")
        for pair in scaled:
            for measure in MEASURES:
                found = pair.trend(measure)
                values = [measure.name, f"{found.correlation:.6g}", f"{found.right_steps:.6g}"]
                stream.write("\t".join([pair.pair_id, pair.condition, *values]) + "\n")


def measure_scale(
    inference_dir: str | Path, data_dir: str | Path, pairs_dir: str | Path, num_workers: int
) -> list[ScaledPair]:
    """Return the measures of all pairs; see ``report_intensity``."""
    pairs_dir = Path(pairs_dir)
    converted = read_table(Path(inference_dir) / "wav.scp")
    wavs = read_table(Path(data_dir) / "wav.scp")
    scale = {name: value.split() for name, value in read_table(pairs_dir / SCALE).items()}
    targets, conditions = read_table(pairs_dir / "targets"), read_table(pairs_dir / "conditions")
    pairs = {pair.pair_id: pair for pair in read_pairs(pairs_dir / PAIRS)}
    if not pairs:
        raise ValueError(f"{pairs_dir / PAIRS}: holds no pairs")
    if lacking := sorted(scale.keys() - converted.keys()):
        raise ValueError(f"{inference_dir}/wav.scp: lacks {lacking[0]}; run inference again")
    files = {converted[name] for name in scale}
    files |= {wavs[pair.source] for pair in pairs.values()} | {wavs[t] for t in targets.values()}
    ordered = sorted(files)
    measured = dict(zip(ordered, measure_prosody(ordered, num_workers), strict=True))
    by_parent: dict[str, dict[float, str]] = {}
    for name, (parent, intensity) in scale.items():
        by_parent.setdefault(parent, {})[float(intensity)] = name
    parents = sorted(by_parent.items())
    spoken = [pairs[min(names.values())].source for _, names in parents]
    shared = read_speakers_and_sentences(data_dir, spoken)
    return [
        ScaledPair(
            parent,
            conditions[min(names.values())],
            str(speaker),
            str(sentence),
            {a: measured[converted[name]] for a, name in sorted(names.items())},
            measured[wavs[pairs[min(names.values())].source]],
            measured[wavs[targets[min(names.values())]]],
        )
        for (parent, names), speaker, sentence in zip(
            parents, shared.rows, shared.columns, strict=True
        )
    ]


def summarise_scale(
    scaled: Sequence[ScaledPair], table: str, protocol: str, commit: str
) -> list[Record]:
    """Return the means at each intensity by condition, and a second table of the trends."""
    by_condition: dict[str, list[ScaledPair]] = {}
    for pair in sorted(scaled, key=lambda pair: pair.condition):
        by_condition.setdefault(pair.condition, []).append(pair)

    def record(
        title: str,
        row: str,
        metric: str,
        values: Sequence[float],
        unit: str,
        definition: str,
        better: str,
        pairs: Sequence[ScaledPair],
    ) -> Record:
        shared = Crossing([pair.speaker for pair in pairs], [pair.sentence for pair in pairs])
        array = np.asarray(values, dtype=np.float64)
        low, high = (round(end, 6) for end in shared.interval(array))
        value = round(float(array.mean()), 6)
        where = (title, row, metric, value, unit, len(array), definition, protocol, commit)
        return Record(*where, low=low, high=high, better=better, drawn=shared.text())

    records = []
    for condition, pairs in by_condition.items():
        stages = {"source": [pair.source for pair in pairs]}
        for a in pairs[0].by_intensity:
            stages[f"a = {a:g}"] = [pair.by_intensity[a] for pair in pairs]
        stages["true target"] = [pair.target for pair in pairs]
        for stage, measured in stages.items():
            for measure in MEASURES:
                values = [measure.value(each) for each in measured]
                row = f"{condition}, {stage}"
                records.append(
                    record(
                        table,
                        row,
                        measure.name,
                        values,
                        measure.unit,
                        MEAN_DEFINITION,
                        "",
                        pairs,
                    )
                )
    for row, pairs in {"all": list(scaled), **by_condition}.items():
        for measure in MEASURES:
            trends = [pair.trend(measure) for pair in pairs]
            for what, unit, values, definition in (
                ("correlation", "", [t.correlation for t in trends], CORRELATION_DEFINITION),
                ("right steps", "share", [t.right_steps for t in trends], STEPS_DEFINITION),
            ):
                metric, title = f"{measure.name}: {what}", f"{table}: trends"
                records.append(
                    record(title, row, metric, values, unit, definition, "higher", pairs)
                )
    return records
