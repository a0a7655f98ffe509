"""The classifier on noise, from a prosody encoder, an upstream, and both."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from reference.tiny_ser import ENCODER

from espnet2_ext.prosody2vec.encoders import ProsodyEncoder
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.ser.model import EmotionModel, FineTunedUpstream, LayerPooling
from espnet2_ext.units.tiny_upstream import make_tiny_hubert

LENGTHS = (5000, 4100, 4600)
FRAMES = [20, 17, 18]
KINDS = ["prosody", "tuned", "frozen", "prosody+tuned", "prosody+frozen"]


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    path = tmp_path_factory.mktemp("hubert")
    make_tiny_hubert(path, width=16, layers=1)
    return str(path)


@pytest.fixture
def make_model(hubert):
    """Return a factory of models of the smallest sizes by their kind; 3 emotions."""

    def make(kind, normalize=None, augmentation=None, **options):
        torch.manual_seed(2)
        encoder = ProsodyEncoder(**ENCODER) if "prosody" in kind else None
        upstream = pooling = None
        if "tuned" in kind:
            upstream = FineTunedUpstream("hf_hubert_custom", hubert)
        if kind.endswith(("tuned", "frozen")):
            pooling = LayerPooling(2, 16, "weighted")
        model = EmotionModel(
            3, HifiGanMel(), normalize, augmentation, encoder, upstream, pooling, **options
        )
        return model.eval()

    return make


@pytest.fixture
def batch():
    """Return three utterances with everything that any model hears."""
    torch.manual_seed(3)
    speech = 0.1 * torch.randn(3, max(LENGTHS))
    for item, length in enumerate(LENGTHS):
        speech[item, length:] = 0.0
    return {
        "speech": speech,
        "speech_lengths": torch.tensor(LENGTHS),
        "upstream_vector": torch.randn(3, 2, 16),
        "emotion": torch.tensor([[0], [2], [0]]),
    }


@pytest.fixture
def kept(make_model, batch):
    """Return the batch with kept mels in place of its audio."""
    without = {name: value for name, value in batch.items() if not name.startswith("speech")}
    return {**without, **make_model("prosody").collect_feats(**batch)}


@pytest.fixture
def heard():
    """Return a function: make a model note (mels, lengths) that its prosody encoder gets."""

    def watch(model):
        inputs = []
        model.prosody_encoder.register_forward_pre_hook(lambda _, given: inputs.append(given))
        return inputs

    return watch


def alone(batch, item):
    """Return one utterance of the batch, cut to its length."""
    one = {name: value[item : item + 1] for name, value in batch.items()}
    for name in ("speech", "feats"):
        if name in one:
            one[name] = one[name][:, : int(one[f"{name}_lengths"])]
    return one


@pytest.mark.parametrize(("kind", "width"), zip(KINDS, (5, 16, 16, 21, 21), strict=True), ids=KINDS)
def test_a_batch_gives_what_each_gives_alone(make_model, batch, kind, width):
    model = make_model(kind)
    assert model.classifier.in_features == width
    with torch.no_grad():
        logits = model.logits(**batch)
        assert logits.shape == (3, 3)
        for item in range(3):
            one = model.logits(**alone(batch, item))
            torch.testing.assert_close(logits[item : item + 1], one, atol=1e-5, rtol=1e-4)
    assert (logits[0] - logits[1]).abs().max() > 1e-4, "utterances are told apart"


@pytest.mark.parametrize("kind", ["prosody", "prosody+frozen"])
def test_padding_changes_no_training(make_model, batch, kept, kind):
    """Loss, gradients and running statistics, of a batch padded by 0 and by 300 frames."""
    results = []
    for padding in (0, 300):
        model = make_model(kind).train()
        feats = torch.nn.functional.pad(kept["feats"], (0, 0, 0, padding))
        loss, stats, _ = model(**{**kept, "feats": feats})
        loss.sum().backward()
        gradients = {name: each.grad for name, each in model.named_parameters()}
        results.append({**stats, **gradients, **dict(model.named_buffers())})
    for name, value in results[0].items():
        torch.testing.assert_close(
            results[1][name], value, atol=1e-5, rtol=1e-4, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_learns(make_model, batch, kind):
    model = make_model(kind).train()
    loss, stats, weight = model(**batch)
    assert set(stats) == {"loss", "acc"}
    assert weight.item() == 3
    loss.sum().backward()
    parts = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    assert parts == {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert ("prosody_encoder" in parts) == ("prosody" in kind)
    assert ("upstream" in parts) == ("tuned" in kind)


def test_kept_mels_do_what_audio_does(make_model, batch, kept):
    model = make_model("prosody+frozen", normalize=lambda mels, lengths: (mels.neg_(), lengths))
    with torch.no_grad():
        of_audio, of_mels, again = (model.logits(**given) for given in (batch, kept, kept))
        both = model.logits(**{**kept, "speech": batch["speech"] * 0, "speech_lengths": None})
    torch.testing.assert_close(of_audio, of_mels)
    assert torch.equal(of_mels, again), "the data were changed in place"
    assert torch.equal(of_mels, both), "mels go before audio"


def test_frozen_vectors_need_no_audio(make_model, batch):
    vectors = {"upstream_vector": batch["upstream_vector"]}
    model = make_model("frozen")
    assert torch.equal(model.logits(**vectors), model.logits(**batch))


def test_crop_is_for_training_only(make_model, batch, heard):
    model = make_model("prosody", crop_frames=8)
    inputs = heard(model)
    model.logits(**batch)
    model.train().logits(**batch)
    (mels, lengths), (cropped, cropped_lengths) = inputs
    assert (mels.size(1), lengths.tolist()) == (20, FRAMES)
    assert (cropped.size(1), cropped_lengths.tolist()) == (8, [8, 8, 8])
    windows = mels[0].unfold(0, 8, 1).transpose(1, 2)
    assert any(torch.equal(cropped[0], window) for window in windows)


def test_augmentation_is_for_training_only_and_leaves_the_data(make_model, kept, heard):
    model = make_model("prosody", augmentation=lambda mels, lengths: (mels.fill_(7.0), lengths))
    inputs, before = heard(model), kept["feats"].clone()
    model.logits(**kept)
    model.train().logits(**kept)
    assert torch.equal(inputs[0][0], before)
    assert (inputs[1][0] == 7.0).all()
    assert torch.equal(kept["feats"], before)


def test_dropout_is_for_training_only(make_model, batch):
    model = make_model("frozen", dropout=0.9)
    assert torch.equal(model.logits(**batch), make_model("frozen").logits(**batch))
    model.train()
    assert not torch.equal(model.logits(**batch), model.logits(**batch))


@pytest.mark.parametrize("weights", [None, [1, 5, 3], (1.0, 5.0, 3.0)])
def test_loss_by_hand(make_model, weights):
    """Probabilities of the right classes 1/2, 1/4, 1/4; their weights 1, 3, 1."""
    model = make_model("frozen", class_weights=weights)
    logits = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]).log()
    loss, stats = model.loss(logits, torch.tensor([[0], [2], [0]]))
    nats = torch.tensor([2.0, 4.0, 4.0]).log()
    share = torch.tensor([1.0, 1.0, 1.0] if weights is None else [1.0, 3.0, 1.0])
    torch.testing.assert_close(loss, (share * nats).sum() / share.sum())
    torch.testing.assert_close(stats["acc"], torch.tensor(1 / 3))
    assert torch.equal(stats["loss"], loss)


def test_class_weights_are_no_part_of_the_weights(make_model):
    assert "class_weights" not in make_model("frozen", class_weights=[1, 2, 3]).state_dict()


def test_collect_feats_gives_mels(make_model, batch):
    feats = make_model("prosody", normalize=None).collect_feats(**batch)
    assert feats["feats"].shape == (3, 20, 80)
    assert feats["feats_lengths"].tolist() == FRAMES


def test_errors(make_model, batch, kept):
    with pytest.raises(ValueError, match="nothing to classify from"):
        make_model("nothing")
    with pytest.raises(ValueError, match="2 class_weights for 3 emotions"):
        make_model("prosody", class_weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="of speech and feats exactly one"):
        make_model("prosody").logits()
    with pytest.raises(ValueError, match="no prosody encoder"):
        make_model("frozen").prosody(batch["speech"], batch["speech_lengths"])
    with pytest.raises(ValueError, match="vectors are missing: give upstream_vector"):
        make_model("frozen").logits(batch["speech"], batch["speech_lengths"])
    with pytest.raises(ValueError, match="fine-tuned upstream needs speech"):
        make_model("tuned").logits(**kept)
    with pytest.raises(ValueError, match="mels are collected from speech"):
        make_model("prosody").collect_feats(**kept)
