"""A random stretch of each mel for the prosody encoder, so that it cannot hear the whole.

At conversion the prosody comes from another sentence, often of another length. A vector
of the whole utterance may tell its length and its words, which are then of no use; one
of a part can only tell what holds for the rest too. Not in paper.
"""

import torch

from espnet2_ext.prosody2vec.masks import length_mask


def crop_mels(
    mels: torch.Tensor, mel_lengths: torch.Tensor, frames: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mels (B, T', M), T' at most ``frames``, zero past the end, and lengths (B,).

    Each item's stretch starts anywhere within it; items that are shorter stay whole.

    Args:
        mels: (B, T, M).
        mel_lengths: (B,).
        frames: how many to keep.
    """
    frames = min(frames, mels.size(1))
    spare = (mel_lengths - frames).clamp(min=0)
    starts = (torch.rand(len(mels), device=mels.device) * (spare + 1)).long()
    chosen = starts[:, None] + torch.arange(frames, device=mels.device)
    chosen = chosen.clamp(max=mels.size(1) - 1)[:, :, None].expand(-1, -1, mels.size(2))
    lengths = mel_lengths.clamp(max=frames)
    mask = length_mask(lengths, frames)[:, :, None]
    return mels.gather(1, chosen).masked_fill(~mask, 0.0), lengths
