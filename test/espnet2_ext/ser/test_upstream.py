"""An upstream with gradients, by a tiny HuBERT and by a stand-in that gives known states."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch

from espnet2_ext.ser import model as module
from espnet2_ext.ser.model import FineTunedUpstream
from espnet2_ext.units.features import S3prlFeatures
from espnet2_ext.units.tiny_upstream import make_tiny_hubert

NAME = "hf_hubert_custom"
LENGTHS = torch.tensor([5000, 4100, 961, 700])


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    """Return the directory of a HuBERT of width 16 with 3 hidden states."""
    path = tmp_path_factory.mktemp("hubert")
    make_tiny_hubert(path, width=16)
    return str(path)


@pytest.fixture
def upstream(hubert):
    return FineTunedUpstream(NAME, hubert).eval()


def noise(lengths):
    """Return (B, N) noise, zero past the lengths."""
    generator = torch.Generator().manual_seed(0)
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
    speech = noise(LENGTHS)
    with torch.no_grad():
        means = upstream(speech, LENGTHS)
    assert means.shape == (4, 3, 16)
    for layer in range(3):
        states = S3prlFeatures(NAME, layer, path_or_url=hubert)
        for item, length in enumerate(LENGTHS):
            expected = states(speech[item, :length].numpy()).mean(axis=0)
            torch.testing.assert_close(
                means[item, layer], torch.from_numpy(expected), atol=1e-5, rtol=1e-4
            )


@pytest.mark.parametrize("is_training", [False, True])
def test_a_batch_gives_what_each_gives_alone(upstream, is_training):
    """Without dropout and masks, which would differ: parts of the upstream stay in eval mode."""
    upstream.training = is_training
    speech = noise(LENGTHS)
    with torch.no_grad():
        together = upstream(speech, LENGTHS)
        for item, length in enumerate(LENGTHS):
            alone = upstream(speech[item : item + 1, :length], LENGTHS[item : item + 1])
            assert torch.equal(together[item], alone[0])


@pytest.mark.parametrize("num_samples", [400, 799, 800, 960, 961, 1000, 1039, 1040, 1041])
def test_every_length_that_has_a_frame(upstream, num_samples):
    lengths = torch.tensor([num_samples])
    with torch.no_grad():
        assert torch.isfinite(upstream(noise(lengths), lengths)).all()


@pytest.mark.parametrize("is_training", [False, True])
def test_too_short(upstream, is_training):
    lengths = torch.tensor([4000, 399])
    with pytest.raises(ValueError, match="399 samples are too short for an upstream .needs 400"):
        upstream.train(is_training)(noise(lengths), lengths)


@pytest.mark.parametrize("train_feature_extractor", [False, True])
def test_gradients_reach_the_transformer_and_the_convolutions_only_if_asked(
    hubert, train_feature_extractor
):
    upstream = FineTunedUpstream(NAME, hubert, train_feature_extractor).train()
    torch.manual_seed(0)
    upstream(noise(LENGTHS[:2]), LENGTHS[:2]).square().sum().backward()
    moved = {
        name
        for name, parameter in upstream.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }
    assert any(".encoder.layers.0." in name for name in moved)
    assert any(".encoder.layers.1." in name for name in moved)
    assert any(".feature_extractor." in name for name in moved) == train_feature_extractor


def test_training_takes_a_batch_at_once_where_padding_is_masked(known):
    lengths = torch.tensor([3200, 1600])
    means = known.train()(noise(lengths), lengths)
    assert known.upstream.seen == ((2, 3200), [3200, 1600])
    # 1 to 10 and 1 to 5 frames.
    assert means[:, 0].tolist() == [[5.5] * 3, [3.0] * 3]
    assert means[:, 1].tolist() == [[-5.5] * 3, [-3.0] * 3]


def test_eval_takes_one_after_the_other_without_padding(known):
    lengths = torch.tensor([3200, 1600])
    means = known.eval()(noise(lengths), lengths)
    assert known.upstream.seen == ((1, 1600), [1600])
    assert means[:, 0, 0].tolist() == [5.5, 3.0]


@pytest.mark.parametrize(("num_samples", "given"), [(960, 960), (961, 1040), (1039, 1040)])
def test_lengths_that_s3prl_cannot_do_are_padded(known, num_samples, given):
    lengths = torch.tensor([num_samples])
    known(noise(lengths), lengths)
    assert known.upstream.seen == ((1, given), [given])


def test_no_such_upstream():
    with pytest.raises(ValueError, match="no upstream 'huber_base'"):
        FineTunedUpstream("huber_base")


def test_of_a_batch_only_the_longest_is_padded_so(known):
    lengths = torch.tensor([1000, 500])
    means = known.train()(noise(lengths), lengths)
    assert known.upstream.seen == ((2, 1040), [1040, 500])
    assert means[:, 0, 0].tolist() == [2.5, 1.5]
