"""Length masks, made of tensors (no host synchronisation)."""

import torch


def length_mask(lengths: torch.Tensor, max_length: int) -> torch.Tensor:
    """Return (B, max_length) bool, True where a position lies inside its item.

    Args:
        lengths: (B,) number of valid positions of each item.
        max_length: width of the padded batch.
    """
    positions = torch.arange(max_length, device=lengths.device)
    return positions[None, :] < lengths[:, None]
