"""What Prosody2Vec minimises, each over valid positions only."""

import torch
from torch.nn import functional as F

from espnet2_ext.prosody2vec.masks import length_mask


def mel_loss(
    predicted: torch.Tensor, target: torch.Tensor, mel_lengths: torch.Tensor
) -> torch.Tensor:
    """Return the mean squared error over valid frames and bands, a scalar.

    Source: [P2V] IV-B.

    Args:
        predicted: (B, T, M).
        target: (B, T, M).
        mel_lengths: (B,).
    """
    mask = length_mask(mel_lengths, target.size(1))[:, :, None]
    error = ((predicted - target) * mask).square().sum()
    return error / (mel_lengths.sum() * target.size(2))


def stop_loss(
    stop_logits: torch.Tensor, step_lengths: torch.Tensor, positive_weight: float
) -> torch.Tensor:
    """Return the binary cross-entropy of "this is the last step", a scalar; not in paper.

    Args:
        stop_logits: (B, S).
        step_lengths: (B,).
        positive_weight: weight of the one positive step of an utterance.
    """
    steps = stop_logits.size(1)
    target = F.one_hot(step_lengths - 1, steps).to(stop_logits.dtype)
    mask = length_mask(step_lengths, steps).to(stop_logits.dtype)
    loss = F.binary_cross_entropy_with_logits(
        stop_logits,
        target,
        weight=mask,
        pos_weight=stop_logits.new_tensor(positive_weight),
        reduction="sum",
    )
    return loss / mask.sum()


def near_mass(attention: torch.Tensor, true_units: torch.Tensor, reach: int = 1) -> torch.Tensor:
    """Return (B, S) attention mass within ``reach`` units of the true one; 0 past the end.

    Args:
        attention: (B, S, U) weights.
        true_units: (B, S), below 0 past an item's end.
        reach: units on either side that count.
    """
    units = torch.arange(attention.size(2), device=attention.device)
    near = (units - true_units[:, :, None]).abs() <= reach
    return (attention * near).sum(dim=2).masked_fill(true_units < 0, 0.0)


def guided_attention_loss(
    attention: torch.Tensor, true_units: torch.Tensor, floor: float = 1.0e-4
) -> torch.Tensor:
    """Return the mean of -log of the mass near the true unit, a scalar; not in paper.

    Args:
        attention: (B, S, U) weights of the free pass.
        true_units: (B, S), below 0 past an item's end.
        floor: keeps the gradient finite where no mass is near.
    """
    valid = true_units >= 0
    loss = -(near_mass(attention, true_units) + floor).log()
    return (loss * valid).sum() / valid.sum()


def energy_loss(log_attention: torch.Tensor, true_units: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the attention towards the true unit; not in paper.

    Args:
        log_attention: (B, K, U) of the forced pass.
        true_units: (B, K) at the same steps, below 0 past an item's end.
    """
    valid = true_units >= 0
    chosen = log_attention.gather(2, true_units.clamp(min=0)[:, :, None]).squeeze(2)
    return -(chosen * valid).sum() / valid.sum().clamp(min=1)
