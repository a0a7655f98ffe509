"""What do prosody vectors say of emotion, voice, words, pitch and tempo: tables and figures.

The title of [P2V] claims disentanglement; the paper does not measure it. A prosody vector
should give emotion away, and neither voice nor words. Beside it stand the same network untrained,
which already passes on much, the two other inputs of the decoder, and chance.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.conversion.converter import (
    Prosody2VecConverter,
    prosody_vectors,
    untrained_encoder,
)
from espnet2_ext.data.tables import read_int_table, read_rejected, require_keys
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
from espnet2_ext.prosody2vec.contour_tables import SpeakerStatisticsTable
from espnet2_ext.prosody2vec.explicit_model import ExplicitProsody2VecModel
from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.report.figures import project, save_figure, vector_figure
from espnet2_ext.report.records import (
    Estimate,
    Record,
    Row,
    append_records,
    columns_of,
    file_record,
    records_of,
    relative_path,
)
from espnet2_ext.ser.attributes import attributes_of, read_utterances
from espnet2_ext.units.centroids import expand

logger = logging.getLogger(__name__)

PROSODY, UNTRAINED = "prosody vector", "untrained encoder"
SPEAKER_VECTOR, UNITS = "speaker vector", "units"
KINDS = (PROSODY, UNTRAINED, SPEAKER_VECTOR, UNITS)
CHANCE = "chance"
CLASSIFIER = (
    f"logistic regression on standardised vectors, C = {INVERSE_PENALTY:g}, classes balanced"
)
REGRESSION = f"ridge regression on standardised vectors, alpha = {RIDGE_PENALTY:g}"
F0_MEAN, F0_IN_VOICE, F0_RANGE = "F0 mean", "F0 in voice", "F0 range"
RATE, LEVEL = "speaking rate", "level"
EMOTION, SPEAKER, CONTENT = "emotion probe", "speaker probe", "content probe"
NOT_SHARED = "no sentence is said by two speakers"
CAPTIONS = {
    "pca": "The two directions of largest variance of the standardised vectors.",
    "tsne": "t-SNE of the standardised vectors: neighbours count, distances and sizes do not.",
}


@dataclass(frozen=True)
class ProbeSet:
    """Labels and vectors of the n utterances of a data directory.

    Attributes:
        listed: utterances that it lists, rejected ones too.
        sentences: (n,) normalised words; an utterance without words is a sentence of its own.
        has_words: (n,) bool, whether its sentence is known.
        emotions: (n,); None where there is no ``utt2emo``.
        vectors: ``{kind: (n, dim)}``; ``targets`` are ``{measure: (n,)}`` with nan for none.
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
        """Return (n,) whether an utterance's sentence has several speakers."""
        both = set(zip(self.sentences.tolist(), self.speakers.tolist(), strict=True))
        speakers = Counter(sentence for sentence, _ in both)
        return self.has_words & np.array([speakers[name] > 1 for name in self.sentences.tolist()])


def read_probe_set(
    data_dir: str | Path,
    model: Prosody2VecModel | ExplicitProsody2VecModel,
    *,
    unit_tag: str,
    max_utterances: int = 2000,
    num_workers: int = 1,
    seed: int = 0,
) -> ProbeSet:
    """Return labels and vectors of a data directory; the model must be in eval mode.

    It holds ``wav.scp utt2spk spk_embed.scp units_<tag> unit_durations_<tag>`` and, where known,
    ``utt2emo`` and ``text``. ValueError if a table lacks an utterance.
    """
    data_dir = Path(data_dir)
    utterances = every = read_utterances(data_dir)
    if len(every) > max_utterances:
        message = "%s: probing a draw of %d of %d utterances"
        logger.info(message, data_dir, max_utterances, len(every))
        drawn = np.random.default_rng(seed).choice(sorted(every), max_utterances, replace=False)
        utterances = {key: every[key] for key in sorted(drawn.tolist())}

    def rows(name: str, read: Callable[[Path], Mapping[str, Any]]) -> list[Any]:
        table = read(data_dir / name)
        require_keys(data_dir / name, table, utterances)
        return [table[key] for key in utterances]

    units = rows(f"units_{unit_tag}", read_int_table)
    durations = rows(f"unit_durations_{unit_tag}", read_int_table)
    speaker_vectors = rows("spk_embed.scp", load_ark_scp)
    wavs = [utterance.wav for utterance in utterances.values()]
    vectors = {
        SPEAKER_VECTOR: np.stack([np.asarray(vector) for vector in speaker_vectors]),
        UNITS: _unit_vectors(data_dir, utterances, units, durations),
    }
    measures = measure_prosody(wavs, num_workers)
    encoders = {
        PROSODY: model.prosody_encoder,
        UNTRAINED: untrained_encoder(model.prosody_encoder, seed),
    }
    statistics = None
    if isinstance(model, ExplicitProsody2VecModel):
        table = SpeakerStatisticsTable.from_directory(data_dir)
        statistics = [table.of_others(utterance) for utterance in utterances]
    vectors |= prosody_vectors(model, encoders, wavs, statistics)
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


def _unit_vectors(
    data_dir: Path, names: Iterable[str], units: list[list[int]], durations: list[list[int]]
) -> np.ndarray:
    """Return (n, units) shares of time, over units up to the highest one that occurs."""
    num_units = 1 + max(map(max, units))
    rows = []
    for name, row, lengths in zip(names, units, durations, strict=True):
        try:
            frames = expand(np.array(row), np.array(lengths))
        except ValueError as error:
            raise ValueError(f"{data_dir}: {name}: {error}; extract the units again") from error
        rows.append(np.bincount(frames, minlength=num_units) / len(frames))
    return np.stack(rows)


def _targets(
    measures: list[ProsodyMeasures], num_units: list[int], speakers: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what vectors are correlated with; pitch in semitones."""
    f0_mean = 12.0 * np.log2(np.array([m.f0_mean_hz or np.nan for m in measures]))
    in_voice = f0_mean.copy()
    for speaker in set(speakers.tolist()):
        own = (speakers == speaker) & np.isfinite(f0_mean)
        in_voice[own] -= f0_mean[own].mean() if own.any() else 0.0
    return {
        F0_MEAN: f0_mean,
        F0_IN_VOICE: in_voice,
        F0_RANGE: np.array([m.f0_range_semitones for m in measures], dtype=float),
        RATE: np.array([n / m.duration_s for n, m in zip(num_units, measures, strict=True)]),
        LEVEL: np.array([m.level_db for m in measures]),
    }


def probe_scores(
    data: ProbeSet, seed: int = 0
) -> tuple[dict[str, dict[str, ProbeScore]], list[str]]:
    """Return ``{probe: {kind of vectors: score}}`` of what can be measured, and notes.

    * Emotion: speakers held out, and sentences too if several speakers say them.
    * Speaker: sentences held out, of the same speakers.
    * Content: which sentence, of those that several speakers say; speakers held out.

    Notes say what is held out, of how many classes, and why something is left out.
    """
    sentences = "sentences" if data.has_words.any() else "utterances"
    crossing = Crossing(data.speakers.tolist(), data.sentences.tolist(), column_name=sentences)
    every, shared = np.ones(len(data.speakers), dtype=bool), data.shared_sentences
    tasks = {
        EMOTION: (every, data.emotions, data.speakers, *_held_out(data), "no utt2emo"),
        SPEAKER: (every, data.speakers, data.sentences, None, "sentences", ""),
        CONTENT: (shared, data.sentences, data.speakers, None, "speakers", NOT_SHARED),
    }
    found, notes = {}, []
    for probe, (chosen, labels, groups, other, held_out, lacking) in tasks.items():
        try:
            if labels is None or not chosen.any():
                raise NotMeasurable(lacking)
            read = labels[chosen], groups[chosen], other
            found[probe] = {
                kind: linear_probe(vectors[chosen], *read, crossing=crossing.at(chosen), seed=seed)
                for kind, vectors in data.vectors.items()
            }
        except NotMeasurable as error:
            notes.append(_not_measurable(data, probe, error))
            continue
        score = next(iter(found[probe].values()))
        notes.append(f"{probe}: {score.classes} classes, {held_out} held out, {score.folds} folds")
        if score.left_out:
            notes[-1] += f", {score.left_out} utterances left out whose label training lacks"
    return found, notes


def correlation_scores(
    data: ProbeSet, seed: int = 0
) -> tuple[dict[str, dict[str, CorrelationScore]], list[str]]:
    """Return how well pitch, tempo and level are read, held out as for emotion, and notes."""
    other, held_out = _held_out(data)
    found, notes = {}, [f"{held_out} held out"]
    for name, target in data.targets.items():
        has = np.isfinite(target)
        if without := int((~has).sum()):
            notes.append(f"{name}: {without} utterances without a voiced frame left out")
        groups = data.speakers[has], None if other is None else other[has]
        try:
            found[name] = {
                kind: ridge_correlation(vectors[has], target[has], *groups, seed=seed)
                for kind, vectors in data.vectors.items()
            }
        except NotMeasurable as error:
            notes.append(_not_measurable(data, name, error))
            continue
        if left_out := found[name][PROSODY].left_out:
            notes.append(f"{name}: {left_out} utterances left out whose folds lack training")
    return found, notes


def _held_out(data: ProbeSet) -> tuple[np.ndarray | None, str]:
    """Return sentences as the second grouping if several speakers share them, and both in words."""
    if data.shared_sentences.any():
        return data.sentences, "speakers and sentences"
    return None, "speakers"


def _not_measurable(data: ProbeSet, name: str, error: NotMeasurable) -> str:
    logger.warning("%s: %s not measurable: %s", data.name, name, error)
    return f"{name} not measurable ({error})"


def probe_rows(
    data: ProbeSet, protocol: str, *, seed: int = 0, source: str
) -> tuple[list[Row], list[Row]]:
    """Return the rows of the table of probes, and of that of correlations.

    A row is called ``<data directory>: <vectors>``. Columns that the labels do not allow are left
    out, and the protocol says why.
    """
    probes, notes = probe_scores(data, seed)
    correlations, correlation_notes = correlation_scores(data, seed)
    how = "; ".join([protocol, *notes, f"{CLASSIFIER}, seed {seed}"])
    correlated = "; ".join([protocol, *correlation_notes, f"{REGRESSION}, seed {seed}"])
    rows: list[Row] = []
    correlation_rows: list[Row] = []
    for kind in data.vectors:
        found = {probe: scores[kind] for probe, scores in probes.items()}
        accuracies = {
            probe: Estimate.percent(each.accuracy, each.n, (each.low, each.high), each.drawn)
            for probe, each in found.items()
        }
        coefficients = {
            name: Estimate(of_kind[kind].pearson_r, of_kind[kind].n)
            for name, of_kind in correlations.items()
        }
        name = f"{data.name}: {kind}"
        rows.append(Row(name, [accuracies], how, source=source))
        correlation_rows.append(Row(name, [coefficients], correlated, source=source))
    chances = {probe: Estimate.percent(each.chance, each.n) for probe, each in found.items()}
    rows.append(Row(f"{data.name}: {CHANCE}", [chances], how, source=source))
    return rows, correlation_rows


def records_text(records: Iterable[Record]) -> str:
    """Return a line for each row and table, for a terminal."""
    rows: dict[tuple[str, str], list[str]] = {}
    for record in records:
        value = f"{record.value:.1f} %" if record.unit == "%" else f"{record.value:+.2f}"
        rows.setdefault((record.table, record.row), []).append(f"{record.metric} {value}")
    return "\n".join(f"{', '.join(row)}: {', '.join(cells)}" for row, cells in rows.items())


def report_probes(
    model_file: str | Path,
    data_dirs: Sequence[str | Path],
    results_path: str | Path,
    *,
    table: str,
    train_config: str | Path | None = None,
    figure_dir: str | Path | None = None,
    projection: str = "pca",
    device: str = "cpu",
    seed: int = 0,
    **reading: Any,
) -> list[Record]:
    """Probe a model's prosody vectors, write figures, put tables into ``results.jsonl``.

    The tables are made anew as a whole: give all data directories of a model at once.
    Returned are their records. ValueError for two directories of one name.

    Args:
        data_dirs: see ``read_probe_set``, which takes the further options too; rows are called
            after them.
        train_config: of the model; None takes config.yaml beside the weights.
        figure_dir: gets ``<data directory>_<projection>.png`` (see ``project``); None takes
            ``report/<folder of the model>`` beside the jsonl.
        seed: of the untrained encoder, folds and draws.
    """
    names = [Path(data_dir).name for data_dir in data_dirs]
    if len(set(names)) < len(names):
        raise ValueError(f"{' '.join(map(str, data_dirs))}: rows need directories of other names")
    model = Prosody2VecConverter.from_file(model_file, train_config, device=device).model
    model_file, results_path = Path(model_file), Path(results_path)
    config = Path(train_config or model_file.parent / "config.yaml")
    source = relative_path(model_file, results_path)
    folder = Path(figure_dir or results_path.parent / "report" / model_file.parent.name)
    tables = [table, f"{table}: correlations", f"{table}: figures"]
    rows: list[Row] = []
    correlation_rows: list[Row] = []
    figures = []
    for data_dir in data_dirs:
        data = read_probe_set(data_dir, model, seed=seed, **reading)
        protocol = _data_protocol(data, model_file, config, reading["unit_tag"])
        found, correlations = probe_rows(data, protocol, seed=seed, source=source)
        rows += found
        correlation_rows += correlations
        shown = {kind: data.vectors[kind] for kind in (PROSODY, UNTRAINED)}
        points = {kind: project(vectors, projection, seed) for kind, vectors in shown.items()}
        colours = {"speaker": data.speakers.tolist()}
        if data.emotions is not None:
            colours = {"emotion": data.emotions.tolist(), **colours}
        file = folder / f"{data.name}_{projection}.png"
        save_figure(vector_figure(points, colours, data.name), file)
        what, caption = f"{projection} by {' and '.join(colours)}", CAPTIONS[projection]
        figures.append(file_record(tables[2], data.name, what, file, caption, results_path))
    records = records_of(columns_of("probes"), rows, table=tables[0])
    records += records_of(columns_of("correlations"), correlation_rows, table=tables[1])
    append_records(results_path, [*records, *figures], replace_tables=tables)
    return records


def met_in_pretraining(
    train_config: str | Path, speakers: Iterable[str], sentences: Iterable[str]
) -> str:
    """Return in words how many of them are in ``train_speaker_dir`` of ``train_config``.

    Sentences are as ``normalise_sentence`` has them; a directory may exist no longer.
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
