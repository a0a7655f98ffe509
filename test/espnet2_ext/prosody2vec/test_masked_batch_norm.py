"""``nn.BatchNorm1d`` on real frames put side by side is the oracle throughout."""

import pytest
import torch
from reference import ranks
from torch import distributed, nn

from espnet2_ext.prosody2vec import encoders as masked_batch_norm
from espnet2_ext.prosody2vec.encoders import MaskedBatchNorm1d
from espnet2_ext.prosody2vec.memory import length_mask

CHANNELS = 5
LENGTHS = torch.tensor([9, 4, 1])


def frames_and_mask(dtype=torch.float64, padding: int = 2):
    """Return frames (3, 5, 9 + padding), not small at the padding, and the mask (3, 1, T)."""
    torch.manual_seed(0)
    width = int(LENGTHS.max()) + padding
    mask = length_mask(LENGTHS, width)[:, None, :].to(dtype)
    frames = 3.0 + torch.randn(3, CHANNELS, width, dtype=dtype)
    return torch.where(mask > 0, frames, 50.0), mask


def packed(frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
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


def close(got: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
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
    state = {name: value.clone() for name, value in ours.state_dict().items()}
    assert torch.equal(ours.eval()(frames, mask), theirs.eval()(frames) * mask)
    assert all(torch.equal(value, state[name]) for name, value in ours.state_dict().items())


def test_state_dicts_can_change_places():
    theirs, ours = pair_of_norms()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict(), strict=True)
    assert isinstance(ours, nn.modules.batchnorm._BatchNorm), "what frozen_batch_norm looks for"


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


def test_eval_mode_waits_for_no_other_process(monkeypatch):
    def refuse(*_):
        raise AssertionError("a reduction over processes")

    monkeypatch.setattr(masked_batch_norm, "_num_processes", lambda: 2)
    monkeypatch.setattr(distributed, "all_reduce", refuse)
    _, ours = pair_of_norms()
    frames, mask = frames_and_mask()
    ours.eval()(frames, mask)
    ours.eval()(frames[:, :, 0])
    with pytest.raises(AssertionError, match="reduction"):
        ours.train()(frames, mask)
