"""How much damage to its source a conversion bears: every condition, a table, a figure.

Source: [P2V] V-E, which tells in words of a few units replaced or removed.
Deviation: shares, noises, rooms and all numbers are not in paper.
"""

import hashlib
import json
import math
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from espnet2_ext.conversion.batch import convert_pairs
from espnet2_ext.conversion.converter import file_hash
from espnet2_ext.data.audio import read_audio, to_int16, write_flac
from espnet2_ext.data.pairs import PROSODY_MIX, read_pairs
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import read_int_table, read_table, require_keys, write_table
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

CLEAN = "clean"
REPLACED, DROPPED = UNIT_KINDS = ("replaced", "dropped")
WHITE, BABBLE = NOISES = ("white", "babble")
REVERBERATION = "reverberation"
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
    """One of `ROWS` and its amount: share of units, SNR in dB or RT60 in seconds; 0 for clean.

    ValueError if the amount is impossible.
    """

    kind: str
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.kind in UNIT_KINDS and not 0.0 <= self.amount < 1.0:
            raise ValueError(f"a share of {self.kind} units must lie in [0, 1): {self.amount}")
        if not math.isfinite(self.amount) or (self.kind == REVERBERATION and self.amount <= 0.0):
            raise ValueError(f"{self.row}: SNR and RT60 must be finite, RT60 above 0 s")

    @property
    def row(self) -> str:
        """Return its name in the table."""
        return ROWS[self.kind].format(self.amount * (100.0 if self.kind in UNIT_KINDS else 1.0))

    @property
    def folder(self) -> str:
        """Return the name of its folder."""
        return self.kind if self.kind == CLEAN else f"{self.kind}_{self.amount:g}"


def study_conditions(
    shares: Sequence[float],
    snrs_db: Sequence[float],
    rt60s_s: Sequence[float],
    noises: Sequence[str] = NOISES,
) -> list[Condition]:
    """Return every condition once, the clean source first; a share of 0 is that one.

    Shares are of units replaced, and likewise dropped; SNRs of each of the ``noises``.
    """
    damaged = [Condition(kind, share) for kind in UNIT_KINDS for share in shares if share != 0.0]
    damaged += [Condition(noise, snr_db) for noise in noises for snr_db in snrs_db]
    damaged += [Condition(REVERBERATION, rt60_s) for rt60_s in rt60s_s]
    return list(dict.fromkeys([Condition(CLEAN), *damaged]))


PAIR_TABLES = ("pairs", "targets", "conditions")
MISMATCHED_TEXT = "wrong_sentence"
REMEDY = "take what needs them out of the pairs, or write the table again"


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
    pairs = tables["pairs"]
    if not pairs or (max_pairs is not None and max_pairs < 1):
        raise ValueError(f"{pairs_dir / 'pairs'}: at least one pair is needed of {len(pairs)}")
    # A mix of another list would change the prosody.
    (output_dir / PROSODY_MIX).unlink(missing_ok=True)
    if (pairs_dir / PROSODY_MIX).is_file():
        tables[PROSODY_MIX] = read_table(pairs_dir / PROSODY_MIX)
    for name, table in tables.items():
        require_keys(pairs_dir / name, table, pairs, REMEDY)
    number = min(len(pairs), max_pairs or len(pairs))
    sources = {pair: pairs[pair].split()[0] for pair in sorted(pairs)}
    chosen = _spread(tables["conditions"], sources, number)
    for name, table in tables.items():
        write_table(output_dir / name, {pair: table[pair] for pair in chosen})
    if (pairs_dir / MISMATCHED_TEXT).is_file():
        wrong = read_table(pairs_dir / MISMATCHED_TEXT)
        heads = {sources[pair] for pair in chosen}
        write_table(output_dir / MISMATCHED_TEXT, {s: wrong[s] for s in heads & wrong.keys()})
    return number, len(pairs)


def _spread(conditions: Mapping[str, str], sources: Mapping[str, str], number: int) -> list[str]:
    """Return some of the pairs, see ``choose_pairs``; ``sources`` has all of them, sorted."""
    by_condition: dict[str, list[str]] = {}
    for pair in sources:
        by_condition.setdefault(conditions[pair], []).append(pair)
    turns = []
    for place in range(number):
        pairs = [*by_condition.values()][place % len(by_condition)]
        first = (2 * place + 1) * len(pairs) // (2 * number)
        turns.append([*pairs[first:], *pairs[:first]])
    # A condition with few pairs may have no further one; others fill its place.
    turns += [[*sources]] * number
    can_differ = number <= len(set(sources.values()))
    chosen: dict[str, str] = {}  # by what no two of them share
    for turn in turns:
        of_pair = {pair: sources[pair] if can_differ else pair for pair in turn}
        new = next((pair for pair in turn if of_pair[pair] not in chosen), None)
        if new is not None and len(chosen) < number:
            chosen[of_pair[new]] = new
    return sorted(chosen.values())


@dataclass
class Study:
    """The clean data that all conditions share, and each source damaged always in the same way.

    ``data_dir`` holds ``wav.scp utt2spk spk_embed.scp units_<tag> unit_durations_<tag>`` of the
    pairs of ``choose_pairs``, without contradictions (ValueError); ``conversion`` are options of
    ``convert_pairs``. ``units`` are sources, sorted, to their units (U,).
    """

    conversion: Mapping[str, Any]
    centroids_path: str | Path
    seed: int
    data_dir: Path
    pairs_dir: Path
    unit_tag: str

    def __post_init__(self) -> None:
        self.pairs = read_pairs(self.pairs_dir / "pairs")
        sources = sorted({pair.source for pair in self.pairs})
        prosody = {utterance for pair in self.pairs for utterance in pair.prosody_utterances}
        voices = {pair.speaker for pair in self.pairs}
        names = f"units_{self.unit_tag}", f"unit_durations_{self.unit_tag}"
        units, run_lengths = (read_int_table(self.data_dir / name) for name in names)
        self.wavs, self.vectors, self.utt2spk = (
            read_table(self.data_dir / name) for name in ("wav.scp", "spk_embed.scp", "utt2spk")
        )
        needed: tuple[tuple[str, Mapping[str, object], Iterable[str]], ...] = (
            (names[0], units, sources),
            (names[1], run_lengths, sources),
            ("wav.scp", self.wavs, prosody.union(sources)),
            ("spk_embed.scp", self.vectors, voices),
            ("utt2spk", self.utt2spk, sources),
        )
        for name, table, keys in needed:
            require_keys(self.data_dir / name, table, keys, REMEDY)
        for source in sources:
            if len(units[source]) != len(run_lengths[source]):
                raise ValueError(
                    f"{self.data_dir / names[1]}: {source}: {len(run_lengths[source])} durations "
                    f"for {len(units[source])} units; extract the units again"
                )
        self.units, self.run_lengths = (
            {source: np.array(table[source]) for source in sources}
            for table in (units, run_lengths)
        )

    def run(self, condition: Condition, folder: Path) -> list[PairScore]:
        """Convert and score under a condition; one that is complete is read, not run again.

        ``folder`` gets ``data/``, ``conversion/`` and ``settings.json``. The scores of the clean
        source have the reference rows too.
        """
        fingerprint = self._fingerprint(condition)
        kept, conversions = folder / "settings.json", folder / "conversion"
        is_same = kept.is_file() and kept.read_text(encoding="utf-8") == fingerprint
        if not (is_same and (conversions / SCORES).is_file()):
            if not is_same:
                # Conversions of other units would otherwise be taken for these.
                shutil.rmtree(conversions, ignore_errors=True)
                with atomic_open(kept) as stream:
                    stream.write(fingerprint)
            self.write_damaged(condition, folder / "data")
            convert_pairs(
                data_dir=folder / "data",
                unit_tag=self.unit_tag,
                pairs_dir=self.pairs_dir,
                output_dir=conversions,
                **self.conversion,
            )
            score_conversions(
                conversions,
                self.data_dir,  # Clean: the true content.
                self.pairs_dir,
                self.centroids_path,
                unit_tag=self.unit_tag,
                row_name=condition.row,
                with_reference_rows=condition.kind == CLEAN,
                **{name: self.conversion[name] for name in ("vocoder", "num_workers", "device")},
            )
        # Always from the file, whose digits are fewer: a rerun gives the same records.
        return [replace(score, condition="") for score in read_scores(conversions / SCORES)]

    def _fingerprint(self, condition: Condition) -> str:
        """Return all that the scores depend on, as text."""
        clean = {source: units.tolist() for source, units in self.units.items()}
        tables = [(path.name, path.read_bytes()) for path in sorted(self.pairs_dir.iterdir())]
        compensation = "compensation_data_dir", "compensation_speaker_dir"
        content = {
            "condition": asdict(condition),
            "model": file_hash(self.conversion["model_file"]),
            "centroids": file_hash(self.centroids_path),
            "data_dir": str(self.data_dir),
            "units": hashlib.sha256(repr((self.unit_tag, clean)).encode()).hexdigest(),
            "pairs": hashlib.sha256(repr(tables).encode()).hexdigest(),
            "contrast": [str(self.conversion[name] or "") for name in compensation],
            "vocoder": self.conversion["vocoder"],
            # As before the window of attention went, so that results stay up to date.
            "limits": {
                **asdict(self.conversion["limits"]),
                "backward_units": None,
                "forward_units": None,
            },
            "seed": self.seed,
            "scores": COLUMNS,
        }
        return json.dumps(content, indent=1)

    def input_error_rates(self, folder: Path) -> dict[str, float]:
        """Return pair to the unit error rate of ``write_damaged``'s units to the clean ones."""
        given = read_int_table(folder / f"units_{self.unit_tag}")
        return {
            pair.pair_id: unit_error_rate(self.units[pair.source].tolist(), given[pair.source])
            for pair in self.pairs
        }

    def write_damaged(self, condition: Condition, folder: Path) -> None:
        """Write a data directory whose units are those of the damaged sources.

        Prosody and voice are clean; where the audio was damaged, ``damaged_wav.scp`` lists it.
        ValueError if clean sources have other units than the table, or cannot be damaged.
        """
        encoder = None if condition.kind in (CLEAN, *UNIT_KINDS) else self._encoder
        damaged, wavs = {}, {}
        for source in self.units:
            # The same stream for every amount, so that amounts differ in nothing else.
            stream = zlib.crc32(f"{condition.kind} {source}".encode())
            generator = np.random.default_rng([self.seed, stream])
            try:
                if encoder is None:
                    damaged[source] = self._units(condition, source, generator)
                else:
                    wavs[source] = folder / "wav" / f"{source}.flac"
                    write_flac(wavs[source], to_int16(self._audio(condition, source, generator)))
                    # From the file: what can be listened to is what was encoded.
                    damaged[source] = encoder.encode(read_audio(wavs[source]))
            except ValueError as error:
                raise ValueError(f"{self.data_dir}: {source}: {condition.row}: {error}") from error
        for index, name in enumerate(("units", "unit_durations")):
            lines = {key: " ".join(map(str, both[index])) for key, both in damaged.items()}
            write_table(folder / f"{name}_{self.unit_tag}", lines)
        prosody = {name for pair in self.pairs for name in pair.prosody_utterances}
        heard = {name: self.wavs[name] for name in prosody}
        if (self.data_dir / "utt2prosody").is_file():
            # The explicit prosody path takes the tempo of the source, damaged as it is.
            heard |= {source: str(wavs.get(source, self.wavs[source])) for source in damaged}
            for name in ("utt2prosody", "utt2spk"):
                write_table(folder / name, read_table(self.data_dir / name))
        write_table(folder / "wav.scp", heard)
        vectors = {pair.speaker: self.vectors[pair.speaker] for pair in self.pairs}
        write_table(folder / "spk_embed.scp", vectors)
        if wavs:
            write_table(folder / "damaged_wav.scp", wavs)

    def _units(
        self, condition: Condition, source: str, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return units (U,) and durations (U,) of a source, its units damaged or clean."""
        clean = self.units[source], self.run_lengths[source]
        if condition.kind == REPLACED:
            num_units = Centroids.load(self.centroids_path).num_clusters
            return replace_units(*clean, condition.amount, num_units, generator)
        if condition.kind == DROPPED:
            return drop_units(*clean, condition.amount, generator)
        return clean

    def _audio(
        self, condition: Condition, source: str, generator: np.random.Generator
    ) -> np.ndarray:
        """Return the waveform (N,) of a source, its audio damaged."""
        speech, speakers = read_audio(self.wavs[source]), self.utt2spk
        if condition.kind == REVERBERATION:
            return reverberate(speech, condition.amount, generator)
        if condition.kind == WHITE:
            noise = generator.standard_normal(len(speech))
        else:
            shared = speakers.keys() & self.wavs
            others = sorted(name for name in shared if speakers[name] != speakers[source])
            if len(others) < NUM_TALKERS:
                raise ValueError(
                    f"babble needs {NUM_TALKERS} utterances of other speakers than "
                    f"{speakers[source]}, there are {len(others)}; leave it out (--noises white)"
                )
            talkers = generator.choice(others, NUM_TALKERS, replace=False)
            voices = [read_audio(self.wavs[name]) for name in talkers]
            noise = babble(voices, len(speech), generator)
        return add_noise(speech, noise, condition.amount)

    @cached_property
    def _encoder(self) -> UnitEncoderPipeline:
        """Load the encoder; ValueError unless it makes the units of the table of clean audio."""
        encoder = load_unit_encoder(str(self.centroids_path), self.conversion["device"])
        rates = {}
        for source, units in self.units.items():
            encoded, _ = encoder.encode(read_audio(self.wavs[source]))
            rates[source] = unit_error_rate(units.tolist(), encoded.tolist())
        mean = sum(rates.values()) / len(rates)
        if mean > MAX_DIFFERENCE:
            raise ValueError(
                f"{self.data_dir}/units_{self.unit_tag}: {100 * mean:.0f} % of the units of clean "
                "sources are not what the centroids make of their audio, for example of "
                f"{max(rates, key=rates.__getitem__)}; give the centroids they were made with"
            )
        return encoder


PANELS = {"share of units": UNIT_KINDS, "SNR (dB)": NOISES, "RT60 (s)": (REVERBERATION,)}
"""Columns of the figure: what the axis counts, and the kinds of damage drawn over it."""
METRICS = ("unit error rate", "MCD", "F0-mean error", "duration error")
"""Rows: content, spectrum and prosody."""
COLOURS = ("#4c72b0", "#dd8452")


def robustness_figure(
    conditions: Sequence[Condition], records: Sequence[Record], title: str
) -> Figure:
    """Return a figure: a row for each metric, a column for each way of damage, worse to the right.

    Grey is the clean source, dotted the input. ValueError if no condition damages anything.
    """
    by_kind: dict[str, list[Condition]] = {}
    for condition in sorted(conditions, key=lambda condition: condition.amount):
        by_kind.setdefault(condition.kind, []).append(condition)
    columns = {label: of for label, of in PANELS.items() if by_kind.keys() & set(of)}
    if not columns:
        raise ValueError(f"{title}: nothing to draw but the clean source; give some damage")
    found = {(record.row, record.metric): record for record in records}
    size = (1.0 + 3.2 * len(columns), 2.2 * len(METRICS))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(len(METRICS), len(columns), sharex="col", sharey="row", squeeze=False)
    for line, metric in zip(grid, METRICS, strict=True):
        clean = found[ROWS[CLEAN], metric]
        line[0].set_ylabel(f"{metric} ({clean.unit})" if clean.unit else metric)
        for axes, kinds in zip(line, columns.values(), strict=True):
            for kind, colour in zip(kinds, COLOURS):
                drawn = [(c.amount, found[c.row, metric]) for c in by_kind.get(kind, ())]
                if not drawn:
                    continue
                amounts, values = zip(*((x, record.value) for x, record in drawn), strict=True)
                axes.plot(amounts, values, "o-", color=colour, label=kind, markersize=4)
                for x, record in drawn:
                    if record.low is not None:
                        axes.vlines(x, record.low, record.high, color=colour, linewidth=1.0)
                if metric == METRICS[0]:
                    inputs = [found[c.row, "input unit error rate"].value for c in by_kind[kind]]
                    axes.plot(amounts, inputs, ":", color=colour)
            axes.axhline(float(clean.value), color="grey", linewidth=0.8, zorder=0)
    for top, bottom, label in zip(grid[0], grid[-1], columns, strict=True):
        bottom.set_xlabel(label)
        # Above the panel: inside, it could hide points.
        top.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        if label.startswith("SNR"):
            top.invert_xaxis()
    figure.suptitle(title, fontsize=10)
    return figure


def report_robustness(
    *,
    data_dir: str | Path,
    pairs_dir: str | Path,
    unit_tag: str,
    centroids_path: str | Path,
    results_path: str | Path,
    table: str,
    out_dir: str | Path,
    shares: Sequence[float],
    snrs_db: Sequence[float],
    rt60s_s: Sequence[float],
    noises: Sequence[str],
    max_pairs: int | None = None,
    seed: int = 0,
    **conversion: Any,
) -> list[Record]:
    """Convert damaged sources, score them, add rows and a figure; return the table's records.

    Beside the columns of every table of conversions a row has the unit error rate of the model's
    input, and that of its output less that of the clean source, pair by pair: the interval of a
    difference is narrow where that of a mean is not. A rerun keeps the conditions that are
    complete. ``out_dir`` gets ``pairs/``, a folder for each condition and ``robustness.png``.

    For the arguments and errors see ``study_conditions``, ``choose_pairs``, ``Study`` and
    ``convert_pairs``; the seed is of the damage.
    """
    conditions = study_conditions(shares, snrs_db, rt60s_s, noises)
    out_dir = Path(out_dir)
    chosen, listed = choose_pairs(pairs_dir, out_dir / "pairs", max_pairs)
    data = Path(data_dir), out_dir / "pairs", unit_tag
    study = Study(conversion, centroids_path, seed, *data)
    restored = str(bool(conversion["compensation_data_dir"])).lower()
    protocol = (
        f"{chosen} of {listed} pairs of {pairs_dir} ({len(study.units)} sources), model "
        f"{conversion['model_file']}, variance compensation: {restored}; {DAMAGE}; "
        f"seed {seed}; units {unit_tag}, vocoder {conversion['vocoder']}, F0 by dio"
    )
    rows, damaged = [], []
    clean: dict[str, float] = {}
    for condition in tqdm(conditions, desc="conditions", dynamic_ncols=True):
        folder = out_dir / condition.folder
        scores = study.run(condition, folder)
        given = study.input_error_rates(folder / "data")
        source = relative_path(folder / "conversion" / SCORES, results_path)
        rows += pair_rows(scores, protocol, source)
        own = [score for score in scores if score.row == condition.row]
        rates = {score.pair_id: score.unit_error_rate or 0.0 for score in own}
        clean = clean or rates
        pairs = [
            {"input_error_rate": given[pair], "above_clean": rate - clean[pair]}
            for pair, rate in rates.items()
        ]
        damaged.append(Row(condition.row, pairs, protocol, crossing(own), source))
    records = records_of(conversion_columns(), rows, table=table)
    records += records_of(columns_of("robustness"), damaged, table=table)
    figure = out_dir / "robustness.png"
    save_figure(robustness_figure(conditions, records, f"{table}, {chosen} pairs"), figure)
    title = f"Figure: {table}"
    caption = "Worse to the right; bars are 95 % intervals as in the table, dotted what went in."
    shown = file_record(title, "robustness", "metrics", figure, caption, results_path)
    append_records(results_path, [*environment_records(conversion["device"]), *records])
    append_records(results_path, [shown], replace_tables=[title])
    return records
