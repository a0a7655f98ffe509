import math

import pytest
import torch

from espnet2_ext.prosody2vec import losses
from espnet2_ext.prosody2vec.losses import true_unit_of_step

# ---------------------------------------------------------------- losses


def test_mel_loss_by_hand():
    predicted = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [9.0, 9.0]]])
    target = torch.tensor([[[1.0, 0.0], [3.0, 3.0]], [[2.0, 0.0], [0.0, 0.0]]])
    # Item 0: 0 + 4 + 0 + 1 over 4 values; item 1: 4 + 0 over its 2 valid ones.
    assert losses.mel_loss(predicted, target, torch.tensor([2, 1])).item() == pytest.approx(9 / 6)


def test_stop_loss_by_hand():
    logits = torch.zeros(1, 3)
    # Two valid steps, the second positive with weight 5: (ln 2 + 5 ln 2) / 2.
    loss = losses.stop_loss(logits, torch.tensor([2]), 5.0)
    assert loss.item() == pytest.approx(3 * math.log(2))


def test_near_mass_and_guided_loss_by_hand():
    attention = torch.tensor([[[0.5, 0.25, 0.25, 0.0], [0.0, 0.1, 0.2, 0.7], [1.0, 0.0, 0.0, 0.0]]])
    true_units = torch.tensor([[0, 3, -1]])
    near = losses.near_mass(attention, true_units)
    torch.testing.assert_close(near, torch.tensor([[0.75, 0.9, 0.0]]))
    expected = -(math.log(0.7501) + math.log(0.9001)) / 2
    assert losses.guided_attention_loss(attention, true_units).item() == pytest.approx(expected)


def test_energy_loss_by_hand():
    log_attention = torch.tensor([[[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]]).log()
    loss = losses.energy_loss(log_attention, torch.tensor([[0, 1, -1]]))
    assert loss.item() == pytest.approx(-(math.log(0.5) + math.log(0.75)) / 2)


# ---------------------------------------------------------------- alignment


def test_true_units_worked_by_hand():
    # Units of 2, 1 and 3 upstream frames, 320 samples apart, the first centred at 0:
    # frame centres 0 320 | 640 | 960 1280 1600. Steps at 0, 256, 512, ..., 1792 are
    # nearest to frames 0, 1, 2, 2, 3, 4, 5, 6 (past the end: last unit).
    lengths = torch.tensor([[2, 1, 3]]), torch.tensor([3]), torch.tensor([8]), 8
    steps = {"samples_per_step": 256, "first_step_centre_samples": 0.0}
    units = true_unit_of_step(*lengths, **steps, unit_stride_samples=320, unit_offset_samples=0)
    assert units.tolist() == [[0, 0, 1, 1, 2, 2, 2, 2]]
    # Offset 200 (HuBERT): frame centres 200 520 | 840; steps of two frames at 128, 640, 1152.
    # 128 -> frame 0; 640 -> (640 - 200) / 320 = 1.4 -> frame 1, unit 0;
    # 1152 -> 2.97 -> frame 3, past the end -> the last unit. Padding is -1.
    durations = torch.tensor([[2, 1], [5, 99]])
    lengths = durations, torch.tensor([2, 1]), torch.tensor([3, 2]), 3
    steps = {"samples_per_step": 512, "first_step_centre_samples": 128.0}
    units = true_unit_of_step(*lengths, **steps, unit_stride_samples=320, unit_offset_samples=200)
    assert units.tolist() == [[0, 0, 1], [0, 0, -1]]
