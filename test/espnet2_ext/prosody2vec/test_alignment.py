import torch

from espnet2_ext.prosody2vec.losses import true_unit_of_step


def test_worked_by_hand():
    # Units of 2, 1 and 3 upstream frames, 320 samples apart, the first centred at 0:
    # frame centres 0 320 | 640 | 960 1280 1600. Steps at 0, 256, 512, ..., 1792 are
    # nearest to frames 0, 1, 2, 2, 3, 4, 5, 6 (past the end: last unit).
    units = true_unit_of_step(
        torch.tensor([[2, 1, 3]]),
        torch.tensor([3]),
        torch.tensor([8]),
        8,
        samples_per_step=256,
        first_step_centre_samples=0.0,
        unit_stride_samples=320,
        unit_offset_samples=0,
    )
    assert units.tolist() == [[0, 0, 1, 1, 2, 2, 2, 2]]


def test_offset_shifts_and_padding_is_minus_one():
    # Offset 200 (HuBERT): frame centres 200 520 | 840; steps of two frames at 128, 640, 1152.
    units = true_unit_of_step(
        torch.tensor([[2, 1], [5, 99]]),
        torch.tensor([2, 1]),
        torch.tensor([3, 2]),
        3,
        samples_per_step=512,
        first_step_centre_samples=128.0,
        unit_stride_samples=320,
        unit_offset_samples=200,
    )
    # 128 -> frame 0; 640 -> (640 - 200) / 320 = 1.4 -> frame 1, unit 0;
    # 1152 -> 2.97 -> frame 3, past the end -> the last unit.
    assert units.tolist() == [[0, 0, 1], [0, 0, -1]]
