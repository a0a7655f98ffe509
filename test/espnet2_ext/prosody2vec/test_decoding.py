import re

import pytest
import torch

from espnet2_ext.prosody2vec.decoding import GenerationLimits, generate
from espnet2_ext.prosody2vec.memory import Memory


@pytest.fixture
def speak(make_memory):
    def run(decoder, limits, lengths=(4, 2, 3)):
        memory = make_memory(len(lengths), max(lengths), torch.float32, lengths)
        return memory, generate(decoder.eval(), memory, limits)

    return run


def test_limits_are_read_from_a_file(tmp_path):
    path = tmp_path / "limits.yaml"
    path.write_text("max_frames_per_unit: 3\nforward_units: 2\n")
    expected = GenerationLimits(max_frames_per_unit=3, forward_units=2)
    assert GenerationLimits.from_file(path) == expected
    path.write_text("# nothing\n")
    assert GenerationLimits.from_file(path) == GenerationLimits.from_file(None)
    with pytest.raises(FileNotFoundError, match="none.yaml"):
        GenerationLimits.from_file("none.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("maximum: 3", "maximum"),
        ("- 1", "mapping"),
        ("a: [", "flow"),
        ("stop_threshold: 2", "lie in"),
    ],
)
def test_a_file_of_anything_else_is_one_line(tmp_path, text, said):
    (tmp_path / "limits.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"limits.yaml: no generation limits \(.*{said}") as info:
        GenerationLimits.from_file(tmp_path / "limits.yaml")
    assert "\n" not in str(info.value)


def test_the_docstring_knows_the_default_in_seconds():
    [(frames, seconds)] = re.findall(
        r"(\d+) are (\S+) s at a hop of 16 ms", GenerationLimits.__doc__
    )
    assert int(frames) == GenerationLimits().max_last_unit_frames
    assert float(seconds) == int(frames) * 0.016


@pytest.mark.parametrize("window", [{}, {"backward_units": 0, "forward_units": 1}])
def test_batch_equals_alone(make_decoder, speak, window):
    decoder = make_decoder(2)
    torch.nn.init.constant_(decoder.stop.bias, 0.1)
    torch.nn.init.normal_(decoder.stop.weight)
    limits = GenerationLimits(max_frames_per_unit=6.0, min_frames_per_unit=1.0, **window)
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
    limits = {"max_frames_per_unit": 30.0, "backward_units": 0, "forward_units": 1}
    _, items = speak(decoder, GenerationLimits(**limits, max_last_unit_frames=5), (1, 4))
    assert not any(item.is_stopped for item in items)
    # One unit is the last one from the start: three groups of two are 5 frames or more.
    assert len(items[0].mel) == 6
    _, free = speak(decoder, GenerationLimits(**limits, max_last_unit_frames=999), (1, 4))
    assert [len(item.mel) for item in free] == [30, 120]
    arrived = free[1].attention.argmax(1).tolist().index(3)
    assert len(items[1].mel) == 2 * (arrived + 3)


def test_attention_window_confines_each_step(make_decoder, speak):
    limits = GenerationLimits(max_frames_per_unit=4.0, backward_units=0, forward_units=1)
    _, items = speak(make_decoder(), limits)
    for item in items:
        moves = item.attention.argmax(1).diff()
        assert ((moves >= 0) & (moves <= 1)).all()
        torch.testing.assert_close(item.attention.sum(1), torch.ones(len(item.attention)))


def test_train_mode_is_an_error(make_decoder, make_memory):
    with pytest.raises(ValueError, match="eval mode"):
        generate(make_decoder().train(), make_memory(1, 2))


@pytest.mark.parametrize(
    "options",
    [
        {"stop_threshold": 1.0},
        {"min_frames_per_unit": 3.0, "max_frames_per_unit": 2.0},
        {"max_last_unit_frames": 0},
    ],
)
def test_bad_limits_are_errors(options):
    with pytest.raises(ValueError, match="stop_threshold|frames_per_unit|last_unit"):
        GenerationLimits(**options)
