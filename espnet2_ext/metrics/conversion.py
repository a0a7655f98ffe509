"""Score conversions against the ground-truth target and the source's units.

Each audio file is measured once, in processes; each conversion is then compared with its
target. ``scores.tsv`` has a line for every pair and row.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import atomic_open, spawn_map
from espnet2_ext.data.tables import normalise_sentence, read_csv, read_int_table, read_table
from espnet2_ext.metrics.content import unit_error_rate
from espnet2_ext.metrics.models import Predict, Predictions, prediction_fields
from espnet2_ext.metrics.prosody import ProsodyMeasures, percent_error, prosody_measures
from espnet2_ext.metrics.spectrum import Tracks, compare_tracks, espnet_track, paper_track
from espnet2_ext.metrics.statistics import Crossing, crossing_of
from espnet2_ext.units.centroids import UnitEncoderPipeline
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel import log_mel

SOURCE = "source (unconverted)"
COPY_SYNTHESIS = "copy synthesis"
GROUND_TRUTH = "ground-truth target"
MISMATCHED_TEXT = "mismatched text"
REFERENCE_ROWS = (SOURCE, COPY_SYNTHESIS, GROUND_TRUTH, MISMATCHED_TEXT)
SCORES = "scores.tsv"
ATTENTION_COLUMNS = ("forward_share", "consumed_share", "stopped", "looped")
REMEDY = "run the inference stage again"
MIN_UNIT_SAMPLES = 800
"""Speech shorter than 50 ms has no units; the encoders refuse it or pad it."""


@dataclass(frozen=True)
class ConversionPair:
    """One conversion with everything it is compared to.

    ``source`` gives the units, ``target`` is the ground truth; ``wrong_units`` are of other words
    (None where the list has none). ``emotion`` is the target's, ``speaker`` and ``sentence`` (see
    ``normalise_sentence``) the source's. ``attention`` has `ATTENTION_COLUMNS`.
    """

    pair_id: str
    condition: str
    source: str
    target: str
    emotion: str | None
    speaker: str
    sentence: str
    converted_wav: str
    source_wav: str
    target_wav: str
    source_units: list[int]
    target_units: list[int]
    wrong_units: list[int] | None
    attention: dict[str, float]


def read_conversion_set(
    inference_dir: str | Path, data_dir: str | Path, pairs_dir: str | Path, unit_tag: str
) -> list[ConversionPair]:
    """Return the conversions of a directory, sorted by id; none is left out silently.

    ``inference_dir`` holds ``wav.scp`` and ``generation.tsv``; ``data_dir`` ``wav.scp`` and
    ``units_<tag>`` of sources and targets and, where known, ``utt2emo utt2spk text``;
    ``pairs_dir`` ``pairs targets conditions`` and, where known, ``wrong_sentence``. A ValueError
    says which tables disagree on pairs or utterances.
    """
    inference_dir, data_dir, pairs_dir = Path(inference_dir), Path(data_dir), Path(pairs_dir)
    listed = pairs_dir / "pairs"
    sources = {pair: value.split()[0] for pair, value in read_table(listed).items()}
    if not sources:
        raise ValueError(f"{listed}: holds no pairs")
    paths = (pairs_dir / "targets", pairs_dir / "conditions", inference_dir / "wav.scp")
    targets, conditions, converted = tables = [read_table(path) for path in paths]
    generation = _read_generation(inference_dir / "generation.tsv", sources)
    of_pairs: dict[Path, Mapping] = dict(zip(paths, tables, strict=True))
    of_pairs[inference_dir / "generation.tsv"] = generation
    for path, table in of_pairs.items():
        _check_has(path, table, sources, f"pairs of {listed}", REMEDY)
        _check_has(listed, sources, table, f"pairs of {path}", REMEDY)
    spoken = [*sources.values(), *targets.values()]
    units, wavs = read_int_table(data_dir / f"units_{unit_tag}"), read_table(data_dir / "wav.scp")
    names = ("utt2emo", "utt2spk", "text")
    optional = (pairs_dir / "wrong_sentence", *map(data_dir.joinpath, names))
    wrong, emotions, speakers, texts = (read_table(p) if p.is_file() else {} for p in optional)
    words = "utterances that the pairs name", "see rejected.tsv beside it"
    _check_has(optional[0], wrong, sources.values() if wrong else (), *words)
    _check_has(data_dir / f"units_{unit_tag}", units, [*spoken, *wrong.values()], *words)
    _check_has(data_dir / "wav.scp", wavs, spoken, *words)
    return [
        ConversionPair(
            pair,
            conditions[pair],
            source,
            targets[pair],
            emotions.get(targets[pair]),
            speakers.get(source, ""),
            normalise_sentence(texts.get(source, "")) or "",
            converted[pair],
            wavs[source],
            wavs[targets[pair]],
            units[source],
            units[targets[pair]],
            units[wrong[source]] if wrong else None,
            generation[pair],
        )
        for pair, source in sorted(sources.items())
    ]


def _read_generation(path: Path, sources: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Return ``{pair: {attention column: value}}``, made from the sources of the list."""
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    generation = {}
    for row in rows:
        lacking = {"pair_id", "source", *ATTENTION_COLUMNS} - row.keys()
        if lacking or None in row.values():
            raise ValueError(f"{path}: lacks {sorted(lacking) or 'fields'}; {REMEDY}")
        pair, made_from = row["pair_id"], row["source"]
        if made_from != sources.get(pair, made_from):
            raise ValueError(
                f"{path}: {pair} was made from {made_from}, the list says {sources[pair]}; {REMEDY}"
            )
        generation[pair] = {name: float(row[name]) for name in ATTENTION_COLUMNS}
    return generation


def _check_has(path: Path, table: Mapping, wanted: Iterable[str], what: str, remedy: str) -> None:
    lacking = set(wanted) - table.keys()
    if lacking:
        raise ValueError(
            f"{path}: lacks {len(lacking)} {what}, for example {min(lacking)}; {remedy}"
        )


@dataclass(frozen=True)
class Measures(ProsodyMeasures):
    """Measures of one utterance, independent of what it is compared with.

    ``units`` are de-duplicated and empty for very short audio; ``tracks`` are compared frame by
    frame; ``predictions`` are of models, if asked for.
    """

    units: tuple[int, ...] = ()
    tracks: Tracks = field(default_factory=dict)
    predictions: Predictions = Predictions()

    @property
    def unit_s(self) -> float:
        """Return seconds per unit; the whole length where there is none."""
        return self.duration_s / max(len(self.units), 1)


def measure(
    waveform: np.ndarray,
    encoder: UnitEncoderPipeline,
    f0_method: str = "dio",
    predict: Predict | None = None,
    *,
    with_tracks: bool = True,
) -> Measures:
    """Return the measures of a waveform (N,) at 16 kHz; ValueError if it is empty.

    Models (``predict``) are asked only about speech long enough to have units.
    """
    is_long_enough = len(waveform) >= MIN_UNIT_SAMPLES
    units = tuple(encoder.encode(waveform)[0].tolist()) if is_long_enough else ()
    prosody = prosody_measures(waveform, f0_method)
    tracks = {}
    if with_tracks:
        known = prosody.contour if f0_method == "dio" else None
        tracks = {"paper": paper_track(waveform, known), "espnet": espnet_track(waveform)}
    predictions = predict(waveform) if predict is not None and is_long_enough else Predictions()
    return Measures(**vars(prosody), units=units, tracks=tracks, predictions=predictions)


@dataclass(frozen=True, order=True)
class MeasureJob:
    """One file to measure, or its copy synthesis by the vocoder from the mel."""

    wav: str
    resynthesised: bool = False


def measure_files(
    jobs: Iterable[MeasureJob],
    *,
    centroids_path: str | Path,
    vocoder: str = "griffin_lim",
    device: str = "cpu",
    num_workers: int = 1,
    **options: Any,
) -> dict[MeasureJob, Measures]:
    """Return the measures of every job, each computed once; for the options see `measure`.

    ``vocoder`` and ``device`` are those of `build_vocoder` (use one process with a GPU). A file
    that cannot be measured raises ValueError with its name.
    """
    unique = sorted(set(jobs))
    measure_job = partial(_measure_job, str(centroids_path), vocoder, device, options)
    results = spawn_map(measure_job, unique, description="measure", num_workers=num_workers)
    return dict(zip(unique, results, strict=True))


@lru_cache(maxsize=1)
def load_unit_encoder(centroids_path: str, device: str) -> UnitEncoderPipeline:
    """Return the encoder of a centroids file, loaded once per process."""
    return UnitEncoderPipeline.from_file(centroids_path, device=device)


def _measure_job(
    centroids_path: str, vocoder: str, device: str, options: dict, job: MeasureJob
) -> Measures:
    # Loaded here and not by an initializer, whose errors would only break the pool.
    encoder = load_unit_encoder(centroids_path, device)
    waveform = read_audio(job.wav)  # Its errors name the file.
    try:
        if job.resynthesised:
            waveform = build_vocoder(vocoder, device)(log_mel(waveform))
        return measure(waveform, encoder, **options)
    except ValueError as error:
        raise ValueError(f"{job.wav}: {error}") from error


@dataclass(frozen=True)
class PairScore:
    """One line of ``scores.tsv``; None where a row has no such score.

    ``speaker`` and ``sentence`` are the source's and only say which scores share them,
    ``target_...`` the target's. Errors are |difference| to the target, ``..._percent`` relative to
    it; ``mcd_...`` are the definitions of ``metrics/spectrum.py``, ``f0_rmse_...`` those of
    ``metrics/pitch.py`` with ``num_frames_...`` their frames; ``forward_share``, ``consumed_share``
    and ``looped`` are of ``AttentionPath``, the rest of ``metrics/models.py``. Yes and no are 1 and
    0. Without voiced frames F0 counts as 0 Hz: leaving such a conversion out would reward it.
    """

    row: str
    pair_id: str
    condition: str
    source: str
    target: str
    speaker: str = ""
    sentence: str = ""
    f0_hz: float | None = None
    target_f0_hz: float | None = None
    f0_error_percent: float | None = None
    duration_s: float | None = None
    target_duration_s: float | None = None
    duration_error_percent: float | None = None
    level_db: float | None = None
    target_level_db: float | None = None
    level_error_db: float | None = None
    f0_std_hz: float | None = None
    target_f0_std_hz: float | None = None
    f0_std_error_hz: float | None = None
    mcd_db: float | None = None
    mcd_truncated_db: float | None = None
    mcd_espnet_db: float | None = None
    f0_rmse_paper_hz: float | None = None
    f0_rmse_padded_hz: float | None = None
    f0_rmse_dtw_hz: float | None = None
    f0_rmse_voiced_hz: float | None = None
    log_f0_rmse: float | None = None
    num_frames_paper: float | None = None
    num_frames_padded: float | None = None
    unit_error_rate: float | None = None
    forward_share: float | None = None
    consumed_share: float | None = None
    stopped: float | None = None
    looped: float | None = None
    emotion_right: float | None = None
    emotion_probability: float | None = None
    speaker_cosine: float | None = None
    word_error_rate: float | None = None
    num_words: float | None = None
    dnsmos: float | None = None
    dnsmos_signal: float | None = None
    dnsmos_background: float | None = None
    dnsmos_p808: float | None = None

    @property
    def unvoiced(self) -> float | None:
        """Return whether nothing is voiced, 0 or 1; None without a measured waveform."""
        return None if self.f0_error_percent is None else float(self.f0_hz is None)


COLUMNS = [field.name for field in fields(PairScore)]


def crossing(scores: Iterable[PairScore]) -> Crossing:
    """Return which scores share a speaker and which a sentence; see ``crossing_of``."""
    named = [(score.source, score.speaker, score.sentence) for score in scores]
    names, speakers, sentences = ([each[place] for each in named] for place in range(3))
    return crossing_of(names, speakers, sentences, "sources")


def write_scores(path: str | Path, scores: Iterable[PairScore]) -> None:
    """Write a header and a line per score, in the order given."""
    write_rows(path, COLUMNS, ([getattr(score, name) for name in COLUMNS] for score in scores))


def write_rows(
    path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[str | float | None]]
) -> None:
    """Write a tab-separated table with numbers of six digits; None is an empty field."""
    with atomic_open(path) as stream:
        stream.write("\t".join(columns) + "\n")
        for row in rows:
            cells = ("" if x is None else x if isinstance(x, str) else f"{x:.6g}" for x in row)
            stream.write("\t".join(cells) + "\n")


def read_scores(path: str | Path) -> list[PairScore]:
    """Return what `write_scores` wrote; ValueError for another table."""
    numbers = {field.name for field in fields(PairScore) if field.default is None}
    scores = []
    for _, row in read_csv(path, COLUMNS[:5], COLUMNS[5:], is_tabs=True, has_gaps=True):
        cells: dict[str, Any] = dict(row)
        cells |= {name: float(row[name]) if row[name] else None for name in numbers & row.keys()}
        scores.append(PairScore(**cells))
    return scores


def score_conversions(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    centroids_path: str | Path,
    *,
    unit_tag: str,
    row_name: str = "converted",
    with_reference_rows: bool = True,
    texts: Mapping[str, str] | None = None,
    num_workers: int = 1,
    **measuring: Any,
) -> list[PairScore]:
    """Return the scores of every pair and row, and write them to ``scores.tsv``.

    Rows, beside ``row_name``, the conversions:

    * ``source (unconverted)``: the source; its unit error rate is against the table of units.
    * ``copy synthesis``: the loss by analysis and vocoder alone; units of the resynthesised source,
      everything else of the resynthesised target.
    * ``ground-truth target``: units of the target: what the units change with emotion.
    * ``mismatched text``: units of another sentence of the voice; the score of no content at all.

    See `read_conversion_set` for the directories and `measure_files` for ``measuring``: its
    vocoder should be the one the conversions were made with. ``texts``, of sources and targets,
    are needed where ``predict`` recognises words. A ValueError names an audio file that is bad, or
    a target without a voiced frame.
    """
    if row_name in REFERENCE_ROWS:
        raise ValueError(f"row_name {row_name!r} is taken; call the conversions something else")
    pairs = read_conversion_set(inference_dir, data_dir, pairs_dir, unit_tag)
    rows = []
    for pair in pairs:
        jobs = {row_name: MeasureJob(pair.converted_wav)}
        if with_reference_rows:
            jobs[SOURCE] = MeasureJob(pair.source_wav)
            jobs[COPY_SYNTHESIS] = MeasureJob(pair.target_wav, True)
        rows.append((pair, MeasureJob(pair.target_wav), jobs))
    wanted = {job for _, target, jobs in rows for job in (target, *jobs.values())}
    if with_reference_rows:
        wanted |= {MeasureJob(pair.source_wav, True) for pair in pairs}
    measures = measure_files(
        wanted, centroids_path=centroids_path, num_workers=num_workers, **measuring
    )
    for pair, target, _ in rows:
        track = measures[target].tracks["paper"]
        assert track.f0_hz is not None
        if measures[target].f0_mean_hz is None or not track.f0_hz[track.is_speech].any():
            raise ValueError(
                f"{target.wav}: nothing is voiced in the target of {pair.pair_id}; "
                "take the pair out of the list"
            )
    compared = list(dict.fromkeys((job, to) for _, to, jobs in rows for job in jobs.values()))
    tracks = [(measures[job].tracks, measures[target].tracks) for job, target in compared]
    spectral = dict(zip(compared, compare_tracks(tracks, num_workers), strict=True))
    scores = [score for row in rows for score in _score_pair(*row, measures, spectral, texts or {})]
    order = (SOURCE, row_name, COPY_SYNTHESIS, GROUND_TRUTH, MISMATCHED_TEXT)
    scores.sort(key=lambda score: order.index(score.row))
    write_scores(Path(inference_dir) / SCORES, scores)
    return scores


def _score_pair(
    pair: ConversionPair,
    target_job: MeasureJob,
    jobs: Mapping[str, MeasureJob],
    measures: Mapping[MeasureJob, Measures],
    spectral: Mapping[tuple[MeasureJob, MeasureJob], dict[str, float | None]],
    texts: Mapping[str, str],
) -> list[PairScore]:
    """Return the scores of one pair; the conversion's comes first."""
    target, target_text = measures[target_job], texts.get(pair.target)
    units: dict[str, Sequence[int]] = {}
    others: dict[str, dict[str, float | None]] = {}
    for row, job in jobs.items():
        text = target_text if job.wav == target_job.wav else texts.get(pair.source)
        predictions = prediction_fields(
            measures[job].predictions, target.predictions, pair.emotion, text
        )
        units[row] = measures[job].units
        others[row] = _errors(measures[job], target) | spectral[job, target_job] | predictions
    others[next(iter(jobs))] |= pair.attention
    if COPY_SYNTHESIS in jobs:
        units[COPY_SYNTHESIS] = measures[MeasureJob(pair.source_wav, True)].units
        units[GROUND_TRUTH] = pair.target_units
        others[GROUND_TRUTH] = prediction_fields(
            target.predictions, target.predictions, pair.emotion, target_text, with_speaker=False
        )
        if pair.wrong_units is not None:
            units[MISMATCHED_TEXT] = pair.wrong_units
    names = ("pair_id", "condition", "source", "target", "speaker", "sentence")
    shared: dict[str, Any] = {name: getattr(pair, name) for name in names}
    rates = {row: unit_error_rate(pair.source_units, said) for row, said in units.items()}
    return [
        PairScore(row, unit_error_rate=rate, **(shared | others.get(row, {})))
        for row, rate in rates.items()
    ]


def _errors(measured: Measures, target: Measures) -> dict[str, float | None]:
    """Return the prosody fields of a `PairScore`."""
    values: dict[str, float | None] = {
        "f0_error_percent": percent_error(measured.f0_mean_hz or 0.0, target.f0_mean_hz or 0.0),
        "duration_error_percent": percent_error(measured.duration_s, target.duration_s),
        "level_error_db": abs(measured.level_db - target.level_db),
        "f0_std_error_hz": abs((measured.f0_std_hz or 0.0) - (target.f0_std_hz or 0.0)),
    }
    for side, of in (("", measured), ("target_", target)):
        values[f"{side}f0_hz"], values[f"{side}f0_std_hz"] = of.f0_mean_hz, of.f0_std_hz
        values[f"{side}duration_s"], values[f"{side}level_db"] = of.duration_s, of.level_db
    return values
