"""Emotion recognition: scores of a confusion matrix, and ``predictions.tsv``.

Scores are shares from 0 to 1. Confusion matrices have references in rows and may be stacked,
(..., K, K); a score then has the shape (...,). ``predictions.tsv`` holds the posteriors of each
test utterance; everything else about a system can be rebuilt from it.
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
Names = Sequence[str]


def confusion_matrix(labels: Names, predicted: Names, classes: Names) -> np.ndarray:
    """Return (K, K) counts: a row is a reference emotion, a column a predicted one.

    See `class_indices` for errors.
    """
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(confusion, (class_indices(labels, classes), class_indices(predicted, classes)), 1)
    return confusion


def confusion_of(predictions: Sequence["Prediction"], classes: Names) -> np.ndarray:
    """Return the (K, K) counts of predictions."""
    labels = [prediction.emotion for prediction in predictions]
    return confusion_matrix(labels, [each.predicted for each in predictions], classes)


def class_indices(emotions: Names, classes: Names) -> np.ndarray:
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
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))


def unweighted_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return the mean recall over the classes that the reference holds, (...,).

    A class without a reference has no recall and is left out, as in scikit-learn's
    ``balanced_accuracy_score``.

    Source: [P2V] Eq. 4.
    Deviation: the equation divides by the number of all classes, also absent ones; the
        two agree on every fold that holds all classes.
    """
    return _mean_share(confusion, 1, confusion.sum(axis=-1))


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Return the mean F1 over the classes that reference or predictions hold, (...,).

    2 TP / (2 TP + FP + FN), as scikit-learn's ``f1_score`` with ``average="macro"``.

    Deviation: not in paper.
    """
    return _mean_share(confusion, 2, confusion.sum(axis=-1) + confusion.sum(axis=-2))


def _mean_share(confusion: np.ndarray, factor: int, whole: np.ndarray) -> np.ndarray:
    """Return the mean over classes of factor x diagonal / whole, where the whole is not 0."""
    right = factor * np.diagonal(confusion, axis1=-2, axis2=-1)
    shares = np.divide(right, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return np.nanmean(shares, axis=-1)


@dataclass(frozen=True)
class Prediction:
    """One line of ``predictions.tsv``; ``posteriors`` are ``{class: probability}`` in class order.

    ValueError if a name would not survive in a table, an emotion is no class, or the posteriors are
    no distribution whose maximum is the predicted class.
    """

    utterance: str
    emotion: str
    predicted: str
    posteriors: Mapping[str, float]

    def __post_init__(self) -> None:
        values = list(self.posteriors.values())
        fault = ""
        for name in (self.utterance, self.emotion, self.predicted, *self.posteriors):
            if "\t" in name or name.strip() != name or len(name.splitlines()) != 1:
                fault = f"name {name!r} is empty, has a tab or a line end, or blanks around it"
        if lacking := {self.emotion, self.predicted} - self.posteriors.keys():
            fault = fault or f"{min(lacking)} is none of the classes {', '.join(self.posteriors)}"
        elif not all(0.0 <= value <= 1.0 + TOLERANCE for value in values):  # NaN is not, either.
            fault = fault or f"a posterior lies outside 0 to 1: {values}"
        elif not math.isclose(sum(values), 1.0, abs_tol=TOLERANCE):
            fault = fault or f"posteriors sum to {sum(values):.6g}, not to 1"
        # Columns in another order than the classes would show here and nowhere else.
        elif self.posteriors[self.predicted] < max(values):
            fault = fault or f"predicted {self.predicted}, not the class of the highest posterior"
        if fault:
            raise ValueError(f"{self.utterance}: {fault}")


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> None:
    """Write a header and a line per prediction, sorted by utterance, replacing the file at once.

    Posteriors get six digits. No prediction raises ValueError.
    """
    ordered = sorted(predictions, key=lambda prediction: prediction.utterance)
    if not ordered:
        raise ValueError(f"{path}: no predictions to write; test at least one utterance")
    with atomic_open(path) as stream:
        names = (POSTERIOR_PREFIX + name for name in ordered[0].posteriors)
        stream.write("\t".join([*COLUMNS, *names]) + "\n")
        for each in ordered:
            values = (f"{value:.6g}" for value in each.posteriors.values())
            cells = (each.utterance, each.emotion, each.predicted, *values)
            stream.write("\t".join(cells) + "\n")


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
    if header != expected or not 0 < len(set(classes)) == len(classes) or not lines:
        raise ValueError(
            f"{path}:1: not a table of predictions: expected {' '.join(COLUMNS)}, a column "
            f"{POSTERIOR_PREFIX}<class> for each class, and lines; {_REMEDY}"
        )
    predictions: dict[str, Prediction] = {}
    for number, cells in enumerate(lines, start=2):
        try:
            utterance, emotion, predicted, *values = cells
            posteriors = dict(zip(classes, map(float, values), strict=True))
            if utterance in predictions:
                raise ValueError(f"{utterance} stands twice")
            predictions[utterance] = Prediction(utterance, emotion, predicted, posteriors)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}; {_REMEDY}") from error
    return list(predictions.values())
