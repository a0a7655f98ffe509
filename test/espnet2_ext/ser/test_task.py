"""The task's model, optimizer and data, and its trainer's predictions, without training."""

import json
import math
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from reference.tiny_ser import (
    EMOTIONS,
    ENCODER,
    FOLDS,
    LABELS,
    SAMPLES,
    tiny_data,
    tiny_runs,
    write_config,
    write_corpus,
    write_encoder,
)

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)

# isort: split
from espnet2.train.reporter import Reporter

from espnet2_ext.bin import ser_train
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_table
from espnet2_ext.metrics.ser import read_predictions
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.ser.model import EmotionModel, LayerPooling
from espnet2_ext.ser.task import EmotionTask, EmotionTrainer
from espnet2_ext.units.tiny_upstream import make_tiny_hubert


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder with corpus, folds, exported encoder and a tiny HuBERT."""
    root = tmp_path_factory.mktemp("ser")
    write_corpus(root)
    write_encoder(root)
    make_tiny_hubert(root / "hubert", width=16, layers=1)
    return root


@pytest.fixture
def parse(root):
    """Return a function from options to the task's arguments, the tiny encoder given."""

    def parse(*options):
        command = ["--prosody_encoder_dir", root / "encoder", "--emotions", *EMOTIONS, *options]
        return EmotionTask.get_parser().parse_args([str(word) for word in command])

    return parse


@pytest.fixture
def prepare(root, monkeypatch):
    """Return a function: what the trainer is given for fold 1 of a system."""
    seen = []

    def prepare(tag, *extra, **settings):
        run, _ = tiny_runs(root, write_config(root, tag, **settings), extra=extra)
        data = tiny_data(root)
        run.write_lists(data)
        monkeypatch.setattr(EmotionTrainer, "run", lambda **options: seen.append(options))
        EmotionTask.main(cmd=run.command(data, ngpu=0))
        return seen[-1]

    return prepare


def test_each_part_has_its_rate(parse, root):
    args = parse("--upstream", "hf_hubert_custom", "--upstream_path", root / "hubert")
    args.optim, args.optim_conf = "adam", {"lr": 1.0e-4}
    args.upstream_pooling_conf = {"layer": "weighted"}
    model = EmotionTask.build_model(args)
    [optimizer] = EmotionTask.build_optimizers(args, model)
    of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    found = {name: of.get(id(p)) for name, p in model.named_parameters()}
    assert len(of) == sum(rate is not None for rate in found.values())
    expected = {
        "prosody_encoder": {1.0e-4},
        "classifier": {5.0e-4},
        "upstream_pooling": {5.0e-4},
        "upstream": {1.0e-5, None},
    }
    for part, values in expected.items():
        assert {rate for name, rate in found.items() if name.split(".")[0] == part} == values
    assert all((rate is None) == (".feature_extractor." in name) for name, rate in found.items())


def test_the_exported_folder_gives_sizes_and_statistics(parse):
    args = parse("--prosody_encoder_conf", "channels=999", "--prosody_init", "random")
    model = EmotionTask.build_model(args)
    assert args.prosody_encoder_conf.items() >= ENCODER.items()
    assert model.prosody_encoder.output_dim == 5
    assert model.prosody_encoder.input_normalization == "none"
    torch.testing.assert_close(model.normalize.mean.float(), torch.full((80,), -5.0))
    torch.testing.assert_close(model.normalize.std.float(), torch.full((80,), 2.0))
    model = EmotionTask.build_model(parse("--input_normalization", "level"))
    assert model.prosody_encoder.input_normalization == "level"


def test_a_frozen_upstream_is_described_by_its_json(parse, tmp_path):
    described = tmp_path / "vectors.json"
    described.write_text(json.dumps({"num_layers": 3, "dim": 7}))
    args = parse("--upstream", described, "--upstream_pooling_conf", "layer=weighted")
    model = EmotionTask.build_model(args)
    assert model.upstream is None
    assert (args.upstream_layers, args.upstream_dim) == (3, 7)
    assert model.classifier.in_features == 5 + 7
    described.unlink()
    again = EmotionTask.build_model(args)
    assert again.upstream_pooling.weights.shape == (3,)


@pytest.mark.parametrize("init", ["pretrained", "random"])
def test_training_starts_from_exactly_those_weights(prepare, root, init):
    model = prepare(f"init_{init}", prosody_init=init)["model"]
    exported = torch.load(root / "encoder/weights.pth")
    state = model.prosody_encoder.state_dict()
    assert {f"prosody_encoder.{name}" for name in state} == exported.keys()
    same = [torch.equal(value, exported[f"prosody_encoder.{n}"]) for n, value in state.items()]
    assert all(same) == (init == "pretrained")


def test_the_trainer_is_given_classes_and_the_test_list(prepare):
    prepare("given", "--max_epoch", "1")
    assert EmotionTrainer.emotions == list(EMOTIONS)
    batches = list(EmotionTrainer.test_batches())
    assert [name for names, _ in batches for name in names] == list(FOLDS[0].test)
    labels = torch.cat([batch["emotion"] for _, batch in batches])
    assert labels.tolist() == [[EMOTIONS.index(LABELS[name])] for name in FOLDS[0].test]
    assert [len(names) for names, _ in EmotionTrainer.test_batches()] == [3, 1], "anew"
    prepare("given", "--test_key_file", "none")
    assert EmotionTrainer.test_batches is None
    with pytest.raises(ValueError, match="--prosody_encoder_dir is needed, or --prosody_init"):
        prepare("nowhere", "--prosody_encoder_dir", "none")


def collect(root, output, *options):
    """Collect mels as ser.sh does."""
    command = ["--output_dir", root / output, "--collect_stats", "true", "--ngpu", "0"]
    command += ["--prosody_init", "random", "--num_workers", "0", "--batch_size", "5"]
    command += ["--prosody_encoder_dir", root / "encoder", "--write_collected_feats", "true"]
    for part in ("train", "valid"):
        command += [f"--{part}_shape_file", root / "data/wav.scp"]
        for table in ("wav.scp,speech,sound", "utt2emo,emotion,text"):
            command += [f"--{part}_data_path_and_name_and_type", root / "data" / table]
    ser_train.main([str(word) for word in (*command, "--emotions", *EMOTIONS, *options)])


def test_mels_are_collected_before_any_normalisation(root):
    collect(root, "stats")
    shapes = read_table(root / "stats/train/speech_shape")
    assert shapes == {name: str(samples) for name, samples in SAMPLES.items()}
    mels = read_table(root / "stats/train/collect_feats/feats.scp")
    assert list(mels) == list(LABELS)
    for name in ("a-0", "c-3"):
        speech = torch.from_numpy(read_audio(root / f"data/wav/{name}.flac"))[None]
        expected, _ = HifiGanMel()(speech, torch.tensor([SAMPLES[name]]))
        np.testing.assert_allclose(np.load(mels[name]), expected[0].numpy(), atol=1e-4)


def test_an_emotion_that_is_no_class_is_named(root):
    with pytest.raises(SystemExit, match="utt2emo: a-1: 'sad' is none of angry, happy"):
        collect(root, "bad", "--emotions", "angry", "happy")


ANGRY, SAD = 0, 1


def batch(**utterances):
    """Return a batch of {id: (label, logit of angry less that of sad)}."""
    vectors = [[[logit, 0.0]] for _, logit in utterances.values()]
    labels = [[label] for label, _ in utterances.values()]
    data = {"upstream_vector": torch.tensor(vectors), "emotion": torch.tensor(labels)}
    return list(utterances), data


def test_scores_and_predictions_by_hand(tmp_path, monkeypatch):
    """The logits are the frozen upstream's vector."""
    model = EmotionModel(2, HifiGanMel(), None, None, None, None, LayerPooling(1, 2), dropout=0.9)
    model.classifier.weight.data = torch.eye(2)
    model.classifier.bias.data.zero_()
    valid = [batch(u1=(ANGRY, 1.0), u2=(ANGRY, -2.0)), batch(u3=(SAD, -3.0))]
    tested = [batch(t2=(SAD, 0.0)), batch(t1=(ANGRY, math.log(3)))]
    monkeypatch.setattr(EmotionTrainer, "emotions", ["angry", "sad"])
    monkeypatch.setattr(EmotionTrainer, "test_batches", staticmethod(lambda: tested))
    reporter, one_process = Reporter(), SimpleNamespace(distributed=False)
    options = SimpleNamespace(ngpu=0, use_amp=True, output_dir=str(tmp_path))
    with reporter.observe("valid", 4) as part:
        EmotionTrainer.validate_one_epoch(model, iter(valid), part, options, one_process)
        options.ngpu = 2
        with pytest.raises(ValueError, match="one training of a fold uses one GPU"):
            EmotionTrainer.validate_one_epoch(model, iter(valid), part, options, one_process)
    # Of two angry ones the first is right; the sad one is.
    assert reporter.get_value("valid", "ua") == pytest.approx((1 / 2 + 1) / 2)
    assert reporter.get_value("valid", "acc") == pytest.approx(2 / 3)
    nats = [math.log1p(math.exp(x)) for x in (-1.0, 2.0, -3.0)]
    assert reporter.get_value("valid", "loss") == pytest.approx(sum(nats) / 3, rel=1e-5)
    said = read_predictions(tmp_path / "predictions/valid.4ep.tsv")
    assert [(p.utterance, p.emotion, p.predicted) for p in said] == [
        ("u1", "angry", "angry"), ("u2", "angry", "sad"), ("u3", "sad", "sad"),
    ]  # fmt: skip
    first, second = read_predictions(tmp_path / "predictions/test.4ep.tsv")
    assert (first.utterance, second.utterance) == ("t1", "t2")
    assert first.posteriors == pytest.approx({"angry": 0.75, "sad": 0.25})


def test_a_resumed_training_has_the_links_that_a_kill_left_out(tmp_path, monkeypatch):
    """Killed after the checkpoint of epoch 2, before its weights and links."""
    linear = torch.nn.Linear(1, 1)
    stats = {1: {"valid": {"ua": 0.5, "acc": 0.9}}, 2: {"valid": {"ua": 0.7, "acc": 0.8}}}
    parts = {"optimizers": [], "schedulers": [], "scaler": None}
    checkpoint = {"model": linear.state_dict(), "reporter": {"stats": stats, "epoch": 2}, **parts}
    torch.save(checkpoint, tmp_path / "checkpoint.pth")
    torch.save({}, tmp_path / "1epoch.pth")
    (tmp_path / "valid.ua.best.pth").symlink_to("1epoch.pth")
    criteria = [("valid", "ua", "max"), ("valid", "acc", "max"), ("train", "loss", "min")]
    monkeypatch.setattr(EmotionTrainer, "criteria", criteria)
    given = {"model": torch.nn.Linear(1, 1), "reporter": Reporter(), **parts}
    EmotionTrainer.resume(checkpoint=tmp_path / "checkpoint.pth", **given)
    links = {path.name: os.readlink(path) for path in tmp_path.iterdir() if path.is_symlink()}
    assert links == {
        "latest.pth": "2epoch.pth",
        "valid.ua.best.pth": "2epoch.pth",
        "valid.acc.best.pth": "1epoch.pth",
    }
    assert torch.equal(torch.load(tmp_path / "2epoch.pth")["weight"], linear.weight)
