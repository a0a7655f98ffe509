"""The alignment that comes free: which unit every decoder step belongs to.

De-duplicated units keep their run lengths, counted in frames of the upstream they
were clustered from; so the unit under every mel frame is known without training.
Not in paper.
"""

import torch


def true_unit_of_step(
    unit_durations: torch.Tensor,
    unit_lengths: torch.Tensor,
    step_lengths: torch.Tensor,
    *,
    samples_per_step: int | torch.Tensor,
    first_step_centre_samples: float | torch.Tensor,
    unit_stride_samples: int,
    unit_offset_samples: int,
) -> torch.Tensor:
    """Return (B, S) index of the unit spoken at the centre of each step, -1 past the end.

    Upstream frame i is centred at ``unit_offset_samples + i * unit_stride_samples``; a
    step takes the unit of the frame whose centre is nearest to its own.

    Args:
        unit_durations: (B, U) run lengths in upstream frames; ignored past unit_lengths.
        unit_lengths: (B,).
        step_lengths: (B,) decoder steps of each item.
        samples_per_step: hop of the mel times the reduction factor; (B, 1) where items
            are stretched in time.
        first_step_centre_samples: centre of step 0; (r - 1) / 2 hops for a centred mel;
            (B, 1) where items are stretched in time.
        unit_stride_samples: samples between upstream frames.
        unit_offset_samples: centre of upstream frame 0.
    """
    units = torch.arange(unit_durations.size(1), device=unit_durations.device)
    durations = unit_durations.masked_fill(units[None, :] >= unit_lengths[:, None], 0)
    ends = durations.cumsum(dim=1)
    steps = torch.arange(int(step_lengths.max()), device=unit_durations.device)
    centres = first_step_centre_samples + steps * samples_per_step
    frames = ((centres - unit_offset_samples) / unit_stride_samples).round().long().clamp(min=0)
    frames = frames.expand(len(ends), -1).contiguous()
    # The first unit whose end lies beyond the frame holds it.
    index = torch.searchsorted(ends, frames, right=True)
    index = torch.minimum(index, (unit_lengths - 1)[:, None])
    return index.masked_fill(steps[None, :] >= step_lengths[:, None], -1)
