"""Score conversions against the true target and the source's units."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import atomic_open, parallel_map
from espnet2_ext.data.tables import normalise_sentence, read_int_table, read_table
from espnet2_ext.metrics.content import unit_error_rate
from espnet2_ext.metrics.models import Heard, Listen, hearing_fields, own_fields
from espnet2_ext.metrics.pitch import f0_contour
from espnet2_ext.metrics.prosody import duration_s, percent_error, speech_level_db
from espnet2_ext.metrics.spectrum import (
    CepstralTrack,
    SpectralErrors,
    compare_tracks,
    espnet_track,
    paper_track,
)
from espnet2_ext.metrics.statistics import Crossing
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel import log_mel

# ---------------------------------------------------------------- conversion pairs
# What scoring needs to know of each conversion, gathered and checked before any work.


@dataclass(frozen=True)
class ConversionPair:
    """One conversion with everything it is compared to.

    Attributes:
        pair_id: names it.
        condition: for instance ``neutral-angry``.
        source: utterance whose units are said.
        target: utterance that a perfect conversion would equal.
        wrong: utterance of other words, None where the list has none.
        emotion: of the target; None where the data have no emotions.
        converted_wav: path of the result.
        speaker: of the source; "" where the data do not say.
        sentence: words that the source says, see ``normalise_sentence``; the same.
        attention: ``forward_share consumed_share stopped looped`` of the result.
    """

    pair_id: str
    condition: str
    source: str
    target: str
    wrong: str | None
    emotion: str | None
    converted_wav: str
    speaker: str
    sentence: str
    attention: dict[str, float]


@dataclass(frozen=True)
class ConversionSet:
    """All conversions of an inference directory.

    Attributes:
        pairs: sorted by id.
        wavs: source and target utterances to audio files.
        units: source, target and wrong utterances to their de-duplicated units.
        texts: source and target utterances to what they say, where that is asked for.
    """

    pairs: list[ConversionPair]
    wavs: dict[str, str]
    units: dict[str, list[int]]
    texts: Mapping[str, str] = field(default_factory=dict)


REMEDY = "run the inference stage again"
ATTENTION_COLUMNS = ("forward_share", "consumed_share", "stopped", "looped")


def read_conversion_set(
    inference_dir: str | Path, data_dir: str | Path, pairs_dir: str | Path, unit_tag: str
) -> ConversionSet:
    """Return the conversions of a directory; nothing is left out silently.

    Args:
        inference_dir: holds ``wav.scp`` and ``generation.tsv``.
        data_dir: holds ``wav.scp`` and ``units_<tag>`` of sources and targets and, where
            known, ``utt2emo utt2spk text``.
        pairs_dir: holds ``pairs targets conditions`` and, where known, ``wrong_sentence``.
        unit_tag: which units.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: tables disagree on pairs or utterances; the message says which.
    """
    inference_dir, data_dir, pairs_dir = Path(inference_dir), Path(data_dir), Path(pairs_dir)
    sources = {pair: value.split()[0] for pair, value in read_table(pairs_dir / "pairs").items()}
    if not sources:
        raise ValueError(f"{pairs_dir / 'pairs'}: holds no pairs")
    paths = (pairs_dir / "targets", pairs_dir / "conditions", inference_dir / "wav.scp")
    targets, conditions, converted = tables = [read_table(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        _check_same_keys(path, table, pairs_dir / "pairs", sources)
    generation = _read_generation(inference_dir / "generation.tsv")
    _check_same_keys(inference_dir / "generation.tsv", generation, pairs_dir / "pairs", sources)
    _check_sources(inference_dir / "generation.tsv", generation, sources)
    wrong = _read_where_known(pairs_dir / "wrong_sentence")
    if wrong:
        _check_has(pairs_dir / "wrong_sentence", wrong, sources.values())
    spoken = [*sources.values(), *targets.values()]
    units = read_int_table(data_dir / f"units_{unit_tag}")
    _check_has(data_dir / f"units_{unit_tag}", units, [*spoken, *wrong.values()])
    emotions = _read_where_known(data_dir / "utt2emo")
    speakers = _read_where_known(data_dir / "utt2spk")
    texts = _read_where_known(data_dir / "text")
    wavs = read_table(data_dir / "wav.scp")
    _check_has(data_dir / "wav.scp", wavs, spoken)
    pairs = [
        ConversionPair(
            pair,
            conditions[pair],
            sources[pair],
            targets[pair],
            wrong.get(sources[pair]),
            emotions.get(targets[pair]),
            converted[pair],
            speakers.get(sources[pair], ""),
            normalise_sentence(texts.get(sources[pair], "")) or "",
            {name: float(generation[pair][name]) for name in ATTENTION_COLUMNS},
        )
        for pair in sorted(sources)
    ]
    return ConversionSet(pairs, wavs, units)


def _read_where_known(path: Path) -> dict[str, str]:
    """Return a table, empty where it is not there."""
    return read_table(path) if path.is_file() else {}


def _read_generation(path: Path) -> dict[str, dict[str, str]]:
    """Return ``{pair: {column: text}}`` of generation.tsv."""
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    for row in rows:
        lacking = {"pair_id", "source", *ATTENTION_COLUMNS} - row.keys()
        if lacking or None in row.values():
            raise ValueError(f"{path}: lacks {sorted(lacking) or 'fields'}; run inference again")
    return {row["pair_id"]: row for row in rows}


def _check_sources(
    path: Path, generation: Mapping[str, Mapping[str, str]], sources: Mapping[str, str]
) -> None:
    """Raise ValueError unless every conversion was made from the source that the list names."""
    for pair, source in sources.items():
        made_from = generation[pair]["source"]
        if made_from != source:
            raise ValueError(
                f"{path}: {pair} was made from {made_from}, the list says {source}; {REMEDY}"
            )


def _check_same_keys(path: Path, table: Mapping, reference_path: Path, reference: Mapping) -> None:
    """Raise ValueError unless both tables have the same keys."""
    for lacks, has, keys in (
        (path, reference_path, reference.keys() - table.keys()),
        (reference_path, path, table.keys() - reference.keys()),
    ):
        if keys:
            raise ValueError(
                f"{lacks}: lacks {len(keys)} pairs of {has}, for example {min(keys)}; {REMEDY}"
            )


def _check_has(path: Path, table: Mapping, utterances: Iterable[str]) -> None:
    """Raise ValueError unless every utterance is a key of the table."""
    lacking = set(utterances) - table.keys()
    if lacking:
        raise ValueError(
            f"{path}: lacks {len(lacking)} utterances that the pairs name, for example "
            f"{min(lacking)}; see rejected.tsv beside it"
        )


# ---------------------------------------------------------------- pair score
# The scores of one conversion, and ``scores.tsv``, from which every table can be rebuilt.


@dataclass(frozen=True)
class PairScore:
    """One line of ``scores.tsv``; None where a row has no such score.

    Attributes:
        row: row of the result table: ``zero effort``, ``converted`` ...
        pair_id: the conversion.
        condition: for instance ``neutral-angry``.
        source: utterance whose units are said.
        target: what a perfect conversion would be.
        speaker: of the source.
        sentence: what the source says; like ``speaker`` only to tell which scores have it in
            common.
        f0_hz: mean F0; None when nothing is voiced.
        target_f0_hz: of the target.
        f0_error_percent: |difference| in percent of the target, 100 when nothing is voiced.
        duration_s: seconds.
        target_duration_s: of the target.
        duration_error_percent: |difference| in percent of the target.
        level_db: level of active frames.
        target_level_db: of the target.
        level_error_db: |difference|.
        f0_std_hz: standard deviation of F0 over voiced frames; None when nothing is voiced.
        target_f0_std_hz: of the target.
        f0_std_error_hz: |difference|, as if it were 0 when nothing is voiced.
        mcd_db: see ``SpectralErrors``, and there for the nine that follow.
        mcd_truncated_db: frame by frame.
        mcd_espnet_db: by ESPnet's definition.
        f0_rmse_paper_hz: over all frames of the shorter, frame by frame.
        f0_rmse_padded_hz: over all frames of the longer, frame by frame.
        f0_rmse_dtw_hz: over all frames of MCD's path.
        f0_rmse_voiced_hz: over frames of that path voiced in both.
        log_f0_rmse: over frames of that path voiced in both.
        num_frames_paper: frames of ``f0_rmse_paper_hz``.
        num_frames_padded: frames of ``f0_rmse_padded_hz``.
        unit_error_rate: against the source's units.
        forward_share: see ``AttentionPath``.
        consumed_share: see ``AttentionPath``.
        stopped: 1 if the stop token ended it, else 0.
        looped: 1 if the attention went back to say something again, else 0.
        emotion_right: 1 if the target's emotion is heard, else 0.
        emotion_probability: of the target's emotion, by the same recogniser.
        speaker_cosine: of the speaker vectors of this and the target.
        word_error_rate: of what a speech recogniser hears, against the text.
        num_words: of that text.
        dnsmos: see ``Dnsmos.overall``, and there for the three that follow.
        dnsmos_signal: of the speech.
        dnsmos_background: of the noise.
        dnsmos_p808: by the older network.
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


COLUMNS = [field.name for field in fields(PairScore)]
NUM_TEXT_COLUMNS = 7


def crossing(scores: Iterable[PairScore]) -> Crossing:
    """Return which scores share a speaker and which a sentence; see ``speakers_and_sentences``."""
    scores = list(scores)
    return Crossing(
        [score.speaker or score.source for score in scores],
        # No sentence is called like an utterance: normalised words hold no line break.
        [score.sentence or f"\n{score.source}" for score in scores],
        "speakers" if any(score.speaker for score in scores) else "sources",
        "sentences" if any(score.sentence for score in scores) else "sources",
    )


def write_scores(path: str | Path, scores: Iterable[PairScore]) -> None:
    """Write a header and a line a score, in the order given; None is an empty field."""
    with atomic_open(path) as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for score in scores:
            values = (getattr(score, name) for name in COLUMNS)
            stream.write("\t".join(_format(value) for value in values) + "\n")


def read_scores(path: str | Path) -> list[PairScore]:
    """Return what ``write_scores`` wrote.

    Raises:
        ValueError: the header is another one, or a line has another number of fields.
    """
    with open(path, encoding="utf-8") as stream:
        header, *lines = [line.rstrip("\n").split("\t") for line in stream] or [[]]
    if header != COLUMNS:
        raise ValueError(f"{path}: not a table of scores; run the scoring stage again")
    scores = []
    for number, cells in enumerate(lines, start=2):
        if len(cells) != len(COLUMNS):
            raise ValueError(f"{path}:{number}: {len(cells)} fields instead of {len(COLUMNS)}")
        numbers = [float(cell) if cell else None for cell in cells[NUM_TEXT_COLUMNS:]]
        # The checker does not see how many cells a line has; COLUMNS was compared above.
        scores.append(PairScore(*cells[:NUM_TEXT_COLUMNS], *numbers))  # type: ignore[arg-type]
    return scores


def _format(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.6g}"


# ---------------------------------------------------------------- measures
# What is measured of one utterance, whatever it is then compared with.

MIN_UNIT_SAMPLES = 800
"""Speech shorter than 50 ms has no units; the encoders refuse it or pad it."""


class UnitEncoder(Protocol):
    """What ``units.encode.UnitEncoderPipeline`` offers."""

    def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return units (U,) and run lengths (U,) of a waveform (N,)."""
        ...


@dataclass(frozen=True)
class Measures:
    """Figures of one utterance.

    Attributes:
        f0_hz: mean F0 over voiced frames; None when nothing is voiced.
        f0_std_hz: standard deviation of F0 over voiced frames; None when nothing is voiced.
        duration_s: whole length.
        level_db: level of the active frames.
        units: de-duplicated units; None when not asked for.
        tracks: what is compared frame by frame, by definition of MCD.
        heard: what models heard; nothing where none were asked.
    """

    f0_hz: float | None
    f0_std_hz: float | None
    duration_s: float
    level_db: float
    units: tuple[int, ...] | None
    tracks: dict[str, CepstralTrack]
    heard: Heard = Heard()


def measure(
    waveform: np.ndarray,
    encoder: UnitEncoder | None,
    f0_method: str = "dio",
    listen: Listen | None = None,
) -> Measures:
    """Return the figures of a waveform (N,) at 16 kHz.

    Args:
        waveform: not empty.
        encoder: makes the units; None leaves them out.
        f0_method: see ``f0_contour``.
        listen: asks models; None asks none, and nor is one asked about speech without units.

    Raises:
        ValueError: the waveform is empty.
    """
    is_long_enough = len(waveform) >= MIN_UNIT_SAMPLES
    units: tuple[int, ...] | None = None
    if encoder is not None:
        units = tuple(encoder.encode(waveform)[0].tolist()) if is_long_enough else ()
    contour = f0_contour(waveform, f0_method)
    voiced_hz = contour.f0_hz[contour.f0_hz > 0.0]
    return Measures(
        f0_hz=contour.mean_hz,
        f0_std_hz=float(voiced_hz.std()) if len(voiced_hz) else None,
        duration_s=duration_s(waveform),
        level_db=speech_level_db(waveform),
        units=units,
        tracks={
            "paper": paper_track(waveform, contour if f0_method == "dio" else None),
            "espnet": espnet_track(waveform),
        },
        heard=listen(waveform) if listen is not None and is_long_enough else Heard(),
    )


# ---------------------------------------------------------------- measure files
# Measure many audio files at once, each once, in processes.


@dataclass(frozen=True, order=True)
class MeasureJob:
    """One file to measure.

    Attributes:
        wav: path of the audio.
        resynthesised: measure what the vocoder makes of its mel, not the file itself.
    """

    wav: str
    resynthesised: bool = False


def measure_files(
    jobs: Sequence[MeasureJob],
    *,
    centroids_path: str | Path,
    vocoder: str = "griffin_lim",
    f0_method: str = "dio",
    listen: Listen | None = None,
    num_workers: int = 1,
    device: str = "cpu",
) -> dict[MeasureJob, Measures]:
    """Return the measures of every job; a job given twice is done once.

    Args:
        jobs: what to measure.
        centroids_path: of the units.
        vocoder: of resynthesis, see ``build_vocoder``.
        f0_method: see ``f0_contour``.
        listen: asks models, in every process; None asks none.
        num_workers: processes; use 1 with a GPU.
        device: of the upstream and of a HiFi-GAN.

    Raises:
        ValueError: a file cannot be measured; the message names it.
    """
    unique = sorted(set(jobs))
    results = parallel_map(
        partial(
            _measure_job,
            centroids_path=str(centroids_path),
            vocoder=vocoder,
            f0_method=f0_method,
            listen=listen,
            device=device,
        ),
        unique,
        description="measure",
        num_workers=num_workers,
        initializer=_use_one_thread if num_workers > 1 else None,
        # Torch's threads do not survive a fork.
        start_method="spawn",
    )
    return dict(zip(unique, results, strict=True))


@lru_cache(maxsize=1)
def load_unit_encoder(centroids_path: str, device: str) -> UnitEncoder:
    """Return the encoder of a centroids file, loaded once a process."""
    from espnet2_ext.units.centroids import UnitEncoderPipeline

    return UnitEncoderPipeline.from_file(centroids_path, device=device)


def _use_one_thread() -> None:
    """Give a process of many one CPU thread."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)


def _measure_job(
    job: MeasureJob,
    centroids_path: str,
    vocoder: str,
    f0_method: str,
    listen: Listen | None,
    device: str,
) -> Measures:
    # Loaded here and not by an initializer, whose errors would only break the pool.
    encoder = load_unit_encoder(centroids_path, device)
    waveform = read_audio(job.wav)  # Its errors name the file.
    try:
        if job.resynthesised:
            waveform = build_vocoder(vocoder, device)(log_mel(waveform))
        return measure(waveform, encoder, f0_method, listen)
    except ValueError as error:
        raise ValueError(f"{job.wav}: {error}") from error


# ---------------------------------------------------------------- conversion

ZERO_EFFORT = "zero effort"
RESYNTHESIS = "resynthesis"
TRUE_TARGET = "true target"
WRONG_SENTENCE = "wrong sentence"
Comparison = tuple[MeasureJob, MeasureJob]
"""What is compared, and the target."""

RowFields = tuple[MeasureJob | None, Sequence[int] | None, Mapping[str, float | None]]
"""What is compared to the target, the units compared to the source's, further fields."""

REFERENCE_ROWS = (ZERO_EFFORT, RESYNTHESIS, TRUE_TARGET, WRONG_SENTENCE)
SCORES = "scores.tsv"


def score_conversions(
    inference_dir: str | Path,
    data_dir: str | Path,
    pairs_dir: str | Path,
    centroids_path: str | Path,
    *,
    unit_tag: str,
    row_name: str = "converted",
    with_reference_rows: bool = True,
    vocoder: str = "griffin_lim",
    f0_method: str = "dio",
    listen: Listen | None = None,
    texts: Mapping[str, str] | None = None,
    num_workers: int = 1,
    device: str = "cpu",
) -> list[PairScore]:
    """Return the scores of every pair and row, and write them to ``scores.tsv``.

    Rows, each over all pairs:

    * ``zero effort``: the source left as it is. Its unit error rate, units of its audio
      against the table of units, is 0 unless the two were made differently.
    * ``resynthesis``: what analysis and vocoder alone cost. Units: the source through
      the vocoder; everything else: the target through the vocoder.
    * ``true target``: units of the target, which says the same words; what the units
      themselves change with emotion.
    * ``wrong sentence``: units of another sentence of the voice; what no content gives.
    * ``row_name``: the conversions.

    Args:
        inference_dir: see ``read_conversion_set``; also gets ``scores.tsv``.
        data_dir: see there.
        pairs_dir: see there.
        centroids_path: with which the units were made.
        unit_tag: which ``units_<tag>``.
        row_name: row of the conversions.
        with_reference_rows: False gives the conversions alone.
        vocoder: of resynthesis; the one the conversions were made with.
        f0_method: see ``f0_contour``.
        listen: asks models, see ``Heard``; None asks none.
        texts: what sources and targets say; needed where ``listen`` hears words.
        num_workers: processes.
        device: of the upstream and of a HiFi-GAN.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: tables disagree, an audio file is bad, or a target has no voiced
            frame; the message names it.
    """
    if row_name in REFERENCE_ROWS:
        raise ValueError(f"row_name {row_name!r} is taken; call the conversions something else")
    conversions = read_conversion_set(inference_dir, data_dir, pairs_dir, unit_tag)
    conversions = replace(conversions, texts=texts or {})
    measures = measure_files(
        _jobs(conversions, with_reference_rows),
        centroids_path=centroids_path,
        vocoder=vocoder,
        f0_method=f0_method,
        listen=listen,
        num_workers=num_workers,
        device=device,
    )
    _refuse_unvoiced_targets(conversions, measures)
    comparisons = _comparisons(conversions, with_reference_rows)
    tracks = [(measures[job].tracks, measures[target].tracks) for job, target in comparisons]
    spectral = dict(zip(comparisons, compare_tracks(tracks, num_workers), strict=True))
    scores = [
        score
        for pair in conversions.pairs
        for score in _score_pair(
            pair, conversions, measures, spectral, row_name, with_reference_rows
        )
    ]
    order = (ZERO_EFFORT, row_name, RESYNTHESIS, TRUE_TARGET, WRONG_SENTENCE)
    scores.sort(key=lambda score: order.index(score.row))
    write_scores(Path(inference_dir) / SCORES, scores)
    return scores


def _jobs(conversions: ConversionSet, with_reference_rows: bool) -> list[MeasureJob]:
    """Return every file to measure; those that pairs share stand there repeatedly."""
    jobs = []
    for pair in conversions.pairs:
        source, target = (conversions.wavs[key] for key in (pair.source, pair.target))
        jobs += [MeasureJob(pair.converted_wav), MeasureJob(target)]
        if with_reference_rows:
            jobs += [MeasureJob(source), MeasureJob(source, True), MeasureJob(target, True)]
    return jobs


def _comparisons(conversions: ConversionSet, with_reference_rows: bool) -> list[Comparison]:
    """Return what is compared with which target, each once."""
    comparisons: dict[Comparison, None] = {}
    for pair in conversions.pairs:
        source, target = (conversions.wavs[key] for key in (pair.source, pair.target))
        jobs = [MeasureJob(pair.converted_wav)]
        if with_reference_rows:
            jobs += [MeasureJob(source), MeasureJob(target, True)]
        comparisons.update(((job, MeasureJob(target)), None) for job in jobs)
    return list(comparisons)


def _refuse_unvoiced_targets(
    conversions: ConversionSet, measures: dict[MeasureJob, Measures]
) -> None:
    """Raise ValueError for a target that no F0 can be compared with."""
    for pair in conversions.pairs:
        target = conversions.wavs[pair.target]
        true = measures[MeasureJob(target)]
        track = true.tracks["paper"]
        assert track.f0_hz is not None
        if true.f0_hz is None or not (track.f0_hz[track.is_speech] > 0.0).any():
            raise ValueError(
                f"{target}: nothing is voiced in the target of {pair.pair_id}; "
                "take the pair out of the list"
            )


def _score_pair(
    pair: ConversionPair,
    conversions: ConversionSet,
    measures: dict[MeasureJob, Measures],
    spectral: dict[Comparison, SpectralErrors],
    row_name: str,
    with_reference_rows: bool,
) -> list[PairScore]:
    """Return the scores of one pair, a row each."""
    source, target = (conversions.wavs[key] for key in (pair.source, pair.target))
    converted, as_it_is = MeasureJob(pair.converted_wav), MeasureJob(source)
    rows: dict[str, RowFields] = {row_name: (converted, measures[converted].units, pair.attention)}
    if with_reference_rows:
        source_again = measures[MeasureJob(source, True)]
        rows[ZERO_EFFORT] = (as_it_is, measures[as_it_is].units, {})
        rows[RESYNTHESIS] = (MeasureJob(target, True), source_again.units, {})
        itself = measures[MeasureJob(target)].heard
        is_heard = own_fields(itself, itself, pair.emotion, conversions.texts.get(pair.target))
        rows[TRUE_TARGET] = (None, conversions.units[pair.target], is_heard)
        if pair.wrong is not None:
            rows[WRONG_SENTENCE] = (None, conversions.units[pair.wrong], {})

    def errors(job: MeasureJob) -> dict[str, float | None]:
        true = MeasureJob(target)
        text = conversions.texts.get(pair.target if job.wav == target else pair.source)
        heard = hearing_fields(measures[job].heard, measures[true].heard, pair.emotion, text)
        return _errors(measures[job], measures[true]) | asdict(spectral[job, true]) | heard

    return [
        PairScore(
            row,
            pair.pair_id,
            pair.condition,
            pair.source,
            pair.target,
            pair.speaker,
            pair.sentence,
            unit_error_rate=unit_error_rate(conversions.units[pair.source], units or ()),
            **(errors(job) if job is not None else {}),
            **others,
        )
        for row, (job, units, others) in rows.items()
    ]


def _errors(measured: Measures, target: Measures) -> dict[str, float | None]:
    """Return the fields of a ``PairScore`` that compare an utterance with the target.

    Speech without a voiced frame has an F0 error of 100 %, as if its F0 were 0: leaving
    it out would reward a conversion that is not voiced.
    """
    true_f0_hz = target.f0_hz or 0.0
    return {
        "f0_hz": measured.f0_hz,
        "target_f0_hz": target.f0_hz,
        "f0_error_percent": percent_error(measured.f0_hz or 0.0, true_f0_hz),
        "duration_s": measured.duration_s,
        "target_duration_s": target.duration_s,
        "duration_error_percent": percent_error(measured.duration_s, target.duration_s),
        "level_db": measured.level_db,
        "target_level_db": target.level_db,
        "level_error_db": abs(measured.level_db - target.level_db),
        "f0_std_hz": measured.f0_std_hz,
        "target_f0_std_hz": target.f0_std_hz,
        "f0_std_error_hz": abs((measured.f0_std_hz or 0.0) - (target.f0_std_hz or 0.0)),
    }
