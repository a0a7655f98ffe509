"""Scores of emotion recognition, each from a matrix of confusions and nothing else.

All are shares from 0 to 1. Matrices may be stacked, (..., K, K); a score then has the
shape (...,), which is what makes thousands of resamples cheap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EmotionScores:
    """The scores of one test list.

    Attributes:
        weighted_accuracy: see `weighted_accuracy`.
        unweighted_accuracy: see `unweighted_accuracy`.
        macro_f1: see `macro_f1`.
    """

    weighted_accuracy: float
    unweighted_accuracy: float
    macro_f1: float


def score_emotions(
    labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str]
) -> EmotionScores:
    """Return the scores of predictions.

    Args:
        labels: (n,) reference emotions.
        predicted: (n,) recognised emotions.
        classes: (K,) emotions the recogniser chooses from.

    Raises:
        ValueError: see `confusion_matrix`; or there is no utterance.
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
    """Return (K, K) counts: a row is a reference emotion, a column a recognised one.

    Raises:
        ValueError: the lists differ in length, a class stands twice, or an emotion is
            none of the classes.
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

    Raises:
        ValueError: a class stands twice, or an emotion is none of the classes.
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
    """Return the share of utterances with the right emotion, (...,).

    Args:
        confusion: (..., K, K), rows are references.

    Raises:
        ValueError: no matrix of counts, or one without any utterance.

    Source: [P2V] Eq. 3.
    """
    counts = _counts(confusion)
    return _diagonal(counts).sum(axis=-1) / counts.sum(axis=(-2, -1))


def unweighted_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return the mean recall over the classes that the reference holds, (...,).

    A class that no utterance of the test list belongs to has no recall; it is left out
    of the mean, while an utterance wrongly given that class still counts against its
    own. So does ``balanced_accuracy_score`` of scikit-learn.

    Args:
        confusion: (..., K, K), rows are references.

    Raises:
        ValueError: no matrix of counts, or one without any utterance.

    Source: [P2V] Eq. 4.
    Deviation: the equation divides by the number of all classes, also absent ones; the
        two agree on every fold that holds all classes.
    """
    return np.nanmean(class_recalls(confusion), axis=-1)


def class_recalls(confusion: np.ndarray) -> np.ndarray:
    """Return the recall of each class, (..., K); NaN for a class without a reference.

    Raises:
        ValueError: no matrix of counts, or one without any utterance.
    """
    counts = _counts(confusion)
    return _divide(_diagonal(counts), counts.sum(axis=-1))


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Return the mean F1 over the classes that reference or predictions hold, (...,).

    F1 = 2 TP / (2 TP + FP + FN). A class that is predicted but has no reference counts
    as 0; a class that is in neither is left out. So does ``f1_score`` of scikit-learn
    with ``average="macro"`` and without ``labels``.

    Args:
        confusion: (..., K, K), rows are references.

    Raises:
        ValueError: no matrix of counts, or one without any utterance.

    Deviation: not in paper.
    """
    counts = _counts(confusion)
    in_reference_and_predicted = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.nanmean(_divide(2 * _diagonal(counts), in_reference_and_predicted), axis=-1)


def _counts(confusion: np.ndarray) -> np.ndarray:
    """Return the matrices as floats; raises ValueError where there is nothing to score."""
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
