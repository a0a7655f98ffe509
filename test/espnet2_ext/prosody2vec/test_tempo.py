import torch

from espnet2_ext.prosody2vec.mels import draw_factors, stretch_mels


def test_worked_by_hand():
    mels = torch.tensor([[[0.0], [2.0], [4.0]], [[1.0], [3.0], [9.0]]])
    stretched, lengths = stretch_mels(mels, torch.tensor([3, 2]), torch.tensor([2.0, 0.5]))
    assert lengths.tolist() == [6, 1]
    # Frame t stands at t / 2: 0, 0.5, ... 2.5, the last held at frame 2.
    assert stretched[0, :, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert stretched[1, :, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_factor_one_changes_nothing_and_padding_is_never_seen():
    torch.manual_seed(0)
    mels, lengths = torch.randn(2, 7, 3), torch.tensor([7, 4])
    mels[1, 4:] = 1.0e6
    same, kept = stretch_mels(mels, lengths, torch.ones(2))
    assert kept.tolist() == [7, 4]
    torch.testing.assert_close(same[0], mels[0])
    torch.testing.assert_close(same[1, :4], mels[1, :4])
    longer, _ = stretch_mels(mels, lengths, torch.full((2,), 1.3))
    assert longer.abs().max() < 1.0e3


def test_batch_equals_alone():
    torch.manual_seed(0)
    mels, lengths, factors = torch.randn(2, 9, 3), torch.tensor([9, 5]), torch.tensor([0.8, 1.25])
    together, long = stretch_mels(mels, lengths, factors)
    for item in range(2):
        alone, length = stretch_mels(
            mels[item : item + 1], lengths[item : item + 1], factors[item : item + 1]
        )
        torch.testing.assert_close(together[item, : int(long[item])], alone[0])
        assert length.tolist() == [int(long[item])]


def test_factors_lie_in_their_range():
    torch.manual_seed(0)
    factors = draw_factors(1000, 1.25, torch.device("cpu"))
    assert 0.8 <= factors.min() < 0.82
    assert 1.22 < factors.max() <= 1.25
    assert abs(float(factors.log().mean())) < 0.02
