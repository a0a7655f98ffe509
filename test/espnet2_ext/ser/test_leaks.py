"""The leak check, the data of a model's pretraining, and what a result row says of it."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from espnet2_ext.data.directory import Utterance
from espnet2_ext.ser.attributes import attributes_of
from espnet2_ext.ser.leaks import (
    LeakError,
    PretrainingData,
    check_folds,
    find_pretraining_data,
    pretraining_status,
)
from espnet2_ext.ser.protocols import PROTOCOLS, parse_allowance
from espnet2_ext.ser.splits import Fold, make_folds


def check(name, utterances, pretraining=(), allow=(), folds=None):
    protocol = PROTOCOLS[name]
    return check_folds(
        make_folds(protocol, utterances) if folds is None else folds,
        attributes_of("data/x", utterances),
        (*protocol.allowances, *map(parse_allowance, allow)),
        [attributes_of(f"data/p{index}", group) for index, group in enumerate(pretraining)],
    )


def one_fold(train, valid, test):
    return [Fold("fold_1", tuple(train), tuple(valid), tuple(test))]


def error(*arguments, **options):
    with pytest.raises(LeakError) as caught:
        check(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message and message.startswith("data/x: fold_")
    return message


def of(*utterances):
    return {utterance.utterance_id: utterance for utterance in utterances}


OTHERS = of(Utterance("p-1", "p", "p1.wav", text="Yes!"), Utterance("p-2", "p", "p2.wav", text="a"))


def test_leave_one_session_out_says_what_was_compared(utterances):
    assert check("loso", utterances, [OTHERS]) == [
        "sentences shared by train and test: 0.0 % of test; by valid and test: 0.0 % of test; by "
        "train and valid: 0.0 % of valid (declared: sessions share scripted dialogues, and short "
        "answers recur)",
        "nothing shared by train/test: utterance, audio, speaker, session, dialogue",
        "nothing shared by valid/test: utterance, audio, speaker, session, dialogue",
        "nothing shared by train/valid: utterance, audio, speaker, session, dialogue",
        "nothing shared by pretraining/test: utterance, audio, speaker, sentence",
        "nothing shared by pretraining/valid: utterance, audio, speaker, sentence",
        "unchecked in data/x: content (not asked for)",
        "unchecked in data/p0: content (not asked for)",
        "pretraining: data/p0",
    ]


def test_other_protocols_pass(utterances):
    for name in ("lospko", "emobox", "loso_share", "random"):
        assert check(name, utterances)[-1].startswith("unchecked: pretraining (no data")


def test_pretraining_that_is_known_in_part_is_unchecked(utterances):
    attributes = attributes_of("data/x", utterances)
    folds, allowances = one_fold(TRAIN, VALID, TEST), PROTOCOLS["lospko"].allowances
    sources = [attributes_of("data/p", OTHERS)]
    lines = check_folds(folds, attributes, allowances, sources, "data/q is not there")
    assert lines[-2:] == ["pretraining: data/p", "unchecked: pretraining (data/q is not there)"]


def test_declared_overlaps_are_measured(utterances, change):
    assert check("lospko", utterances)[:2] == [
        f"{name} shared by valid and test: 100.0 % of test (declared: validation is the partner "
        "in the test dialogues)"
        for name in ("sessions", "dialogues")
    ]
    # "Yes" is said by 1f and 2f: 1 of the 16 utterances of the session, where train has it. Over
    # the folds: only those that test 1f or 2f, and do not validate on the other.
    shared = change("1f-0", text="Yes.") | {"2f-0": replace(utterances["2f-0"], text="[LAUGH] yes")}
    assert "by train and test: 0.0 to 6.2 % of test" in check("loso", shared)[0]


def test_a_test_speaker_planted_in_train(utterances):
    (first, *rest) = make_folds(PROTOCOLS["loso"], utterances)
    others = tuple(key for key in first.test if key != "1f-0")
    planted = replace(first, train=(*first.train, "1f-0"), test=others)
    assert error("loso", utterances, folds=[planted, *rest]) == (
        "data/x: fold_1: speaker '1f' is in train (1f-0) and in test (1f-1): 1 of 2 speakers, 7 of "
        "15 utterances of test are affected; keep them in one list, or declare the overlap "
        "train/test:speaker"
    )


TRAIN, VALID, TEST = ["2f-0", "2m-0"], ["3f-0"], ["1f-0", "1m-0"]


@pytest.mark.parametrize(
    ("changed", "folds", "allow", "message"),
    [
        ({}, one_fold([*TRAIN, "1f-0"], VALID, TEST), (), "utterance '1f-0' is in train (1f-0)"),
        ({}, one_fold(TRAIN, [*VALID, "1f-0"], TEST), (), "'1f-0' is in valid (1f-0) and in test"),
        ({"wav": "wav/1m-0.wav"}, None, (), "1m-0.wav' is in train (2f-0) and in test (1m-0)"),
        ({"speaker": "1m"}, None, (), "speaker '1m' is in train (2f-0) and in test (1m-0): 1 of 2"),
        ({"session": "Ses01"}, None, (), "session 'Ses01' is in train (2f-0) and in test (1f-0)"),
        ({"session": "Ses03"}, None, (), "session 'Ses03' is in train (2f-0) and in valid (3f-0)"),
        ({"dialogue": "1x"}, None, (), "dialogue '1x' is in train (2f-0) and in test (1f-0)"),
        ({"text": "sentence 1F 0, OF ALL"}, None, (), "sentence 'sentence 1f 0 of all' is in"),
        (
            {"session": "Ses01", "dialogue": "1x"},
            None,
            ["train/test:session"],
            "dialogue '1x' is in train",
        ),
    ],
)  # fmt: skip
def test_every_attribute_is_guarded(changed, folds, allow, message, change):
    text = error(
        "given", change("2f-0", **changed), folds=folds or one_fold(TRAIN, VALID, TEST), allow=allow
    )
    assert message in text and "or declare the overlap " in text


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        (Utterance("sp0.9-1f-0", "sp0.9-1f", "p.wav"), "utterance '1f-0' is in pretraining"),
        (Utterance("q-1", "q", "wav/1f-0.wav"), "1f-0.wav' is in pretraining (data/p1) (q-1)"),
        (Utterance("1f-99", "1f", "p.wav"), "speaker '1f' is in pretraining (data/p1) (1f-99)"),
        (Utterance("q-1", "q", "p.wav", text="Sentence 1f-0, of all!"), "sentence 'sentence 1f 0"),
    ],
)
def test_pretraining_is_guarded(planted, message, utterances):
    text = error("loso", utterances, [OTHERS, of(planted)])
    assert text.startswith("data/x: fold_1: ") and message in text
    assert "pretrain without them, or declare the overlap pretraining/test:" in text
    # Sessions of another corpus may have the same name.
    other = Utterance("q-1", "q", "p.wav", text="x", session="Ses01", dialogue="1x")
    assert check("loso", utterances, [of(other)])


def test_what_is_not_known_is_said(change):
    plain = of(Utterance("p-1", "p", "p.wav"))
    lines = check("random", change(text=None, session=None, dialogue="d"), [plain])
    assert not any(line.startswith(("sentences", "sessions")) for line in lines)
    assert lines[-3:] == [
        "unchecked in data/x: content (not asked for), session (no utt2session, or nothing in it), "
        "sentence (no text, or nothing in it)",
        "unchecked in data/p0: content (not asked for), sentence (no text, or nothing in it)",
        "pretraining: data/p0",
    ]


@pytest.fixture
def write_model(tmp_path):
    """Return a function: the weights of a recipe, whose data directories are there."""

    def write(recipe="p2v1", *, present=("train_sp", "valid"), **options):
        root = tmp_path / recipe
        folder = root / "exp/p2v_a"
        folder.mkdir(parents=True)
        for name in present:
            directory = root / "dump/raw" / name
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "wav.scp").write_text("a-1 x\n")
        config = {
            "output_dir": "exp/p2v_a",
            "train_speaker_dir": "dump/raw/train_sp",
            "valid_speaker_dir": "dump/raw/valid",
            "init_param": [],
            **options,
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        (folder / "valid.loss.best.pth").write_bytes(recipe.encode())
        return folder / "valid.loss.best.pth"

    return write


def directories(data, tmp_path):
    return [str((Path.cwd() / path).resolve().relative_to(tmp_path)) for path in data.directories]


def test_directories_of_training_and_validation(write_model, tmp_path, monkeypatch):
    write_model()
    (tmp_path / "ser1").mkdir()
    monkeypatch.chdir(tmp_path / "ser1")
    data = find_pretraining_data("../p2v1/exp/p2v_a/valid.loss.best.pth")
    assert data.directories == ("../p2v1/dump/raw/train_sp", "../p2v1/dump/raw/valid")
    assert (data.unknown, data.sha256) == ("", hashlib.sha256(b"p2v1").hexdigest())


def test_those_of_the_weights_that_it_started_from_too(write_model, tmp_path):
    write_model("first")
    write_model("second", init_param=["../first/exp/p2v_a/valid.loss.best.pth::x:y"])
    third = write_model("third", init_param=["../second/exp/p2v_a/valid.loss.best.pth"])
    data = find_pretraining_data(third)
    assert data.unknown == ""
    assert directories(data, tmp_path) == [
        f"{recipe}/dump/raw/{part}" for recipe in ("third", "second", "first")
        for part in ("train_sp", "valid")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "found", "unknown"),
    [
        ({"present": ["valid"]}, 1, "dump/raw/train_sp, which CONFIG names, is not there"),
        ({"train_speaker_dir": None}, 0, "CONFIG names no data directories"),
        ({"init_param": ["x/a.pth:b"]}, 2, "x/a.pth, which CONFIG started from, is not there"),
        ({"init_param": ["exp/p2v_a/valid.loss.best.pth"]}, 2, ""),  # in its own folder
    ],
)
def test_what_is_not_known(write_model, tmp_path, options, found, unknown):
    data = find_pretraining_data(write_model(**options))
    shown = os.path.relpath(tmp_path / "p2v1/exp/p2v_a/config.yaml")
    assert len(data.directories) == found
    assert data.unknown == unknown.replace("CONFIG", shown)
    assert data.sha256


@pytest.mark.parametrize("content", [None, b"", b"[", b"- a", b"\xff"])
def test_a_configuration_that_cannot_be_read(write_model, content):
    model = write_model()
    config = model.with_name("config.yaml")
    config.unlink()
    if content is not None:
        config.write_bytes(content)
    data = find_pretraining_data(model)
    assert data.directories == () and data.unknown.endswith("config.yaml cannot be read")


def test_a_model_that_is_not_there_yet(tmp_path):
    data = find_pretraining_data(tmp_path / "x.pth")
    assert data == PretrainingData((), f"{tmp_path}/x.pth is not there", "")


@pytest.fixture
def encoder(tmp_path):
    """Return the folder of an exported prosody encoder of the model abc."""
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder/config.yaml").write_text("sha256: abc\n")
    return tmp_path / "encoder"


SCRATCH = {"prosody_init": "random", "init_param": []}


@pytest.mark.parametrize(
    ("options", "checked", "model", "expected"),
    [
        ({}, True, "abc", "checked"),
        ({}, False, "abc", "not checked"),
        ({}, True, "", "checked"),  # directories named without a model
        ({}, True, "abd", "not checked"),  # another model's pretraining
        ({"prosody_encoder_dir": "none"}, True, "abc", "not checked"),
        ({"prosody_encoder_dir": None, "init_param": []}, True, "abc", "not checked"),
        (SCRATCH, False, "abc", "none"),
        # Nobody looks into an upstream's pretraining, nor into that of other weights.
        ({"use_prosody": False, "upstream": "wavlm", "init_param": []}, True, "abc", "not checked"),
        ({"upstream": "x.json"}, True, "abc", "Prosody2Vec checked, upstream not checked"),
        ({"upstream": "wavlm"}, False, "abc", "not checked"),
        ({"init_param": ["a.pth"]}, True, "abc", "Prosody2Vec checked, other weights not checked"),
        ({**SCRATCH, "init_param": ["a.pth"]}, True, "abc", "not checked"),
    ],
)
def test_the_state_of_pretraining(encoder, options, checked, model, expected):
    weights = f"{encoder}/weights.pth:prosody_encoder:prosody_encoder"
    trained = {"prosody_encoder_dir": str(encoder), "prosody_init": "pretrained"}
    trained |= {"use_prosody": True, "init_param": [weights], "upstream": None}
    assert pretraining_status(trained | options, checked=checked, model_sha256=model) == expected
    assert pretraining_status({}, checked=False, model_sha256="") == "not checked", "of no options"
