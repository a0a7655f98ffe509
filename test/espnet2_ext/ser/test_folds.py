"""Hashes of folds, folds on disk, and folds from a data directory."""

import hashlib
import json
from dataclasses import replace

import pytest
import soundfile

from espnet2_ext.data.directory import DataDirectoryError, Utterance, write_data_directory
from espnet2_ext.ser.attributes import labels_of, read_utterances
from espnet2_ext.ser.folds import (
    FoldSet,
    fold_hash,
    format_folds,
    list_hash,
    prepare_folds,
    read_folds,
    write_folds,
)
from espnet2_ext.ser.leaks import LeakError
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
    declared=(Allowance("train/test", "sentence", "scripted, \u00fc"),),
    leak_check=("nothing shared",),
    folds=(FOLD, SECOND),
    labels=LABELS,
    pretraining_checked=True,
    model_sha256="abc",
)
# printf 'a-1 sad\na-2 happy\n' | sha256sum
# printf "train $train\nvalid $valid\ntest $test\n" | sha256sum
# printf "fold_1 $first\nfold_2 $second\n" | sha256sum
TRAIN = "e4daea09961514249883b4baaea5a68830f1fedcde03ffacdb2b05eeb3a4c1a0"
FOLD_HASH = "2358cc9f96ef3850268e4d8c64e65c11996e5e3f1b67d8c196e3267005e6b6c5"
SET_HASH = "c24bf0ed47cbeb003fd5ab944137fba9daaeb4a7371fbbbf34895979a2251050"


def test_hashes_by_hand():
    assert list_hash(["a-2", "a-1"], LABELS) == TRAIN
    assert fold_hash(FOLD, LABELS) == FOLD_HASH
    assert SET.hash == SET_HASH


def test_a_hash_changes_with_lists_and_labels_alone():
    same = replace(FOLD, name="x", description="y")
    assert fold_hash(same, LABELS) == FOLD_HASH
    others = [
        fold_hash(replace(FOLD, train=FOLD.valid, valid=FOLD.train), LABELS),
        fold_hash(FOLD, LABELS | {"c-1": "happy"}),
    ]
    assert len({FOLD_HASH, *others}) == 3
    assert replace(SET, folds=(SECOND, FOLD)).hash != SET_HASH
    assert replace(SET, protocol="y", seed=1, max_train=9).hash == SET_HASH


@pytest.fixture
def written(tmp_path):
    write_folds(tmp_path / "loso", SET)
    return tmp_path / "loso"


def state(path):
    return {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.is_file()}


def test_files(written):
    assert (written / "fold_1" / "train").read_text() == "a-1\na-2\n"
    stored = json.loads((written / "folds.json").read_text(encoding="utf-8"))
    assert list(stored) == [
        "protocol", "description", "source", "deviation", "seed", "max_train", "emotions",
        "declared", "leak_check", "pretraining", "hash", "folds",
    ]  # fmt: skip
    assert stored["declared"] == [
        {"between": "train/test", "attribute": "sentence", "reason": "scripted, \u00fc"}
    ]
    assert (stored["hash"], stored["emotions"]) == (SET_HASH, ["happy", "sad"])
    assert stored["folds"][0] == {
        "name": "fold_1",
        "description": "test c; valid b",
        "hash": FOLD_HASH,
        "train": {"utterances": 2, "sha256": TRAIN},
        "valid": {"utterances": 2, "sha256": list_hash(FOLD.valid, LABELS)},
        "test": {"utterances": 1, "sha256": list_hash(FOLD.test, LABELS)},
    }


def test_read_returns_what_was_written(written):
    """A list may be empty, of a protocol that validates on nothing."""
    assert read_folds(written, LABELS | {"d-1": "sad"}) == SET
    labels = {key: LABELS[key] for key in FOLD.train + FOLD.test}
    without = replace(SET, folds=(replace(FOLD, valid=()),), labels=labels)
    write_folds(written, without)
    assert (written / "fold_1/valid").read_text() == ""
    assert read_folds(written, LABELS) == without


@pytest.mark.parametrize(
    ("line", "checked"), [("unchecked: pretraining (none named)", False), ("nothing", True)]
)
def test_an_older_summary_says_whether_pretraining_was_checked(written, line, checked):
    stored = json.loads((written / "folds.json").read_text(encoding="utf-8"))
    del stored["pretraining"]
    stored["leak_check"] = [line]
    (written / "folds.json").write_text(json.dumps(stored))
    found = read_folds(written, LABELS)
    assert (found.pretraining_checked, found.model_sha256) == (checked, "")


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
    changed = [file.name for file, time in state(written).items() if before[file] != time]
    assert changed == ["folds.json"]


def test_a_killed_writer_leaves_no_summary(written, monkeypatch):
    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("espnet2_ext.ser.folds.atomic_open", stop)
    with pytest.raises(KeyboardInterrupt):
        write_folds(written, replace(SET, folds=(replace(FOLD, train=("a-2",)), SECOND)))
    with pytest.raises(FileNotFoundError, match="folds.json: no such file; run ser_folds first"):
        read_folds(written, LABELS)


def test_edited_lists_and_summaries_are_refused(written):
    train, summary = written / "fold_1/train", written / "folds.json"
    for content in ("a-1\n", "a-2\na-1\n"):
        train.write_text(content)
        with pytest.raises(ValueError, match="fold_1/train: the list or its labels have changed"):
            read_folds(written, LABELS)
    train.write_text("a-1\na-2\n")
    stored = summary.read_text(encoding="utf-8")
    summary.write_text(stored.replace('"utterances": 1', '"utterances": 3'))
    with pytest.raises(ValueError, match="folds.json: counts or hashes have been edited"):
        read_folds(written, LABELS)
    for text in ("", "[]", '{"protocol": "loso"}'):
        summary.write_text(text)
        with pytest.raises(ValueError, match="folds.json: not written by ser_folds .*; run it"):
            read_folds(written, LABELS)


def test_changed_labels_and_a_missing_list_are_refused(written):
    with pytest.raises(ValueError, match="fold_1/test: the list or its labels have changed"):
        read_folds(written, LABELS | {"c-1": "happy"})
    with pytest.raises(ValueError, match="fold_1/test: 'c-1': has no emotion"):
        read_folds(written, {key: label for key, label in LABELS.items() if key != "c-1"})
    (written / "fold_2" / "valid").unlink()
    with pytest.raises(FileNotFoundError, match="fold_2/valid: no such file; run ser_folds again"):
        read_folds(written, LABELS)


@pytest.fixture
def pretraining_dir(tmp_path):
    write_data_directory(
        tmp_path / "pretraining", [Utterance("p-1", "p", "p.wav", text="Sentence 1f-0 of all")]
    )
    return tmp_path / "pretraining"


def test_what_is_written_is_what_is_read(data_dir):
    fold_set = prepare_folds(data_dir, "lospko", max_train=20)
    assert (fold_set.pretraining_checked, fold_set.model_sha256) == (False, "")
    assert fold_set.leak_check[-1] == (
        "unchecked: pretraining (no data directories of it were named)"
    )
    labels = labels_of(read_utterances(data_dir))
    assert read_folds(data_dir / "folds" / "lospko", labels) == fold_set
    assert (fold_set.seed, fold_set.max_train) == (0, 20)


def test_the_same_again_gives_the_same_bytes_and_touches_nothing(data_dir, tmp_path):
    prepare_folds(data_dir, "loso", tmp_path / "out", seed=5)
    before = state(tmp_path / "out")
    prepare_folds(data_dir, "loso", tmp_path / "out", seed=5)
    assert state(tmp_path / "out") == before


def test_hashes_tell_seed_and_subset_apart(data_dir):
    sets = [
        prepare_folds(data_dir, "loso", seed=seed, max_train=limit)
        for seed, limit in ((0, None), (0, 20), (1, None), (1, 20))
    ]
    # Golden: whoever changes how folds are drawn changes every published list.
    golden = ["c1a1c801", "e34dcc0a", "244a88d2", "2c406334"]
    assert [fold_set.hash[:8] for fold_set in sets] == golden


def test_a_leak_writes_nothing_and_can_be_declared(data_dir, pretraining_dir):
    with pytest.raises(LeakError, match=r"sentence 'sentence 1f 0 of all' is in pretraining \("):
        prepare_folds(data_dir, "loso", pretraining_data_dirs=[pretraining_dir])
    assert not (data_dir / "folds").exists()
    allow = [*SENTENCES, "train/test:sentence"]
    fold_set = prepare_folds(data_dir, "loso", pretraining_data_dirs=[pretraining_dir], allow=allow)
    shared = "sentences shared by pretraining and test: 0.0 to 6.2 %"
    assert any(shared in line for line in fold_set.leak_check)
    # What the protocol declares keeps its reason.
    reasons = {item.name: item.reason for item in fold_set.declared}
    assert reasons["train/test:sentence"].startswith("sessions share scripted")
    stored = json.loads((data_dir / "folds" / "loso" / "folds.json").read_text())
    assert stored["leak_check"] == list(fold_set.leak_check)


@pytest.fixture
def model(tmp_path, pretraining_dir):
    """Return weights whose config.yaml names the pretraining directory twice."""
    folder = tmp_path / "exp/p2v"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        "train_speaker_dir: pretraining\nvalid_speaker_dir: pretraining\n"
    )
    (folder / "valid.loss.best.pth").write_bytes(b"weights")
    return folder / "valid.loss.best.pth"


SENTENCES = ("pretraining/test:sentence", "pretraining/valid:sentence")


def test_a_models_own_pretraining_data_are_compared(data_dir, model):
    with pytest.raises(LeakError, match=r"is in pretraining \(.*pretraining\) \(p-1\) and in"):
        prepare_folds(data_dir, "loso", pretrained_model=model)
    fold_set = prepare_folds(data_dir, "loso", pretrained_model=model, allow=SENTENCES)
    assert fold_set.pretraining_checked
    assert fold_set.model_sha256 == hashlib.sha256(b"weights").hexdigest()
    assert fold_set.leak_check[-1].startswith("pretraining: ")


def test_pretraining_data_that_are_gone_are_unchecked_unless_named(
    data_dir, model, pretraining_dir, tmp_path
):
    pretraining_dir.rename(tmp_path / "elsewhere")
    fold_set = prepare_folds(data_dir, "loso", pretrained_model=model)
    assert not fold_set.pretraining_checked
    assert "unchecked: pretraining (pretraining, which " in fold_set.leak_check[-1]
    named = {"pretraining_data_dirs": [tmp_path / "elsewhere"], "allow": SENTENCES}
    fold_set = prepare_folds(data_dir, "loso", pretrained_model=model, **named)
    assert fold_set.pretraining_checked and fold_set.model_sha256
    assert fold_set.leak_check[-1] == f"pretraining: {tmp_path}/elsewhere"


def test_content_is_compared_where_asked(tmp_path, utterances, make_wav):
    wavs = {key: str(make_wav(f"wav/{key}.wav", seed=i)) for i, key in enumerate(utterances)}
    write_data_directory(
        tmp_path / "data",
        [Utterance(k, u.speaker, wavs[k], emotion=u.emotion) for k, u in utterances.items()],
    )
    copy = tmp_path / "copy.flac"
    soundfile.write(copy, soundfile.read(wavs["2f-3"], dtype="int16")[0], 16000)
    write_data_directory(tmp_path / "pretraining", [Utterance("q-1", "q", str(copy))])
    options = {"num_folds": 3, "pretraining_data_dirs": [tmp_path / "pretraining"]}
    prepare_folds(tmp_path / "data", "speakers", **options)
    with pytest.raises(LeakError, match=r"content is in pretraining .*\(q-1\) and in \w+ \(2f-3\)"):
        prepare_folds(tmp_path / "data", "speakers", compare_content=True, **options)


def test_errors(data_dir):
    with pytest.raises(ValueError, match="declared overlap 'y': unknown"):
        prepare_folds(data_dir, "loso", allow=["y"])
    with pytest.raises(DataDirectoryError, match="none: no such data directory"):
        prepare_folds(data_dir, "loso", pretraining_data_dirs=["none"])
    (data_dir / "utt2emo").write_text("1f-0 sad\n")
    with pytest.raises(DataDirectoryError, match="utt2emo: 1f-1: no line"):
        prepare_folds(data_dir, "loso")


def test_table(data_dir):
    fold_set = prepare_folds(data_dir, "loso", max_train=20)
    lines = format_folds(fold_set).split("\n")
    assert lines[0].startswith("loso: leave one session out: test one session, validate on ")
    assert lines[0].endswith(
        "; seed 0, at most 20 to train on; counts of angry/happy/neutral/sad; hash "
        + fold_set.hash[:8]
    )
    assert lines[1].split() == ["fold", "train", "valid", "test", "hash"]
    assert lines[2].startswith("fold_1  20 (5/5/5/5)  16 (4/4/4/4)  16 (4/4/4/4)  ")
    assert lines[2].endswith("  test Ses01; valid Ses05; train 20 drawn of 48")
    assert lines[7] == f"deviation: {fold_set.deviation}"
    assert lines[8:] == list(fold_set.leak_check)
