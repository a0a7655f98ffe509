"""What is written down after an epoch, and what a resumed training makes good."""

import math
import os
from types import SimpleNamespace

import pytest
import torch

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)

# isort: split
from espnet2.train.reporter import Reporter

from espnet2_ext.metrics.ser import read_predictions
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.ser.model import EmotionModel, LayerPooling
from espnet2_ext.ser.task import EmotionTrainer, predictions_path

ANGRY, SAD = 0, 1
ONE_PROCESS = SimpleNamespace(distributed=False)


@pytest.fixture
def trainer(monkeypatch):
    monkeypatch.setattr(EmotionTrainer, "emotions", ["angry", "sad"])
    monkeypatch.setattr(EmotionTrainer, "test_batches", None)
    return EmotionTrainer


@pytest.fixture
def model():
    """Return a model in training mode whose logits are its frozen upstream's vector."""
    model = EmotionModel(2, HifiGanMel(), None, None, None, None, LayerPooling(1, 2), dropout=0.9)
    model.classifier.weight.data = torch.eye(2)
    model.classifier.bias.data.zero_()
    return model.train()


def batch(**utterances):
    """Return a batch of {id: (label, logit of angry less that of sad)}."""
    vectors = [[[logit, 0.0]] for _, logit in utterances.values()]
    labels = [[label] for label, _ in utterances.values()]
    data = {"upstream_vector": torch.tensor(vectors), "emotion": torch.tensor(labels)}
    return list(utterances), data


def validate(trainer, model, batches, folder, epoch=1, ngpu=0, option=ONE_PROCESS):
    """Validate one epoch; return the reporter."""
    reporter = Reporter()
    options = SimpleNamespace(ngpu=ngpu, use_amp=True, output_dir=str(folder))
    with reporter.observe("valid", epoch) as part:
        trainer.validate_one_epoch(model, iter(batches), part, options, option)
    return reporter


VALID = [batch(u1=(ANGRY, 1.0), u2=(ANGRY, -2.0)), batch(u3=(SAD, -3.0))]
"""Of two angry ones the first is right; the sad one is."""


def test_scores_by_hand(trainer, model, tmp_path):
    reporter = validate(trainer, model, VALID, tmp_path)
    assert not model.training
    assert reporter.get_value("valid", "ua") == pytest.approx((1 / 2 + 1) / 2)
    assert reporter.get_value("valid", "acc") == pytest.approx(2 / 3)
    nats = [math.log1p(math.exp(x)) for x in (-1.0, 2.0, -3.0)]
    assert reporter.get_value("valid", "loss") == pytest.approx(sum(nats) / 3, rel=1e-5)


def test_predictions_of_both_sets(trainer, model, tmp_path, monkeypatch):
    tested = [batch(t2=(SAD, 0.0)), batch(t1=(ANGRY, math.log(3)))]
    monkeypatch.setattr(trainer, "test_batches", staticmethod(lambda: tested))
    validate(trainer, model, VALID, tmp_path, epoch=4)
    assert predictions_path(tmp_path, "test", 4) == tmp_path / "predictions/test.4ep.tsv"
    valid = read_predictions(tmp_path / "predictions/valid.4ep.tsv")
    assert [(p.utterance, p.emotion, p.predicted) for p in valid] == [
        ("u1", "angry", "angry"), ("u2", "angry", "sad"), ("u3", "sad", "sad"),
    ]  # fmt: skip
    first, second = read_predictions(tmp_path / "predictions/test.4ep.tsv")
    assert (first.utterance, second.utterance) == ("t1", "t2")
    assert first.posteriors == pytest.approx({"angry": 0.75, "sad": 0.25})
    assert second.posteriors == {"angry": 0.5, "sad": 0.5}
    assert list(first.posteriors) == ["angry", "sad"]


def test_no_score_depends_on_the_test_set(trainer, model, tmp_path, monkeypatch):
    alone = validate(trainer, model, VALID, tmp_path / "a").stats[1]["valid"]
    monkeypatch.setattr(trainer, "test_batches", staticmethod(lambda: [batch(t=(SAD, 9.0))]))
    beside = validate(trainer, model, VALID, tmp_path / "b").stats[1]["valid"]
    assert {name: alone[name] for name in ("loss", "acc", "ua")} == {
        name: beside[name] for name in ("loss", "acc", "ua")
    }


@pytest.mark.parametrize(("ngpu", "distributed"), [(2, False), (1, True)])
def test_one_training_is_one_process_with_one_gpu(trainer, model, tmp_path, ngpu, distributed):
    option = SimpleNamespace(distributed=distributed)
    with pytest.raises(ValueError, match="one training of a fold uses one GPU"):
        validate(trainer, model, VALID, tmp_path, ngpu=ngpu, option=option)


def test_a_resumed_training_has_the_links_that_a_kill_left_out(trainer, tmp_path, monkeypatch):
    """Killed after the checkpoint of epoch 2, before its weights and links."""
    linear = torch.nn.Linear(1, 1)
    stats = {1: {"valid": {"ua": 0.5, "acc": 0.9}}, 2: {"valid": {"ua": 0.7, "acc": 0.8}}}
    checkpoint = {
        "model": linear.state_dict(),
        "reporter": {"stats": stats, "epoch": 2},
        "optimizers": [],
        "schedulers": [],
        "scaler": None,
    }
    torch.save(checkpoint, tmp_path / "checkpoint.pth")
    torch.save({}, tmp_path / "1epoch.pth")
    (tmp_path / "valid.ua.best.pth").symlink_to("1epoch.pth")
    criteria = [("valid", "ua", "max"), ("valid", "acc", "max"), ("train", "loss", "min")]
    monkeypatch.setattr(trainer, "criteria", criteria)
    trainer.resume(
        checkpoint=tmp_path / "checkpoint.pth",
        model=torch.nn.Linear(1, 1),
        reporter=Reporter(),
        optimizers=[],
        schedulers=[],
        scaler=None,
    )
    links = {path.name: os.readlink(path) for path in tmp_path.iterdir() if path.is_symlink()}
    assert links == {
        "latest.pth": "2epoch.pth",
        "valid.ua.best.pth": "2epoch.pth",
        "valid.acc.best.pth": "1epoch.pth",
    }
    assert torch.equal(torch.load(tmp_path / "2epoch.pth")["weight"], linear.weight)
