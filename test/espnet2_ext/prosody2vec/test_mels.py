import pytest
import torch
from speechbrain.lobes.models.HifiGAN import mel_spectrogram

from espnet2_ext.prosody2vec.mels import LOG_MEL_FLOOR, HifiGanMel

# float32 transforms of different libraries, on values around 1 to 10.
TOLERANCE = 5.0e-5


def vocoder_mel(waveform):
    """Return (T, 80) as the HiFi-GAN vocoder's own training code makes it."""
    return mel_spectrogram(
        16000, 256, 1024, 1024, 80, 0.0, 8000.0, 1, False, "slaney", "slaney", True, waveform
    ).T


def test_equals_the_vocoders_mel():
    torch.manual_seed(0)
    speech = 0.1 * torch.randn(1, 4321)
    mels, mel_lengths = HifiGanMel()(speech, torch.tensor([4321]))
    assert mels.shape == (1, 4321 // 256 + 1, 80)
    assert mel_lengths.tolist() == [17]
    torch.testing.assert_close(mels[0], vocoder_mel(speech[0]), atol=TOLERANCE, rtol=0)


def test_batch_equals_alone_and_ignores_what_lies_past_the_end():
    torch.manual_seed(0)
    speech = 0.1 * torch.randn(3, 6000)
    lengths = torch.tensor([6000, 3001, 513])
    mels, mel_lengths = HifiGanMel()(speech, lengths)
    for item, length in enumerate(lengths.tolist()):
        alone, _ = HifiGanMel()(speech[item : item + 1, :length], torch.tensor([length]))
        frames = int(mel_lengths[item])
        torch.testing.assert_close(mels[item, :frames], alone[0], atol=1e-5, rtol=0)
        assert (mels[item, frames:] == 0).all()


def test_silence_is_the_floor():
    mels, _ = HifiGanMel()(torch.zeros(1, 2000), torch.tensor([2000]))
    assert torch.allclose(mels, torch.full_like(mels, LOG_MEL_FLOOR))


def test_too_short_is_an_error():
    with pytest.raises(ValueError, match="512 samples is too short"):
        HifiGanMel()(torch.zeros(1, 512), torch.tensor([512]))
