"""The classifier on noise, with a tiny HuBERT or a stand-in of known states as upstream."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from reference.tiny_ser import ENCODER

from espnet2_ext.prosody2vec.encoders import ProsodyEncoder
from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.ser import model as module
from espnet2_ext.ser.model import EmotionModel, FineTunedUpstream, LayerPooling
from espnet2_ext.units.features import S3prlFeatures
from espnet2_ext.units.tiny_upstream import make_tiny_hubert

NAME = "hf_hubert_custom"
UPSTREAM_LENGTHS = torch.tensor([5000, 4100, 961, 700])


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    """Return the directory of a HuBERT of width 16 with 3 hidden states."""
    path = tmp_path_factory.mktemp("hubert")
    make_tiny_hubert(path, width=16)
    return str(path)


@pytest.fixture
def upstream(hubert):
    return FineTunedUpstream(NAME, hubert).eval()


def noise(lengths, seed=0):
    """Return (B, N) noise, zero past the lengths."""
    generator = torch.Generator().manual_seed(seed)
    speech = 0.1 * torch.randn(len(lengths), int(max(lengths)), generator=generator)
    for item, length in enumerate(lengths):
        speech[item, length:] = 0.0
    return speech


class Known(torch.nn.Module):
    """Stand-in of S3PRL: states that count frames from 1, in the second layer negative."""

    num_layers, hidden_sizes = 2, [3, 3]

    def forward(self, speech, lengths):
        self.seen = speech.shape, lengths.tolist()
        frames = torch.arange(1.0, -(-speech.size(1) // 320) + 1)
        state = frames[None, :, None].expand(len(speech), -1, 3)
        return [state, -state], [-(-lengths // 320)] * 2


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(module, "load_upstream", lambda name, path: Known())
    return FineTunedUpstream("known")


def test_values_are_the_means_of_each_hidden_state(upstream, hubert):
    assert (upstream.num_layers, upstream.dim) == (3, 16)
    speech = noise(UPSTREAM_LENGTHS)
    with torch.no_grad():
        means = upstream(speech, UPSTREAM_LENGTHS)
    assert means.shape == (4, 3, 16)
    for layer in range(3):
        states = S3prlFeatures(NAME, layer, path_or_url=hubert)
        for item, length in enumerate(UPSTREAM_LENGTHS):
            expected = states(speech[item, :length].numpy()).mean(axis=0)
            torch.testing.assert_close(
                means[item, layer], torch.from_numpy(expected), atol=1e-5, rtol=1e-4
            )


def test_an_upstream_gives_a_batch_what_each_gives_alone(upstream):
    """Also in training, without dropout and masks: parts of the upstream stay in eval mode."""
    upstream.training = True
    speech = noise(UPSTREAM_LENGTHS)
    with torch.no_grad():
        together = upstream(speech, UPSTREAM_LENGTHS)
        for item, length in enumerate(UPSTREAM_LENGTHS):
            alone = upstream(speech[item : item + 1, :length], UPSTREAM_LENGTHS[item : item + 1])
            assert torch.equal(together[item], alone[0])


def test_too_short(upstream):
    lengths = torch.tensor([4000, 399])
    with pytest.raises(ValueError, match="399 samples are too short for an upstream .needs 400"):
        upstream(noise(lengths), lengths)


@pytest.mark.parametrize(
    ("is_training", "lengths", "shape", "given", "means"),
    [
        # 10 and 5 frames; a batch at once in training where padding is masked, else one by one.
        (True, [3200, 1600], (2, 3200), [3200, 1600], [5.5, 3.0]),
        (False, [3200, 1600], (1, 1600), [1600], [5.5, 3.0]),
        # Lengths that S3PRL cannot process are padded; of a batch only the longest.
        (True, [960], (1, 960), [960], [2.0]),
        (True, [961], (1, 1040), [1040], [2.5]),
        (True, [1000, 500], (2, 1040), [1040, 500], [2.5, 1.5]),
    ],
)
def test_batches_that_the_upstream_is_given(known, is_training, lengths, shape, given, means):
    lengths = torch.tensor(lengths)
    found = known.train(is_training)(noise(lengths), lengths)
    assert known.upstream.seen == (shape, given)
    assert found[:, 0].tolist() == [[mean] * 3 for mean in means]
    assert found[:, 1].tolist() == [[-mean] * 3 for mean in means]


MEANS = torch.tensor([[[1.0, 2.0], [3.0, 5.0], [0.0, -1.0]], [[4.0, 0.0], [2.0, 2.0], [8.0, 6.0]]])
"""(B, L, D) = (2, 3, 2)."""


def test_one_layer():
    for layer, expected in (("last", [[0.0, -1.0], [8.0, 6.0]]), ("1", [[3.0, 5.0], [2.0, 2.0]])):
        pooling = LayerPooling(3, 2, layer)
        assert pooling(MEANS).tolist() == expected
        assert pooling.output_dim == 2
        assert list(pooling.parameters()) == []
    with pytest.raises(ValueError, match="upstream layer .*expected last, weighted or 0 to 2"):
        LayerPooling(3, 2, 3)


def test_weighted_sum_by_hand():
    """The softmax of ln 1, ln 2, ln 1 is 1/4, 1/2, 1/4; untrained, layers count the same."""
    pooling = LayerPooling(3, 2, "weighted")
    torch.testing.assert_close(pooling(MEANS), MEANS.mean(dim=1))
    pooling.weights.data = torch.tensor([1.0, 2.0, 1.0]).log()
    torch.testing.assert_close(pooling(MEANS), torch.tensor([[1.75, 2.75], [4.0, 2.5]]))


def test_standardise_by_the_batch_then_by_what_training_saw():
    pooling = LayerPooling(3, 2, "last", standardise=True)
    assert list(pooling.parameters()) == [], "no learnt scale"
    # Of 0 and 8, and of -1 and 6, one is a standard deviation below and one above.
    torch.testing.assert_close(pooling.train()(MEANS), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    pooling.eval()
    mean, variance = pooling.norm.running_mean, pooling.norm.running_var
    torch.testing.assert_close(
        pooling(MEANS[:1]), (MEANS[:1, 2] - mean) / (variance + pooling.norm.eps).sqrt()
    )
    # A tenth of the way from 0 to 4 and 2.5.
    torch.testing.assert_close(mean, torch.tensor([0.4, 0.25]))


LENGTHS = (5000, 4100, 4600)
FRAMES = [20, 17, 18]
KINDS = ["prosody", "tuned", "frozen", "prosody+tuned", "prosody+frozen"]


@pytest.fixture
def make_model(hubert):
    """Return a factory of models of the smallest sizes by their kind; 3 emotions."""

    def make(kind, normalize=None, augmentation=None, **options):
        torch.manual_seed(2)
        encoder = ProsodyEncoder(**ENCODER) if "prosody" in kind else None
        upstream = pooling = None
        if "tuned" in kind:
            upstream = FineTunedUpstream(NAME, hubert)
        if kind.endswith(("tuned", "frozen")):
            pooling = LayerPooling(3, 16, "weighted")
        model = EmotionModel(
            3, HifiGanMel(), normalize, augmentation, encoder, upstream, pooling, **options
        )
        return model.eval()

    return make


@pytest.fixture
def batch():
    """Return three utterances with everything that any model hears."""
    return {
        "speech": noise(LENGTHS, seed=3),
        "speech_lengths": torch.tensor(LENGTHS),
        "upstream_vector": torch.randn(3, 3, 16, generator=torch.Generator().manual_seed(4)),
        "emotion": torch.tensor([[0], [2], [0]]),
    }


@pytest.fixture
def kept(make_model, batch):
    """Return the batch with precomputed features in place of its audio."""
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
def test_every_part_learns_but_the_convolutions(make_model, batch, kind):
    model = make_model(kind).train()
    loss, stats, weight = model(**batch)
    assert set(stats) == {"loss", "acc"}
    assert weight.item() == 3
    loss.sum().backward()
    learns = {n for n, p in model.named_parameters() if p.grad is not None}
    parts = {name.split(".")[0] for name in learns}
    assert parts == {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert ("prosody_encoder" in parts) == ("prosody" in kind)
    assert any(".encoder.layers.0." in name for name in learns) == ("tuned" in kind)
    assert not any(".feature_extractor." in name for name in learns)


def test_kept_mels_do_what_audio_does(make_model, batch, kept):
    model = make_model("prosody+frozen", normalize=lambda mels, lengths: (mels.neg_(), lengths))
    with torch.no_grad():
        of_audio, of_mels, again = (model.logits(**given) for given in (batch, kept, kept))
    torch.testing.assert_close(of_audio, of_mels)
    assert torch.equal(of_mels, again), "the data were changed in place"


def test_crop_and_augmentation_are_for_training_only_and_leave_the_data(make_model, kept, heard):
    model = make_model("prosody", augmentation=lambda m, n: (m.fill_(7.0), n), crop_frames=8)
    inputs, before = heard(model), kept["feats"].clone()
    model.logits(**kept)
    model.train().logits(**kept)
    (mels, lengths), (cropped, cropped_lengths) = inputs
    assert torch.equal(mels, before) and lengths.tolist() == FRAMES
    assert (cropped.size(1), cropped_lengths.tolist()) == (8, [8, 8, 8])
    assert (cropped == 7.0).all()
    assert torch.equal(kept["feats"], before)


@pytest.mark.parametrize("weights", [None, [1, 5, 3]])
def test_loss_by_hand(make_model, weights):
    """Probabilities of the right classes 1/2, 1/4, 1/4; their weights 1, 3, 1."""
    model = make_model("frozen", class_weights=weights)
    logits = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]).log()
    loss, stats = model.loss(logits, torch.tensor([[0], [2], [0]]))
    nats = torch.tensor([2.0, 4.0, 4.0]).log()
    share = torch.tensor([1.0, 1.0, 1.0] if weights is None else [1.0, 3.0, 1.0])
    torch.testing.assert_close(loss, (share * nats).sum() / share.sum())
    torch.testing.assert_close(stats["acc"], torch.tensor(1 / 3))
    assert "class_weights" not in model.state_dict()


def test_errors(make_model, batch, kept):
    with pytest.raises(ValueError, match="no upstream 'huber_base'"):
        FineTunedUpstream("huber_base")
    with pytest.raises(ValueError, match="nothing to classify from"):
        make_model("nothing")
    with pytest.raises(ValueError, match="2 class_weights for 3 emotions"):
        make_model("prosody", class_weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="vectors are missing: give upstream_vector"):
        make_model("frozen").logits(batch["speech"], batch["speech_lengths"])
    with pytest.raises(ValueError, match="fine-tuned upstream needs speech"):
        make_model("tuned").logits(**kept)
    with pytest.raises(ValueError, match="mels are collected from speech"):
        make_model("prosody").collect_feats(**kept)
