import pytest
import torch

from espnet2_ext.prosody2vec.decoding import (
    GenerationLimits,
    SamplingSchedule,
    generate,
    parallel_sampled_pass,
    sampled_pass,
)
from espnet2_ext.prosody2vec.memory import Memory

# ---------------------------------------------------------------- decoding


@pytest.fixture
def speak(make_memory):
    def run(decoder, limits, lengths=(4, 2, 3)):
        memory = make_memory(len(lengths), max(lengths), torch.float32, lengths)
        return memory, generate(decoder.eval(), memory, limits)

    return run


def test_limits_are_read_from_a_file(tmp_path):
    path = tmp_path / "limits.yaml"
    path.write_text("max_frames_per_unit: 3\nstop_threshold: 0.4\n")
    expected = GenerationLimits(max_frames_per_unit=3, stop_threshold=0.4)
    assert GenerationLimits.from_file(path) == expected
    path.write_text("# nothing\n")
    assert GenerationLimits.from_file(path) == GenerationLimits.from_file(None)
    with pytest.raises(FileNotFoundError, match="none.yaml"):
        GenerationLimits.from_file("none.yaml")
    for text in ("maximum: 3", "- 1", "a: [", "stop_threshold: 2"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"limits.yaml: no generation limits \(") as info:
            GenerationLimits.from_file(path)
        assert "\n" not in str(info.value)


def test_batch_equals_alone(make_decoder, speak):
    decoder = make_decoder(2)
    torch.nn.init.constant_(decoder.stop.bias, 0.1)
    torch.nn.init.normal_(decoder.stop.weight)
    limits = GenerationLimits(max_frames_per_unit=6.0, min_frames_per_unit=1.0)
    memory, together = speak(decoder, limits)
    assert len({len(item.mel) for item in together}) > 1, "the items should stop apart"
    for item, length in enumerate((4, 2, 3)):
        one = memory.items([item])
        cut = Memory(one.encoded[:, :length], one.shared, one.mask[:, :length])
        [alone] = generate(decoder, cut, limits)
        assert alone.is_stopped == together[item].is_stopped
        torch.testing.assert_close(together[item].mel, alone.mel, atol=1e-5, rtol=0)
        torch.testing.assert_close(together[item].attention, alone.attention, atol=1e-5, rtol=0)


def test_limits_bound_the_length(make_decoder, speak):
    decoder = make_decoder(2)
    torch.nn.init.zeros_(decoder.stop.weight)
    torch.nn.init.constant_(decoder.stop.bias, -9.0)
    _, items = speak(decoder, GenerationLimits(max_frames_per_unit=3.0))
    # 12, 6 and 9 frames at most, in whole groups of two.
    assert [len(item.mel) for item in items] == [12, 6, 8]
    assert not any(item.is_stopped for item in items)
    torch.nn.init.constant_(decoder.stop.bias, 9.0)
    _, items = speak(decoder, GenerationLimits(min_frames_per_unit=2.0))
    assert [len(item.mel) for item in items] == [8, 4, 6]
    assert all(item.is_stopped for item in items)


def test_an_item_that_stays_on_its_last_unit_is_ended(make_decoder, speak):
    decoder = make_decoder(2)
    torch.nn.init.zeros_(decoder.stop.weight)
    torch.nn.init.constant_(decoder.stop.bias, -9.0)
    lengths, limits = (1, 2, 4), {"max_frames_per_unit": 30.0}
    _, items = speak(decoder, GenerationLimits(**limits, max_last_unit_frames=5), lengths)
    _, free = speak(decoder, GenerationLimits(**limits, max_last_unit_frames=999), lengths)
    # One unit is the last one from the start: three groups of two are 5 frames or more.
    assert len(items[0].mel) == 6
    for item, whole, length in zip(items, free, lengths, strict=True):
        assert len(whole.mel) == 30 * length and not item.is_stopped
        on_last = (whole.attention.argmax(dim=1) == length - 1).cumsum(0)
        assert len(item.mel) == 2 * min(int((on_last < 3).sum()) + 1, 15 * length)


def test_bad_limits_and_train_mode_are_errors(make_decoder, make_memory):
    with pytest.raises(ValueError, match="eval mode"):
        generate(make_decoder().train(), make_memory(1, 2))
    for options in (
        {"stop_threshold": 1.0},
        {"min_frames_per_unit": 3.0, "max_frames_per_unit": 2.0},
        {"max_last_unit_frames": 0},
    ):
        with pytest.raises(ValueError, match="stop_threshold|frames_per_unit|last_unit"):
            GenerationLimits(**options)


# ---------------------------------------------------------------- scheduled sampling


def test_schedule_is_a_ramp():
    schedule = SamplingSchedule(100, 200, 0.4)
    values = [schedule.at(updates) for updates in (0, 100, 150, 200, 999)]
    assert values == pytest.approx([0.0, 0.0, 0.2, 0.4, 0.4])
    for wrong in ({"probability": 1.5}, {"start_updates": 5, "end_updates": 5}, {"mode": "both"}):
        with pytest.raises(ValueError, match="sampling"):
            SamplingSchedule(**wrong)


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
