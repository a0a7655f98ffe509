"""The decoder that is told its alignment."""

import pytest
import torch

from espnet2_ext.prosody2vec.aligned_decoder import AlignedDecoder
from espnet2_ext.prosody2vec.memory import Memory


def make(reduction_factor: int = 2) -> tuple[AlignedDecoder, Memory]:
    torch.manual_seed(0)
    decoder = AlignedDecoder(
        3,
        2,
        mel_dim=4,
        prenet_dim=5,
        first_lstm_units=6,
        second_lstm_units=7,
        reduction_factor=reduction_factor,
    ).eval()
    mask = torch.tensor([[True, True, True], [True, True, False]])
    return decoder, Memory(torch.randn(2, 3, 3) * mask[:, :, None], torch.randn(2, 2), mask)


@pytest.mark.parametrize("reduction_factor", [1, 2, 3])
def test_generation_is_the_teacher_forced_pass_of_its_own_frames(reduction_factor) -> None:
    decoder, memory = make(reduction_factor)
    frames = torch.tensor([[2.0, 3.0, 1.0], [4.0, 2.0, 0.0]])
    mels = torch.stack([mel for mel, _ in decoder.generate(memory, frames)])
    assert mels.shape == (2, 6, 4)
    centres = [step * reduction_factor + (reduction_factor - 1) / 2 for step in range(6)]
    units = [
        [sum(centre >= end for end in ends) for centre in centres if centre < 6]
        for ends in ((2, 5), (4, 6))
    ]
    spoken = [steps.tolist() for _, steps in decoder.generate(memory, frames)]
    assert spoken == units
    given = decoder(memory, decoder.step_inputs(mels), torch.tensor(units))
    torch.testing.assert_close(given, mels, atol=1e-5, rtol=1e-5)


def test_a_batch_equals_each_alone() -> None:
    decoder, memory = make()
    frames = torch.tensor([[2.0, 3.0, 1.4], [1.0, 2.2, 0.0]])
    both = decoder.generate(memory, frames)
    assert [(len(mel), len(units)) for mel, units in both] == [(6, 3), (3, 2)]
    [alone] = decoder.generate(
        Memory(memory.encoded[1:, :2], memory.shared[1:], memory.mask[1:, :2]), frames[1:, :2]
    )
    torch.testing.assert_close(both[1], alone)


def test_durations_that_round_to_nothing_give_one_step() -> None:
    decoder, memory = make()
    mels = decoder.generate(memory, torch.full((2, 3), 0.01))
    assert [len(mel) for mel, _ in mels] == [2, 2]


def test_train_mode_is_refused() -> None:
    decoder, memory = make()
    with pytest.raises(ValueError, match="eval"):
        decoder.train().generate(memory, torch.ones(2, 3))
