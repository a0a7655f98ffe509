"""The losses of Prosody2Vec, over valid positions only, and the alignment that they refer to.

De-duplicated units keep their durations, counted in frames of the upstream that they were
clustered from. So the unit under every mel frame is known without training; not in paper.
"""

import torch
from torch.nn import functional as F

from espnet2_ext.prosody2vec.memory import length_mask


def mel_loss(
    predicted: torch.Tensor, target: torch.Tensor, mel_lengths: torch.Tensor
) -> torch.Tensor:
    """Return the mean squared error over valid frames and bands of (B, T, M), a scalar.

    Source: [P2V] IV-B.
    """
    mask = length_mask(mel_lengths, target.size(1))[:, :, None]
    error = ((predicted - target) * mask).square().sum()
    return error / (mel_lengths.sum() * target.size(2))


def stop_loss(
    stop_logits: torch.Tensor, step_lengths: torch.Tensor, positive_weight: float
) -> torch.Tensor:
    """Return the binary cross-entropy of "this is the last step" (B, S), a scalar; not in paper.

    ``positive_weight`` is that of the one positive step of an utterance.
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

    ``attention`` is (B, S, U), ``true_units`` (B, S) below 0 past an item's end.
    """
    units = torch.arange(attention.size(2), device=attention.device)
    near = (units - true_units[:, :, None]).abs() <= reach
    return (attention * near).sum(dim=2).masked_fill(true_units < 0, 0.0)


def guided_attention_loss(
    attention: torch.Tensor, true_units: torch.Tensor, floor: float = 1.0e-4
) -> torch.Tensor:
    """Return the mean of -log of the mass near the true unit, a scalar; not in paper."""
    valid = true_units >= 0
    loss = -(near_mass(attention, true_units) + floor).log()
    return (loss * valid).sum() / valid.sum()


def energy_loss(log_attention: torch.Tensor, true_units: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the attention towards the true unit; not in paper.

    ``log_attention`` (B, K, U) is of the given-alignment pass; ``true_units`` (B, K) of the same
    steps are below 0 past an item's end.
    """
    valid = true_units >= 0
    chosen = log_attention.gather(2, true_units.clamp(min=0)[:, :, None]).squeeze(2)
    return -(chosen * valid).sum() / valid.sum().clamp(min=1)


def true_unit_of_step(
    unit_durations: torch.Tensor,
    unit_lengths: torch.Tensor,
    step_lengths: torch.Tensor,
    num_steps: int,
    *,
    samples_per_step: int | torch.Tensor,
    first_step_centre_samples: float | torch.Tensor,
    unit_stride_samples: int,
    unit_offset_samples: int,
) -> torch.Tensor:
    """Return (B, S) index of the unit spoken at the centre of each step, -1 past the end.

    Upstream frame i is centred at ``unit_offset_samples + i * unit_stride_samples``; a step
    takes the unit of the frame with the nearest centre.

    Args:
        unit_durations: (B, U) in upstream frames; ignored past unit_lengths (B,).
        step_lengths: (B,) decoder steps of each item.
        num_steps: S of the padded batch.
        samples_per_step: hop of the mel times the reduction factor; (B, 1) where items are
            stretched in time, as for the next.
        first_step_centre_samples: centre of step 0; (r - 1) / 2 hops for a centred mel.
    """
    units = torch.arange(unit_durations.size(1), device=unit_durations.device)
    durations = unit_durations.masked_fill(units[None, :] >= unit_lengths[:, None], 0)
    ends = durations.cumsum(dim=1)
    steps = torch.arange(num_steps, device=unit_durations.device)
    centres = first_step_centre_samples + steps * samples_per_step
    frames = ((centres - unit_offset_samples) / unit_stride_samples).round().long().clamp(min=0)
    frames = frames.expand(len(ends), -1).contiguous()
    # A frame belongs to the first unit that ends after it.
    index = torch.searchsorted(ends, frames, right=True)
    index = torch.minimum(index, (unit_lengths - 1)[:, None])
    return index.masked_fill(steps[None, :] >= step_lengths[:, None], -1)
