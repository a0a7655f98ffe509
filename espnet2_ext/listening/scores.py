"""From answers to the numbers of [P2V] Figs. 3 and 4."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.listening.design import ListeningTest
from espnet2_ext.listening.manifest import EMOTION, SIMILARITY, TEST
from espnet2_ext.listening.results import Answer, ListenerResult
from espnet2_ext.metrics.statistics import Crossing, crossed_interval

NOMINAL = "nominal"
ORDINAL = "ordinal"

ScoredAnswer = tuple[int, Answer]
"""Number of the listener, and what was answered."""


@dataclass(frozen=True)
class SystemScore:
    """Answers to one system, over all target emotions or one.

    Attributes:
        target_emotion: "" for all that every system has, together.
        mean: of the similarity in [-2, 2], or share of right emotions in [0, 1].
        low: lower end of the 95 % interval over listeners and items.
        counts: (answers,) how often each was given, in the order of the choices.
        drawn: what the interval resamples, in words.
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


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha of one kind of question, None where it is not defined.

    ``number`` counts answers to recordings that at least two listeners judged.
    """

    kind: str
    alpha: float | None
    number: int


def score_kind(
    results: Sequence[ListenerResult], test: ListeningTest, kind: str, *, seed: int = 0
) -> list[SystemScore]:
    """Return scores by system: over all target emotions, then each of them.

    An emotion is right if it is the target emotion. Practice and checks do not count. Over
    all means over those that every system has: neutral originals, for instance, would
    make the originals look better than what has no neutral.
    """
    given = _given(results, kind)
    targets: dict[str, set[str]] = {}
    for _, answer in given:
        targets.setdefault(answer.trial.system, set()).add(answer.trial.target_emotion)
    shared = set.intersection(*targets.values()) if targets else set()
    scores = []
    for system in filter(targets.get, test.systems):
        groups = {"": shared} if shared else {}
        groups |= {target: {target} for target in sorted(targets[system])}
        for name, emotions in groups.items():
            chosen = [
                (listener, answer)
                for listener, answer in given
                if answer.trial.system == system and answer.trial.target_emotion in emotions
            ]
            scores.append(_score(chosen, test.answers(kind), system, name, seed))
    return scores


def confusion(scores: Sequence[SystemScore], emotions: Sequence[str], system: str) -> np.ndarray:
    """Return counts (K, K) of one system, rows are target emotions.

    Source: [P2V] Fig. 4.
    """
    matrix = np.zeros((len(emotions), len(emotions)), dtype=int)
    for score in scores:
        if score.system == system and score.target_emotion:
            matrix[emotions.index(score.target_emotion)] = score.counts
    return matrix


def agreement(
    results: Sequence[ListenerResult], test: ListeningTest, kind: str
) -> Agreement | None:
    """Return the agreement on recordings, ordinal for similarity and nominal for emotion.

    None where no recording was judged by two listeners.
    """
    choices = test.answers(kind)
    units: dict[str, list[int]] = {}
    for _, answer in _given(results, kind):
        units.setdefault(answer.trial.trial_id, []).append(choices.index(answer.answer))
    paired = [unit for unit in units.values() if len(unit) > 1]
    if not paired:
        return None
    level = ORDINAL if kind == SIMILARITY else NOMINAL
    alpha = krippendorff_alpha(paired, len(choices), level=level)
    return Agreement(kind, alpha, sum(map(len, paired)))


def _given(results: Sequence[ListenerResult], kind: str) -> list[ScoredAnswer]:
    return [
        (result.listener, answer)
        for result in results
        for answer in result.answers
        if (answer.trial.kind, answer.trial.role) == (kind, TEST)
    ]


def _score(
    given: Sequence[ScoredAnswer],
    choices: Sequence[str],
    system: str,
    target_emotion: str,
    seed: int,
) -> SystemScore:
    values = [_value(answer) for _, answer in given]
    listeners = [listener for listener, _ in given]
    items = [(answer.trial.target_emotion, answer.trial.item) for _, answer in given]
    low, high = crossed_interval(values, listeners, items, seed=seed)
    counts = [sum(answer.answer == choice for _, answer in given) for choice in choices]
    drawn = Crossing(listeners, items, "listeners", "items").text()
    mean = float(np.mean(values))
    return SystemScore(system, target_emotion, mean, low, high, np.array(counts), drawn)


def _value(answer: Answer) -> float:
    if answer.trial.kind == EMOTION:
        return float(answer.answer == answer.trial.target_emotion)
    return float(answer.answer)


def krippendorff_alpha(
    ratings: Iterable[Sequence[int]], num_values: int, *, level: str
) -> float | None:
    """Return Krippendorff's alpha: 1 full agreement, 0 chance, below 0 worse than chance.

    alpha = 1 - observed / expected disagreement, of pairs of ratings within a unit and of
    any two ratings. None where all ratings that have a pair are equal.

    Source: Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.

    Args:
        ratings: values from 0 to ``num_values`` - 1, one list a unit; one rating has no pair.
        level: ``nominal``, any two values differ alike, or ``ordinal``, by the ratings between.

    Raises:
        ValueError: no unit has two ratings, or another level.
    """
    coincidences = np.zeros((num_values, num_values))
    for unit in ratings:
        if len(unit) > 1:
            counts = np.bincount(unit, minlength=num_values)
            # Ordered pairs of different raters, each rating weighing 1 in all.
            coincidences += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    totals = coincidences.sum(axis=1)
    if not totals.any():
        raise ValueError("agreement needs at least one recording that two listeners judged")
    distances = _squared_distances(totals, level)
    number = totals.sum()
    expected = (np.outer(totals, totals) * distances).sum() / (number * (number - 1))
    if expected == 0.0:
        return None
    return float(1.0 - (coincidences * distances).sum() / number / expected)


def _squared_distances(totals: np.ndarray, level: str) -> np.ndarray:
    """Return (K, K) squared distances of values that occur ``totals`` (K,) times."""
    if level == NOMINAL:
        return 1.0 - np.eye(len(totals))
    if level == ORDINAL:
        # All ratings from c to k, less half of those at either end: a difference of ranks.
        ranks = np.cumsum(totals) - totals / 2
        return (ranks[:, None] - ranks[None, :]) ** 2
    raise ValueError(f"level is {level!r}; give nominal or ordinal")
