"""The mel of the vocoders, and what a vocoder accepts."""

import numpy as np
import pytest
import torch

from espnet2_ext.prosody2vec.mels import HifiGanMel
from espnet2_ext.vocoder.mel import band_centers_hz, check_mel, log_mel, mel_filters

TOLERANCE = 1.0e-4
"""Two libraries' filters in float32, after the logarithm."""


@pytest.mark.parametrize("num_samples", [513, 4095, 4096])
def test_equals_the_models_own_mel(num_samples: int) -> None:
    waveform = np.random.default_rng(0).normal(0, 0.1, num_samples).astype(np.float32)
    expected, lengths = HifiGanMel()(torch.from_numpy(waveform)[None], torch.tensor([num_samples]))
    mel = log_mel(waveform)
    assert mel.dtype == np.float32
    assert len(mel) == num_samples // 256 + 1 == lengths[0]
    np.testing.assert_allclose(mel, expected[0].numpy(), atol=TOLERANCE)


def test_band_centers_rise_and_a_tone_is_loudest_in_its_band() -> None:
    centers_hz = band_centers_hz()
    assert mel_filters().shape == (80, 513)
    assert (np.diff(centers_hz) > 0).all()
    band = 40
    tone = np.sin(2 * np.pi * centers_hz[band] * np.arange(8000) / 16000).astype(np.float32)
    assert log_mel(tone)[10].argmax() == band
    np.testing.assert_allclose(log_mel(0 * tone), np.log(1.0e-5), rtol=1.0e-6)


def test_mels_that_a_vocoder_takes_and_waveforms_that_have_one() -> None:
    for shape in ((512,), (2, 4096)):
        with pytest.raises(ValueError, match="more than 512 samples"):
            log_mel(np.zeros(shape, dtype=np.float32))
    assert check_mel(np.zeros((3, 80))).dtype == np.float32
    for shape in ((80, 3), (0, 80), (80,), (1, 3, 80)):
        with pytest.raises(ValueError, match=r"shape \(frames, 80\)"):
            check_mel(np.zeros(shape))
    with pytest.raises(ValueError, match="not finite"):
        check_mel(np.full((2, 80), np.nan))
