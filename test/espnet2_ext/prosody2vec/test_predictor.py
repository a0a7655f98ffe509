"""What units are predicted to be spoken with."""

import math

import pytest
import torch

from espnet2_ext.prosody2vec.contours import UnitProsody
from espnet2_ext.prosody2vec.predictor import (
    ProsodyControl,
    ProsodyPredictor,
    UnitProsodyEmbedding,
    predicted_prosody,
    predictor_losses,
)


def test_a_batch_equals_each_alone_and_units_get_no_gradient() -> None:
    torch.manual_seed(0)
    predictor = ProsodyPredictor(4, 2, channels=6, kernel_size=3).eval()
    encoded, vector = torch.randn(2, 5, 4, requires_grad=True), torch.randn(2, 2)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    both = predictor(encoded, mask, vector)
    assert both.shape == (2, 5, 4)
    alone = predictor(encoded[1:, :3], mask[1:, :3], vector[1:])
    torch.testing.assert_close(both[1, :3], alone[0])
    both.sum().backward()
    assert encoded.grad is None


def test_losses_by_hand() -> None:
    predictions = torch.tensor([[[0.1, 0.0, 1.0, math.log(2.0)], [0.5, 0.0, 3.0, 0.0], [9.0] * 4]])
    targets = UnitProsody(
        pitch=torch.tensor([[0.3, 0.0, 0.0]]),
        voicing=torch.tensor([[1.0, 0.0, 0.0]]),
        level=torch.tensor([[0.0, 0.0, 0.0]]),
        frames=torch.tensor([[3.0, 0.0, 0.0]]),
    )
    mask = torch.tensor([[True, True, False]])
    losses = predictor_losses(predictions, targets, mask)
    assert float(losses["pitch_loss"]) == pytest.approx(1.0)  # (5 * 0.2)^2
    assert float(losses["voicing_loss"]) == pytest.approx(math.log(2))
    assert float(losses["level_loss"]) == pytest.approx(1.0)  # the second unit has no frame
    poisson = (2 - 3 * math.log(2) + 1) / 2
    assert float(losses["duration_loss"]) == pytest.approx(poisson)


def test_predictions_as_the_decoder_reads_them() -> None:
    predictions = torch.tensor([[[0.1, 0.0, 1.0, math.log(2.0)], [0.0, 0.0, 0.0, 9.0], [0.0] * 4]])
    prosody = predicted_prosody(predictions, torch.tensor([[True, True, False]]))
    assert prosody.voicing[0].tolist() == [0.5] * 3
    assert prosody.frames[0].tolist() == pytest.approx([2.0, math.exp(4), 0.0])


def test_control_by_hand() -> None:
    prosody = UnitProsody(
        pitch=torch.tensor([[0.1, 0.4, 9.0]]),
        voicing=torch.tensor([[1.0, 0.5, 0.0]]),
        level=torch.tensor([[0.0, 1.0, 2.0]]),
        frames=torch.tensor([[2.0, 2.0, 4.0]]),
    )
    control = ProsodyControl(pitch_semitones=12, pitch_range=2.0, tempo=2.0, level_db=20.0)
    changed = control.apply(prosody)
    mean = (0.1 * 2 + 0.4 * 1) / 3  # of voiced frames
    expected = [mean + 2 * (pitch - mean) + math.log(2) for pitch in (0.1, 0.4, 9.0)]
    assert changed.pitch[0].tolist() == pytest.approx(expected)
    assert changed.level[0].tolist() == pytest.approx([n + math.log(10) for n in (0, 1, 2)])
    assert changed.frames[0].tolist() == [1, 1, 2]
    for before, after in zip(prosody, ProsodyControl().apply(prosody), strict=True):
        torch.testing.assert_close(before, after)


@pytest.mark.parametrize("name", ["pitch_semitones", "tempo", "pitch_range"])
def test_impossible_control(name) -> None:
    with pytest.raises(ValueError, match=name):
        ProsodyControl(**{name: 0.0 if name != "pitch_semitones" else math.nan})


def test_pitch_of_the_speaker_is_added_back() -> None:
    torch.manual_seed(0)
    embedding = UnitProsodyEmbedding(4, bins=5)
    one = torch.ones(1, 1)

    def read(pitch: float, log_f0: float) -> torch.Tensor:
        prosody = UnitProsody(pitch * one, one, 0 * one, one)
        return embedding(prosody, torch.tensor([[log_f0, 0.0]]))

    torch.testing.assert_close(read(0.2, 5.0), read(0.0, 5.2))
    assert not torch.allclose(read(0.2, 5.0), read(0.2, 5.2))
    assert embedding.speaker(torch.tensor([[5.0, 1.0]])).shape == (1, embedding.speaker_dim)
