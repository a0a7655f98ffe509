"""Stretch mels in time without changing their units, so that tempo must come from prosody.

Fast speech has fewer frame-wise units than slow speech of the same words, so a decoder
can read the tempo off the units and need not ask the prosody vector; given the units of
a neutral sentence and the prosody of a fast one, it then speaks at the neutral tempo.
Not in paper: [P2V] IV-B perturbs the speed of the audio, units with it.
"""

import torch

from espnet2_ext.prosody2vec.masks import length_mask


def stretch_mels(
    mels: torch.Tensor, mel_lengths: torch.Tensor, factors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mels (B, T', M) that last ``factors`` times as long, and their lengths (B,).

    Linear interpolation between frames, each item within its own frames: frame t of the
    result stands where frame t / factor stood. Pitch and formants stay.

    Args:
        mels: (B, T, M).
        mel_lengths: (B,).
        factors: (B,) above 0.
    """
    lengths = (mel_lengths * factors).round().long().clamp(min=1)
    frames = torch.arange(int(lengths.max()), device=mels.device)
    last = (mel_lengths - 1)[:, None].to(mels.dtype)
    positions = torch.minimum(frames / factors[:, None], last)  # (B, T')
    lower = positions.floor().long()
    upper = torch.minimum(lower + 1, (mel_lengths - 1)[:, None])
    weight = (positions - lower)[:, :, None].to(mels.dtype)
    width = (-1, -1, mels.size(2))
    stretched = torch.lerp(
        mels.gather(1, lower[:, :, None].expand(width)),
        mels.gather(1, upper[:, :, None].expand(width)),
        weight,
    )
    mask = length_mask(lengths, len(frames))[:, :, None]
    return stretched.masked_fill(~mask, 0.0), lengths


def draw_factors(count: int, widest: float, device: torch.device) -> torch.Tensor:
    """Return (count,) factors between 1 / widest and widest, even on a logarithmic scale."""
    exponent = 2.0 * torch.rand(count, device=device) - 1.0
    return torch.as_tensor(widest, device=device) ** exponent
