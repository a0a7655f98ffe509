"""From answers to the numbers of [P2V] Figs. 3 and 4."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.listening.design import ListeningTest
from espnet2_ext.listening.manifest import EMOTION, SIMILARITY, TEST, answers_of
from espnet2_ext.listening.results import Answer, ListenerResult
from espnet2_ext.metrics.statistics import Crossing

ScoredAnswer = tuple[int, Answer]
"""Number of the listener, and what was answered."""


@dataclass(frozen=True)
class SystemScore:
    """Answers to one system, over all target emotions that every system has ("") or one.

    ``mean`` is of the similarity in [-2, 2], or the share of right emotions; ``low`` and ``high``
    are its 95 % interval over what is ``drawn``; ``counts`` (answers,) are in order of the choices.
    """

    system: str
    target_emotion: str
    mean: float
    low: float
    high: float
    counts: np.ndarray
    drawn: str = ""

    @property
    def number(self) -> int:
        """Return the number of answers."""
        return int(self.counts.sum())


def score_kind(
    results: Sequence[ListenerResult], test: ListeningTest, kind: str
) -> list[SystemScore]:
    """Return scores by system: over all target emotions, then each of them.

    Practice and checks do not count. "All" are those that every system has: neutral originals,
    for instance, would flatter the originals beside systems without neutral.
    """
    given = _given(results, kind)
    targets: dict[str, set[str]] = {}
    for _, answer in given:
        targets.setdefault(answer.trial.system, set()).add(answer.trial.target_emotion)
    shared = set.intersection(*targets.values()) if targets else set()
    scores = []
    for system in filter(targets.get, test.systems):
        of_system = [each for each in given if each[1].trial.system == system]
        groups = {"": shared, **{target: {target} for target in sorted(targets[system])}}
        for name, emotions in groups.items():
            chosen = [each for each in of_system if each[1].trial.target_emotion in emotions]
            if chosen:
                scores.append(_score(chosen, answers_of(kind, test.emotions), system, name))
    return scores


def confusion(scores: Sequence[SystemScore], emotions: Sequence[str], system: str) -> np.ndarray:
    """Return counts (K, K) of one system, rows are target emotions. Source: [P2V] Fig. 4."""
    matrix = np.zeros((len(emotions), len(emotions)), dtype=int)
    for score in scores:
        if score.system == system and score.target_emotion:
            matrix[emotions.index(score.target_emotion)] = score.counts
    return matrix


def agreement(
    results: Sequence[ListenerResult], test: ListeningTest, kind: str
) -> tuple[float | None, int] | None:
    """Return Krippendorff's alpha, ordinal for similarity and nominal for emotion, and n answers.

    Alpha is None where all agree, everything where nothing was judged by two listeners.
    """
    choices = answers_of(kind, test.emotions)
    units: dict[str, list[int]] = {}
    for _, answer in _given(results, kind):
        units.setdefault(answer.trial.trial_id, []).append(choices.index(answer.answer))
    paired = [unit for unit in units.values() if len(unit) > 1]
    if not paired:
        return None
    alpha = krippendorff_alpha(paired, len(choices), is_ordinal=kind == SIMILARITY)
    return alpha, sum(map(len, paired))


def _given(results: Sequence[ListenerResult], kind: str) -> list[ScoredAnswer]:
    return [
        (result.listener, answer)
        for result in results
        for answer in result.answers
        if (answer.trial.kind, answer.trial.role) == (kind, TEST)
    ]


def _score(
    given: Sequence[ScoredAnswer], choices: Sequence[str], system: str, target_emotion: str
) -> SystemScore:
    values = [
        float(answer.answer == answer.trial.target_emotion)
        if answer.trial.kind == EMOTION
        else float(answer.answer)
        for _, answer in given
    ]
    listeners = [listener for listener, _ in given]
    items = [(answer.trial.target_emotion, answer.trial.item) for _, answer in given]
    crossing = Crossing(listeners, items, "listeners", "items")
    mean, (low, high) = float(np.mean(values)), crossing.interval(values)
    counts = np.array([sum(answer.answer == choice for _, answer in given) for choice in choices])
    return SystemScore(system, target_emotion, mean, low, high, counts, crossing.text())


def krippendorff_alpha(
    ratings: Iterable[Sequence[int]], num_values: int, *, is_ordinal: bool
) -> float | None:
    """Return Krippendorff's alpha: 1 full agreement, 0 chance, below 0 worse than chance.

    None where all ratings are equal. A unit of ``ratings``, at least one of which is a pair, has
    values below ``num_values``. Values differ alike, or if ordinal by the ratings between.

    Source: Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.
    """
    coincidences = np.zeros((num_values, num_values))
    for unit in ratings:
        if len(unit) > 1:
            counts = np.bincount(unit, minlength=num_values)
            # Ordered pairs of different raters, each rating weighing 1 in all.
            coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    totals = coincidences.sum(axis=1)
    distances = 1.0 - np.eye(num_values)
    if is_ordinal:
        # All ratings from c to k, less half of those at either end: a difference of ranks.
        ranks = np.cumsum(totals) - totals / 2
        distances = (ranks[:, None] - ranks[None, :]) ** 2
    number = totals.sum()
    expected = (np.outer(totals, totals) * distances).sum() / (number * (number - 1))
    if expected == 0.0:
        return None
    return float(1.0 - (coincidences * distances).sum() / number / expected)
