import hashlib
import json

import pytest
import soundfile

from espnet2_ext.data.directory import (
    DataDirectoryError,
    Utterance,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.ser.attributes import labels_of, read_utterances
from espnet2_ext.ser.folds import format_folds, prepare_folds, read_folds
from espnet2_ext.ser.leaks import LeakError


@pytest.fixture
def pretraining_dir(tmp_path):
    write_data_directory(
        tmp_path / "pretraining", [Utterance("p-1", "p", "p.wav", text="Sentence 1f-0 of all")]
    )
    return tmp_path / "pretraining"


def test_what_is_written_is_what_is_read(data_dir):
    fold_set = prepare_folds(data_dir, "lospko", max_train=20)
    labels = labels_of(read_utterances(data_dir))
    assert read_folds(data_dir / "folds" / "lospko", labels) == fold_set
    assert fold_set.emotions == ("angry", "happy", "neutral", "sad")
    assert (fold_set.seed, fold_set.max_train) == (0, 20)
    assert all(len(fold.train) == 20 for fold in fold_set.folds)


def test_folds_inside_a_data_directory_break_nothing(data_dir):
    for protocol in ("loso", "emobox", "loso_share"):
        prepare_folds(data_dir, protocol)
    assert validate_data_directory(data_dir) == 80


def test_the_same_again_gives_the_same_bytes_and_touches_nothing(data_dir, tmp_path):
    prepare_folds(data_dir, "loso", tmp_path / "out", seed=5)
    before = {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    prepare_folds(data_dir, "loso", tmp_path / "out", seed=5)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert not (data_dir / "folds").exists()


def test_hashes_tell_seed_and_subset_apart(data_dir):
    sets = [
        prepare_folds(data_dir, "loso", seed=seed, max_train=limit)
        for seed, limit in ((0, None), (0, 20), (1, None), (1, 20))
    ]
    assert len({fold_set.hash for fold_set in sets}) == 4
    # Golden: whoever changes how folds are drawn changes every published list.
    assert [fold_set.hash[:8] for fold_set in sets] == [
        "c1a1c801",
        "e34dcc0a",
        "244a88d2",
        "2c406334",
    ]


def test_a_leak_writes_nothing_and_can_be_declared(data_dir, pretraining_dir):
    with pytest.raises(LeakError, match=r"sentence 'sentence 1f 0 of all' is in pretraining \("):
        prepare_folds(data_dir, "loso", pretraining_data_dirs=[pretraining_dir])
    assert not (data_dir / "folds").exists()
    fold_set = prepare_folds(
        data_dir,
        "loso",
        pretraining_data_dirs=[pretraining_dir],
        allow=["pretraining/test:sentence", "pretraining/valid:sentence", "train/test:sentence"],
    )
    assert any("sentences shared by pretraining and test: 0.0 to 6.2 %" in line
               for line in fold_set.leak_check)  # fmt: skip
    # What the protocol declares keeps its reason.
    reasons = {item.name: item.reason for item in fold_set.declared}
    assert reasons["train/test:sentence"].startswith("sessions share scripted")
    stored = json.loads((data_dir / "folds" / "loso" / "folds.json").read_text())
    assert stored["leak_check"] == list(fold_set.leak_check)
    assert len(stored["declared"]) == 5


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
    assert fold_set.leak_check[-1].endswith("pretraining")
    labels = labels_of(read_utterances(data_dir))
    assert read_folds(data_dir / "folds" / "loso", labels) == fold_set


def test_pretraining_data_that_are_gone_are_unchecked_unless_named(
    data_dir, model, pretraining_dir, tmp_path
):
    pretraining_dir.rename(tmp_path / "elsewhere")
    fold_set = prepare_folds(data_dir, "loso", pretrained_model=model)
    assert not fold_set.pretraining_checked
    assert "unchecked: pretraining (pretraining, which " in fold_set.leak_check[-1]
    assert format_folds(fold_set).endswith("names, is not there)")
    named = {"pretraining_data_dirs": [tmp_path / "elsewhere"], "allow": SENTENCES}
    fold_set = prepare_folds(data_dir, "loso", pretrained_model=model, **named)
    assert fold_set.pretraining_checked and fold_set.model_sha256
    assert fold_set.leak_check[-1] == f"pretraining: {tmp_path}/elsewhere"


def test_without_a_model_or_directories_pretraining_is_unchecked(data_dir):
    fold_set = prepare_folds(data_dir, "loso")
    assert not fold_set.pretraining_checked and fold_set.model_sha256 == ""
    assert fold_set.leak_check[-1] == (
        "unchecked: pretraining (no data directories of it were named)"
    )


def test_superb_reads_its_lists(data_dir, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("espnet2_ext.ser.folds.read_superb", lambda path: asked.append(path))
    with pytest.raises(ValueError, match="superb: protocol 'superb' and its published lists go"):
        prepare_folds(data_dir, "superb", superb_lists=tmp_path)
    prepare_folds(data_dir, "emobox", superb_lists=tmp_path)
    assert asked == [tmp_path]


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


def test_options_reach_the_protocol(data_dir, tmp_path):
    assert len(prepare_folds(data_dir, "random", num_folds=4).folds) == 4
    rows = [f"{key},{key[0]}" for key in read_utterances(data_dir)]
    (tmp_path / "given.csv").write_text("\n".join(["utterance,fold", *rows]))
    fold_set = prepare_folds(
        data_dir,
        "given",
        folds_csv=tmp_path / "given.csv",
        allow=["train/test:sentence"],
    )
    assert [fold.description for fold in fold_set.folds][:2] == [
        "test 1; valid 2",
        "test 2; valid 3",
    ]


def test_errors(data_dir):
    with pytest.raises(ValueError, match="protocol 'x': unknown"):
        prepare_folds(data_dir, "x")
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
    assert lines[0] == (
        "loso: leave one session out: test one session, validate on another, drawn one, train on "
        "the rest; seed 0, at most 20 to train on; counts of angry/happy/neutral/sad; hash "
        + fold_set.hash[:8]
    )
    assert lines[1].split() == ["fold", "train", "valid", "test", "hash"]
    assert lines[2].startswith("fold_1  20 (5/5/5/5)  16 (4/4/4/4)  16 (4/4/4/4)  ")
    assert lines[2].endswith("  test Ses01; valid Ses05; train 20 drawn of 48")
    assert lines[7] == f"deviation: {fold_set.deviation}"
    assert lines[8:] == list(fold_set.leak_check)
    assert "deviation" not in format_folds(prepare_folds(data_dir, "lospko"))
