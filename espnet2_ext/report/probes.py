"""What do prosody vectors say of emotion, voice, words, pitch and tempo: tables and figures."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import yaml

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.conversion.converter import (
    Prosody2VecConverter,
    prosody_vectors,
    untrained_encoder,
)
from espnet2_ext.data.directory import DataDirectoryError, Utterance
from espnet2_ext.data.tables import read_int_table, read_rejected
from espnet2_ext.metrics.pitch import describe_f0
from espnet2_ext.metrics.probes import (
    INVERSE_PENALTY,
    RIDGE_PENALTY,
    CorrelationScore,
    NotMeasurable,
    ProbeScore,
    linear_probe,
    ridge_correlation,
)
from espnet2_ext.metrics.prosody import ProsodyMeasures, measure_prosody
from espnet2_ext.metrics.statistics import Crossing
from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.report.figures import project, save_figure, vector_figure
from espnet2_ext.report.records import (
    Column,
    Estimate,
    Record,
    Row,
    append_records,
    file_record,
    git_commit,
    records_of,
    relative_path,
)
from espnet2_ext.ser.attributes import attributes_of, read_utterances

# ---------------------------------------------------------------- pooled
# One vector of an utterance's units: which share of its time each unit takes.


def pooled_units(
    units: Sequence[int] | np.ndarray,
    durations: Sequence[int] | np.ndarray,
    num_units: int,
) -> np.ndarray:
    """Return (num_units,) shares of the frames, which add up to 1.

    Order is lost, and so is tempo: what remains is which sounds an utterance has. For
    comparison with other vectors of utterances; nothing is trained on it.

    Args:
        units: (U,) de-duplicated ids.
        durations: (U,) run lengths in upstream frames.
        num_units: size of the vocabulary.

    Raises:
        ValueError: lengths differ, there are no frames, or an id is outside the vocabulary.
    """
    units, durations = np.asarray(units, dtype=np.int64), np.asarray(durations, dtype=np.int64)
    if units.shape != durations.shape or units.ndim != 1:
        raise ValueError(f"{units.shape} units and {durations.shape} durations; give one each")
    if len(units) == 0 or (durations < 0).any() or durations.sum() == 0:
        raise ValueError("an utterance needs units that last at least one frame")
    if units.min() < 0 or units.max() >= num_units:
        raise ValueError(f"units {units.min()} to {units.max()} of a vocabulary of {num_units}")
    return np.bincount(units, weights=durations, minlength=num_units) / durations.sum()


# ---------------------------------------------------------------- probe set
# What probes read from, and what they read: vectors and labels of one data directory.

logger = logging.getLogger(__name__)

PROSODY, UNTRAINED = "prosody vector", "untrained encoder"
SPEAKER_VECTOR, UNITS = "speaker vector", "units"
KINDS = (PROSODY, UNTRAINED, SPEAKER_VECTOR, UNITS)
"""Rows of the tables."""

F0_MEAN, F0_IN_VOICE, F0_RANGE = "F0 mean", "F0 in voice", "F0 range"
RATE, LEVEL = "speaking rate", "level"

MAX_UTTERANCES = 2000
"""More than this many of a directory are thinned by a seeded draw, which is said."""


@dataclass(frozen=True)
class ProbeSet:
    """Labels and vectors of n utterances.

    Attributes:
        name: of the data directory.
        listed: utterances that it lists, rejected ones too.
        speakers: (n,).
        sentences: (n,) normalised words; an utterance without words is a sentence of its
            own.
        has_words: (n,) bool, whether its sentence is known.
        emotions: (n,); None where there is no ``utt2emo``.
        vectors: ``{kind: (n, dim)}``.
        targets: ``{measure: (n,)}``, nan where an utterance has none.
        lacking: what the directory does not know of speakers and sentences, in words.
    """

    name: str
    listed: int
    speakers: np.ndarray
    sentences: np.ndarray
    has_words: np.ndarray
    emotions: np.ndarray | None
    vectors: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    lacking: tuple[str, ...]

    @property
    def shared_sentences(self) -> np.ndarray:
        """Return (n,) whether an utterance's sentence is said by several speakers."""
        said: dict[str, set[str]] = {}
        for sentence, speaker in zip(self.sentences.tolist(), self.speakers.tolist(), strict=True):
            said.setdefault(sentence, set()).add(speaker)
        several = np.array([len(said[sentence]) > 1 for sentence in self.sentences.tolist()])
        return self.has_words & several


def read_probe_set(
    data_dir: str | Path,
    model: Prosody2VecModel,
    *,
    unit_tag: str,
    max_utterances: int = MAX_UTTERANCES,
    num_workers: int = 1,
    seed: int = 0,
) -> ProbeSet:
    """Return labels and vectors of a data directory.

    Args:
        data_dir: holds ``wav.scp utt2spk spk_embed.scp units_<tag> unit_durations_<tag>``
            and, where known, ``utt2emo`` and ``text``.
        model: trained, in eval mode.
        unit_tag: which units.
        max_utterances: see `MAX_UTTERANCES`.
        num_workers: processes that measure pitch.
        seed: of the draw and of the untrained encoder.

    Raises:
        DataDirectoryError: a table is missing or lacks an utterance.
        AudioError: a file is missing or broken.
    """
    data_dir = Path(data_dir)
    every = read_utterances(data_dir)
    utterances = _draw(data_dir, every, max_utterances, seed)
    units = _int_rows(data_dir / f"units_{unit_tag}", utterances)
    vectors = {
        SPEAKER_VECTOR: _speaker_vectors(data_dir / "spk_embed.scp", utterances),
        UNITS: _unit_vectors(data_dir, unit_tag, units, utterances),
    }
    wavs = [utterance.wav for utterance in utterances.values()]
    measures = measure_prosody(wavs, num_workers)
    encoders = {
        PROSODY: model.prosody_encoder,
        UNTRAINED: untrained_encoder(model.prosody_encoder, seed),
    }
    vectors |= prosody_vectors(model, encoders, wavs)
    attributes = attributes_of(data_dir.name, utterances)
    known = attributes.values
    speakers = np.array([known["speaker"].get(k, u.speaker) for k, u in utterances.items()])
    emotions = [u.emotion for u in utterances.values() if u.emotion is not None]
    return ProbeSet(
        name=data_dir.name,
        listed=len(every) + len(read_rejected(data_dir).keys() - every.keys()),
        speakers=speakers,
        # An id that is no sentence: normalised words hold no line break.
        sentences=np.array([known["sentence"].get(key, f"\n{key}") for key in utterances]),
        has_words=np.array([key in known["sentence"] for key in utterances]),
        emotions=np.array(emotions) if emotions else None,
        vectors={kind: vectors[kind] for kind in KINDS},
        targets=_targets(measures, [len(row) for row in units], speakers),
        lacking=tuple(
            f"{name}s: {attributes.lacking[name]}"
            for name in ("speaker", "sentence")
            if name in attributes.lacking
        ),
    )


def _draw(
    data_dir: Path, utterances: dict[str, Utterance], most: int, seed: int
) -> dict[str, Utterance]:
    """Return the utterances to probe, sorted by id."""
    if len(utterances) <= most:
        return utterances
    logger.info("%s: probing a draw of %d of %d utterances", data_dir, most, len(utterances))
    drawn = np.random.default_rng(seed).choice(sorted(utterances), most, replace=False)
    return {key: utterances[key] for key in sorted(drawn.tolist())}


def _int_rows(path: Path, utterances: Mapping[str, Utterance]) -> list[list[int]]:
    """Return the integers of each utterance."""
    if not path.is_file():
        raise DataDirectoryError(f"{path}: missing; run the stage that extracts units")
    table = read_int_table(path)
    _check_complete(path, table, utterances)
    return [table[key] for key in utterances]


def _unit_vectors(
    data_dir: Path, unit_tag: str, units: list[list[int]], utterances: Mapping[str, Utterance]
) -> np.ndarray:
    """Return (n, units) shares of time, over units up to the highest one that is there."""
    path = data_dir / f"unit_durations_{unit_tag}"
    durations = _int_rows(path, utterances)
    num_units = 1 + max(max(row) for row in units)
    rows = []
    for key, row, lengths in zip(utterances, units, durations, strict=True):
        try:
            rows.append(pooled_units(row, lengths, num_units))
        except ValueError as error:
            raise DataDirectoryError(f"{path}: {key}: {error}; extract the units again") from error
    return np.stack(rows)


def _speaker_vectors(path: Path, utterances: Mapping[str, Utterance]) -> np.ndarray:
    """Return (n, speaker_dim)."""
    if not path.is_file():
        raise DataDirectoryError(f"{path}: missing; run extract_speaker_vectors first")
    table = load_ark_scp(path)
    _check_complete(path, table, utterances)
    return np.stack([np.asarray(table[key]) for key in utterances])


def _check_complete(path: Path, table: Mapping[str, object], utterances: Mapping) -> None:
    for key in utterances:
        if key not in table:
            raise DataDirectoryError(f"{path}: {key}: missing; run the stage that writes it again")


def _targets(
    measures: list[ProsodyMeasures], num_units: list[int], speakers: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what vectors are correlated with; pitch in semitones, as it is heard."""
    f0_hz = np.array([m.f0_mean_hz or np.nan for m in measures])
    f0_mean = 12.0 * np.log2(f0_hz)
    in_voice = f0_mean.copy()
    for speaker in set(speakers.tolist()):
        own = (speakers == speaker) & np.isfinite(f0_mean)
        in_voice[own] -= f0_mean[own].mean() if own.any() else 0.0
    ranges = [m.f0_range_semitones for m in measures]
    return {
        F0_MEAN: f0_mean,
        F0_IN_VOICE: in_voice,
        F0_RANGE: np.array([np.nan if value is None else value for value in ranges]),
        RATE: np.array([n / m.duration_s for n, m in zip(num_units, measures, strict=True)]),
        LEVEL: np.array([m.level_db for m in measures]),
    }


# ---------------------------------------------------------------- probe scores
# Which probe reads what from which utterances of a data directory, and with what result.


EMOTION, SPEAKER, CONTENT = "emotion probe", "speaker probe", "content probe"
PROBES = (EMOTION, SPEAKER, CONTENT)

Score = TypeVar("Score")


@dataclass(frozen=True)
class Scores(Generic[Score]):
    """Results of a data directory.

    Attributes:
        scores: ``{what is read: {kind of vectors: score}}``; what cannot be measured is
            left out.
        notes: what is held out, of how many classes, and why something is left out.
    """

    scores: dict[str, dict[str, Score]]
    notes: list[str]


@dataclass(frozen=True)
class _Task:
    """What a probe reads, from which utterances, and what it holds out; see `linear_probe`."""

    chosen: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    other_groups: np.ndarray | None
    held_out: str


def probe_scores(data: ProbeSet, seed: int = 0) -> Scores[ProbeScore]:
    """Return how well emotion, speaker and content are read from each kind of vectors.

    * Emotion: speakers held out, and sentences too if several speakers say them.
    * Speaker: sentences held out, of the same speakers.
    * Content: which sentence, of those that several speakers say; speakers held out.

    Args:
        data: labels and vectors.
        seed: of the folds.

    Raises:
        ValueError: a vector is not finite.
    """
    found: Scores[ProbeScore] = Scores({}, [])
    sentences = "sentences" if data.has_words.any() else "utterances"
    crossing = Crossing(data.speakers.tolist(), data.sentences.tolist(), column_name=sentences)
    for name in PROBES:
        try:
            task = _task(data, name)
            scores = {
                kind: linear_probe(
                    vectors[task.chosen],
                    task.labels,
                    task.groups,
                    task.other_groups,
                    crossing=crossing.at(task.chosen),
                    seed=seed,
                )
                for kind, vectors in data.vectors.items()
            }
        except NotMeasurable as error:
            found.notes.append(_not_measurable(data, name, error))
            continue
        found.scores[name] = scores
        score = next(iter(scores.values()))
        note = f"{name}: {score.classes} classes, {task.held_out} held out, {score.folds} folds"
        if score.left_out:
            note += f", {score.left_out} utterances left out whose label training lacks"
        found.notes.append(note)
    return found


def correlation_scores(data: ProbeSet, seed: int = 0) -> Scores[CorrelationScore]:
    """Return how well pitch, tempo and level are read from each kind of vectors.

    Speakers are held out, and sentences too if several speakers say them.

    Args:
        data: vectors and targets.
        seed: of the folds.

    Raises:
        ValueError: a vector is not finite.
    """
    other, held_out = _held_out(data)
    found: Scores[CorrelationScore] = Scores({}, [f"{held_out} held out"])
    for name, target in data.targets.items():
        has = np.isfinite(target)
        if not has.all():
            without = int((~has).sum())
            found.notes.append(f"{name}: {without} utterances without a voiced frame left out")
        try:
            found.scores[name] = {
                kind: ridge_correlation(
                    vectors[has],
                    target[has],
                    data.speakers[has],
                    None if other is None else other[has],
                    seed=seed,
                )
                for kind, vectors in data.vectors.items()
            }
        except NotMeasurable as error:
            found.notes.append(_not_measurable(data, name, error))
            continue
        left_out = next(iter(found.scores[name].values())).left_out
        if left_out:
            found.notes.append(f"{name}: {left_out} utterances left out whose folds lack training")
    return found


def _task(data: ProbeSet, name: str) -> _Task:
    """Return what a probe needs.

    Raises:
        NotMeasurable: the directory has no such labels.
    """
    everything = np.ones(len(data.speakers), dtype=bool)
    if name == SPEAKER:
        return _Task(everything, data.speakers, data.sentences, None, "sentences")
    if name == CONTENT:
        shared = data.shared_sentences
        if not shared.any():
            raise NotMeasurable("no sentence is said by two speakers")
        return _Task(shared, data.sentences[shared], data.speakers[shared], None, "speakers")
    if data.emotions is None:
        raise NotMeasurable("no utt2emo")
    other, held_out = _held_out(data)
    return _Task(everything, data.emotions, data.speakers, other, held_out)


def _held_out(data: ProbeSet) -> tuple[np.ndarray | None, str]:
    """Return the second grouping, if sentences are shared, and both in words.

    Where every sentence has one speaker, sentences are held out with the speakers.
    """
    if data.shared_sentences.any():
        return data.sentences, "speakers and sentences"
    return None, "speakers"


def _not_measurable(data: ProbeSet, name: str, error: NotMeasurable) -> str:
    """Log and return what to say."""
    logger.warning("%s: %s not measurable: %s", data.name, name, error)
    return f"{name} not measurable ({error})"


# ---------------------------------------------------------------- probe results
# Disentanglement as records: what each kind of vector says of emotion, speaker and content.
#
# The title of [P2V] claims disentanglement; the paper does not measure it. A prosody vector
# should give emotion away, and neither the voice nor the words. Beside it stand the same
# network untrained, which already passes on much, the two other inputs of the decoder, and
# chance.

CHANCE = "chance"
Estimates = dict[str, Estimate]
"""By what is read; what the labels do not allow is left out."""

_PROBE = "class-mean accuracy of logistic regression from the vector to the"
_ARROW = "the arrow is what a prosody vector should do."
_PROBES = {
    EMOTION: (
        f"{_PROBE} emotion, of voices not trained on, nor of the sentences that several voices "
        f"say; {_ARROW}",
        "higher",
    ),
    SPEAKER: (f"{_PROBE} speaker, of sentences not trained on; {_ARROW}", "lower"),
    CONTENT: (
        f"{_PROBE} sentence, of voices not trained on; sentences that several voices say only; "
        f"{_ARROW}",
        "lower",
    ),
}
_RIDGE = (
    "Pearson r between what ridge regression reads from the vector, of voices (and shared "
    "sentences) not trained on, both less the mean of the training part, and"
)
_F0 = f"; {describe_f0('dio')}"
_MEASURES = {
    F0_MEAN: (
        f"{_RIDGE} the mean F0 over voiced frames in semitones, which is voice too{_F0}.",
        "",
    ),
    F0_IN_VOICE: (f"{_RIDGE} that mean less its mean over the voice's utterances{_F0}.", "higher"),
    F0_RANGE: (f"{_RIDGE} the 5th to 95th percentile of F0 in semitones{_F0}.", "higher"),
    RATE: (f"{_RIDGE} de-duplicated units a second of audio.", "higher"),
    LEVEL: (f"{_RIDGE} the power of the active frames in dB.", "higher"),
}
"""Column: definition, which is better."""


def probe_records(
    sets: Sequence[ProbeSet],
    protocols: Mapping[str, str],
    *,
    table: str,
    correlation_table: str,
    commit: str,
    seed: int = 0,
    source: str = "",
) -> list[Record]:
    """Return the records of both tables; a row is called ``<data directory>: <vectors>``.

    A column that the labels of a directory do not allow is left out of its rows, and the
    protocol says why.

    Args:
        sets: data directories, in this order.
        protocols: of each by its name: model, data; settings of the probes are added.
        table: title of the probes of emotion, speaker and content.
        correlation_table: title of the correlations with pitch, tempo and level.
        commit: of the code.
        seed: of the folds.
        source: see ``Record``.

    Raises:
        ValueError: a vector is not finite.
    """
    rows: list[Row[Estimates]] = []
    correlation_rows: list[Row[Estimates]] = []
    for data in sets:
        probes, correlations = probe_scores(data, seed), correlation_scores(data, seed)
        how = "; ".join([protocols[data.name], *probes.notes, _probe_settings(seed)])
        correlated = "; ".join([protocols[data.name], *correlations.notes, _ridge_settings(seed)])
        for kind in data.vectors:
            name = f"{data.name}: {kind}"
            cells = {probe: _accuracy(scores[kind]) for probe, scores in probes.scores.items()}
            rows.append(Row(name, [cells], how, source=source))
            cells = {
                measure: Estimate(scores[kind].pearson_r, scores[kind].n)
                for measure, scores in correlations.scores.items()
            }
            correlation_rows.append(Row(name, [cells], correlated, source=source))
        first = {probe: next(iter(scores.values())) for probe, scores in probes.scores.items()}
        chances = {probe: Estimate(100.0 * score.chance, score.n) for probe, score in first.items()}
        rows.append(Row(f"{data.name}: {CHANCE}", [chances], how, source=source))
    columns: list[Column[Estimates]] = [
        Column(name, methodcaller("get", name), "%", better, text)
        for name, (text, better) in _PROBES.items()
    ]
    correlation_columns: list[Column[Estimates]] = [
        Column(f"{name} (r)", methodcaller("get", name), "", better, text)
        for name, (text, better) in _MEASURES.items()
    ]
    return [
        *records_of(columns, rows, table=table, commit=commit),
        *records_of(correlation_columns, correlation_rows, table=correlation_table, commit=commit),
    ]


def records_text(records: Sequence[Record]) -> str:
    """Return the records of both tables as lines of text, one a row, for a terminal."""
    tables: dict[str, dict[str, list[str]]] = {}
    for record in records:
        value = f"{record.value:.1f} %" if record.unit == "%" else f"{record.value:+.2f}"
        cells = tables.setdefault(record.table, {}).setdefault(record.row, [])
        cells.append(f"{record.metric} {value}")
    lines = []
    for table, rows in tables.items():
        width = max(map(len, rows))
        lines += [table, *(f"  {row:<{width}}  {', '.join(cells)}" for row, cells in rows.items())]
    return "\n".join(lines)


def _accuracy(score: ProbeScore) -> Estimate:
    low, high = 100.0 * score.low, 100.0 * score.high
    return Estimate(100.0 * score.accuracy, score.n, low, high, drawn=score.drawn)


def _probe_settings(seed: int) -> str:
    return (
        f"logistic regression on standardised vectors, C = {INVERSE_PENALTY:g}, classes "
        f"balanced, seed {seed}"
    )


def _ridge_settings(seed: int) -> str:
    return f"ridge regression on standardised vectors, alpha = {RIDGE_PENALTY:g}, seed {seed}"


# ---------------------------------------------------------------- probe report

_CAPTIONS = {
    "pca": "The two directions of largest variance of the standardised vectors.",
    "tsne": "t-SNE of the standardised vectors: neighbours count, distances and sizes do not.",
}


def report_probes(
    model_file: str | Path,
    data_dirs: Sequence[str | Path],
    results_path: str | Path,
    *,
    unit_tag: str,
    table: str,
    train_config: str | Path | None = None,
    figure_dir: str | Path | None = None,
    projection: str = "pca",
    max_utterances: int = MAX_UTTERANCES,
    num_workers: int = 1,
    device: str = "cpu",
    seed: int = 0,
) -> list[Record]:
    """Probe a model's prosody vectors, write figures, put tables into ``results.jsonl``.

    The tables are made anew as a whole: give all data directories of a model at once.

    Args:
        model_file: weights.
        data_dirs: see ``read_probe_set``; rows are called after them.
        results_path: the jsonl.
        unit_tag: which units.
        table: title; says ``synthetic`` where the data are.
        train_config: of the model; None takes config.yaml beside the weights.
        figure_dir: gets ``<data directory>_<projection>.png``; None takes
            ``report/<folder of the model>`` beside the jsonl.
        projection: ``pca`` or ``tsne``.
        max_utterances: of a data directory.
        num_workers: processes that measure pitch.
        device: of the model.
        seed: of the untrained encoder, folds and draws.

    Returns:
        The records of the two tables.

    Raises:
        FileNotFoundError: no model.
        ValueError: two directories of one name, or see ``read_probe_set``.
    """
    names = [Path(data_dir).name for data_dir in data_dirs]
    if len(set(names)) < len(names):
        raise ValueError(f"{' '.join(map(str, data_dirs))}: rows need directories of other names")
    model = Prosody2VecConverter.from_file(model_file, train_config, device=device).model
    sets = [
        read_probe_set(
            data_dir,
            model,
            unit_tag=unit_tag,
            max_utterances=max_utterances,
            num_workers=num_workers,
            seed=seed,
        )
        for data_dir in data_dirs
    ]
    model_file, results_path = Path(model_file), Path(results_path)
    config = Path(train_config or model_file.parent / "config.yaml")
    correlation_table, figure_table = f"{table}: correlations", f"{table}: figures"
    records = probe_records(
        sets,
        {data.name: _data_protocol(data, model_file, config, unit_tag) for data in sets},
        table=table,
        correlation_table=correlation_table,
        commit=git_commit(),
        seed=seed,
        source=relative_path(model_file, results_path),
    )
    folder = Path(figure_dir or results_path.parent / "report" / model_file.parent.name)
    figures = [
        _draw_vectors(data, folder, results_path, figure_table, projection, seed) for data in sets
    ]
    replaced = [table, correlation_table, figure_table]
    append_records(results_path, [*records, *figures], replace_tables=replaced)
    return records


def met_in_pretraining(
    train_config: str | Path, speakers: Iterable[str], sentences: Iterable[str]
) -> str:
    """Return in words how many of them are in the training set of a model.

    Args:
        train_config: ESPnet's ``config.yaml``, whose ``train_speaker_dir`` is that set;
            the path starts where the recipe was run.
        speakers: names, without the prefix of speed perturbation.
        sentences: normalised as by ``normalise_sentence``.

    Returns:
        For instance ``pretraining met 10 of 10 speakers and 0 of 5 sentences``. What is
        not there any more is said to be not known.

    Raises:
        ValueError: a table is malformed.
    """
    with open(train_config, encoding="utf-8") as stream:
        directory = yaml.safe_load(stream).get("train_speaker_dir")
    if directory is None or not Path(directory, "wav.scp").is_file():
        return f"whom pretraining met is not known ({directory or 'no train_speaker_dir'})"
    known = attributes_of(Path(directory).name, read_utterances(directory)).values
    parts = []
    for name, asked in (("speaker", set(speakers)), ("sentence", set(sentences))):
        met = set(known[name].values())
        number = str(len(asked & met)) if met else "an unknown number"
        parts.append(f"{number} of {len(asked)} {name}s")
    return f"pretraining met {' and '.join(parts)}"


def _data_protocol(data: ProbeSet, model_file: Path, config: Path, unit_tag: str) -> str:
    """Return in words which utterances and which model, and whether they met before."""
    speakers = set(data.speakers.tolist())
    sentences = set(data.sentences[data.has_words].tolist())
    return "; ".join(
        [
            f"{data.name}: {len(data.speakers)} of {data.listed} utterances",
            met_in_pretraining(config, speakers, sentences),
            *data.lacking,
            f"model {model_file.parent.name}/{model_file.name}, units {unit_tag}",
        ]
    )


def _draw_vectors(
    data: ProbeSet, figure_dir: Path, results_path: Path, title: str, projection: str, seed: int
) -> Record:
    """Write the figure of a data directory and return the record that shows it."""
    rows = {kind: project(data.vectors[kind], projection, seed) for kind in (PROSODY, UNTRAINED)}
    colours = {"speaker": data.speakers.tolist()}
    if data.emotions is not None:
        colours = {"emotion": data.emotions.tolist(), **colours}
    file = figure_dir / f"{data.name}_{projection}.png"
    save_figure(vector_figure(rows, colours, data.name), file)
    what = f"{projection} by {' and '.join(colours)}"
    return file_record(title, data.name, what, file, _CAPTIONS[projection], results_path)
