"""Which probe reads what from which utterances of a data directory, and with what result."""

import logging
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from espnet2_ext.metrics.held_out import NotMeasurable
from espnet2_ext.metrics.probes import (
    CorrelationScore,
    ProbeScore,
    linear_probe,
    ridge_correlation,
)
from espnet2_ext.metrics.statistics import Crossing
from espnet2_ext.report.probe_set import ProbeSet

logger = logging.getLogger(__name__)

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
