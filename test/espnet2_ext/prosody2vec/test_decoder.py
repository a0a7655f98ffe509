from dataclasses import replace

import pytest
import torch
from reference.naive_decoder import naive_free

from espnet2_ext.prosody2vec.fast.attention_loop import CHUNK_STEPS
from espnet2_ext.prosody2vec.fast.cuda_graph import GraphSteps
from espnet2_ext.prosody2vec.memory import Memory

# Sums of some hundred terms in another order.
TOLERANCE = {torch.float64: 1.0e-9, torch.float32: 1.0e-5}
# bf16 keeps 8 bits. Relative to the largest value of each; gradients are sums that cancel.
BF16_OUTPUT_BOUND, BF16_GRADIENT_BOUND = 0.02, 0.1
OUTPUTS = ("mels", "stop_logits", "attention", "log_attention")
# Batch, units, steps: the smallest; one; padding; more than a chunk; rows padded to 32.
SIZES = [(1, 1, 1), (2, 1, 5), (2, 5, 1), (3, 9, 2 * CHUNK_STEPS + 3), (17, 6, 5)]


def inputs_of(decoder, batch, steps, dtype=torch.float64):
    generator = torch.Generator().manual_seed(5)
    frames = steps * decoder.reduction_factor
    mels = torch.randn(batch, frames, decoder.mel_dim, dtype=dtype, generator=generator)
    return decoder.step_inputs(mels)


def true_units_of(memory, steps):
    """Return (B, S) a path that starts at unit 0 and ends early in all items but the first."""
    lengths = memory.mask.sum(dim=1)
    path = torch.arange(steps)[None, :] * lengths[:, None] // steps
    path[1:, steps - steps // 3 :] = -1
    return path


def weighted_sum(output):
    """Return a scalar that asks a different gradient of every number in the output."""
    total = 0.0
    generator = torch.Generator().manual_seed(6)
    for part in (getattr(output, name) for name in OUTPUTS):
        if part is not None:
            weight = torch.randn(part.shape, generator=generator).to(part.dtype)
            total = total + (part.masked_fill(part.isinf(), 0.0) * weight).sum()
    return total


def outputs_and_gradients(decoder, memory, run):
    """Return everything a pass gives by name; its gradients to inputs and all parameters."""
    decoder.zero_grad()
    encoded, shared = (part.detach().requires_grad_() for part in (memory.encoded, memory.shared))
    leaves = Memory(encoded, shared, memory.mask)
    output = run(leaves)
    weighted_sum(output).backward()
    found = {name: parameter.grad.clone() for name, parameter in decoder.named_parameters()}
    found |= {"encoded": leaves.encoded.grad, "shared": leaves.shared.grad}
    for name in OUTPUTS:
        if getattr(output, name) is not None:
            found[name] = getattr(output, name).detach()
    return found


def assert_equal(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name],
            value,
            atol=tolerance,
            rtol=tolerance,
            msg=lambda text, name=name: f"{name}: {text}",
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("reduction_factor", [1, 2])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("implementation", ["reference", "fast", "cuda_graph"])
def test_free_pass_equals_the_naive_loop(
    make_decoder, make_memory, implementation, sizes, reduction_factor, dtype
):
    batch, num_units, steps = sizes
    decoder = make_decoder(reduction_factor, implementation).to(dtype)
    decoder.graphs = GraphSteps(CHUNK_STEPS, capture=lambda function: function)
    memory, inputs = make_memory(batch, num_units, dtype), inputs_of(decoder, batch, steps, dtype)
    found = outputs_and_gradients(decoder, memory, lambda leaves: decoder.free(leaves, inputs))
    expected = outputs_and_gradients(
        decoder,
        memory,
        lambda leaves: replace(naive_free(decoder, leaves, inputs), log_attention=None),
    )
    assert expected["mels"].shape == (batch, steps * reduction_factor, decoder.mel_dim)
    # Gradients are sums over steps and items; float32 loses with their number.
    assert_equal(found, expected, TOLERANCE[dtype] * max(1, batch * steps // 50))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("reduction_factor", [1, 2])
@pytest.mark.parametrize("sizes", SIZES)
def test_forced_pass_equals_the_loop_with_attention_overwritten(
    make_decoder, make_memory, sizes, reduction_factor, dtype
):
    batch, num_units, steps = sizes
    decoder = make_decoder(reduction_factor).to(dtype)
    memory, inputs = make_memory(batch, num_units, dtype), inputs_of(decoder, batch, steps, dtype)
    true_units = true_units_of(memory, steps)
    chosen = torch.randperm(steps, generator=torch.Generator().manual_seed(7))[: steps // 2 + 1]
    valid = true_units >= 0

    def spoken(output, log_attention):
        """Keep what lies inside the items; past their ends the passes may differ."""
        mels = output.mels.unflatten(1, (steps, -1)) * valid[:, :, None, None]
        at_steps = valid[:, chosen, None]
        return replace(
            output,
            mels=mels,
            stop_logits=output.stop_logits * valid,
            attention=None,
            log_attention=log_attention.masked_fill(~(at_steps & memory.mask[:, None]), 0.0),
        )

    def forced(leaves):
        output = decoder.forced(leaves, inputs, true_units, chosen)
        return spoken(output, output.log_attention)

    def naive(leaves):
        output = naive_free(decoder, leaves, inputs, true_units)
        return spoken(output, output.log_attention[:, chosen])

    found = outputs_and_gradients(decoder, memory, forced)
    expected = outputs_and_gradients(decoder, memory, naive)
    assert_equal(found, expected, TOLERANCE[dtype] * max(1, batch * steps // 50))


@pytest.mark.parametrize("run", ["fast", "forced"])
def test_bf16_stays_within_its_bound(make_decoder, make_memory, run):
    decoder = make_decoder()
    memory, inputs = make_memory(3, 5, torch.float32), inputs_of(decoder, 3, 6, torch.float32)
    true_units = true_units_of(memory, 6)

    def pass_of(leaves):
        if run == "fast":
            return decoder.free(leaves, inputs)
        return decoder.forced(leaves, inputs, true_units, torch.arange(3))

    expected = outputs_and_gradients(decoder, memory, pass_of)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = outputs_and_gradients(decoder, memory, pass_of)
    assert any((found[name] != expected[name]).any() for name in expected), "autocast did nothing"
    for name, value in expected.items():
        assert found[name].dtype in (torch.float32, torch.bfloat16)
        value, other = (each.nan_to_num(neginf=0.0).float() for each in (value, found[name]))
        bound = BF16_OUTPUT_BOUND if name in OUTPUTS else BF16_GRADIENT_BOUND
        assert (other - value).abs().max() <= bound * value.abs().max(), name


@pytest.mark.parametrize("reduction_factor", [1, 2])
def test_step_by_step_equals_the_pass(make_decoder, make_memory, reduction_factor):
    decoder = make_decoder(reduction_factor).double()
    memory, inputs = make_memory(2, 5), inputs_of(decoder, 2, 6)
    output, state = decoder.free(memory, inputs), decoder.start(memory)
    for step in range(6):
        frames, stop, state = decoder.step(inputs[:, step], state)
        at_step = output.mels.unflatten(1, (6, -1))[:, step]
        torch.testing.assert_close(frames, at_step, atol=1e-9, rtol=0)
        torch.testing.assert_close(stop, output.stop_logits[:, step], atol=1e-9, rtol=0)
        torch.testing.assert_close(state.weights, output.attention[:, step], atol=1e-9, rtol=0)


def test_padding_does_not_change_an_item(make_decoder, make_memory):
    decoder = make_decoder().double()
    memory, inputs = make_memory(2, 5, lengths=[5, 3]), inputs_of(decoder, 2, 6)
    alone = Memory(memory.encoded[1:, :3], memory.shared[1:], memory.mask[1:, :3])
    true_units, steps = torch.tensor([[0] * 6, [0, 0, 1, 1, 2, 2]]), torch.arange(6)
    batch, single = decoder.free(memory, inputs), decoder.free(alone, inputs[1:])
    torch.testing.assert_close(batch.mels[1:], single.mels, atol=1e-9, rtol=0)
    batch = decoder.forced(memory, inputs, true_units, steps)
    single = decoder.forced(alone, inputs[1:], true_units[1:], steps)
    torch.testing.assert_close(batch.mels[1:], single.mels, atol=1e-9, rtol=0)
    torch.testing.assert_close(
        batch.log_attention[1:, :, :3], single.log_attention, atol=1e-9, rtol=0
    )


def test_step_inputs_are_the_last_frames_of_groups(make_decoder):
    mels = torch.arange(4.0)[None, :, None].expand(1, 4, 4)
    assert make_decoder(1).step_inputs(mels)[0, :, 0].tolist() == [0, 0, 1, 2]
    assert make_decoder(2).step_inputs(mels)[0, :, 0].tolist() == [0, 1]


def test_unknown_implementation_is_an_error(make_decoder):
    with pytest.raises(ValueError, match="implementation 'quick' is none of auto, reference"):
        make_decoder(implementation="quick")


def test_graphs_are_chosen_on_a_single_gpu_only(make_decoder):
    for implementation, device_type, expected in (
        ("auto", "cpu", False),
        ("auto", "cuda", True),
        ("fast", "cuda", False),
        ("cuda_graph", "cuda", True),
    ):
        decoder = make_decoder(implementation=implementation)
        assert (decoder._runner(device_type) is not None) == expected
    replica = make_decoder()._replicate_for_data_parallel()
    assert replica._runner("cuda") is None
