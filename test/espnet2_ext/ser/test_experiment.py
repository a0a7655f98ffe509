"""One training as a list of options, and its result on disk."""

from dataclasses import replace

import pytest
import yaml

from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.ser.experiment import FoldRun, RunResult, SerData
from espnet2_ext.ser.splits import Fold

LABELS = {"a-1": "sad", "a-2": "sad", "a-3": "sad", "a-4": "happy", "b-1": "sad", "c-1": "happy"}
FOLD = Fold("fold_1", ("a-1", "a-2", "a-3", "a-4"), ("b-1",), ("c-1",))


@pytest.fixture
def data(tmp_path):
    write_table(tmp_path / "shapes", {name: 4000 + place for place, name in enumerate(LABELS)})
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder/config.yaml").write_text("sha256: a\n")
    return SerData(
        emotion=tmp_path / "utt2emo",
        shapes=tmp_path / "shapes",
        speech=tmp_path / "wav.scp",
        feats=tmp_path / "feats.scp",
        prosody_encoder_dir=tmp_path / "encoder",
    )


@pytest.fixture
def make_run(tmp_path):
    """Return a factory of runs of a configuration with the given settings."""

    def make(settings=None, **fields):
        (tmp_path / "conf.yaml").write_text(yaml.safe_dump(settings or {}))
        values = {"seed": 3, "fold": FOLD, "fold_hash": "f00", "labels": LABELS, **fields}
        return FoldRun(
            system="p2v",
            config=tmp_path / "conf.yaml",
            directory=tmp_path / "exp",
            emotions=("happy", "sad"),
            **values,
        )

    return make


def values(command, option):
    """Return what follows an option, each time that it is given."""
    return [after for before, after in zip(command, command[1:]) if before == option]


def tables(command, data):
    """Return the data options without folders, the same for training and validation."""
    train, valid = (
        values(command, f"--{part}_data_path_and_name_and_type") for part in ("train", "valid")
    )
    assert train == valid
    return [table.removeprefix(f"{data.emotion.parent}/") for table in train]


@pytest.mark.parametrize(
    ("settings", "has_mels", "expected"),
    [
        ({}, True, ["feats.scp,feats,npy"]),
        ({}, False, ["wav.scp,speech,sound"]),
        ({"upstream": "hubert_base"}, True, ["feats.scp,feats,npy", "wav.scp,speech,sound"]),
        ({"upstream": "hubert_base"}, False, ["wav.scp,speech,sound"]),
        ({"upstream": "hubert_base", "use_prosody": False}, True, ["wav.scp,speech,sound"]),
        (
            {"upstream": "x/vectors.json"},
            True,
            ["feats.scp,feats,npy", "x/vectors.scp,upstream_vector,npy"],
        ),
        (
            {"upstream": "x/vectors.json", "use_prosody": False},
            False,
            ["x/vectors.scp,upstream_vector,npy"],
        ),
    ],
)
def test_a_system_reads_what_it_needs(make_run, data, settings, has_mels, expected):
    data = data if has_mels else replace(data, feats=None)
    command = make_run(settings).command(data, ngpu=0)
    assert tables(command, data) == ["utt2emo,emotion,text", *expected]
    folders = values(command, "--prosody_encoder_dir")
    assert bool(folders) == settings.get("use_prosody", True)


def test_options_of_the_task(make_run, data, tmp_path):
    command = make_run(extra=("--max_epoch", "5")).command(data, ngpu=1)
    expected = {
        "--config": f"{tmp_path}/conf.yaml",
        "--output_dir": f"{tmp_path}/exp",
        "--train_shape_file": f"{tmp_path}/exp/lists/train_shape",
        "--valid_shape_file": f"{tmp_path}/exp/lists/valid_shape",
        "--test_key_file": f"{tmp_path}/exp/lists/test",
        "--seed": "3",
        "--ngpu": "1",
        "--resume": "true",
        "--prosody_encoder_dir": f"{tmp_path}/encoder",
    }
    assert {option: values(command, option) for option in expected} == {
        option: [value] for option, value in expected.items()
    }
    assert command[command.index("--emotions") :][1:3] == ["happy", "sad"]
    assert command[-2:] == ["--max_epoch", "5"]
    assert "--model_conf" not in command
    no_encoder = make_run().command(replace(data, prosody_encoder_dir=None), ngpu=0)
    assert "--prosody_encoder_dir" not in no_encoder


def test_a_fold_that_validates_on_nothing(make_run, data, tmp_path):
    run = make_run(fold=replace(FOLD, valid=()), extra=("--patience", "3"))
    command = run.command(data, ngpu=0)
    assert values(command, "--valid_shape_file") == []
    # The last one counts; ESPnet would look for a validation measure.
    assert values(command, "--patience") == ["3", "none"]
    assert tables(command, data) == ["utt2emo,emotion,text", "feats.scp,feats,npy"]
    assert values(make_run(extra=("--patience", "3")).command(data, 0), "--patience") == ["3"]
    run.write_lists(data)
    assert (tmp_path / "exp/lists/valid_shape").read_text() == ""


def test_class_weights_by_hand(make_run, data):
    """Of 4 utterances 1 is happy and 3 are sad: 4 / (2 x 1) and 4 / (2 x 3)."""
    run = make_run(balanced=True)
    assert run.class_weights() == pytest.approx([2.0, 2 / 3])
    [option] = values(run.command(data, ngpu=0), "--model_conf")
    assert option == "class_weights=[2.000000,0.666667]"
    lacking = make_run(fold=replace(FOLD, train=("a-1", "a-2")))
    assert lacking.class_weights() == [1.0, 0.5]


def test_lists_of_the_fold(make_run, data, tmp_path):
    run = make_run()
    assert run.begun_from() is None
    run.write_lists(data)
    lists = tmp_path / "exp/lists"
    assert tuple(read_table(lists / "train_shape")) == FOLD.train
    assert read_table(lists / "valid_shape") == {"b-1": "4004"}
    assert read_table(lists / "test") == {"c-1": "4005"}
    assert run.begun_from() == run.fingerprint(data)


def test_an_utterance_without_shape(make_run, data):
    write_table(data.shapes, dict.fromkeys(FOLD.train, 1))
    with pytest.raises(ValueError, match="shapes: b-1: missing, though fold_1 has it; run the"):
        make_run().write_lists(data)


def test_the_fingerprint_changes_with_what_the_result_depends_on(make_run, data):
    prints = [
        make_run(settings, **fields).fingerprint(data)
        for settings, fields in (
            ({}, {}),
            ({"max_epoch": 2}, {}),
            ({}, {"seed": 4}),
            ({}, {"fold_hash": "f01"}),
            ({}, {"balanced": True}),
            ({}, {"extra": ("--max_epoch", "2")}),
        )
    ]
    (data.prosody_encoder_dir / "config.yaml").write_text("sha256: b\n")
    prints.append(make_run().fingerprint(data))
    assert len(set(prints)) == 7
    without = {"use_prosody": False}
    before = make_run(without).fingerprint(data)
    (data.prosody_encoder_dir / "config.yaml").write_text("sha256: c\n")
    assert make_run(without).fingerprint(data) == before, "it hears no prosody encoder"
    elsewhere = replace(data, feats=None, speech=data.speech.with_name("x"))
    assert make_run(without).fingerprint(elsewhere) == before


def test_a_result_is_read_as_written(tmp_path):
    result = RunResult("0123", "fold_1", "f00", 3, 4, "ua", epoch=2, test_selected_epoch=1)
    assert RunResult.read(tmp_path) is None
    result.write(tmp_path)
    assert RunResult.read(tmp_path) == result
