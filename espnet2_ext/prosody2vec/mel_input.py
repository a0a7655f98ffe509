"""What a model hears: normalised mels of the audio, or of mels that were kept."""

import torch
from torch import nn

from espnet2_ext.prosody2vec.features import HifiGanMel


def normalised_mels(
    features: HifiGanMel,
    normalize: nn.Module | None,
    speech: torch.Tensor | None,
    speech_lengths: torch.Tensor | None,
    feats: torch.Tensor | None = None,
    feats_lengths: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised mels (B, T, M) float32, zero past the end, and mel_lengths (B,).

    Args:
        features: waveform to mel.
        normalize: ESPnet's GlobalMVN, or None.
        speech: (B, N); or None where feats are given.
        speech_lengths: (B,).
        feats: (B, T, M) what ``features`` gave; or None.
        feats_lengths: (B,).

    Raises:
        ValueError: neither speech nor feats, or both.
    """
    if speech is not None and feats is None:
        with torch.no_grad(), torch.autocast(speech.device.type, enabled=False):
            mels, mel_lengths = features(speech.float(), speech_lengths)
    elif feats is not None and feats_lengths is not None and speech is None:
        # A copy: ESPnet's GlobalMVN works in place on an input without gradient.
        mels, mel_lengths = feats.float().clone(), feats_lengths
    else:
        raise ValueError("of speech and feats exactly one must be given as data")
    if normalize is not None:
        with torch.no_grad(), torch.autocast(mels.device.type, enabled=False):
            mels, mel_lengths = normalize(mels, mel_lengths)
    return mels, mel_lengths
