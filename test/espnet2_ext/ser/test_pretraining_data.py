"""What a model was pretrained on, as its files say, and what a row says of it."""

import hashlib
import os
from pathlib import Path

import pytest
import yaml

from espnet2_ext.ser.leaks import find_pretraining_data, pretraining_status


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


def names(data, tmp_path):
    return [str((Path.cwd() / path).resolve().relative_to(tmp_path)) for path in data.directories]


def test_directories_of_training_and_validation(write_model, tmp_path, monkeypatch):
    model = write_model()
    data = find_pretraining_data(model)
    assert names(data, tmp_path) == ["p2v1/dump/raw/train_sp", "p2v1/dump/raw/valid"]
    assert data.unknown == ""
    assert data.sha256 == hashlib.sha256(b"p2v1").hexdigest()
    (tmp_path / "ser1").mkdir()
    monkeypatch.chdir(tmp_path / "ser1")
    seen_from_a_recipe = find_pretraining_data("../p2v1/exp/p2v_a/valid.loss.best.pth")
    assert seen_from_a_recipe.directories == ("../p2v1/dump/raw/train_sp", "../p2v1/dump/raw/valid")


def test_those_of_the_weights_that_it_started_from_too(write_model, tmp_path):
    write_model("first")
    write_model("second", init_param=["../first/exp/p2v_a/valid.loss.best.pth::x:y"])
    data = find_pretraining_data(
        write_model("third", init_param=["../second/exp/p2v_a/valid.loss.best.pth"])
    )
    assert data.unknown == ""
    assert names(data, tmp_path) == [
        f"{recipe}/dump/raw/{part}" for recipe in ("third", "second", "first")
        for part in ("train_sp", "valid")
    ]  # fmt: skip


def test_a_model_that_goes_on_in_its_own_folder(write_model, tmp_path):
    data = find_pretraining_data(write_model(init_param=["exp/p2v_a/valid.loss.best.pth"]))
    assert (len(data.directories), data.unknown) == (2, "")


@pytest.mark.parametrize(
    ("options", "found", "unknown"),
    [
        ({"present": ["valid"]}, 1, "dump/raw/train_sp, which CONFIG names, is not there"),
        ({"train_speaker_dir": None}, 0, "CONFIG names no data directories"),
        ({"init_param": ["x/a.pth:b"]}, 2, "x/a.pth, which CONFIG started from, is not there"),
    ],
)
def test_what_is_not_known(write_model, tmp_path, options, found, unknown):
    data = find_pretraining_data(write_model(**options))
    shown = os.path.relpath(tmp_path / "p2v1/exp/p2v_a/config.yaml")
    assert len(data.directories) == found
    assert data.unknown == unknown.replace("CONFIG", shown)
    assert data.sha256


@pytest.mark.parametrize("content", [None, "", "[", "- a", b"\xff"])
def test_a_configuration_that_cannot_be_read(write_model, content):
    model = write_model()
    config = model.with_name("config.yaml")
    config.unlink()
    if content is not None:
        config.write_bytes(content if isinstance(content, bytes) else content.encode())
    data = find_pretraining_data(model)
    assert data.directories == () and data.unknown.endswith("config.yaml cannot be read")


def test_a_model_that_is_not_there_yet(tmp_path):
    data = find_pretraining_data(tmp_path / "x.pth")
    assert data.directories == () and data.sha256 == ""
    assert data.unknown == f"{tmp_path}/x.pth is not there"


@pytest.fixture
def encoder(tmp_path):
    """Return the folder of an exported prosody encoder of the model abc."""
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder/config.yaml").write_text("sha256: abc\n")
    return tmp_path / "encoder"


def status(encoder, *, checked=True, model="abc", **options):
    weights = f"{encoder}/weights.pth:prosody_encoder:prosody_encoder"
    trained = {"prosody_encoder_dir": str(encoder), "prosody_init": "pretrained"}
    trained |= {"use_prosody": True, "init_param": [weights], "upstream": None}
    return pretraining_status(trained | options, checked=checked, model_sha256=model)


def test_the_state_of_a_pretrained_system(encoder):
    assert status(encoder) == "checked"
    assert status(encoder, checked=False) == "not checked"
    assert status(encoder, model="") == "checked", "directories named without a model"
    assert status(encoder, model="abd") == "not checked", "another model's pretraining"
    assert status(encoder.parent / "none", model="abc") == "not checked"
    assert status(encoder, prosody_encoder_dir=None, init_param=[]) == "not checked"


def test_the_state_of_a_system_from_scratch(encoder):
    assert status(encoder, checked=False, prosody_init="random", init_param=[]) == "none"


def test_nobody_looks_into_an_upstreams_pretraining(encoder):
    assert status(encoder, use_prosody=False, upstream="wavlm", init_param=[]) == "not checked"
    assert status(encoder, upstream="x/vectors.json") == "Prosody2Vec checked, upstream not checked"
    assert status(encoder, upstream="wavlm", checked=False) == "not checked"


def test_weights_of_any_other_file(encoder):
    assert status(encoder, init_param=["a.pth"]) == "Prosody2Vec checked, other weights not checked"
    scratch = {"prosody_init": "random", "init_param": ["a.pth"]}
    assert status(encoder, **scratch) == "not checked"


def test_defaults_are_those_of_the_task():
    assert pretraining_status({}, checked=False, model_sha256="") == "not checked"
