"""The mel-spectrogram of the 16 kHz HiFi-GAN vocoder, identical in a batch and alone."""

import math

import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet2_ext.prosody2vec.masks import length_mask

LOG_MEL_FLOOR = math.log(1.0e-5)


class HifiGanMel(torch.nn.Module):
    """Natural-log mel magnitudes, floored at ln(1e-5), as the HiFi-GAN vocoder expects.

    Each item is reflected at its own end before the transform, so that its last
    frames do not depend on the padding of the batch (ESPnet's ``Stft`` reflects the
    padded batch).

    Source: [P2V] IV-B (1024 bins, 64 ms window, 16 ms stride, 80 bands).
    Deviation: band limits, slaney scale, log and floor are the vocoder's; not in paper.

    Args:
        sample_rate_hz: sampling rate of the input.
        n_fft: length of the transform and of the Hann window, samples.
        hop_length: samples between frames.
        mel_dim: M, number of bands.
        min_hz: lower edge of the first band.
        max_hz: upper edge of the last band.
    """

    def __init__(
        self,
        sample_rate_hz: int = 16000,
        n_fft: int = 1024,
        hop_length: int = 256,
        mel_dim: int = 80,
        min_hz: int = 0,
        max_hz: int = 8000,
    ):
        super().__init__()
        self.sample_rate_hz = sample_rate_hz
        self.hop_length = hop_length
        self.mel_dim = mel_dim
        self.padding = n_fft // 2
        self.log_mel = LogMelFbank(
            fs=sample_rate_hz,
            n_fft=n_fft,
            win_length=n_fft,
            hop_length=hop_length,
            center=False,
            n_mels=mel_dim,
            fmin=min_hz,
            fmax=max_hz,
            log_base=None,
        )

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mels (B, T, M), zero past their end, and mel_lengths (B,) = N // hop + 1.

        Args:
            speech: (B, N) samples in [-1, 1]; what lies past the lengths is ignored.
            speech_lengths: (B,) samples of each item, each above half the window.

        Raises:
            ValueError: an item is shorter than half the window.
        """
        if int(speech_lengths.min()) <= self.padding:
            raise ValueError(
                f"an utterance of {int(speech_lengths.min())} samples is too short for a window "
                f"of {2 * self.padding}: drop it with the length filter"
            )
        padded = self._reflect_at_own_end(speech, speech_lengths)
        mels, mel_lengths = self.log_mel(padded, speech_lengths + 2 * self.padding)
        mask = length_mask(mel_lengths, mels.size(1))
        mels = mels.clamp(min=LOG_MEL_FLOOR).masked_fill(~mask[:, :, None], 0.0)
        return mels, mel_lengths

    def _reflect_at_own_end(self, speech: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return (B, N + 2 * padding): each item with both its ends reflected."""
        position = torch.arange(
            -self.padding, speech.size(1) + self.padding, device=speech.device
        ).abs()[None, :]
        last = lengths[:, None] - 1
        position = torch.where(position > last, 2 * last - position, position).clamp(min=0)
        return speech.gather(1, position)
