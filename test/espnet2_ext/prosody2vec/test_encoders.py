from pathlib import Path

import pytest
import torch
import yaml
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.nnet.CNN import Conv1d
from torch import nn

from espnet2_ext.prosody2vec.encoders import (
    EspnetProsodyEncoder,
    ProsodyEncoder,
    Res2NetBlock,
    _normalised,
)
from espnet2_ext.prosody2vec.mels import crop_mels
from espnet2_ext.prosody2vec.memory import length_mask

CONF = Path(__file__).resolve().parents[3] / "egs2/TEMPLATE/p2v1/conf"


def tiny_encoder(**options: str) -> ProsodyEncoder:
    torch.manual_seed(0)
    encoder = ProsodyEncoder(
        6,
        8,
        aggregation_channels=12,
        attention_channels=5,
        bottleneck_channels=4,
        res2net_scale=4,
        output_dim=3,
        **options,
    )
    # Statistics other than 0 and 1, so that padding would show.
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.bias)
    return encoder


@pytest.mark.parametrize("normalization", ["none", "level", "mean", "mean_variance"])
def test_batch_equals_alone(normalization):
    encoder = tiny_encoder(input_normalization=normalization).eval()
    mels = torch.randn(3, 20, 6)
    lengths = torch.tensor([20, 7, 1])
    embeddings = encoder(mels, lengths)
    assert embeddings.shape == (3, 3)
    for item, length in enumerate(lengths.tolist()):
        alone = encoder(mels[item : item + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(embeddings[item], alone[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("normalization", ["none", "level", "mean", "mean_variance"])
@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_nothing(training, normalization):
    """Vectors, statistics and gradients, of batches padded by 0, 1 and 300 more frames."""
    lengths = torch.tensor([20, 7, 2])
    mels = torch.randn(3, 20, 6, dtype=torch.float64)
    results = []
    for padding in (0, 1, 300):
        encoder = tiny_encoder(input_normalization=normalization).double().train(training)
        vectors = encoder(nn.functional.pad(mels, (0, 0, 0, padding), value=4.0), lengths)
        vectors.sigmoid().square().sum().backward()
        gradients = {f"grad:{name}": each.grad for name, each in encoder.named_parameters()}
        results.append({"vectors": vectors, **encoder.state_dict(), **gradients})
    untouched = tiny_encoder().double().state_dict()["first.norm.running_var"]
    assert torch.equal(results[0]["first.norm.running_var"], untouched) != training
    for result in results[1:]:
        for name, value in results[0].items():
            torch.testing.assert_close(result[name], value, atol=1e-10, rtol=0)


def test_padding_changes_nothing_under_autocast_either():
    """Beyond bfloat16's rounding, 4e-3 of a value; padding counted, vectors moved by 0.5."""
    lengths = torch.tensor([20, 7, 2])
    mels = torch.randn(3, 20, 6)
    results = []
    for padding in (0, 300):
        encoder = tiny_encoder().train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = encoder(nn.functional.pad(mels, (0, 0, 0, padding)), lengths)
        results.append([vectors.float(), encoder.first.norm.running_var])
    for padded, plain in zip(*results, strict=True):
        torch.testing.assert_close(padded, plain, atol=0.02, rtol=0)


def test_a_crop_longer_than_some_items_counts_their_frames_only():
    """crop_mels pads items that are shorter than the crop."""
    mels, lengths = torch.randn(3, 20, 6), torch.tensor([20, 7, 2])
    cropped, cropped_lengths = crop_mels(mels, lengths, 8)
    assert cropped_lengths.tolist() == [8, 7, 2]
    encoder = tiny_encoder().train()
    seen = []
    encoder.first.convolution.register_forward_hook(lambda *given: seen.append(given[2]))
    encoder(cropped, cropped_lengths)
    real = seen[0].relu().transpose(1, 2)[length_mask(cropped_lengths, 8)]
    assert real.shape == (17, 8)
    before = tiny_encoder().first.norm.running_mean
    expected = 0.9 * before + 0.1 * real.mean(dim=0)
    torch.testing.assert_close(encoder.first.norm.running_mean, expected, atol=1e-6, rtol=0)


def test_the_level_is_the_mean_of_all_bands_and_frames():
    mels = torch.tensor([[[1.0, 3.0], [5.0, 7.0], [0.0, 0.0]]])
    mask = torch.tensor([[[1.0, 1.0, 0.0]]])
    without = _normalised(mels.transpose(1, 2), mask, "level").transpose(1, 2)
    assert without.tolist() == [[[-3.0, -1.0], [1.0, 3.0], [0.0, 0.0]]]


def test_a_gain_changes_nothing_once_the_mean_is_off():
    mels, lengths = torch.randn(2, 9, 6), torch.tensor([9, 5])
    louder = mels + 3.0
    for normalization in ("level", "mean", "mean_variance"):
        encoder = tiny_encoder(input_normalization=normalization).eval()
        given = mels.clone()
        embeddings = encoder(mels, lengths)
        torch.testing.assert_close(encoder(louder, lengths), embeddings, atol=1e-4, rtol=0)
        assert torch.equal(mels, given), "the caller's mels are left alone"
    encoder = tiny_encoder().eval()
    assert not torch.allclose(encoder(louder, lengths), encoder(mels, lengths), atol=0.01)


def test_a_scale_changes_nothing_once_the_deviation_is_off():
    mels, lengths = torch.randn(2, 9, 6), torch.tensor([9, 5])
    encoder = tiny_encoder(input_normalization="mean_variance").eval()
    torch.testing.assert_close(
        encoder(2.0 * mels, lengths), encoder(mels, lengths), atol=1e-4, rtol=0
    )
    mean_only = tiny_encoder(input_normalization="mean").eval()
    assert not torch.allclose(mean_only(2.0 * mels, lengths), mean_only(mels, lengths), atol=0.01)


def test_a_masked_band_gives_no_nan():
    mels = torch.randn(1, 9, 6)
    mels[:, :, 2] = 0.0
    encoder = tiny_encoder(input_normalization="mean_variance").eval()
    assert torch.isfinite(encoder(mels, torch.tensor([9]))).all()


def test_unknown_normalization():
    with pytest.raises(ValueError, match="none, level, mean, mean_variance; not 'median'"):
        tiny_encoder(input_normalization="median")


@pytest.mark.parametrize("config", ["train_p2v", "tuning/train_p2v_aggregation3072"])
def test_sizes_are_those_of_speechbrain(config):
    """1536 is the ECAPA-TDNN paper's aggregation (14.7 M), 3072 SpeechBrain's published one."""
    conf = yaml.safe_load((CONF / f"{config}.yaml").read_text())["prosody_encoder_conf"]
    width = {"train_p2v": 1536, "tuning/train_p2v_aggregation3072": 3072}[config]
    oracle = ECAPA_TDNN(
        80,
        lin_neurons=192,
        channels=[1024] * 4 + [width],
        kernel_sizes=[5, 3, 3, 3, 1],
        dilations=[1, 2, 3, 4, 1],
        attention_channels=128,
    )
    shapes = [
        sorted(tuple(p.squeeze().shape) for p in network.parameters())
        for network in (ProsodyEncoder(**conf), oracle)
    ]
    assert shapes[0] == shapes[1]
    weights = sum(p.numel() for p in oracle.parameters())
    assert weights == {1536: 14_660_416, 3072: 20_767_552}[width]


def test_equals_speechbrain_on_one_utterance():
    """SpeechBrain's network with the same weights and zero padding is the oracle."""
    encoder = tiny_encoder().eval()
    oracle = ECAPA_TDNN(
        6,
        lin_neurons=3,
        channels=[8, 8, 8, 8, 12],
        kernel_sizes=[5, 3, 3, 3, 1],
        dilations=[1, 2, 3, 4, 1],
        attention_channels=5,
        res2net_scale=4,
        se_channels=4,
    ).eval()
    for module in oracle.modules():
        if isinstance(module, Conv1d):
            module.padding_mode = "constant"
    copy_weights(encoder, oracle)
    mels = torch.randn(1, 15, 6)
    expected = oracle(mels)[0, 0]
    torch.testing.assert_close(encoder(mels, torch.tensor([15]))[0], expected, atol=1e-5, rtol=0)


def copy_weights(encoder, oracle):
    """Copy by order of definition: both list first layer, blocks, aggregation, pooling, output."""
    ours, theirs = weighted_modules(encoder), weighted_modules(oracle)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        state = {
            name: value.view_as(other.state_dict()[name])
            for name, value in mine.state_dict().items()
        }
        other.load_state_dict(state)


def weighted_modules(network):
    """Return convolutions, norms and linear layers of a network, in order of definition."""
    kinds = (torch.nn.Conv1d, torch.nn.BatchNorm1d, torch.nn.Linear)
    return [module for module in network.modules() if isinstance(module, kinds)]


def test_channels_must_fit_the_scale():
    with pytest.raises(ValueError, match="not a multiple of the scale"):
        Res2NetBlock(10, 3, 1, 4)


@pytest.mark.parametrize("pooling", ["mean", "attentive_statistics"])
@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_nothing_for_an_encoder_of_espnet(training, pooling):
    """Vectors and gradients of batches padded by 0, 1 and 30 frames more, and items alone."""
    conf = {"output_size": 8, "attention_heads": 2, "linear_units": 6, "num_blocks": 1}
    conf |= {"input_layer": "linear"}
    lengths = torch.tensor([20, 7, 1])
    torch.manual_seed(0)
    encoder = EspnetProsodyEncoder(6, "transformer", conf, pooling, output_dim=3).double()
    for module in encoder.train(training).modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    mels = torch.randn(3, 20, 6, dtype=torch.float64)
    results = []
    for padding in (0, 1, 30):
        encoder.zero_grad()
        vectors = encoder(nn.functional.pad(mels, (0, 0, 0, padding), value=4.0), lengths)
        vectors.square().sum().backward()
        assert vectors.shape == (3, encoder.output_dim) == (3, 3)
        results.append([vectors, *(each.grad.clone() for each in encoder.parameters())])
    for result in results[1:]:
        for padded, plain in zip(result, results[0], strict=True):
            torch.testing.assert_close(padded, plain, atol=1e-10, rtol=0)
    if not training:
        for item, length in enumerate(lengths.tolist()):
            alone = encoder(mels[item : item + 1, :length], torch.tensor([length]))
            torch.testing.assert_close(results[0][0][item], alone[0], atol=1e-10, rtol=0)


@pytest.mark.parametrize("choice", [{"encoder": "ecapa"}, {"pooling": "max"}])
def test_an_encoder_or_a_pooling_that_espnet_has_not(choice):
    with pytest.raises(ValueError, match=next(iter(choice))):
        EspnetProsodyEncoder(6, **choice)
