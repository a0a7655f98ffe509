"""How much damage to its source a conversion bears: every condition, a table, a figure."""

import hashlib
import json
import logging
import math
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm import tqdm

from espnet2_ext.conversion.batch import convert_pairs
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio, to_int16, write_flac
from espnet2_ext.data.pairs import PROSODY_MIX, Pair, read_pairs
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_int_table, read_table, write_table
from espnet2_ext.metrics.content import unit_error_rate
from espnet2_ext.metrics.conversion import (
    COLUMNS,
    SCORES,
    PairScore,
    UnitEncoder,
    crossing,
    load_unit_encoder,
    read_scores,
    score_conversions,
)
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.report.conversion import HEARING_METRICS, conversion_metrics, pair_rows
from espnet2_ext.report.figures import save_figure
from espnet2_ext.report.records import (
    Column,
    Record,
    Row,
    append_records,
    environment_records,
    file_record,
    git_commit,
    records_of,
    relative_path,
)
from espnet2_ext.units.centroids import Centroids, deduplicate, expand

# ---------------------------------------------------------------- robustness conditions
# What is done to the source in each row of the robustness study.

CLEAN = "clean"
REPLACED = "replaced"
DROPPED = "dropped"
WHITE = "white"
BABBLE = "babble"
REVERBERATION = "reverberation"
UNIT_KINDS = (REPLACED, DROPPED)
NOISES = (WHITE, BABBLE)
AUDIO_KINDS = (*NOISES, REVERBERATION)


@dataclass(frozen=True)
class Condition:
    """One way and amount of damage.

    Attributes:
        kind: ``clean replaced dropped white babble reverberation``.
        amount: share of units, SNR in dB or RT60 in seconds; 0 for clean.
    """

    kind: str
    amount: float = 0.0

    def __post_init__(self) -> None:
        """Raises: ValueError for a kind that is none of these, or an impossible amount."""
        if self.kind not in (CLEAN, *UNIT_KINDS, *AUDIO_KINDS):
            raise ValueError(f"condition {self.kind!r}: expected one of {', '.join(_ROWS)}")
        if self.kind in UNIT_KINDS and not 0.0 <= self.amount < 1.0:
            raise ValueError(f"a share of {self.kind} units must lie in [0, 1): {self.amount}")
        if self.kind in NOISES and not math.isfinite(self.amount):
            raise ValueError(f"the SNR of {self.kind} noise must be finite: {self.amount}")
        if self.kind == REVERBERATION and not 0.0 < self.amount < math.inf:
            raise ValueError(f"RT60 must lie above 0 s and be finite: {self.amount}")

    @property
    def row(self) -> str:
        """Return its name in the table."""
        is_share = self.kind in UNIT_KINDS
        return _ROWS[self.kind].format(100.0 * self.amount if is_share else self.amount)

    @property
    def folder(self) -> str:
        """Return the name of its folder."""
        return self.kind if self.kind == CLEAN else f"{self.kind}_{self.amount:g}"


_ROWS = {
    CLEAN: "clean source",
    REPLACED: "{:g} % of units replaced",
    DROPPED: "{:g} % of units dropped",
    WHITE: "white noise, SNR {:g} dB",
    BABBLE: "babble, SNR {:g} dB",
    REVERBERATION: "reverberation, RT60 {:g} s",
}


def study_conditions(
    shares: Iterable[float],
    snrs_db: Iterable[float],
    rt60s_s: Iterable[float],
    noises: Iterable[str] = NOISES,
) -> list[Condition]:
    """Return every condition once, the clean source first; a share of 0 is that one.

    Args:
        shares: of units replaced, and likewise dropped.
        snrs_db: of every noise.
        rt60s_s: reverberation times in seconds.
        noises: ``white``, ``babble`` or both.

    Raises:
        ValueError: see ``Condition``; or a noise is neither.
    """
    shares, snrs_db = list(shares), list(snrs_db)
    conditions = [Condition(CLEAN)]
    for kind in UNIT_KINDS:
        damaged = [Condition(kind, share) for share in shares]
        conditions += [condition for condition in damaged if condition.amount > 0.0]
    for noise in noises:
        if noise not in NOISES:
            raise ValueError(f"noise {noise!r}: expected one of {', '.join(NOISES)}")
        conditions += [Condition(noise, snr_db) for snr_db in snrs_db]
    conditions += [Condition(REVERBERATION, rt60_s) for rt60_s in rt60s_s]
    return list(dict.fromkeys(conditions))


# ---------------------------------------------------------------- robustness results
# From the results of all conditions to the records of the table of robustness.

UNIT_ERROR_RATE = "unit error rate"
INPUT_ERROR_RATE = "input unit error rate"
ABOVE_CLEAN = "unit error rate above clean"


@dataclass(frozen=True)
class ConditionResult:
    """What a condition did to each pair.

    Attributes:
        condition: see there.
        scores: of its row; beside the clean source also of zero effort, resynthesis ...
        input_error_rates: pair to the unit error rate of what the model was given.
        source: file of the scores; see ``Record``.
    """

    condition: Condition
    scores: list[PairScore]
    input_error_rates: dict[str, float]
    source: str = ""


def robustness_records(
    results: Sequence[ConditionResult], *, table: str, protocol: str, commit: str
) -> list[Record]:
    """Return the records of all conditions, by metric and then by row.

    Beside the metrics of every table of conversions a row has the unit error rate of what
    went into the model, and that of what came out less that of the clean source, pair by
    pair: the interval of a difference is narrow where that of a mean is not.

    Args:
        results: of all conditions; the clean source must be among them.
        table: title.
        protocol: see ``Record``.
        commit: of the code.

    Raises:
        ValueError: the clean source or one of its pairs is missing.
    """
    clean = next((each for each in results if each.condition.kind == CLEAN), None)
    if clean is None:
        raise ValueError(f"{table}: no result of the clean source to compare with")
    clean_rates = _error_rates(clean)
    for result in results:
        if _error_rates(result).keys() != clean_rates.keys():
            raise ValueError(f"{table}, {result.condition.row}: other pairs than the clean row")
    rows = [row for each in results for row in pair_rows(each.scores, protocol, each.source)]
    columns = (*conversion_metrics(), *HEARING_METRICS)
    records = records_of(columns, rows, table=table, commit=commit)
    damage_columns: tuple[Column[_DamagedPair], ...] = (
        Column(
            INPUT_ERROR_RATE,
            lambda pair: pair.input_error_rate,
            "",
            "lower",
            "edits between the units that the model was given and those of the clean source, per "
            "unit of the clean source; mean over pairs.",
        ),
        Column(
            ABOVE_CLEAN,
            lambda pair: pair.above_clean,
            "",
            "lower",
            "unit error rate of a pair less that of the same pair from the clean source; mean and "
            "interval over these differences.",
        ),
    )
    damaged = []
    for result in results:
        rates, conversions = _error_rates(result), _conversions(result)
        pairs = [
            _DamagedPair(result.input_error_rates[pair], rate - clean_rates[pair])
            for pair, rate in rates.items()
        ]
        shared = crossing(conversions[pair] for pair in rates)
        damaged.append(Row(result.condition.row, pairs, protocol, shared, result.source))
    return records + records_of(damage_columns, damaged, table=table, commit=commit)


@dataclass(frozen=True)
class _DamagedPair:
    """What went into the model, and how much worse what came out is than from the clean source."""

    input_error_rate: float
    above_clean: float


def _conversions(result: ConditionResult) -> dict[str, PairScore]:
    """Return pair to the score of its conversion."""
    return {s.pair_id: s for s in result.scores if s.row == result.condition.row}


def _error_rates(result: ConditionResult) -> dict[str, float]:
    """Return pair to the unit error rate of its conversion."""
    return {
        pair: score.unit_error_rate
        for pair, score in _conversions(result).items()
        if score.unit_error_rate is not None
    }


# ---------------------------------------------------------------- robustness figure
# A picture of how scores fall with the damage to the source.

PANELS = {
    "share of units": (REPLACED, DROPPED),
    "SNR (dB)": (WHITE, BABBLE),
    "RT60 (s)": (REVERBERATION,),
}
"""Columns: what the axis counts, and the kinds of damage drawn over it."""
METRICS = (UNIT_ERROR_RATE, "MCD", "F0-mean error", "duration error")
"""Rows: content, spectrum and prosody."""
COLOURS = {
    REPLACED: "#4c72b0",
    DROPPED: "#dd8452",
    WHITE: "#4c72b0",
    BABBLE: "#dd8452",
    REVERBERATION: "#4c72b0",
}
Found = Mapping[tuple[str, str], Record]
"""(row, metric) to the record."""


def robustness_figure(
    conditions: Sequence[Condition], records: Sequence[Record], title: str
) -> Figure:
    """Return a figure: a row a metric, a column a way of damage, worse to the right.

    The grey line is the clean source; in the row of unit error rates, dotted lines are
    those of what the model was given.

    Args:
        conditions: of the study.
        records: of the table.
        title: above all panels.

    Raises:
        ValueError: no condition damages anything, or a record is missing.
    """
    kinds = {condition.kind for condition in conditions}
    columns = {label: of for label, of in PANELS.items() if kinds & set(of)}
    if not columns:
        raise ValueError(f"{title}: nothing to draw but the clean source; give some damage")
    found = {(record.row, record.metric): record for record in records}
    size = (1.0 + 3.2 * len(columns), 2.2 * len(METRICS))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(len(METRICS), len(columns), sharex="col", sharey="row", squeeze=False)
    for row, metric in enumerate(METRICS):
        for column, (label, of) in enumerate(columns.items()):
            axes = grid[row, column]
            for kind in of:
                chosen = [condition for condition in conditions if condition.kind == kind]
                if chosen:
                    _draw(axes, kind, chosen, metric, found)
            clean = _look_up(found, Condition(CLEAN), metric)
            axes.axhline(float(clean.value), color="grey", linewidth=0.8, zorder=0)
            grid[-1, column].set_xlabel(label)
        unit = f" ({clean.unit})" if clean.unit else ""
        grid[row, 0].set_ylabel(f"{metric}{unit}")
    for axes, label in zip(grid[0], columns, strict=True):
        # Above the panel: inside, it would lie on points of some study.
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        if label.startswith("SNR"):
            axes.invert_xaxis()
    figure.suptitle(title, fontsize=10)
    return figure


def _draw(
    axes: Axes, kind: str, conditions: Sequence[Condition], metric: str, found: Found
) -> None:
    """Draw the means of one kind with their intervals and, of units, what went in."""
    ordered = sorted(conditions, key=lambda condition: condition.amount)
    amounts = [condition.amount for condition in ordered]
    chosen = [_look_up(found, condition, metric) for condition in ordered]
    values = [float(record.value) for record in chosen]
    axes.plot(amounts, values, "o-", color=COLOURS[kind], label=kind, markersize=4)
    for amount, value, record in zip(amounts, values, chosen, strict=True):
        low, high = (value if end is None else end for end in (record.low, record.high))
        axes.vlines(amount, low, high, color=COLOURS[kind], linewidth=1.0)
    if metric == UNIT_ERROR_RATE:
        inputs = [_look_up(found, condition, INPUT_ERROR_RATE) for condition in ordered]
        axes.plot(amounts, [float(each.value) for each in inputs], ":", color=COLOURS[kind])


def _look_up(found: Found, condition: Condition, metric: str) -> Record:
    if (condition.row, metric) not in found:
        raise ValueError(f"no record of {metric} in the row {condition.row!r}")
    return found[condition.row, metric]


# ---------------------------------------------------------------- robustness set
# The pairs of a robustness study, and the clean data that its conditions start from.

PAIR_TABLES = ("pairs", "targets", "conditions")
WRONG_SENTENCE = "wrong_sentence"


@dataclass(frozen=True)
class StudySet:
    """What all conditions share.

    Attributes:
        path: data directory.
        unit_tag: which ``units_<tag>``.
        pairs: what is converted, sorted by id.
        units: sources to their units (U,).
        run_lengths: sources to the run lengths (U,) of their units.
        wavs: all utterances to their audio files.
        vectors: speaker utterances to the places of their vectors in an ark.
        utt2spk: all utterances to their speakers.
    """

    path: Path
    unit_tag: str
    pairs: list[Pair]
    units: dict[str, np.ndarray]
    run_lengths: dict[str, np.ndarray]
    wavs: dict[str, str]
    vectors: dict[str, str]
    utt2spk: dict[str, str]

    @property
    def sources(self) -> list[str]:
        """Return the utterances that are damaged, sorted, each once."""
        return sorted({pair.source for pair in self.pairs})


def choose_pairs(
    pairs_dir: str | Path, output_dir: str | Path, max_pairs: int | None = None
) -> tuple[int, int]:
    """Write a pairs directory with evenly chosen pairs; return how many, and of how many.

    Conditions take turns, and each goes on in its list where the one before stopped: every
    condition and voice has its share, and pairs share a source only where there are more
    pairs than sources. Scores of pairs of one source are not independent.

    Args:
        pairs_dir: holds ``pairs targets conditions`` and, where there are such,
            ``wrong_sentence`` and ``prosody_mix``.
        output_dir: gets the same tables.
        max_pairs: None takes all.

    Raises:
        FileNotFoundError: a table is missing.
        ValueError: there are no pairs, fewer than 1 is asked for, or a table lacks a pair.
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
    if (pairs_dir / WRONG_SENTENCE).is_file():
        wrong = read_table(pairs_dir / WRONG_SENTENCE)
        heads = {sources[pair] for pair in chosen}
        write_table(output_dir / WRONG_SENTENCE, {s: wrong[s] for s in heads & wrong.keys()})
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


def read_study_set(data_dir: str | Path, unit_tag: str, pairs_dir: str | Path) -> StudySet:
    """Return the clean data of the pairs.

    Args:
        data_dir: holds ``wav.scp utt2spk spk_embed.scp units_<tag> unit_durations_<tag>``.
        unit_tag: which units.
        pairs_dir: of ``choose_pairs``.

    Raises:
        FileNotFoundError: a table is missing.
        ValueError: a table lacks an utterance that a pair names, or units and run lengths
            of a source do not belong together.
    """
    data_dir = Path(data_dir)
    pairs = read_pairs(Path(pairs_dir) / "pairs")
    sources = sorted({pair.source for pair in pairs})
    int_tables = {}
    for name in (f"units_{unit_tag}", f"unit_durations_{unit_tag}"):
        table = read_int_table(data_dir / name)
        _check_has(data_dir / name, table, sources)
        int_tables[name] = {source: np.array(table[source]) for source in sources}
    units, run_lengths = int_tables.values()
    for source in sources:
        if units[source].shape != run_lengths[source].shape:
            raise ValueError(
                f"{data_dir}/unit_durations_{unit_tag}: {source}: {len(run_lengths[source])} run "
                f"lengths for {len(units[source])} units; extract the units again"
            )
    wavs, vectors, utt2spk = (
        read_table(data_dir / name) for name in ("wav.scp", "spk_embed.scp", "utt2spk")
    )
    prosody = {utterance for pair in pairs for utterance in pair.prosody_utterances}
    _check_has(data_dir / "wav.scp", wavs, {*sources, *prosody})
    _check_has(data_dir / "spk_embed.scp", vectors, [pair.speaker for pair in pairs])
    _check_has(data_dir / "utt2spk", utt2spk, sources)
    return StudySet(data_dir, unit_tag, pairs, units, run_lengths, wavs, vectors, utt2spk)


def _check_has(path: Path, table: Mapping, keys: Iterable[str]) -> None:
    """Raise ValueError unless every key stands in the table."""
    lacking = set(keys) - table.keys()
    if lacking:
        raise ValueError(
            f"{path}: lacks {len(lacking)} keys that the pairs need, for example {min(lacking)}; "
            "take those pairs out or write the table again"
        )


# ---------------------------------------------------------------- corruption
# Damage units on purpose, to see how much of it a model bears.
#
# Source: [P2V] V-E, "randomly replace a few unit values with random numbers or remove a few".
# Deviation: the paper gives no shares; here the number of damaged units is exact.


def replace_units(
    units: np.ndarray,
    run_lengths: np.ndarray,
    share: float,
    num_units: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sequence with a share of its units replaced by others drawn at random.

    A new unit differs from the one it replaces and from both neighbours, so that the result
    is as long as before and holds no repeats; run lengths thus stay as they are.

    Args:
        units: (U,) de-duplicated.
        run_lengths: (U,) in frames.
        share: of the U units, from 0 to 1; the number is rounded, halves up.
        num_units: size of the codebook from which new ones are drawn.
        generator: the same state damages a larger share at the same places and more.

    Returns:
        units: (U,) int64.
        run_lengths: (U,) int64.

    Raises:
        ValueError: the share is not in [0, 1], the codebook has fewer than 4 units or lacks
            one of the sequence, or units and run lengths do not belong together.
    """
    units, run_lengths = _checked(units, run_lengths)
    if num_units < 4:
        raise ValueError(f"replacing needs a codebook of at least 4 units, got {num_units}")
    if len(units) and not 0 <= units.min() <= units.max() < num_units:
        raise ValueError(
            f"units from {units.min()} to {units.max()} are not of a codebook of {num_units}"
        )
    result = units.copy()
    for position in np.sort(_positions(len(units), share, generator)):
        around = result[max(position - 1, 0) : position + 2]
        result[position] = generator.choice(np.setdiff1d(np.arange(num_units), around))
    return result, run_lengths.copy()


def drop_units(
    units: np.ndarray, run_lengths: np.ndarray, share: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sequence without a share of its units.

    The frames of a dropped unit go to the one before it (at the start, to the one after),
    and neighbours that have become equal are one unit: run lengths still sum to the frames,
    and no unit is repeated.

    Args:
        units: (U,) de-duplicated.
        run_lengths: (U,) in frames.
        share: of the U units, from 0 to 1; the number is rounded, halves up.
        generator: the same state drops with a larger share the same units and more.

    Returns:
        units: (U',) int64.
        run_lengths: (U',) int64, same sum as before.

    Raises:
        ValueError: the share is not in [0, 1], nothing would be left, or units and run
            lengths do not belong together.
    """
    units, run_lengths = _checked(units, run_lengths)
    is_kept = np.ones(len(units), dtype=bool)
    is_kept[_positions(len(units), share, generator)] = False
    if not is_kept.any():
        raise ValueError(f"dropping {share:g} of {len(units)} units leaves none; drop fewer")
    owners = np.maximum(np.cumsum(is_kept) - 1, 0)
    frames = np.zeros(is_kept.sum(), dtype=np.int64)
    np.add.at(frames, owners, run_lengths)
    return deduplicate(expand(units[is_kept], frames))


def _checked(units: np.ndarray, run_lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as int64; raise ValueError unless they belong together."""
    expand(units, run_lengths)
    return np.asarray(units, dtype=np.int64), np.asarray(run_lengths, dtype=np.int64)


def _positions(length: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """Return the damaged positions; those of a small share are among those of a larger one."""
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of units must lie in [0, 1], got {share}")
    return generator.permutation(length)[: int(share * length + 0.5)]


# ---------------------------------------------------------------- degradation
# Degrade speech by known amounts: noise at an exact ratio, the echo of a room.
#
# Source: [P2V] V-E names noise and reverberation as what should be tried next.
# Deviation: the paper fixes nothing of it; everything here is not in paper.

FRAME_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000
HOP_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
ACTIVE_RANGE_DB = 30.0
"""Frames weaker than the strongest one by more than this are pauses."""
FULL_SCALE = 32767.0 / 32768.0
"""Largest sample that 16 bits hold on either side of 0."""
DIRECT_TO_REVERBERANT_DB = 0.0
"""Direct sound and echo equally strong: the critical distance of a room."""


def active_samples(waveform: np.ndarray) -> np.ndarray:
    """Return which samples (N,) belong to speech: those of a frame that is no pause.

    Frames of 20 ms every 10 ms; a frame is active when its power is within 30 dB of the
    strongest one's, as for the level of speech in the metrics.

    Args:
        waveform: (N,) at 16 kHz.

    Raises:
        ValueError: the waveform is not (N,), empty or silent.
    """
    if np.ndim(waveform) != 1 or not np.any(waveform):
        raise ValueError(f"no speech in a waveform of shape {np.shape(waveform)}, all of it 0")
    squares = np.square(np.asarray(waveform, dtype=np.float64))
    window = min(FRAME_SAMPLES, len(squares))
    powers = np.lib.stride_tricks.sliding_window_view(squares, window)[::HOP_SAMPLES].mean(axis=1)
    is_active = powers >= powers.max() * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)
    starts = np.flatnonzero(is_active) * HOP_SAMPLES
    edges = np.zeros(len(squares) + 1, dtype=np.int64)
    edges[starts] += 1
    edges[starts + window] -= 1
    return np.cumsum(edges)[:-1] > 0


def add_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Return speech and noise (N,) float32, the power ratio exact over active speech.

    Pauses, in which there is nothing to compare with, do not count on either side. Where
    the sum would exceed full scale all of it is made quieter, which leaves the ratio alone.

    Args:
        speech: (N,) at 16 kHz.
        noise: (N,), at any level.
        snr_db: signal-to-noise ratio.

    Raises:
        ValueError: the two are not equally long, or one is silent.
    """
    if np.shape(speech) != np.shape(noise):
        raise ValueError(f"speech {np.shape(speech)} and noise {np.shape(noise)} differ in length")
    is_active = active_samples(speech)
    speech, noise = (np.asarray(each, dtype=np.float64) for each in (speech, noise))
    noise_rms = _rms(noise[is_active])
    if noise_rms == 0.0:
        raise ValueError("the noise is silent where there is speech")
    gain = _rms(speech[is_active]) / noise_rms * 10.0 ** (-snr_db / 20.0)
    return _within_full_scale(speech + gain * noise)


def white_noise(num_samples: int, generator: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise (N,) of power 1."""
    return generator.standard_normal(num_samples)


def babble(
    utterances: Sequence[np.ndarray], num_samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Return many talking at once (N,), each as loud as the others.

    Every utterance begins at a place drawn at random and is repeated as often as needed.

    Args:
        utterances: (N_i,) waveforms at 16 kHz, about six to understand none of them.
        num_samples: N.
        generator: of the places.

    Raises:
        ValueError: no utterances, or a silent one.
    """
    if not utterances:
        raise ValueError("babble needs at least one utterance")
    total = np.zeros(num_samples)
    for utterance in utterances:
        level = _rms(np.asarray(utterance, dtype=np.float64)[active_samples(utterance)])
        turned = np.roll(utterance, -int(generator.integers(len(utterance))))
        total += np.resize(turned, num_samples) / level
    return total


def room_response(rt60_s: float, generator: np.random.Generator) -> np.ndarray:
    """Return the response (R,) of an imagined room: direct sound, then decaying noise.

    The echo falls by 60 dB within RT60, where it is cut, and holds as much energy as the
    direct sound, which is 1 at sample 0. There are no single early reflections.

    Args:
        rt60_s: reverberation time in seconds.
        generator: of the noise.

    Raises:
        ValueError: RT60 is not above 1 ms.
    """
    if not rt60_s > 1.0e-3:
        raise ValueError(f"a reverberation time must be above 0.001 s, got {rt60_s}")
    times_s = np.arange(1, round(rt60_s * SAMPLE_RATE_HZ) + 1) / SAMPLE_RATE_HZ
    echo = generator.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / rt60_s)
    energy = 10.0 ** (-DIRECT_TO_REVERBERANT_DB / 10.0)
    return np.concatenate([[1.0], echo * np.sqrt(energy / np.square(echo).sum())])


def reverberate(speech: np.ndarray, rt60_s: float, generator: np.random.Generator) -> np.ndarray:
    """Return speech (N,) float32 in a room, as long and as loud as it was.

    The echo after the last sample is cut; the level over active speech is kept unless that
    exceeds full scale.

    Args:
        speech: (N,) at 16 kHz.
        rt60_s: see ``room_response``.
        generator: see ``room_response``.

    Raises:
        ValueError: the speech is silent, or RT60 is not above 1 ms.
    """
    from scipy.signal import fftconvolve

    is_active = active_samples(speech)
    speech = np.asarray(speech, dtype=np.float64)
    echoing = fftconvolve(speech, room_response(rt60_s, generator))[: len(speech)]
    gain = _rms(speech[is_active]) / _rms(echoing[is_active])
    return _within_full_scale(gain * echoing)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _within_full_scale(waveform: np.ndarray) -> np.ndarray:
    """Return the waveform as float32, made quieter if a sample would be clipped."""
    peak = float(np.abs(waveform).max())
    return (waveform * min(1.0, FULL_SCALE / peak)).astype(np.float32)


# ---------------------------------------------------------------- robustness inputs
# The damaged sources of one condition, as a data directory that a conversion reads.

NUM_TALKERS = 6
"""Voices of the babble: of so many no word is understood."""
MAX_DIFFERENCE = 0.05
"""Units of clean audio may differ this much from the table: another device, no more."""


class SourceDamage:
    """Damages sources, each always in the same way.

    Args:
        study: the clean data.
        encoder: makes the units of damaged audio.
        num_units: size of the codebook.
        seed: another one draws other places, noises and rooms.
    """

    def __init__(self, study: StudySet, encoder: UnitEncoder, num_units: int, seed: int) -> None:
        self.study = study
        self.encoder = encoder
        self.num_units = num_units
        self.seed = seed
        self._is_checked = False

    def write(self, condition: Condition, folder: str | Path) -> None:
        """Write a data directory whose units are those of the damaged sources.

        ``folder`` gets ``units_<tag> unit_durations_<tag>``, the clean ``wav.scp`` and
        ``spk_embed.scp`` of those who give prosody and voice and, where the audio was
        damaged, ``damaged_wav.scp`` and the audio itself.

        Raises:
            ValueError: the encoder makes other units of the clean sources than the table
                holds, or a source cannot be damaged in this way; the message names it.
        """
        folder, study = Path(folder), self.study
        if condition.kind in AUDIO_KINDS:
            self._check_encoder()
        damaged, wavs = {}, {}
        for source in study.sources:
            try:
                if condition.kind in AUDIO_KINDS:
                    wavs[source] = folder / "wav" / f"{source}.flac"
                    write_flac(wavs[source], to_int16(self.audio(condition, source)))
                    # From the file: what can be heard is what was encoded.
                    damaged[source] = self.encoder.encode(read_audio(wavs[source]))
                else:
                    damaged[source] = self.units(condition, source)
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

    def units(self, condition: Condition, source: str) -> tuple[np.ndarray, np.ndarray]:
        """Return units (U,) and run lengths (U,) of a source, its units damaged or clean."""
        units, run_lengths = self.study.units[source], self.study.run_lengths[source]
        generator = self._generator(condition, source)
        if condition.kind == REPLACED:
            return replace_units(units, run_lengths, condition.amount, self.num_units, generator)
        if condition.kind == DROPPED:
            return drop_units(units, run_lengths, condition.amount, generator)
        assert condition.kind == CLEAN
        return units, run_lengths

    def audio(self, condition: Condition, source: str) -> np.ndarray:
        """Return the waveform (N,) of a source, its audio damaged.

        Raises:
            ValueError: the source is silent, or there are too few others for a babble.
        """
        speech = read_audio(self.study.wavs[source])
        generator = self._generator(condition, source)
        if condition.kind == WHITE:
            return add_noise(speech, white_noise(len(speech), generator), condition.amount)
        if condition.kind == BABBLE:
            noise = babble(self._talkers(source, generator), len(speech), generator)
            return add_noise(speech, noise, condition.amount)
        return reverberate(speech, condition.amount, generator)

    def _generator(self, condition: Condition, source: str) -> np.random.Generator:
        """Return the same stream for every amount, so that amounts differ in nothing else."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{condition.kind} {source}".encode())])

    def _talkers(self, source: str, generator: np.random.Generator) -> list[np.ndarray]:
        """Return utterances of other speakers."""
        speaker = self.study.utt2spk[source]
        others = sorted(
            utterance
            for utterance, other in self.study.utt2spk.items()
            if other != speaker and utterance in self.study.wavs
        )
        if len(others) < NUM_TALKERS:
            raise ValueError(
                f"babble needs {NUM_TALKERS} utterances of other speakers than {speaker}, there "
                f"are {len(others)}; leave babble out (--noises white)"
            )
        chosen = generator.choice(others, NUM_TALKERS, replace=False)
        return [read_audio(self.study.wavs[utterance]) for utterance in chosen]

    def _check_encoder(self) -> None:
        """Raise ValueError unless clean audio has the units of the table; done once."""
        if self._is_checked:
            return
        rates = {
            source: _error_rate(units, self.encoder.encode(read_audio(self.study.wavs[source]))[0])
            for source, units in self.study.units.items()
        }
        mean = sum(rates.values()) / len(rates)
        if mean > MAX_DIFFERENCE:
            worst = max(rates, key=lambda source: rates[source])
            raise ValueError(
                f"{self.study.path}/units_{self.study.unit_tag}: {100 * mean:.0f} % of the units "
                f"of clean sources are not what the centroids make of their audio, for example "
                f"of {worst}; give the centroids they were made with"
            )
        self._is_checked = True


def input_error_rates(study: StudySet, folder: str | Path) -> dict[str, float]:
    """Return pair to the unit error rate of what the model was given, against the clean source.

    Args:
        study: the clean data.
        folder: written by ``SourceDamage.write``.
    """
    given = read_int_table(Path(folder) / f"units_{study.unit_tag}")
    return {
        pair.pair_id: unit_error_rate(study.units[pair.source].tolist(), given[pair.source])
        for pair in study.pairs
    }


def _error_rate(reference: np.ndarray, units: np.ndarray) -> float:
    return unit_error_rate(reference.tolist(), units.tolist())


# ---------------------------------------------------------------- robustness run
# Convert and score the pairs under one condition, each in a folder that is kept.

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConversionSettings:
    """With what is converted and scored; see ``convert_pairs`` for all of it.

    Attributes:
        centroids_path: with which the units were made.
        seed: of places, noises and rooms.
    """

    model_file: str | Path
    centroids_path: str | Path
    train_config: str | Path | None = None
    contrast_data_dir: str | Path | None = None
    contrast_speaker_dir: str | Path | None = None
    vocoder: str = "griffin_lim"
    limits: GenerationLimits = GenerationLimits()
    seed: int = 0
    num_workers: int = 1
    device: str = "cpu"

    def fingerprint(self, study: StudySet, pairs_dir: Path, condition: Condition) -> str:
        """Return all that the scores depend on, as text."""
        clean = {source: study.units[source].tolist() for source in study.sources}
        tables = [(path.name, path.read_bytes()) for path in sorted(pairs_dir.iterdir())]
        content = {
            "condition": asdict(condition),
            "model": _digest(Path(self.model_file).read_bytes()),
            "centroids": _digest(Path(self.centroids_path).read_bytes()),
            "data_dir": str(study.path),
            "units": _digest(repr((study.unit_tag, clean)).encode()),
            "pairs": _digest(repr(tables).encode()),
            "contrast": [str(self.contrast_data_dir or ""), str(self.contrast_speaker_dir or "")],
            "vocoder": self.vocoder,
            "limits": asdict(self.limits),
            "seed": self.seed,
            "scores": COLUMNS,
        }
        return json.dumps(content, indent=1)


class ConditionRunner:
    """Runs conditions; the unit encoder is loaded when the first of them needs it.

    Args:
        study: the clean data.
        pairs_dir: of ``choose_pairs``.
        out_dir: gets a folder a condition: ``data/``, ``conversion/`` and ``settings.json``.
        settings: see there.
    """

    def __init__(
        self,
        study: StudySet,
        pairs_dir: str | Path,
        out_dir: str | Path,
        settings: ConversionSettings,
    ) -> None:
        self.study = study
        self.pairs_dir = Path(pairs_dir)
        self.out_dir = Path(out_dir)
        self.settings = settings
        self._damage: SourceDamage | None = None

    def run(self, condition: Condition) -> ConditionResult:
        """Return the result of a condition; one that is complete is read, not run again.

        Raises:
            FileNotFoundError: model or centroids are missing.
            ValueError: see ``SourceDamage.write``, ``convert_pairs``, ``score_conversions``.
        """
        folder = self.out_dir / condition.folder
        fingerprint = self.settings.fingerprint(self.study, self.pairs_dir, condition)
        kept, scores_path = folder / "settings.json", folder / "conversion" / SCORES
        is_same = kept.is_file() and kept.read_text(encoding="utf-8") == fingerprint
        if is_same and scores_path.is_file():
            logger.info("%s: complete, kept", folder)
        else:
            if not is_same:
                # Conversions of other units would otherwise be taken for these.
                shutil.rmtree(scores_path.parent, ignore_errors=True)
                with atomic_open(kept) as stream:
                    stream.write(fingerprint)
            self._convert_and_score(condition, folder)
        # Always from the file, whose digits are fewer: a rerun gives the same records.
        pooled = [replace(score, condition="") for score in read_scores(scores_path)]
        rates = input_error_rates(self.study, folder / "data")
        return ConditionResult(condition, pooled, rates, str(scores_path))

    def _convert_and_score(self, condition: Condition, folder: Path) -> None:
        settings = self.settings
        self._load_damage().write(condition, folder / "data")
        convert_pairs(
            model_file=settings.model_file,
            train_config=settings.train_config,
            data_dir=folder / "data",
            unit_tag=self.study.unit_tag,
            pairs_dir=self.pairs_dir,
            output_dir=folder / "conversion",
            vocoder=settings.vocoder,
            limits=settings.limits,
            num_workers=settings.num_workers,
            device=settings.device,
            contrast_data_dir=settings.contrast_data_dir,
            contrast_speaker_dir=settings.contrast_speaker_dir,
        )
        score_conversions(
            folder / "conversion",
            self.study.path,  # Clean: what should have been said.
            self.pairs_dir,
            settings.centroids_path,
            unit_tag=self.study.unit_tag,
            row_name=condition.row,
            with_reference_rows=condition.kind == CLEAN,
            vocoder=settings.vocoder,
            num_workers=settings.num_workers,
            device=settings.device,
        )

    def _load_damage(self) -> SourceDamage:
        if self._damage is None:
            path = self.settings.centroids_path
            encoder = load_unit_encoder(str(path), self.settings.device)
            num_units = Centroids.load(path).num_clusters
            self._damage = SourceDamage(self.study, encoder, num_units, self.settings.seed)
        return self._damage


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ---------------------------------------------------------------- robustness

DAMAGE = (
    "damaged is the source alone, prosody reference and speaker vector are of clean audio; a "
    "replaced unit becomes any other but its neighbours, a dropped one is gone; SNR over active "
    "speech (20 ms frames within 30 dB of the strongest), babble of 6 utterances by other "
    "speakers; rooms are exponentially decaying noise as strong as the direct sound"
)


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
    """Convert damaged sources, score them and add rows and a figure to ``results.jsonl``.

    Conditions are the clean source; a share of its units replaced or dropped; white noise,
    babble or reverberation in its audio. A rerun keeps the conditions that are complete.

    Source: [P2V] V-E, which tells in words of a few units replaced or removed, and names
    noise and reverberation as the next thing to try.
    Deviation: shares, noises, rooms and all numbers are not in paper.

    Args:
        settings: model, centroids, vocoder ...
        data_dir: see ``read_study_set``.
        pairs_dir: see ``choose_pairs``.
        unit_tag: which ``units_<tag>``.
        results_path: the jsonl.
        table: title; says ``synthetic`` where the data are.
        out_dir: gets ``pairs/``, a folder a condition and ``robustness.png``.
        shares: of units.
        snrs_db: of each noise.
        rt60s_s: reverberation times in seconds.
        noises: ``white``, ``babble`` or both.
        max_pairs: evenly chosen; None takes all.

    Returns:
        The records of the table.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: an amount is impossible, tables disagree, or a source cannot be damaged.
    """
    conditions = study_conditions(shares, snrs_db, rt60s_s, noises)
    out_dir = Path(out_dir)
    chosen, listed = choose_pairs(pairs_dir, out_dir / "pairs", max_pairs)
    study = read_study_set(data_dir, unit_tag, out_dir / "pairs")
    results = [
        replace(result, source=relative_path(result.source, results_path))
        for result in _run_all(
            ConditionRunner(study, out_dir / "pairs", out_dir, settings), conditions
        )
    ]
    restored = str(bool(settings.contrast_data_dir)).lower()
    protocol = (
        f"{chosen} of {listed} pairs of {pairs_dir} ({len(study.sources)} sources), model "
        f"{settings.model_file}, contrast restored: {restored}; {DAMAGE}; "
        f"seed {settings.seed}; units {unit_tag}, vocoder {settings.vocoder}, F0 by dio"
    )
    records = robustness_records(results, table=table, protocol=protocol, commit=git_commit())
    figure = out_dir / "robustness.png"
    save_figure(robustness_figure(conditions, records, f"{table}, {chosen} pairs"), figure)
    title = f"Figure: {table}"
    caption = "Worse to the right; bars are 95 % intervals as in the table, dotted what went in."
    shown = file_record(title, "robustness", "metrics", figure, caption, results_path)
    append_records(results_path, [*environment_records(settings.device), *records])
    append_records(results_path, [shown], replace_tables=[title])
    return records


def _run_all(runner: ConditionRunner, conditions: Sequence[Condition]) -> list[ConditionResult]:
    """Return the results of all conditions, under a bar that says which one runs."""
    results = []
    with tqdm(conditions, desc="conditions", dynamic_ncols=True) as bar:
        for condition in bar:
            bar.set_postfix_str(condition.row)
            results.append(runner.run(condition))
    return results
