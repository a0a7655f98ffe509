"""Segments of a mel and of its waveform stand for the same time."""

import numpy as np
import pytest
import torch

from espnet2_ext.vocoder.gan_model import cut_segments, lengthen, segment_starts
from espnet2_ext.vocoder.griffin_lim import GriffinLim
from espnet2_ext.vocoder.mel import log_mel


def test_segments_are_plain_slices() -> None:
    lengths = [4000, 2600]
    generator = torch.Generator().manual_seed(0)
    speech = torch.randn(2, 4000, generator=generator)
    mels = torch.randn(2, 16, 80, generator=generator)
    starts = torch.tensor([11, 3])
    segments = cut_segments(mels, speech, starts, 4)
    for index, start in enumerate(starts.tolist()):
        assert torch.equal(segments.mels[index], mels[index, start : start + 4].T)
        expected = speech[index, 256 * start : 256 * (start + 4)]
        assert torch.equal(segments.waveforms[index, 0], expected)
    assert 256 * 15 <= lengths[0]


@pytest.mark.parametrize("click", [3000, 4096, 5500])
def test_a_click_lies_at_the_same_time_in_both(click: int) -> None:
    """What Griffin-Lim makes of the mel's segment clicks where the waveform's segment does."""
    waveform = np.random.default_rng(0).normal(0, 1.0e-4, 9000).astype(np.float32)
    waveform[click] = 0.9
    mels = torch.from_numpy(log_mel(waveform))[None]
    segments = cut_segments(mels, torch.from_numpy(waveform)[None], torch.tensor([8]), 16)
    wanted = int(segments.waveforms.abs().argmax())
    assert wanted == click - 256 * 8
    heard = GriffinLim()(segments.mels[0].T.numpy())
    assert abs(int(np.abs(heard).argmax()) - wanted) < 16


def test_every_place_is_drawn_and_none_beyond_the_end() -> None:
    torch.manual_seed(0)
    lengths = torch.tensor([256 * 7 + 255, 256 * 4]).repeat(200)
    starts = segment_starts(lengths, 4, is_random=True).view(-1, 2)
    assert set(starts[:, 0].tolist()) == {0, 1, 2, 3}
    assert set(starts[:, 1].tolist()) == {0}
    assert segment_starts(lengths[:2], 4, is_random=False).tolist() == [1, 0]


def test_short_speech_is_followed_by_silence_and_padding_is_ignored() -> None:
    speech = torch.ones(2, 300)
    longer, lengths = lengthen(speech, torch.tensor([300, 200]), 512)
    assert lengths.tolist() == [512, 512]
    assert longer.sum(dim=1).tolist() == [300, 200]
    same, lengths = lengthen(speech, torch.tensor([300, 200]), 100)
    assert (tuple(same.shape), lengths.tolist()) == ((2, 300), [300, 200])
