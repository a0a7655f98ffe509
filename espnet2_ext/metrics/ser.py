"""Emotion recognition: scores of a confusion matrix, and ``predictions.tsv``.

Scores are shares from 0 to 1. Confusion matrices have references in rows and may be
stacked, (..., K, K); a score then has the shape (...,). Other arrays, and matrices without an
utterance, raise ValueError.

``predictions.tsv`` holds the posteriors of each test utterance; every score, interval, test
and figure of a system can be rebuilt from it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet2_ext.data.parallel import atomic_open

COLUMNS = ("utterance", "emotion", "predicted")
"""Columns of ``predictions.tsv`` before the posteriors."""
POSTERIOR_PREFIX = "p_"
TOLERANCE = 1.0e-3
"""Of the posteriors and their sum, for half precision and six written digits."""
_REMEDY = "test the fold again"


@dataclass(frozen=True)
class EmotionScores:
    """Scores of one test list, see the functions of these names."""

    weighted_accuracy: float
    unweighted_accuracy: float
    macro_f1: float


def score_emotions(
    labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str]
) -> EmotionScores:
    """Return the scores of predicted (n,) against reference emotions (n,).

    Raises ValueError as `confusion_matrix`, and for no utterance.
    """
    confusion = confusion_matrix(labels, predicted, classes)
    return EmotionScores(
        weighted_accuracy=float(weighted_accuracy(confusion)),
        unweighted_accuracy=float(unweighted_accuracy(confusion)),
        macro_f1=float(macro_f1(confusion)),
    )


def confusion_matrix(
    labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str]
) -> np.ndarray:
    """Return (K, K) counts: a row is a reference emotion, a column a predicted one.

    Lists of different length raise ValueError; see also `class_indices`.
    """
    if len(labels) != len(predicted):
        raise ValueError(
            f"{len(labels)} labels but {len(predicted)} predictions; give one for each utterance"
        )
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(confusion, (class_indices(labels, classes), class_indices(predicted, classes)), 1)
    return confusion


def class_indices(emotions: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Return the place of each emotion among the classes, (n,).

    A class that stands twice, or an emotion that is no class, raises ValueError.
    """
    places = {name: place for place, name in enumerate(classes)}
    if len(places) < len(classes):
        raise ValueError(f"classes {', '.join(classes)}: one stands twice; give each once")
    unknown = [emotion for emotion in emotions if emotion not in places]
    if unknown:
        raise ValueError(
            f"emotion {unknown[0]!r}: none of the classes {', '.join(classes)}; map or leave out "
            f"the {len(unknown)} utterances that have none of them"
        )
    return np.array([places[emotion] for emotion in emotions], dtype=np.int64)


def weighted_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return the share of utterances with the right emotion (...,).

    Source: [P2V] Eq. 3.
    """
    counts = _counts(confusion)
    return _diagonal(counts).sum(axis=-1) / counts.sum(axis=(-2, -1))


def unweighted_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return the mean recall over the classes that the reference holds, (...,).

    A class without a reference has no recall and is left out of the mean, as in scikit-learn's
    ``balanced_accuracy_score``; an utterance wrongly given that class still counts against its own.

    Source: [P2V] Eq. 4.
    Deviation: the equation divides by the number of all classes, also absent ones; the
        two agree on every fold that holds all classes.
    """
    counts = _counts(confusion)
    return np.nanmean(_divide(_diagonal(counts), counts.sum(axis=-1)), axis=-1)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Return the mean F1 over the classes that reference or predictions hold, (...,).

    F1 = 2 TP / (2 TP + FP + FN), as scikit-learn's ``f1_score`` with ``average="macro"`` and
    without ``labels``.

    Deviation: not in paper.
    """
    counts = _counts(confusion)
    in_reference_and_predicted = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.nanmean(_divide(2 * _diagonal(counts), in_reference_and_predicted), axis=-1)


def _counts(confusion: np.ndarray) -> np.ndarray:
    """Return the matrices as floats; ValueError where there is nothing to score."""
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.ndim < 2 or counts.shape[-1] != counts.shape[-2] or (counts < 0).any():
        raise ValueError(f"expected square matrices of counts, got shape {counts.shape}")
    if (counts.sum(axis=(-2, -1)) == 0).any():
        raise ValueError("no utterance to score; give a test list that is not empty")
    return counts


def _diagonal(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


@dataclass(frozen=True)
class Prediction:
    """One line of ``predictions.tsv``; ``posteriors`` are ``{class: probability}`` in class order.

    Raises ValueError if a name would not survive in a table, an emotion is no class, or the
    posteriors are no distribution whose maximum is the predicted class.
    """

    utterance: str
    emotion: str
    predicted: str
    posteriors: Mapping[str, float]

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise ValueError(f"{self.utterance}: {fault}")

    def _fault(self) -> str | None:
        """Return what is wrong with the line."""
        for name in (self.utterance, self.emotion, self.predicted, *self.posteriors):
            if "\t" in name or name.strip() != name or len(name.splitlines()) != 1:
                return f"name {name!r} is empty, has a tab or a line end, or blanks around it"
        for name in (self.emotion, self.predicted):
            if name not in self.posteriors:
                return f"{name} is none of the classes {', '.join(self.posteriors)}"
        values = list(self.posteriors.values())
        if not all(0.0 <= value <= 1.0 + TOLERANCE for value in values):  # NaN is not, either.
            return f"a posterior lies outside 0 to 1: {values}"
        if not math.isclose(sum(values), 1.0, abs_tol=TOLERANCE):
            return f"posteriors sum to {sum(values):.6g}, not to 1"
        # Columns in another order than the classes would show here and nowhere else.
        if self.posteriors[self.predicted] < max(values):
            return f"predicted {self.predicted}, which is not the class of the highest posterior"
        return None


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> None:
    """Write a header and a line per prediction, sorted by utterance, replacing the file at once.

    Posteriors get six digits. No prediction, an utterance that stands twice, or classes that
    differ raise ValueError.
    """
    ordered = sorted(predictions, key=lambda prediction: prediction.utterance)
    if not ordered:
        raise ValueError(f"{path}: no predictions to write; test at least one utterance")
    classes = tuple(ordered[0].posteriors)
    for before, after in zip(ordered, ordered[1:]):
        if before.utterance == after.utterance:
            raise ValueError(f"{path}: {after.utterance}: stands twice; test each utterance once")
        if tuple(after.posteriors) != classes:
            raise ValueError(
                f"{path}: {after.utterance}: classes {', '.join(after.posteriors)} instead of "
                f"{', '.join(classes)}; write one recogniser's predictions"
            )
    with atomic_open(path) as stream:
        stream.write("\t".join([*COLUMNS, *(POSTERIOR_PREFIX + name for name in classes)]) + "\n")
        for prediction in ordered:
            values = (f"{value:.6g}" for value in prediction.posteriors.values())
            names = (prediction.utterance, prediction.emotion, prediction.predicted)
            stream.write("\t".join([*names, *values]) + "\n")


def read_predictions(path: str | Path) -> list[Prediction]:
    """Return what `write_predictions` wrote, in file order.

    Raises FileNotFoundError, or ValueError that names the malformed line.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no predictions yet; {_REMEDY}")
    with open(path, encoding="utf-8") as stream:
        header, *lines = [line.rstrip("\n").split("\t") for line in stream] or [[]]
    classes = [name.removeprefix(POSTERIOR_PREFIX) for name in header[len(COLUMNS) :]]
    expected = [*COLUMNS, *(POSTERIOR_PREFIX + name for name in classes)]
    if header != expected or not 0 < len(set(classes)) == len(classes):
        raise ValueError(
            f"{path}:1: not a table of predictions: expected {' '.join(COLUMNS)} and a column "
            f"{POSTERIOR_PREFIX}<class> for each class; {_REMEDY}"
        )
    predictions: dict[str, Prediction] = {}
    for number, cells in enumerate(lines, start=2):
        try:
            prediction = _parse(cells, classes)
            if prediction.utterance in predictions:
                raise ValueError(f"{prediction.utterance} stands twice")
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}; {_REMEDY}") from error
        predictions[prediction.utterance] = prediction
    if not predictions:
        raise ValueError(f"{path}: a header and no predictions; {_REMEDY}")
    return list(predictions.values())


def _parse(cells: Sequence[str], classes: Sequence[str]) -> Prediction:
    """Return the prediction of a line; raises ValueError for a wrong value."""
    num_fields = len(COLUMNS) + len(classes)
    if len(cells) != num_fields:
        raise ValueError(f"{len(cells)} fields instead of {num_fields}")
    utterance, emotion, predicted, *values = cells
    try:
        posteriors = {name: float(value) for name, value in zip(classes, values, strict=True)}
    except ValueError as error:
        raise ValueError(f"{utterance}: a posterior is no number ({error})") from error
    return Prediction(utterance, emotion, predicted, posteriors)
