"""WA, UA and macro-F1."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as oracle

from espnet2_ext.metrics.ser import (
    EmotionScores,
    class_indices,
    class_recalls,
    confusion_matrix,
    macro_f1,
    score_emotions,
    unweighted_accuracy,
    weighted_accuracy,
)

CLASSES = ("angry", "happy", "neutral", "sad")


def test_by_hand() -> None:
    """Four of six are right; recalls are 2/3, 1/2 and 1."""
    labels = ["angry", "angry", "angry", "happy", "happy", "sad"]
    predicted = ["angry", "angry", "happy", "happy", "sad", "sad"]
    confusion = confusion_matrix(labels, predicted, ["angry", "happy", "sad"])
    np.testing.assert_array_equal(confusion, [[2, 1, 0], [0, 1, 1], [0, 0, 1]])
    scores = score_emotions(labels, predicted, ["angry", "happy", "sad"])
    assert scores.weighted_accuracy == pytest.approx(4 / 6)
    assert scores.unweighted_accuracy == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    # angry 2*2/(3+2), happy 2*1/(2+2), sad 2*1/(1+2).
    assert scores.macro_f1 == pytest.approx((4 / 5 + 2 / 4 + 2 / 3) / 3)


def test_a_class_without_reference_has_no_recall_but_costs_f1_when_predicted() -> None:
    """Reference: angry, angry, happy. Predicted: angry, sad, happy. neutral is in neither."""
    labels, predicted = ["angry", "angry", "happy"], ["angry", "sad", "happy"]
    confusion = confusion_matrix(labels, predicted, CLASSES)
    np.testing.assert_array_equal(class_recalls(confusion), [0.5, 1.0, np.nan, np.nan])
    assert unweighted_accuracy(confusion) == pytest.approx((0.5 + 1.0) / 2)
    # angry 2*1/(2+1), happy 2*1/(1+1), sad 0; neutral does not count.
    assert macro_f1(confusion) == pytest.approx((2 / 3 + 1 + 0) / 3)


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_scikit_learn(seed: int) -> None:
    """Short lists, so that classes are often absent from reference, predictions or both."""
    generator = np.random.default_rng(seed)
    length = int(generator.integers(1, 40))
    labels = generator.choice(CLASSES, length)
    predicted = np.where(generator.random(length) < 0.6, labels, generator.choice(CLASSES, length))
    confusion = confusion_matrix(list(labels), list(predicted), CLASSES)
    scores = score_emotions(list(labels), list(predicted), CLASSES)
    expected = oracle.confusion_matrix(labels, predicted, labels=CLASSES)
    np.testing.assert_array_equal(confusion, expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It warns of predicted classes without reference.
        expected_scores = EmotionScores(
            oracle.accuracy_score(labels, predicted),
            oracle.balanced_accuracy_score(labels, predicted),
            oracle.f1_score(labels, predicted, average="macro"),
        )
    assert scores.weighted_accuracy == pytest.approx(expected_scores.weighted_accuracy)
    assert scores.unweighted_accuracy == pytest.approx(expected_scores.unweighted_accuracy)
    assert scores.macro_f1 == pytest.approx(expected_scores.macro_f1)


@pytest.mark.parametrize("score", [weighted_accuracy, unweighted_accuracy, macro_f1, class_recalls])
def test_stacked_matrices_are_scored_one_by_one(score) -> None:
    stack = np.random.default_rng(0).integers(0, 9, size=(2, 3, 4, 4))
    stack[0, 0, 1] = 0
    expected = [[score(matrix) for matrix in row] for row in stack]
    np.testing.assert_array_equal(score(stack), expected)


def test_majority_guessing_looks_good_in_wa_only() -> None:
    scores = score_emotions(["sad"] * 9 + ["angry"], ["sad"] * 10, ["angry", "sad"])
    assert (scores.weighted_accuracy, scores.unweighted_accuracy) == (0.9, 0.5)


def test_indices_follow_the_classes() -> None:
    assert class_indices(["sad", "angry", "sad"], CLASSES).tolist() == [3, 0, 3]


def test_refuses_lists_of_different_length() -> None:
    with pytest.raises(ValueError, match="2 labels but 1 predictions"):
        confusion_matrix(["sad", "sad"], ["sad"], CLASSES)


def test_refuses_an_emotion_that_is_no_class() -> None:
    with pytest.raises(ValueError, match="emotion 'fear': none of the classes .*the 2 utterances"):
        confusion_matrix(["sad", "fear", "joy"], ["sad"] * 3, CLASSES)
    with pytest.raises(ValueError, match="emotion 'fear'"):
        confusion_matrix(["sad"], ["fear"], CLASSES)


def test_refuses_a_class_given_twice() -> None:
    with pytest.raises(ValueError, match="one stands twice"):
        class_indices(["sad"], ["sad", "sad"])


@pytest.mark.parametrize("score", [weighted_accuracy, unweighted_accuracy, macro_f1])
@pytest.mark.parametrize(
    ("confusion", "message"),
    [
        (np.zeros((2, 2)), "no utterance to score"),
        (np.stack([np.eye(2), np.zeros((2, 2))]), "no utterance to score"),
        (np.ones((2, 3)), "square matrices"),
        (np.ones(3), "square matrices"),
        (-np.eye(2), "square matrices of counts"),
    ],
)
def test_refuses_what_cannot_be_scored(score, confusion: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(confusion)


def test_refuses_an_empty_test_list() -> None:
    with pytest.raises(ValueError, match="no utterance to score"):
        score_emotions([], [], CLASSES)
