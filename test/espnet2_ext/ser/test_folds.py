import json
from dataclasses import replace

import pytest

from espnet2_ext.ser.folds import (
    FoldSet,
    list_hash,
    read_folds,
    write_folds,
)
from espnet2_ext.ser.protocols import Allowance
from espnet2_ext.ser.splits import Fold

LABELS = {"a-1": "sad", "a-2": "happy", "b-1": "sad", "b-2": "happy", "c-1": "sad"}
FOLD = Fold("fold_1", ("a-1", "a-2"), ("b-1", "b-2"), ("c-1",), "test c; valid b")
SECOND = Fold("fold_2", ("a-1", "a-2"), ("c-1",), ("b-1", "b-2"), "test b; valid c")
SET = FoldSet(
    protocol="loso",
    description="leave one out",
    source="here",
    deviation="",
    seed=3,
    max_train=None,
    emotions=("happy", "sad"),
    declared=(Allowance("train/test", "sentence", "scripted, \u00fc"),),
    leak_check=("nothing shared",),
    folds=(FOLD, SECOND),
    labels=LABELS,
    pretraining_checked=True,
    model_sha256="abc",
)
# As in test_fold_set.py
TRAIN = "e4daea09961514249883b4baaea5a68830f1fedcde03ffacdb2b05eeb3a4c1a0"
FOLD_HASH = "2358cc9f96ef3850268e4d8c64e65c11996e5e3f1b67d8c196e3267005e6b6c5"
SET_HASH = "c24bf0ed47cbeb003fd5ab944137fba9daaeb4a7371fbbbf34895979a2251050"


@pytest.fixture
def written(tmp_path):
    write_folds(tmp_path / "loso", SET)
    return tmp_path / "loso"


def state(path):
    return {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}


def test_files(written):
    assert sorted(str(file.relative_to(written)) for file in state(written)) == [
        "fold_1/test", "fold_1/train", "fold_1/valid",
        "fold_2/test", "fold_2/train", "fold_2/valid", "folds.json",
    ]  # fmt: skip
    assert (written / "fold_1" / "train").read_text() == "a-1\na-2\n"
    stored = json.loads((written / "folds.json").read_text(encoding="utf-8"))
    assert list(stored) == [
        "protocol", "description", "source", "deviation", "seed", "max_train", "emotions",
        "declared", "leak_check", "pretraining", "hash", "folds",
    ]  # fmt: skip
    assert stored["declared"] == [
        {"between": "train/test", "attribute": "sentence", "reason": "scripted, \u00fc"}
    ]
    assert stored["hash"] == SET_HASH and stored["max_train"] is None
    assert stored["folds"][0] == {
        "name": "fold_1",
        "description": "test c; valid b",
        "hash": FOLD_HASH,
        "train": {"utterances": 2, "sha256": TRAIN},
        "valid": {"utterances": 2, "sha256": list_hash(FOLD.valid, LABELS)},
        "test": {"utterances": 1, "sha256": list_hash(FOLD.test, LABELS)},
    }


def test_read_returns_what_was_written(written):
    assert read_folds(written, LABELS) == SET
    assert read_folds(written, LABELS | {"d-1": "sad"}) == SET


def test_a_list_may_be_empty(tmp_path):
    """Of a protocol that validates on nothing."""
    labels = {key: LABELS[key] for key in FOLD.train + FOLD.test}
    without = replace(SET, folds=(replace(FOLD, valid=()),), labels=labels)
    write_folds(tmp_path / "x", without)
    assert (tmp_path / "x/fold_1/valid").read_text() == ""
    assert read_folds(tmp_path / "x", LABELS) == without


@pytest.mark.parametrize(
    ("line", "checked"),
    [("unchecked: pretraining (no data directories of it were named)", False), ("nothing", True)],
)
def test_a_summary_of_before_says_in_its_lines_whether_pretraining_was_checked(
    written, line, checked
):
    stored = json.loads((written / "folds.json").read_text(encoding="utf-8"))
    del stored["pretraining"]
    stored["leak_check"] = [line]
    (written / "folds.json").write_text(json.dumps(stored))
    found = read_folds(written, LABELS)
    assert (found.pretraining_checked, found.model_sha256) == (checked, "")


def test_writing_the_same_again_touches_nothing(written, caplog):
    before = state(written)
    write_folds(written, SET)
    assert state(written) == before and not caplog.records


def test_other_lists_replace_what_is_there(written, caplog):
    (written / "fold_2" / "notes").write_text("mine")
    write_folds(written, replace(SET, folds=(replace(FOLD, train=("a-2",)),)))
    assert "lists of another run are replaced" in caplog.text
    names = sorted(str(file.relative_to(written)) for file in state(written))
    assert names == ["fold_1/test", "fold_1/train", "fold_1/valid", "fold_2/notes", "folds.json"]
    write_folds(written, SET)
    assert read_folds(written, LABELS) == SET
    (written / "fold_2" / "notes").unlink()
    write_folds(written, replace(SET, folds=(FOLD,)))
    assert not (written / "fold_2").exists()


def test_a_changed_setting_leaves_the_lists_alone(written):
    before = state(written)
    write_folds(written, replace(SET, seed=4))
    assert {file.name for file, time in state(written).items() if before[file] != time} == {
        "folds.json"
    }


def test_a_killed_writer_leaves_no_summary(written, monkeypatch):
    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("espnet2_ext.ser.folds.atomic_open", stop)
    with pytest.raises(KeyboardInterrupt):
        write_folds(written, replace(SET, folds=(replace(FOLD, train=("a-2",)), SECOND)))
    with pytest.raises(FileNotFoundError, match="folds.json: no such file; run ser_folds first"):
        read_folds(written, LABELS)


@pytest.mark.parametrize("content", ["a-1\n", "a-1\na-2\nb-1\n", "a-2\na-1\n", "a-1\na-1\na-2\n"])
def test_an_edited_list_is_refused(written, content):
    (written / "fold_1" / "train").write_text(content)
    with pytest.raises(ValueError, match=r"fold_1/train: the list or its labels have changed \(ha"):
        read_folds(written, LABELS)


def test_changed_labels_are_refused(written):
    with pytest.raises(ValueError, match="fold_1/test: the list or its labels have changed"):
        read_folds(written, LABELS | {"c-1": "happy"})
    with pytest.raises(
        ValueError, match="fold_1/test: 'c-1': has no emotion in the data directory"
    ):
        read_folds(written, {key: label for key, label in LABELS.items() if key != "c-1"})


def test_a_missing_list_is_refused(written):
    (written / "fold_2" / "valid").unlink()
    with pytest.raises(FileNotFoundError, match="fold_2/valid: no such file; run ser_folds again"):
        read_folds(written, LABELS)


def change_hash(stored):
    stored["hash"] = "0" * 64


def change_fold_hash(stored):
    stored["folds"][0]["hash"] = "0" * 64


def change_count(stored):
    stored["folds"][1]["test"]["utterances"] = 3


@pytest.mark.parametrize("edit", [change_hash, change_fold_hash, change_count])
def test_an_edited_summary_is_refused(written, edit):
    stored = json.loads((written / "folds.json").read_text(encoding="utf-8"))
    edit(stored)
    (written / "folds.json").write_text(json.dumps(stored))
    with pytest.raises(ValueError, match="folds.json: counts or hashes have been edited; run ser_"):
        read_folds(written, LABELS)


@pytest.mark.parametrize("text", ["", "[]", '{"protocol": "loso"}', "{"])
def test_a_malformed_summary_is_refused(written, text):
    (written / "folds.json").write_text(text)
    with pytest.raises(ValueError, match="folds.json: not written by ser_folds .*; run it again"):
        read_folds(written, LABELS)
