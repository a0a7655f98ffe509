"""How much damage to its source a conversion bears: every condition, a table, a figure.

Source: [P2V] V-E, which tells in words of a few units replaced or removed.
Deviation: shares, noises, rooms and all numbers are not in paper.
"""

import hashlib
import json
import logging
import math
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from espnet2_ext.conversion.batch import convert_pairs
from espnet2_ext.data.audio import read_audio, to_int16, write_flac
from espnet2_ext.data.pairs import PROSODY_MIX, Pair, read_pairs
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_int_table, read_table, write_table
from espnet2_ext.metrics.content import unit_error_rate
from espnet2_ext.metrics.conversion import (
    COLUMNS,
    SCORES,
    PairScore,
    crossing,
    load_unit_encoder,
    read_scores,
    score_conversions,
)
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.report.conversion import conversion_columns, pair_rows
from espnet2_ext.report.damage import add_noise, babble, drop_units, replace_units, reverberate
from espnet2_ext.report.figures import save_figure
from espnet2_ext.report.records import (
    Record,
    Row,
    append_records,
    columns_of,
    environment_records,
    file_record,
    records_of,
    relative_path,
)
from espnet2_ext.units.centroids import Centroids, UnitEncoderPipeline

logger = logging.getLogger(__name__)

CLEAN = "clean"
REPLACED = "replaced"
DROPPED = "dropped"
WHITE = "white"
BABBLE = "babble"
REVERBERATION = "reverberation"
UNIT_KINDS = (REPLACED, DROPPED)
NOISES = (WHITE, BABBLE)
AUDIO_KINDS = (*NOISES, REVERBERATION)
ROWS = {
    CLEAN: "clean source",
    REPLACED: "{:g} % of units replaced",
    DROPPED: "{:g} % of units dropped",
    WHITE: "white noise, SNR {:g} dB",
    BABBLE: "babble, SNR {:g} dB",
    REVERBERATION: "reverberation, RT60 {:g} s",
}
NUM_TALKERS = 6
"""Voices of the babble: of so many no word is understood."""
MAX_DIFFERENCE = 0.05
"""Units of clean audio may differ this much from the table: another device, no more."""
DAMAGE = (
    "damaged is the source alone, prosody reference and speaker vector are of clean audio; a "
    "replaced unit becomes any other but its neighbours, a dropped one is gone; SNR over active "
    "speech (20 ms frames within 30 dB of the strongest), babble of 6 utterances by other "
    "speakers; rooms are exponentially decaying noise as strong as the direct sound"
)


@dataclass(frozen=True)
class Condition:
    """One way and amount of damage: share of units, SNR in dB or RT60 in seconds; 0 for clean.

    ValueError if the kind is none of `ROWS`, or the amount impossible.
    """

    kind: str
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ROWS:
            raise ValueError(f"condition {self.kind!r}: expected one of {', '.join(ROWS)}")
        if self.kind in UNIT_KINDS and not 0.0 <= self.amount < 1.0:
            raise ValueError(f"a share of {self.kind} units must lie in [0, 1): {self.amount}")
        if self.kind in NOISES and not math.isfinite(self.amount):
            raise ValueError(f"the SNR of {self.kind} noise must be finite: {self.amount}")
        if self.kind == REVERBERATION and not 0.0 < self.amount < math.inf:
            raise ValueError(f"RT60 must lie above 0 s and be finite: {self.amount}")

    @property
    def row(self) -> str:
        """Return its name in the table."""
        return ROWS[self.kind].format(self.amount * (100.0 if self.kind in UNIT_KINDS else 1.0))

    @property
    def folder(self) -> str:
        """Return the name of its folder."""
        return self.kind if self.kind == CLEAN else f"{self.kind}_{self.amount:g}"


def study_conditions(
    shares: Iterable[float],
    snrs_db: Iterable[float],
    rt60s_s: Iterable[float],
    noises: Iterable[str] = NOISES,
) -> list[Condition]:
    """Return every condition once, the clean source first; a share of 0 is that one.

    Shares are of units replaced, and likewise dropped; SNRs of each of the ``noises``, white and
    babble.
    """
    shares, snrs_db = list(shares), list(snrs_db)
    damaged = [Condition(kind, share) for kind in UNIT_KINDS for share in shares if share != 0.0]
    for noise in noises:
        if noise not in NOISES:
            raise ValueError(f"noise {noise!r}: expected one of {', '.join(NOISES)}")
        damaged += [Condition(noise, snr_db) for snr_db in snrs_db]
    damaged += [Condition(REVERBERATION, rt60_s) for rt60_s in rt60s_s]
    return list(dict.fromkeys([Condition(CLEAN), *damaged]))


PAIR_TABLES = ("pairs", "targets", "conditions")
MISMATCHED_TEXT = "wrong_sentence"


def choose_pairs(
    pairs_dir: str | Path, output_dir: str | Path, max_pairs: int | None = None
) -> tuple[int, int]:
    """Write a pairs directory with evenly chosen pairs; return how many, and of how many.

    Conditions take turns, and each goes on in its list where the one before stopped: every
    condition and voice has its share, and pairs share a source only where there are more
    pairs than sources. ValueError if there are no pairs, or a table lacks one.
    """
    pairs_dir, output_dir = Path(pairs_dir), Path(output_dir)
    tables = {name: read_table(pairs_dir / name) for name in PAIR_TABLES}
    if not tables["pairs"]:
        raise ValueError(f"{pairs_dir / 'pairs'}: holds no pairs")
    if max_pairs is not None and max_pairs < 1:
        raise ValueError(f"max_pairs {max_pairs}: at least one pair is needed")
    if (pairs_dir / PROSODY_MIX).is_file():
        tables[PROSODY_MIX] = read_table(pairs_dir / PROSODY_MIX)
    else:  # That of another list would change the prosody.
        (output_dir / PROSODY_MIX).unlink(missing_ok=True)
    for name, table in tables.items():
        _check_has(pairs_dir / name, table, tables["pairs"])
    number = min(len(tables["pairs"]), max_pairs or len(tables["pairs"]))
    sources = {pair: value.split()[0] for pair, value in tables["pairs"].items()}
    chosen = _spread(tables["conditions"], dict(sorted(sources.items())), number)
    for name, table in tables.items():
        write_table(output_dir / name, {pair: table[pair] for pair in chosen})
    if (pairs_dir / MISMATCHED_TEXT).is_file():
        wrong = read_table(pairs_dir / MISMATCHED_TEXT)
        heads = {sources[pair] for pair in chosen}
        write_table(output_dir / MISMATCHED_TEXT, {s: wrong[s] for s in heads & wrong.keys()})
    return number, len(tables["pairs"])


def _spread(conditions: Mapping[str, str], sources: Mapping[str, str], number: int) -> list[str]:
    """Return some of the pairs, see ``choose_pairs``; ``sources`` has all of them, sorted."""
    lists: dict[str, list[str]] = {}
    for pair in sources:
        lists.setdefault(conditions[pair], []).append(pair)
    in_turn = list(lists.values())
    can_differ = number <= len(set(sources.values()))
    distinct = sources if can_differ else {pair: pair for pair in sources}
    chosen: dict[str, str] = {}  # by what no two of them share

    def take_first(pairs: Iterable[str]) -> None:
        new = next((pair for pair in pairs if distinct[pair] not in chosen), None)
        if new is not None:
            chosen[distinct[new]] = new

    for place in range(number):
        of_condition = in_turn[place % len(in_turn)]
        first = (2 * place + 1) * len(of_condition) // (2 * number)
        take_first([*of_condition[first:], *of_condition[:first]])
    # A condition with few pairs may have no further one; others fill its place.
    while len(chosen) < number:
        take_first(sources)
    return sorted(chosen.values())


def _check_has(path: Path, table: Mapping, keys: Iterable[str]) -> None:
    if lacking := set(keys) - table.keys():
        raise ValueError(
            f"{path}: lacks {len(lacking)} keys that the pairs need, for example {min(lacking)}; "
            "take those pairs out or write the table again"
        )


@dataclass(frozen=True)
class StudySet:
    """The clean data that all conditions share.

    Attributes:
        units: sources, sorted, to their units (U,); ``run_lengths`` to those of their units.
        wavs: all utterances to audio files; ``utt2spk`` to speakers.
        vectors: speaker utterances to the places of their vectors in an ark.
    """

    path: Path
    unit_tag: str
    pairs: list[Pair]
    units: dict[str, np.ndarray]
    run_lengths: dict[str, np.ndarray]
    wavs: dict[str, str]
    vectors: dict[str, str]
    utt2spk: dict[str, str]


def read_study_set(data_dir: str | Path, unit_tag: str, pairs_dir: str | Path) -> StudySet:
    """Return the clean data of the pairs of ``choose_pairs``.

    ``data_dir`` holds ``wav.scp utt2spk spk_embed.scp units_<tag> unit_durations_<tag>``, without
    contradictions (ValueError).
    """
    data_dir = Path(data_dir)
    pairs = read_pairs(Path(pairs_dir) / "pairs")
    sources = sorted({pair.source for pair in pairs})
    int_tables = []
    for name in (f"units_{unit_tag}", f"unit_durations_{unit_tag}"):
        table = read_int_table(data_dir / name)
        _check_has(data_dir / name, table, sources)
        int_tables.append({source: np.array(table[source]) for source in sources})
    units, run_lengths = int_tables
    for source in sources:
        if units[source].shape != run_lengths[source].shape:
            raise ValueError(
                f"{data_dir}/unit_durations_{unit_tag}: {source}: {len(run_lengths[source])} "
                f"durations for {len(units[source])} units; extract the units again"
            )
    wavs, vectors, utt2spk = (
        read_table(data_dir / name) for name in ("wav.scp", "spk_embed.scp", "utt2spk")
    )
    prosody = {utterance for pair in pairs for utterance in pair.prosody_utterances}
    _check_has(data_dir / "wav.scp", wavs, {*sources, *prosody})
    _check_has(data_dir / "spk_embed.scp", vectors, [pair.speaker for pair in pairs])
    _check_has(data_dir / "utt2spk", utt2spk, sources)
    return StudySet(data_dir, unit_tag, pairs, units, run_lengths, wavs, vectors, utt2spk)


@dataclass
class SourceDamage:
    """Damages the sources of a study, each always in the same way.

    ``centroids_path`` made the units and encodes damaged audio on ``device``; another ``seed``
    draws other places, noises and rooms.
    """

    study: StudySet
    centroids_path: str | Path
    seed: int = 0
    device: str = "cpu"

    def write(self, condition: Condition, folder: str | Path) -> None:
        """Write a data directory whose units are those of the damaged sources.

        It gets the clean ``wav.scp`` and ``spk_embed.scp`` of those who give prosody and voice and,
        where the audio was damaged, ``damaged_wav.scp`` and the audio itself. ValueError if clean
        sources have other units than the table, or a source cannot be damaged.
        """
        folder, study = Path(folder), self.study
        encoder = self._encoder if condition.kind in AUDIO_KINDS else None
        damaged, wavs = {}, {}
        for source in study.units:
            try:
                if encoder:
                    wavs[source] = folder / "wav" / f"{source}.flac"
                    write_flac(wavs[source], to_int16(self._audio(condition, source)))
                    # From the file: what can be listened to is what was encoded.
                    damaged[source] = encoder.encode(read_audio(wavs[source]))
                else:
                    damaged[source] = self._units(condition, source)
            except ValueError as error:
                raise ValueError(f"{study.path}: {source}: {condition.row}: {error}") from error
        for index, name in enumerate(("units", "unit_durations")):
            lines = {key: " ".join(map(str, both[index])) for key, both in damaged.items()}
            write_table(folder / f"{name}_{study.unit_tag}", lines)
        prosody = {name for pair in study.pairs for name in pair.prosody_utterances}
        write_table(folder / "wav.scp", {name: study.wavs[name] for name in prosody})
        vectors = {p.speaker: study.vectors[p.speaker] for p in study.pairs}
        write_table(folder / "spk_embed.scp", vectors)
        if wavs:
            write_table(folder / "damaged_wav.scp", wavs)

    def _units(self, condition: Condition, source: str) -> tuple[np.ndarray, np.ndarray]:
        """Return units (U,) and durations (U,) of a source, its units damaged or clean."""
        clean = self.study.units[source], self.study.run_lengths[source]
        generator = self._generator(condition, source)
        if condition.kind == REPLACED:
            return replace_units(*clean, condition.amount, self._num_units, generator)
        if condition.kind == DROPPED:
            return drop_units(*clean, condition.amount, generator)
        return clean

    def _audio(self, condition: Condition, source: str) -> np.ndarray:
        """Return the waveform (N,) of a source, its audio damaged."""
        speech = read_audio(self.study.wavs[source])
        generator = self._generator(condition, source)
        if condition.kind == REVERBERATION:
            return reverberate(speech, condition.amount, generator)
        if condition.kind == WHITE:
            noise = generator.standard_normal(len(speech))
        else:
            noise = babble(self._talkers(source, generator), len(speech), generator)
        return add_noise(speech, noise, condition.amount)

    def _generator(self, condition: Condition, source: str) -> np.random.Generator:
        """Return the same stream for every amount, so that amounts differ in nothing else."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{condition.kind} {source}".encode())])

    def _talkers(self, source: str, generator: np.random.Generator) -> list[np.ndarray]:
        wavs, speakers = self.study.wavs, self.study.utt2spk
        speaker = speakers[source]
        others = sorted(name for name in speakers.keys() & wavs if speakers[name] != speaker)
        if len(others) < NUM_TALKERS:
            raise ValueError(
                f"babble needs {NUM_TALKERS} utterances of other speakers than {speaker}, there "
                f"are {len(others)}; leave babble out (--noises white)"
            )
        chosen = generator.choice(others, NUM_TALKERS, replace=False)
        return [read_audio(wavs[name]) for name in chosen]

    @cached_property
    def _num_units(self) -> int:
        return Centroids.load(self.centroids_path).num_clusters

    @cached_property
    def _encoder(self) -> UnitEncoderPipeline:
        """Load the encoder; ValueError unless it makes the units of the table of clean audio."""
        encoder = load_unit_encoder(str(self.centroids_path), self.device)
        rates = {}
        for source, units in self.study.units.items():
            encoded, _ = encoder.encode(read_audio(self.study.wavs[source]))
            rates[source] = unit_error_rate(units.tolist(), encoded.tolist())
        mean = sum(rates.values()) / len(rates)
        if mean > MAX_DIFFERENCE:
            worst = max(rates, key=lambda source: rates[source])
            raise ValueError(
                f"{self.study.path}/units_{self.study.unit_tag}: {100 * mean:.0f} % of the units "
                f"of clean sources are not what the centroids make of their audio, for example "
                f"of {worst}; give the centroids they were made with"
            )
        return encoder


def input_error_rates(study: StudySet, folder: str | Path) -> dict[str, float]:
    """Return pair to the unit error rate of ``SourceDamage.write``'s units to the clean ones."""
    given = read_int_table(Path(folder) / f"units_{study.unit_tag}")
    return {
        pair.pair_id: unit_error_rate(study.units[pair.source].tolist(), given[pair.source])
        for pair in study.pairs
    }


@dataclass(frozen=True)
class ConversionSettings:
    """With what is converted and scored; see ``convert_pairs``. The seed is of the damage."""

    model_file: str | Path
    centroids_path: str | Path
    train_config: str | Path | None = None
    compensation_data_dir: str | Path | None = None
    compensation_speaker_dir: str | Path | None = None
    vocoder: str = "griffin_lim"
    limits: GenerationLimits = GenerationLimits()
    seed: int = 0
    num_workers: int = 1
    device: str = "cpu"

    def fingerprint(self, study: StudySet, pairs_dir: Path, condition: Condition) -> str:
        """Return all that the scores depend on, as text."""
        clean = {source: units.tolist() for source, units in study.units.items()}
        tables = [(path.name, path.read_bytes()) for path in sorted(pairs_dir.iterdir())]
        content = {
            "condition": asdict(condition),
            "model": _digest(Path(self.model_file).read_bytes()),
            "centroids": _digest(Path(self.centroids_path).read_bytes()),
            "data_dir": str(study.path),
            "units": _digest(repr((study.unit_tag, clean)).encode()),
            "pairs": _digest(repr(tables).encode()),
            "contrast": [
                str(self.compensation_data_dir or ""),
                str(self.compensation_speaker_dir or ""),
            ],
            "vocoder": self.vocoder,
            "limits": asdict(self.limits),
            "seed": self.seed,
            "scores": COLUMNS,
        }
        return json.dumps(content, indent=1)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class ConditionResult:
    """What a condition did to each pair; the clean source also has the reference rows."""

    condition: Condition
    scores: list[PairScore]
    input_error_rates: dict[str, float]
    source: str = ""

    @property
    def error_rates(self) -> dict[str, float]:
        """Return pair to the unit error rate of its conversion, where it has one."""
        return {
            score.pair_id: score.unit_error_rate
            for score in self.scores
            if score.row == self.condition.row and score.unit_error_rate is not None
        }


def run_condition(
    condition: Condition,
    damage: SourceDamage,
    pairs_dir: Path,
    out_dir: Path,
    settings: ConversionSettings,
) -> ConditionResult:
    """Convert and score the pairs under a condition; one that is complete is read, not run again.

    ``<out_dir>/<condition>`` gets ``data/``, ``conversion/`` and ``settings.json``.
    """
    study, folder = damage.study, out_dir / condition.folder
    fingerprint = settings.fingerprint(study, pairs_dir, condition)
    kept, conversions = folder / "settings.json", folder / "conversion"
    is_same = kept.is_file() and kept.read_text(encoding="utf-8") == fingerprint
    if is_same and (conversions / SCORES).is_file():
        logger.info("%s: complete, kept", folder)
    else:
        if not is_same:
            # Conversions of other units would otherwise be taken for these.
            shutil.rmtree(conversions, ignore_errors=True)
            with atomic_open(kept) as stream:
                stream.write(fingerprint)
        damage.write(condition, folder / "data")
        options = vars(settings).copy()
        del options["seed"]  # Of the damage.
        centroids_path = options.pop("centroids_path")
        shared = {name: options[name] for name in ("vocoder", "num_workers", "device")}
        convert_pairs(
            data_dir=folder / "data",
            unit_tag=study.unit_tag,
            pairs_dir=pairs_dir,
            output_dir=conversions,
            **options,
        )
        score_conversions(
            conversions,
            study.path,  # Clean: the true content.
            pairs_dir,
            centroids_path,
            unit_tag=study.unit_tag,
            row_name=condition.row,
            with_reference_rows=condition.kind == CLEAN,
            **shared,
        )
    # Always from the file, whose digits are fewer: a rerun gives the same records.
    pooled = [replace(score, condition="") for score in read_scores(conversions / SCORES)]
    rates = input_error_rates(study, folder / "data")
    return ConditionResult(condition, pooled, rates, str(conversions / SCORES))


def robustness_records(
    results: Sequence[ConditionResult], *, table: str, protocol: str
) -> list[Record]:
    """Return the records of all conditions, the first of which is the clean source.

    Beside the columns of every table of conversions a row has the unit error rate of the model's
    input, and that of its output less that of the clean source, pair by pair: the interval of a
    difference is narrow where that of a mean is not. ValueError if pairs differ.
    """
    clean = results[0].error_rates
    rows, damaged = [], []
    for result in results:
        row, rates = result.condition.row, result.error_rates
        if rates.keys() != clean.keys():
            raise ValueError(f"{table}, {row}: other pairs than the clean row")
        rows += pair_rows(result.scores, protocol, result.source)
        pairs = [
            {"input_error_rate": result.input_error_rates[pair], "above_clean": rate - clean[pair]}
            for pair, rate in rates.items()
        ]
        shared = crossing(s for s in result.scores if s.row == row and s.pair_id in rates)
        damaged.append(Row(row, pairs, protocol, shared, result.source))
    records = records_of(conversion_columns(), rows, table=table)
    return records + records_of(columns_of("robustness"), damaged, table=table)


PANELS = {"share of units": UNIT_KINDS, "SNR (dB)": NOISES, "RT60 (s)": (REVERBERATION,)}
"""Columns of the figure: what the axis counts, and the kinds of damage drawn over it."""
METRICS = ("unit error rate", "MCD", "F0-mean error", "duration error")
"""Rows: content, spectrum and prosody."""
COLOURS = ("#4c72b0", "#dd8452")


def robustness_figure(
    conditions: Sequence[Condition], records: Sequence[Record], title: str
) -> Figure:
    """Return a figure: a row for each metric, a column for each way of damage, worse to the right.

    The grey line is the clean source; dotted lines are unit error rates of the input. ValueError
    if no condition damages anything.
    """
    kinds = {condition.kind for condition in conditions}
    columns = {label: of for label, of in PANELS.items() if kinds & set(of)}
    if not columns:
        raise ValueError(f"{title}: nothing to draw but the clean source; give some damage")
    found = {(record.row, record.metric): record for record in records}
    size = (1.0 + 3.2 * len(columns), 2.2 * len(METRICS))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(len(METRICS), len(columns), sharex="col", sharey="row", squeeze=False)
    for line, metric in zip(grid, METRICS, strict=True):
        clean = found[ROWS[CLEAN], metric]
        line[0].set_ylabel(f"{metric} ({clean.unit})" if clean.unit else metric)
        for axes, of in zip(line, columns.values(), strict=True):
            for kind, colour in zip(of, COLOURS):
                chosen = sorted((c for c in conditions if c.kind == kind), key=lambda c: c.amount)
                if not chosen:
                    continue
                amounts = [condition.amount for condition in chosen]
                drawn = [found[c.row, metric] for c in chosen]
                values = [record.value for record in drawn]
                axes.plot(amounts, values, "o-", color=colour, label=kind, markersize=4)
                for x, record in zip(amounts, drawn):
                    ends = [
                        record.value if end is None else end for end in (record.low, record.high)
                    ]
                    axes.vlines(x, *ends, color=colour, linewidth=1.0)
                if metric == METRICS[0]:
                    inputs = [found[c.row, "input unit error rate"].value for c in chosen]
                    axes.plot(amounts, inputs, ":", color=colour)
            axes.axhline(float(clean.value), color="grey", linewidth=0.8, zorder=0)
    for axes, label in zip(grid[-1], columns, strict=True):
        axes.set_xlabel(label)
    for axes, label in zip(grid[0], columns, strict=True):
        # Above the panel: inside, it could hide points.
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        if label.startswith("SNR"):
            axes.invert_xaxis()
    figure.suptitle(title, fontsize=10)
    return figure


def report_robustness(
    settings: ConversionSettings,
    *,
    data_dir: str | Path,
    pairs_dir: str | Path,
    unit_tag: str,
    results_path: str | Path,
    table: str,
    out_dir: str | Path,
    shares: Iterable[float] = (0.0, 0.05, 0.1, 0.2, 0.4),
    snrs_db: Iterable[float] = (30.0, 20.0, 10.0, 0.0),
    rt60s_s: Iterable[float] = (0.3, 0.6),
    noises: Iterable[str] = NOISES,
    max_pairs: int | None = None,
) -> list[Record]:
    """Convert damaged sources, score them, add rows and a figure; return the table's records.

    A rerun keeps the conditions that are complete. ``out_dir`` gets ``pairs/``, a folder for each
    condition and ``robustness.png``. For the arguments and errors see ``study_conditions``,
    ``choose_pairs`` and ``read_study_set``.
    """
    conditions = study_conditions(shares, snrs_db, rt60s_s, noises)
    out_dir = Path(out_dir)
    chosen, listed = choose_pairs(pairs_dir, out_dir / "pairs", max_pairs)
    study = read_study_set(data_dir, unit_tag, out_dir / "pairs")
    damage = SourceDamage(study, settings.centroids_path, settings.seed, settings.device)
    results = []
    with tqdm(conditions, desc="conditions", dynamic_ncols=True) as bar:
        for condition in bar:
            bar.set_postfix_str(condition.row)
            result = run_condition(condition, damage, out_dir / "pairs", out_dir, settings)
            results.append(replace(result, source=relative_path(result.source, results_path)))
    restored = str(bool(settings.compensation_data_dir)).lower()
    protocol = (
        f"{chosen} of {listed} pairs of {pairs_dir} ({len(study.units)} sources), model "
        f"{settings.model_file}, variance compensation: {restored}; {DAMAGE}; "
        f"seed {settings.seed}; units {unit_tag}, vocoder {settings.vocoder}, F0 by dio"
    )
    records = robustness_records(results, table=table, protocol=protocol)
    figure = out_dir / "robustness.png"
    save_figure(robustness_figure(conditions, records, f"{table}, {chosen} pairs"), figure)
    title = f"Figure: {table}"
    caption = "Worse to the right; bars are 95 % intervals as in the table, dotted what went in."
    shown = file_record(title, "robustness", "metrics", figure, caption, results_path)
    append_records(results_path, [*environment_records(settings.device), *records])
    append_records(results_path, [shown], replace_tables=[title])
    return records
