"""The mel-spectrogram that every vocoder here inverts, that of the 16 kHz HiFi-GAN."""

from functools import cache
from typing import Protocol

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
"""Magnitudes are clamped to it before the logarithm."""


class Vocoder(Protocol):
    """A function from a mel-spectrogram to speech; ``name`` goes into result tables."""

    name: str

    def __call__(self, mel: np.ndarray) -> np.ndarray:
        """Return the waveform (256 * T,) float32 at 16 kHz of a mel (T, 80); see `check_mel`."""
        ...


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
    """Return the natural-log mel (N // 256 + 1, 80) float32 of a waveform (N,) at 16 kHz.

    For analysis-synthesis; the model computes its own (``prosody2vec.mels``), and a test holds
    the two equal.

    Source: [P2V] IV-B for window, hop and bands; the rest is the vocoder's.
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


def check_mel(mel: np.ndarray) -> np.ndarray:
    """Return the mel (T, 80) as float32; a ValueError for another shape or values not finite."""
    mel = np.asarray(mel, dtype=np.float32)
    if mel.ndim != 2 or mel.shape[1] != MEL_DIM or len(mel) == 0:
        raise ValueError(f"a vocoder takes a mel of shape (frames, {MEL_DIM}), got {mel.shape}")
    if not np.isfinite(mel).all():
        raise ValueError("the mel holds values that are not finite; check the model's output")
    return mel
