import pytest
import torch

from espnet2_ext.prosody2vec.decoding import (
    SamplingSchedule,
    parallel_sampled_pass,
    sampled_pass,
)


def test_schedule_is_a_ramp():
    schedule = SamplingSchedule(100, 200, 0.4)
    values = [schedule.at(updates) for updates in (0, 100, 150, 200, 999)]
    assert values == pytest.approx([0.0, 0.0, 0.2, 0.4, 0.4])


@pytest.mark.parametrize(
    "options", [{"probability": 1.5}, {"start_updates": 5, "end_updates": 5}, {"mode": "both"}]
)
def test_bad_schedule_is_an_error(options):
    with pytest.raises(ValueError, match="sampling"):
        SamplingSchedule(**options)


@pytest.mark.parametrize("run", [sampled_pass, parallel_sampled_pass])
def test_probability_zero_is_the_free_pass(make_decoder, make_memory, run):
    decoder = make_decoder(2).double()
    memory, inputs = make_memory(2, 3), torch.randn(2, 4, 4).double()
    inputs[:, 0] = 0.0
    free, sampled = decoder.free(memory, inputs), run(decoder, memory, inputs, 0.0)
    torch.testing.assert_close(sampled.mels, free.mels, atol=1e-9, rtol=0)
    torch.testing.assert_close(sampled.stop_logits, free.stop_logits, atol=1e-9, rtol=0)
    torch.testing.assert_close(sampled.attention, free.attention, atol=1e-9, rtol=0)


def test_probability_one_ignores_the_true_frames(make_decoder, make_memory):
    decoder, memory = make_decoder(), make_memory(1, 3, torch.float32)
    one = sampled_pass(decoder, memory, torch.randn(1, 4, 4), 1.0)
    other = sampled_pass(decoder, memory, torch.randn(1, 4, 4), 1.0)
    torch.testing.assert_close(one.mels, other.mels)


def test_parallel_feeds_what_teacher_forcing_said(make_decoder, make_memory):
    """With certainty, the second pass hears the first one's last frame of each group."""
    decoder, memory = make_decoder(2).double(), make_memory(2, 3)
    inputs = torch.randn(2, 4, 4).double()
    inputs[:, 0] = 0.0
    first = decoder.free(memory, inputs).mels
    fed = torch.cat([torch.zeros(2, 1, 4), first[:, 1:-1:2]], dim=1)
    sampled = parallel_sampled_pass(decoder, memory, inputs, 1.0)
    torch.testing.assert_close(sampled.mels, decoder.free(memory, fed).mels, atol=1e-9, rtol=0)


@pytest.mark.parametrize("run", [sampled_pass, parallel_sampled_pass])
def test_no_gradient_through_a_fed_frame(make_decoder, make_memory, run):
    """All gradients are those of a pass that is fed constants of the same value."""
    decoder, memory = make_decoder().double().train(), make_memory(1, 3)
    # Frames so large that they open the prenet's few rectifiers.
    torch.nn.init.normal_(decoder.projection.bias, std=5.0)
    inputs = torch.randn(1, 4, 4).double()
    source = run if run is sampled_pass else lambda *given: decoder.free(*given[1:3])
    fed = decoder.step_inputs(source(decoder, memory, inputs, 1.0).mels.detach())
    gradients = []
    for output in (run(decoder, memory, inputs, 1.0), decoder.free(memory, fed)):
        decoder.zero_grad()
        (output.mels.square().sum() + output.stop_logits.square().sum()).backward()
        gradients.append([parameter.grad for parameter in decoder.parameters()])
    assert decoder.prenet.first.weight.grad.abs().sum() > 0
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("mode", "run"), [("sequential", sampled_pass), ("parallel", parallel_sampled_pass)]
)
def test_mode_chooses_the_pass(make_decoder, make_memory, mode, run):
    decoder, memory = make_decoder(), make_memory(2, 3, torch.float32)
    inputs = torch.randn(2, 4, 4)
    outputs = []
    for each in (SamplingSchedule(probability=0.5, mode=mode).run, run):
        torch.manual_seed(1)
        outputs.append(each(decoder, memory, inputs, 0.5).mels)
    torch.testing.assert_close(*outputs)
