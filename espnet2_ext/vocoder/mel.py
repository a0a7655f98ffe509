"""The mel-spectrogram that both vocoders invert: that of the 16 kHz HiFi-GAN."""

from functools import cache

import numpy as np
import torch
from torchaudio.functional import melscale_fbanks

from espnet2_ext.data.audio import SAMPLE_RATE_HZ

N_FFT = 1024
"""Samples of the transform and of its Hann window (64 ms)."""
HOP_SAMPLES = 256
"""Samples between frames (16 ms)."""
MEL_DIM = 80
MAX_HZ = 8000.0
MAGNITUDE_FLOOR = 1.0e-5
"""Magnitudes below this are lifted to it before the logarithm."""


@cache
def mel_filters() -> torch.Tensor:
    """Return the slaney filters (80, 513) that sum magnitudes into bands."""
    filters = melscale_fbanks(
        N_FFT // 2 + 1, 0.0, MAX_HZ, MEL_DIM, SAMPLE_RATE_HZ, norm="slaney", mel_scale="slaney"
    )
    return filters.T.contiguous()


def band_centers_hz() -> np.ndarray:
    """Return the centre (80,) of each band in Hz."""
    filters = mel_filters().double()
    bins_hz = torch.linspace(0.0, SAMPLE_RATE_HZ / 2, N_FFT // 2 + 1, dtype=torch.float64)
    return ((filters * bins_hz).sum(dim=1) / filters.sum(dim=1)).numpy()


def log_mel(waveform: np.ndarray) -> np.ndarray:
    """Return the natural-log mel (T, 80) float32, T = N // 256 + 1.

    For analysis and resynthesis; the model computes its own inside the network
    (``prosody2vec.features``), and a test holds the two equal.

    Source: [P2V] IV-B for window, hop and bands; the rest is the vocoder's.

    Args:
        waveform: (N,) at 16 kHz.

    Raises:
        ValueError: the waveform is not longer than half a window (512 samples).
    """
    if waveform.ndim != 1 or len(waveform) <= N_FFT // 2:
        raise ValueError(
            f"a mel needs a waveform of more than {N_FFT // 2} samples, got shape {waveform.shape}"
        )
    spectrum = torch.stft(
        torch.as_tensor(waveform, dtype=torch.float32),
        N_FFT,
        HOP_SAMPLES,
        window=torch.hann_window(N_FFT),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    mel = mel_filters() @ spectrum.abs()
    return mel.clamp(min=MAGNITUDE_FLOOR).log().T.numpy()
