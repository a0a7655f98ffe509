"""predictions.tsv."""

from pathlib import Path

import pytest

from espnet2_ext.metrics.ser import Prediction, read_predictions, write_predictions

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
    assert list(read_predictions(path)[0].posteriors) == ["angry", "sad"]


def test_classes_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    write_predictions(path, [Prediction("u", "sad", "sad", {"sad": 1.0, "angry": 0.0})])
    assert path.read_text().startswith("utterance\temotion\tpredicted\tp_sad\tp_angry\n")


def test_close_posteriors_survive_rounding(tmp_path: Path) -> None:
    """Seven digits differ, six do not: still a prediction of the highest posterior."""
    path = tmp_path / "p.tsv"
    close = {"sad": 0.50000004, "angry": 0.49999996}
    write_predictions(path, [Prediction("u", "sad", "sad", close)])
    assert read_predictions(path)[0].predicted == "sad"


def test_half_precision_sums_are_tolerated() -> None:
    Prediction("u", "sad", "sad", {"sad": 1.0005, "angry": 0.0})


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


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "p.tsv"
    write_predictions(path, [A, B])
    with pytest.raises(ValueError, match="p.tsv: spk-a: stands twice"):
        write_predictions(path, [A, A])
    with pytest.raises(ValueError, match="p.tsv: spk-c: classes sad instead of angry, sad"):
        write_predictions(path, [A, Prediction("spk-c", "sad", "sad", {"sad": 1.0})])
    with pytest.raises(ValueError, match="p.tsv: no predictions to write"):
        write_predictions(path, [])
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


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none.tsv: no predictions yet; test the fold"):
        read_predictions(tmp_path / "none.tsv")
