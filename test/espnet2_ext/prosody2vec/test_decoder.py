import itertools

import pytest
import torch

from espnet2_ext.prosody2vec.masks import length_mask

TOLERANCE = 1.0e-6
BATCH, NUM_UNITS, FRAMES, MEMORY = 2, 5, 6, 6


def stepwise(decoder, memory, mask, inputs, true_units=None):
    """The naive loop: one step after the other; attention overwritten where it is given."""
    from dataclasses import replace

    state = decoder.start(memory, mask)
    frames, stops, weights = [], [], []
    for step in range(inputs.size(1)):
        if true_units is None:
            group, stop, state = decoder.step(inputs[:, step], state)
        else:
            group, stop, state = forced_step(decoder, inputs[:, step], state, true_units[:, step])
        state = replace(state)
        frames.append(group)
        stops.append(stop)
        weights.append(state.weights)
    return torch.cat(frames, 1), torch.stack(stops, 1), torch.stack(weights, 1)


def forced_step(decoder, frame, state, unit):
    """A step whose attention weights are overwritten by the given unit, written out."""
    from dataclasses import replace

    hidden, cell = torch.lstm_cell(
        torch.cat([decoder.prenet(frame), state.context], 1),
        (state.attention_hidden, state.attention_cell),
        *decoder.attention_lstm.all_weights[0],
    )
    weights = torch.nn.functional.one_hot(unit.clamp(min=0), state.memory.size(1)).to(frame.dtype)
    context = (weights[:, :, None] * state.memory).sum(1)
    decoded, decoder_cell = torch.lstm_cell(
        torch.cat([hidden, context], 1),
        (state.decoder_hidden, state.decoder_cell),
        *decoder.decoder_lstm.all_weights[0],
    )
    features = torch.cat([decoded, context], 1)
    group = decoder.projection(features).view(len(frame), decoder.reduction_factor, -1)
    state = replace(
        state,
        attention_hidden=hidden,
        attention_cell=cell,
        decoder_hidden=decoded,
        decoder_cell=decoder_cell,
        weights=weights,
        accumulated=state.accumulated + weights,
        context=context,
    )
    return group, decoder.stop(features).squeeze(1), state


def example(decoder, unit_lengths=(5, 3), dtype=torch.float64):
    torch.manual_seed(4)
    memory = torch.randn(BATCH, NUM_UNITS, MEMORY, dtype=dtype)
    mask = length_mask(torch.tensor(unit_lengths), NUM_UNITS)
    mels = torch.randn(BATCH, FRAMES, decoder.mel_dim, dtype=dtype)
    return memory, mask, decoder.step_inputs(mels)


@pytest.mark.parametrize("reduction_factor", [1, 2])
def test_free_pass_equals_step_by_step(make_decoder, reduction_factor):
    decoder = make_decoder(reduction_factor).double()
    memory, mask, inputs = example(decoder)
    output = decoder.free(memory, mask, inputs)
    mels, stops, weights = stepwise(decoder, memory, mask, inputs)
    assert output.mels.shape == (BATCH, FRAMES, decoder.mel_dim)
    assert output.stop_logits.shape == (BATCH, FRAMES // reduction_factor)
    torch.testing.assert_close(output.mels, mels, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(output.stop_logits, stops, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(output.attention, weights, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("reduction_factor", [1, 2])
def test_forced_pass_equals_loop_with_attention_overwritten(make_decoder, reduction_factor):
    decoder = make_decoder(reduction_factor).double()
    memory, mask, inputs = example(decoder)
    steps = inputs.size(1)
    true_units = torch.tensor([[0, 1, 1, 2, 4, 4], [0, 0, 2, -1, -1, -1]])[:, :steps]
    chosen = torch.arange(steps)
    output = decoder.forced(memory, mask, inputs, true_units, chosen)
    mels, stops, weights = stepwise(decoder, memory, mask, inputs, true_units)
    torch.testing.assert_close(output.mels, mels, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(output.stop_logits, stops, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(output.attention, weights, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(
        output.log_attention[:, 0].exp(),
        decoder.free(memory, mask, inputs).attention[:, 0],
        atol=TOLERANCE,
        rtol=0,
    )


def test_forced_pass_gradients_equal_the_loops(make_decoder):
    decoder = make_decoder().double()
    memory, mask, inputs = example(decoder)
    true_units = torch.tensor([[0, 1, 1, 2, 4, 4], [0, 0, 1, 1, 2, 2]])
    gradients = []
    for name in ("forced", "loop"):
        decoder.zero_grad()
        leaf = memory.clone().requires_grad_()
        if name == "forced":
            output = decoder.forced(leaf, mask, inputs, true_units, torch.arange(6))
            loss = output.mels.square().sum() + output.stop_logits.square().sum()
        else:
            mels, stops, _ = stepwise(decoder, leaf, mask, inputs, true_units)
            loss = mels.square().sum() + stops.square().sum()
        loss.backward()
        named = {n: p.grad.clone() for n, p in decoder.named_parameters() if p.grad is not None}
        gradients.append({"memory": leaf.grad, **named})
    for key in gradients[1]:
        torch.testing.assert_close(gradients[0][key], gradients[1][key], atol=1e-9, rtol=0)


def test_energies_at_chosen_steps_do_not_depend_on_the_choice(make_decoder):
    decoder = make_decoder().double()
    memory, mask, inputs = example(decoder)
    true_units = torch.tensor([[0, 1, 1, 2, 4, 4], [0, 0, 1, 1, 2, 2]])
    whole = decoder.forced(memory, mask, inputs, true_units, torch.arange(6))
    some = decoder.forced(memory, mask, inputs, true_units, torch.tensor([4, 1]))
    torch.testing.assert_close(some.log_attention, whole.log_attention[:, [4, 1]])


def test_attention_is_a_distribution_over_valid_units(make_decoder):
    decoder = make_decoder().double()
    memory, mask, inputs = example(decoder)
    attention = decoder.free(memory, mask, inputs).attention
    torch.testing.assert_close(attention.sum(2), torch.ones(BATCH, FRAMES).double())
    assert (attention[1, :, 3:] == 0).all()


def test_padding_does_not_change_an_item(make_decoder):
    decoder = make_decoder().double()
    memory, mask, inputs = example(decoder)
    batch = decoder.free(memory, mask, inputs)
    alone = decoder.free(memory[1:, :3], mask[1:, :3], inputs[1:])
    torch.testing.assert_close(batch.mels[1:], alone.mels, atol=TOLERANCE, rtol=0)
    true_units = torch.tensor([[0] * 6, [0, 0, 1, 1, 2, 2]])
    steps = torch.arange(6)
    batch = decoder.forced(memory, mask, inputs, true_units, steps)
    alone = decoder.forced(memory[1:, :3], mask[1:, :3], inputs[1:], true_units[1:], steps)
    torch.testing.assert_close(batch.mels[1:], alone.mels, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(
        batch.log_attention[1:, :, :3], alone.log_attention, atol=TOLERANCE, rtol=0
    )


def test_one_unit_and_one_frame(make_decoder):
    decoder = make_decoder()
    memory, mask = torch.randn(1, 1, MEMORY), torch.ones(1, 1, dtype=torch.bool)
    inputs = decoder.step_inputs(torch.randn(1, 1, 4))
    assert decoder.free(memory, mask, inputs).mels.shape == (1, 1, 4)
    forced = decoder.forced(memory, mask, inputs, torch.zeros(1, 1).long(), torch.tensor([0]))
    assert forced.mels.shape == (1, 1, 4)


def test_step_inputs_are_the_last_frames_of_groups(make_decoder):
    mels = torch.arange(4.0)[None, :, None].expand(1, 4, 4)
    assert make_decoder(1).step_inputs(mels)[0, :, 0].tolist() == [0, 0, 1, 2]
    assert make_decoder(2).step_inputs(mels)[0, :, 0].tolist() == [0, 1]


def test_every_parameter_learns(make_decoder):
    """Both passes reach all weights, as DDP without unused parameters needs."""
    decoder = make_decoder().double()
    memory, mask, inputs = example(decoder)
    true_units = torch.tensor([[0, 1, 1, 2, 4, 4], [0, 0, 1, 1, 2, 2]])
    for output in (
        decoder.free(memory, mask, inputs),
        decoder.forced(memory, mask, inputs, true_units, torch.arange(6)),
    ):
        decoder.zero_grad()
        loss = output.mels.square().sum() + output.stop_logits.square().sum()
        if output.log_attention is not None:
            chosen = itertools.product(range(BATCH), range(6))
            loss = loss - sum(output.log_attention[b, s, true_units[b, s]] for b, s in chosen)
        loss.backward()
        without = [n for n, p in decoder.named_parameters() if p.grad is None]
        assert without == []
