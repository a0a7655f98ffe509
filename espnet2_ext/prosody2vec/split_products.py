"""Layers over inputs of which a part is the same all along the sequence."""

import torch
from torch import nn
from torch.nn import functional as F


def lstm_weights(lstm: nn.LSTM) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return input weight (4H, I), recurrent weight (4H, H) and the sum of both biases (4H,).

    Args:
        lstm: one layer, one direction.
    """
    [[inputs, recurrent, bias, other_bias]] = lstm.all_weights
    return inputs, recurrent, bias + other_bias


def over_sequence(
    weight: torch.Tensor, bias: torch.Tensor | None, sequence: torch.Tensor, shared: torch.Tensor
) -> torch.Tensor:
    """Return (S, B, N): the layer over [sequence ; shared], shared multiplied once an item.

    Args:
        weight: (N, I + G).
        bias: (N,).
        sequence: (S, B, I).
        shared: (B, G).
    """
    width = sequence.size(2)
    constant = F.linear(shared, weight[:, width:], bias)
    return F.linear(sequence, weight[:, :width]) + constant


def at_units(weight: torch.Tensor, encoded: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
    """Return (S, B, N): a bias-free layer over the encoded unit of each step.

    The layer runs once a unit, of which there are fewer than steps; the sum over a
    unit's steps in the gradient is one as well.

    Args:
        weight: (N, E).
        encoded: (B, U, E).
        units: (S, B) indices.
    """
    batch, num_units, _ = encoded.shape
    first = torch.arange(batch, device=units.device) * num_units
    rows = F.linear(encoded, weight).flatten(0, 1)
    return rows.index_select(0, (units + first).flatten()).unflatten(0, units.shape)
