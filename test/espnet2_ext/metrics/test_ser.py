"""WA, UA and macro-F1, and predictions.tsv."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as oracle

from espnet2_ext.metrics.ser import (
    Prediction,
    confusion_matrix,
    macro_f1,
    read_predictions,
    unweighted_accuracy,
    weighted_accuracy,
    write_predictions,
)

CLASSES = ("angry", "happy", "neutral", "sad")
SCORES = [weighted_accuracy, unweighted_accuracy, macro_f1]


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_scikit_learn(seed: int) -> None:
    """Short lists, so that classes are often absent from reference, predictions or both."""
    generator = np.random.default_rng(seed)
    length = int(generator.integers(1, 40))
    labels = generator.choice(CLASSES, length)
    predicted = np.where(generator.random(length) < 0.6, labels, generator.choice(CLASSES, length))
    confusion = confusion_matrix(list(labels), list(predicted), CLASSES)
    expected = oracle.confusion_matrix(labels, predicted, labels=CLASSES)
    np.testing.assert_array_equal(confusion, expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It warns of predicted classes without reference.
        assert [score(confusion) for score in SCORES] == pytest.approx(
            [
                oracle.accuracy_score(labels, predicted),
                oracle.balanced_accuracy_score(labels, predicted),
                oracle.f1_score(labels, predicted, average="macro"),
            ]
        )


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one stands twice"):
        confusion_matrix(["sad"], ["sad"], ["sad", "sad"])
    with pytest.raises(ValueError, match="emotion 'fear': none of the classes .*the 2 utterances"):
        confusion_matrix(["sad", "fear", "joy"], ["sad"] * 3, CLASSES)


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
    with pytest.raises(ValueError, match="no predictions to write"):
        write_predictions(path, [])
    # Classes keep their order, and of close posteriors, equal in six digits, the highest stays.
    write_predictions(path, [Prediction("u", "sad", "sad", {"sad": 0.50000004, "b": 0.49999996})])
    assert list(read_predictions(path)[0].posteriors) == ["sad", "b"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("u", "fear", "sad", {"angry": 0.2, "sad": 0.8}), "u: fear is none of the classes angry"),
        (("u", "sad", "fear", {"angry": 0.2, "sad": 0.8}), "u: fear is none"),
        (("u", "sad", "sad", {"angry": float("nan"), "sad": 1.0}), "outside 0 to 1"),
        (("u", "sad", "sad", {"angry": 0.2, "sad": 0.7}), "sum to 0.9, not to 1"),
        (("u", "sad", "sad", {"angry": 0.6, "sad": 0.4}), "not the class of the highest"),
        (("", "sad", "sad", {"sad": 1.0}), "name '' is empty"),
        (("u\tv", "sad", "sad", {"sad": 1.0}), "has a tab"),
        (("u", "sad ", "sad ", {"sad ": 1.0}), "blanks around"),
    ],
)
def test_refuses_a_prediction_that_is_none(fields: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Prediction(*fields)
    Prediction("u", "sad", "sad", {"sad": 1.0005, "angry": 0.0})  # The sum is of half precision.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.tsv:1: not a table of predictions"),
        (TEXT.replace("p_sad", "p_angry"), "p.tsv:1: not a table"),
        (TEXT.replace("emotion", "label"), "p.tsv:1: not a table"),
        (TEXT.splitlines()[0] + "\n", "p.tsv:1: not a table"),
        (TEXT + "spk-c\tsad\n", "p.tsv:4: not enough values"),
        (TEXT + "spk-a\tsad\tsad\t0\t1\n", "p.tsv:4: spk-a stands twice"),
        (TEXT.replace("0.125", "x"), "p.tsv:3: could not convert .*'x'"),
        (TEXT.replace("0.125", "0.5"), "p.tsv:3: spk-b: posteriors sum to 1.375"),
        (TEXT.replace("p_angry\tp_sad", "p_sad\tp_angry"), "p.tsv:2: spk-a: predicted sad, not"),
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
