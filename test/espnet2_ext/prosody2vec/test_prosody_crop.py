"""Random stretches of mels."""

import torch

from espnet2_ext.prosody2vec.mels import crop_mels


def _counting_mels(lengths: list[int]) -> torch.Tensor:
    """Return (B, T, 1): frame t of item b is 1000 b + t + 1, zero past the end."""
    mels = torch.zeros(len(lengths), max(lengths), 1)
    for item, length in enumerate(lengths):
        mels[item, :length, 0] = 1000.0 * item + torch.arange(length) + 1
    return mels


def test_each_item_gives_a_whole_stretch_of_its_own():
    lengths = torch.tensor([9, 4, 2])
    starts = set()
    for _ in range(200):
        cropped, cropped_lengths = crop_mels(_counting_mels([9, 4, 2]), lengths, 4)
        assert cropped.shape == (3, 4, 1)
        assert cropped_lengths.tolist() == [4, 4, 2]
        assert (cropped[0, :, 0].diff() == 1.0).all()
        assert cropped[1, :, 0].tolist() == [1001.0, 1002.0, 1003.0, 1004.0]
        assert cropped[2, :, 0].tolist() == [2001.0, 2002.0, 0.0, 0.0]
        starts.add(int(cropped[0, 0, 0]))
    assert starts == {1, 2, 3, 4, 5, 6}


def test_shorter_mels_stay_whole():
    mels, lengths = _counting_mels([3, 2]), torch.tensor([3, 2])
    cropped, cropped_lengths = crop_mels(mels, lengths, 5)
    assert torch.equal(cropped, mels)
    assert torch.equal(cropped_lengths, lengths)
