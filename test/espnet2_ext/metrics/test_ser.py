"""WA, UA and macro-F1, and predictions.tsv."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as oracle

from espnet2_ext.metrics.ser import (
    Prediction,
    class_indices,
    confusion_matrix,
    macro_f1,
    read_predictions,
    score_emotions,
    unweighted_accuracy,
    weighted_accuracy,
    write_predictions,
)

CLASSES = ("angry", "happy", "neutral", "sad")
SCORES = [weighted_accuracy, unweighted_accuracy, macro_f1]


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
        assert list(vars(scores).values()) == pytest.approx(
            [
                oracle.accuracy_score(labels, predicted),
                oracle.balanced_accuracy_score(labels, predicted),
                oracle.f1_score(labels, predicted, average="macro"),
            ]
        )


@pytest.mark.parametrize("score", SCORES)
def test_stacked_matrices_are_scored_one_by_one(score) -> None:
    stack = np.random.default_rng(0).integers(0, 9, size=(2, 3, 4, 4))
    stack[0, 0, 1] = 0
    expected = [[score(matrix) for matrix in row] for row in stack]
    np.testing.assert_array_equal(score(stack), expected)


def test_labels_that_do_not_fit_are_refused() -> None:
    assert class_indices(["sad", "angry", "sad"], CLASSES).tolist() == [3, 0, 3]
    with pytest.raises(ValueError, match="one stands twice"):
        class_indices(["sad"], ["sad", "sad"])
    with pytest.raises(ValueError, match="2 labels but 1 predictions"):
        confusion_matrix(["sad", "sad"], ["sad"], CLASSES)
    with pytest.raises(ValueError, match="emotion 'fear': none of the classes .*the 2 utterances"):
        confusion_matrix(["sad", "fear", "joy"], ["sad"] * 3, CLASSES)
    with pytest.raises(ValueError, match="emotion 'fear'"):
        confusion_matrix(["sad"], ["fear"], CLASSES)
    with pytest.raises(ValueError, match="no utterance to score"):
        score_emotions([], [], CLASSES)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("confusion", "message"),
    [
        (np.zeros((2, 2)), "no utterance to score"),
        (np.stack([np.eye(2), np.zeros((2, 2))]), "no utterance to score"),
        (np.ones((2, 3)), "square matrices"),
        (np.ones(3), "square matrices"),
        (-np.eye(2), "square matrices"),
    ],
)
def test_refuses_what_cannot_be_scored(score, confusion: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(confusion)


A = Prediction("spk-a", "sad", "sad", {"angry": 0.25, "sad": 0.75})
B = Prediction("spk-b", "angry", "sad", {"angry": 0.125, "sad": 0.875})
TEXT = (
    "utterance\temotion\tpredicted\tp_angry\tp_sad\n"
    "spk-a\tsad\tsad\t0.25\t0.75\n"
    "spk-b\tangry\tsad\t0.125\t0.875\n"
)


def test_reads_what_it_wrote_sorted_by_utterance(tmp_path: Path) -> None:
    path = tmp_path / "fold_1" / "predictions.tsv"
    write_predictions(path, [B, A])
    assert path.read_text() == TEXT
    assert read_predictions(path) == [A, B]
    # Classes keep their order, and of close posteriors, equal in six digits, the highest stays.
    write_predictions(path, [Prediction("u", "sad", "sad", {"sad": 0.50000004, "b": 0.49999996})])
    assert list(read_predictions(path)[0].posteriors) == ["sad", "b"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("u", "fear", "sad", {"angry": 0.2, "sad": 0.8}), "u: fear is none of the classes angry"),
        (("u", "sad", "fear", {"angry": 0.2, "sad": 0.8}), "u: fear is none"),
        (("u", "sad", "sad", {"angry": -0.2, "sad": 1.2}), "outside 0 to 1"),
        (("u", "sad", "sad", {"angry": float("nan"), "sad": 1.0}), "outside 0 to 1"),
        (("u", "sad", "sad", {"angry": 0.2, "sad": 0.7}), "sum to 0.9, not to 1"),
        (("u", "sad", "sad", {"angry": 0.6, "sad": 0.4}), "not the class of the highest"),
        (("", "sad", "sad", {"sad": 1.0}), "name '' is empty"),
        (("u\tv", "sad", "sad", {"sad": 1.0}), "has a tab"),
        (("u", "s\nad", "s\nad", {"s\nad": 1.0}), "line end"),
        (("u", "sad ", "sad ", {"sad ": 1.0}), "blanks around"),
    ],
)
def test_refuses_a_prediction_that_is_none(fields: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Prediction(*fields)
    Prediction("u", "sad", "sad", {"sad": 1.0005, "angry": 0.0})  # The sum is of half precision.


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    write_predictions(path, [A, B])
    other = Prediction("spk-c", "sad", "sad", {"sad": 1.0})
    for predictions, message in (
        ([A, A], "spk-a: stands twice"),
        ([A, other], "spk-c: classes sad instead of angry, sad"),
        ([], "no predictions to write"),
    ):
        with pytest.raises(ValueError, match=f"p.tsv: {message}"):
            write_predictions(path, predictions)
    assert path.read_text() == TEXT
    assert [file.name for file in tmp_path.iterdir()] == ["p.tsv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.tsv:1: not a table of predictions"),
        ("utterance\temotion\tpredicted\n", "p.tsv:1: not a table"),
        (TEXT.replace("p_sad", "sad"), "p.tsv:1: not a table"),
        (TEXT.replace("p_sad", "p_angry"), "p.tsv:1: not a table"),
        (TEXT.replace("emotion", "label"), "p.tsv:1: not a table"),
        (TEXT.splitlines()[0] + "\n", "p.tsv: a header and no predictions"),
        (TEXT + "spk-c\tsad\n", "p.tsv:4: 2 fields instead of 5"),
        (TEXT + "spk-a\tsad\tsad\t0\t1\n", "p.tsv:4: spk-a stands twice"),
        (TEXT.replace("0.125", "x"), "p.tsv:3: spk-b: a posterior is no number .*'x'"),
        (TEXT.replace("0.125", ""), "p.tsv:3: spk-b: a posterior is no number"),
        (TEXT.replace("0.125", "0.5"), "p.tsv:3: spk-b: posteriors sum to 1.375"),
        (TEXT.replace("p_angry\tp_sad", "p_sad\tp_angry"), "p.tsv:2: spk-a: predicted sad, which"),
        (TEXT.replace("b\tangry", "b\tfear"), "p.tsv:3: spk-b: fear is none of the classes"),
    ],
)
def test_errors_name_file_line_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.tsv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_predictions(path)
    assert str(error.value).endswith("; test the fold again")
    assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="none.tsv: no predictions yet; test the fold"):
        read_predictions(tmp_path / "none.tsv")
