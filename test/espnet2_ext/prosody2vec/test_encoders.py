from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from reference import ranks
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.nnet.CNN import Conv1d
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet2_ext.prosody2vec.encoders import (
    EspnetProsodyEncoder,
    MaskedBatchNorm1d,
    ProsodyEncoder,
    UnitEncoder,
)
from espnet2_ext.prosody2vec.memory import length_mask

# ---------------------------------------------------------------- masked batch norm

CHANNELS = 5
LENGTHS = torch.tensor([9, 4, 1])


def frames_and_mask(dtype=torch.float64, padding=2):
    """Return frames (3, 5, 9 + padding), not small at the padding, and the mask (3, 1, T)."""
    torch.manual_seed(0)
    width = int(LENGTHS.max()) + padding
    mask = length_mask(LENGTHS, width)[:, None, :].to(dtype)
    frames = 3.0 + torch.randn(3, CHANNELS, width, dtype=dtype)
    return torch.where(mask > 0, frames, 50.0), mask


def packed(frames, mask):
    """Return the real frames (N, C)."""
    return frames.transpose(1, 2)[mask[:, 0] > 0]


def pair_of_norms(dtype=torch.float64, **options):
    """Return PyTorch's and ours with the same weights, other than 1 and 0."""
    torch.manual_seed(1)
    theirs = nn.BatchNorm1d(CHANNELS, dtype=dtype, **options)
    if theirs.affine:
        nn.init.uniform_(theirs.weight, 0.5, 2.0)
        nn.init.normal_(theirs.bias)
    ours = MaskedBatchNorm1d(CHANNELS, dtype=dtype, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}, {"eps": 0.5}],
    ids=str,
)
@pytest.mark.parametrize("padded", [True, False])
def test_equals_batch_norm_of_the_real_frames(padded, options, dtype, tolerance):
    """Within the tolerance times the largest entry of what is compared, or 1 if that is less."""
    theirs, ours = pair_of_norms(dtype, **options)
    for update in range(3):
        frames, mask = frames_and_mask(dtype)
        if not padded:
            mask = torch.ones_like(mask)
        frames = (frames * (1 + update)).requires_grad_()
        expected, normalised = theirs(packed(frames, mask)), ours(frames, mask)
        close(packed(normalised, mask), expected, tolerance)
        assert not normalised[(mask == 0).expand_as(normalised)].any()
        weights = torch.randn_like(normalised)
        inputs = [frames, *theirs.parameters()], [frames, *ours.parameters()]
        loss = (expected.square() * packed(weights, mask)).sum()
        wanted = torch.autograd.grad(loss, inputs[0])
        got = torch.autograd.grad((normalised.square() * weights).sum(), inputs[1])
        for mine, other in zip(got, wanted, strict=True):
            close(mine, other, tolerance * float(other.abs().max().clamp(min=1)))
        for name, value in theirs.state_dict().items():
            close(ours.state_dict()[name], value, tolerance * float(value.abs().max().clamp(min=1)))


def close(got, expected, tolerance):
    """Raise where two tensors differ by more, or in dtype."""
    torch.testing.assert_close(got, expected, atol=tolerance, rtol=0)


def test_a_large_mean_costs_no_digits():
    """Sums of squares would lose the variance of 1 beside a mean of 10,000."""
    theirs, ours = pair_of_norms(torch.float32)
    frames, mask = frames_and_mask(torch.float32)
    frames = frames + 1.0e4
    oracle = nn.BatchNorm1d(CHANNELS, dtype=torch.float64)
    oracle.load_state_dict(theirs.state_dict())
    oracle(packed(frames, mask).double())
    ours(frames, mask)
    close(ours.running_var.double(), oracle.running_var, 1e-3)


@pytest.mark.parametrize("training", [False, True])
def test_no_mask_and_vectors(training):
    theirs, ours = pair_of_norms()
    frames, _ = frames_and_mask()
    for hidden in (frames, frames[:, :, 0]):
        close(ours.train(training)(hidden, None), theirs.train(training)(hidden), 1e-12)


def test_eval_mode_uses_the_running_statistics():
    theirs, ours = pair_of_norms()
    frames, mask = frames_and_mask()
    theirs(packed(frames, mask))
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours.eval()(frames, mask), theirs.eval()(frames) * mask)
    close(ours.running_mean, theirs.running_mean, 0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_statistics_are_float32_under_autocast(dtype):
    theirs, ours = pair_of_norms(torch.float32)
    frames, mask = frames_and_mask(torch.float32)
    frames = frames.to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=dtype):
        normalised = ours(frames, mask)
    (gradient,) = torch.autograd.grad(normalised.square().sum() / 7, frames)
    # The oracle sees the same rounded frames, without autocast.
    exact = frames.detach().float().requires_grad_()
    expected = theirs(packed(exact, mask))
    (wanted,) = torch.autograd.grad(expected.square().sum() / 7, exact)
    assert normalised.dtype == torch.float32 and gradient.dtype == dtype
    close(packed(normalised, mask), expected, 1e-5)
    close(gradient.float(), wanted, 1e-2)
    close(ours.running_mean, theirs.running_mean, 1e-6)
    close(ours.running_var, theirs.running_var, 1e-6)


def test_a_single_frame_has_no_variance():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        MaskedBatchNorm1d(CHANNELS)(torch.zeros(1, CHANNELS, 1), torch.ones(1, 1, 1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_same_on_a_gpu_without_waiting_for_it():
    results = {}
    for device in ("cpu", "cuda"):
        theirs, ours = pair_of_norms(torch.float32)
        ours, (frames, mask) = ours.to(device), (each.to(device) for each in frames_and_mask())
        frames, mask = frames.float().requires_grad_(), mask.float()
        if device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.set_sync_debug_mode("error")
        try:
            normalised = ours(frames, mask)
            gradients = torch.autograd.grad(normalised.pow(3).sum(), [frames, *ours.parameters()])
        finally:
            if device == "cuda":
                torch.cuda.set_sync_debug_mode("default")
        results[device] = [each.cpu() for each in (normalised, *gradients, *ours.buffers())]
    for got, expected in zip(results["cuda"], results["cpu"], strict=True):
        torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-4)


def test_two_processes_train_as_one(tmp_path):
    """Three utterances on one, two shorter ones on the other, none padded as alone."""
    torch.manual_seed(5)
    lengths = torch.tensor([12, 7, 3, 5, 2])
    mels = torch.randn(5, 12, 6, dtype=torch.float64)
    shares = [(mels[:3], lengths[:3]), (mels[3:, :5], lengths[3:])]
    alone = ranks.train_alone(mels, lengths, 2)
    first, second = ranks.train(shares, 2, tmp_path)
    close(torch.cat([first.pop("vectors"), second.pop("vectors")]), alone.pop("vectors"), 1e-10)
    for result in (first, second):
        assert list(result) == list(alone)
        for name, value in alone.items():
            close(result[name], value, 1e-10)


# ---------------------------------------------------------------- encoders

CONF = Path(__file__).resolve().parents[3] / "egs2/TEMPLATE/p2v1/conf"


def tiny_encoder(**options):
    torch.manual_seed(0)
    encoder = ProsodyEncoder(**ranks.ENCODER, **options)
    # Statistics other than 0 and 1, so that padding would show.
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.bias)
    return encoder


def espnet_encoder(pooling):
    conf = {"output_size": 8, "attention_heads": 2, "linear_units": 6, "num_blocks": 1}
    torch.manual_seed(0)
    encoder = EspnetProsodyEncoder(
        6, "transformer", {**conf, "input_layer": "linear"}, pooling, output_dim=3
    )
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return encoder


NORMALIZATIONS = ("none", "level", "mean", "mean_variance")
PROSODY_ENCODERS = {
    **{name: partial(tiny_encoder, input_normalization=name) for name in NORMALIZATIONS},
    "espnet, mean": partial(espnet_encoder, "mean"),
    "espnet, attentive": partial(espnet_encoder, "attentive_statistics"),
}


@pytest.mark.parametrize("name", PROSODY_ENCODERS)
@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_nothing(training, name):
    """Vectors, statistics and gradients of batches padded by 0, 1 and 300 frames, and alone."""
    lengths = torch.tensor([20, 7, 2])
    mels = torch.randn(3, 20, 6, dtype=torch.float64)
    results = []
    for padding in (0, 1, 300):
        encoder = PROSODY_ENCODERS[name]().double().train(training)
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        vectors = encoder(nn.functional.pad(mels, (0, 0, 0, padding), value=4.0), lengths)
        vectors.sigmoid().square().sum().backward()
        gradients = {f"grad:{key}": each.grad for key, each in encoder.named_parameters()}
        results.append({"vectors": vectors, **encoder.state_dict(), **gradients})
        for key in before:
            if key.endswith("running_var"):
                assert torch.equal(results[-1][key], before[key]) != training
    for result in results[1:]:
        for key, value in results[0].items():
            torch.testing.assert_close(result[key], value, atol=1e-10, rtol=0)
    for item, length in enumerate([] if training else lengths.tolist()):
        alone = encoder(mels[item : item + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(results[0]["vectors"][item], alone[0], atol=1e-10, rtol=0)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_what_normalization_removes(normalization):
    mels, lengths = torch.randn(2, 9, 6), torch.tensor([9, 5])
    given = mels.clone()
    encoder = tiny_encoder(input_normalization=normalization).eval()
    for changed, removed_by in ((mels + 3.0, NORMALIZATIONS[1:]), (2.0 * mels, NORMALIZATIONS[3:])):
        difference = (encoder(changed, lengths) - encoder(mels, lengths)).abs().max()
        assert difference < 1e-4 if normalization in removed_by else difference > 0.01
    assert torch.equal(mels, given), "the caller's mels are left alone"
    mels[:, :, 2] = 0.0  # a masked band
    assert torch.isfinite(encoder(mels, lengths)).all()


@pytest.mark.parametrize("config", ["train_p2v", "tuning/train_p2v_aggregation3072"])
def test_sizes_are_those_of_speechbrain(config):
    """1536 is the ECAPA-TDNN paper's aggregation (14.7 M), 3072 SpeechBrain's published one."""
    conf = yaml.safe_load((CONF / f"{config}.yaml").read_text())["prosody_encoder_conf"]
    sizes = {"train_p2v": 14_660_416, "tuning/train_p2v_aggregation3072": 20_767_552}
    assert sum(p.numel() for p in ProsodyEncoder(**conf).parameters()) == sizes[config]


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
    # By order of definition: both list first layer, blocks, aggregation, pooling, output.
    kinds = (torch.nn.Conv1d, torch.nn.BatchNorm1d, torch.nn.Linear)
    networks = [
        [m for m in network.modules() if isinstance(m, kinds)] for network in (encoder, oracle)
    ]
    for mine, other in zip(*networks, strict=True):
        theirs = other.state_dict()
        own = {name: value.view_as(theirs[name]) for name, value in mine.state_dict().items()}
        other.load_state_dict(own)
    mels = torch.randn(1, 15, 6)
    expected = oracle(mels)[0, 0]
    torch.testing.assert_close(encoder(mels, torch.tensor([15]))[0], expected, atol=1e-5, rtol=0)


def test_unknown_options_are_named():
    for encoder, option, value in (
        (ProsodyEncoder, "input_normalization", "median"),
        (ProsodyEncoder, "channels", 10),
        (EspnetProsodyEncoder, "encoder", "ecapa"),
        (EspnetProsodyEncoder, "pooling", "max"),
    ):
        with pytest.raises(ValueError, match=option):
            encoder(6, **{option: value})


# ---------------------------------------------------------------- unit encoder


@pytest.mark.parametrize("training", [False, True])
def test_padding_and_neighbours_change_no_units_vector_or_gradient(training):
    lengths, results = torch.tensor([5, 2, 1]), []
    units = torch.tensor([[1, 2, 3, 4, 5], [6, 7, -9, -9, -9], [8, -9, -9, -9, -9]])
    for padding in (0, 7):
        torch.manual_seed(0)
        encoder = UnitEncoder(9, 6, 3, 3, 4, dropout=0.0).double().train(training)
        encoded = encoder(nn.functional.pad(units, (0, padding), value=3), lengths)
        encoded.square().sum().backward()
        assert (encoded[:, 5:] == 0).all()
        results.append([encoded[:, :5], *(each.grad for each in encoder.parameters())])
    for padded, plain in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(padded, plain, atol=1e-12, rtol=0)
    for item, length in enumerate(lengths.tolist()):
        alone = encoder(units[item : item + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(encoded[item, :length], alone[0], atol=1e-12, rtol=0)
        assert (encoded[item, length:] == 0).all()


def test_both_directions_equal_pytorchs_packed_lstm():
    torch.manual_seed(0)
    encoder = UnitEncoder(9, 6, 3, 2, 4, dropout=0.0).double()
    lengths = torch.tensor([5, 7, 1])
    hidden = torch.randn(3, 7, 6, dtype=torch.float64, requires_grad=True)
    packed = pack_padded_sequence(hidden, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(encoder.lstm(packed)[0], batch_first=True)
    found = encoder._both_directions(hidden, lengths) * length_mask(lengths, 7)[:, :, None]
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    wanted, leaves = torch.randn_like(expected), [hidden, *encoder.lstm.parameters()]
    gradients = (torch.autograd.grad(each, leaves, wanted) for each in (found, expected))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
