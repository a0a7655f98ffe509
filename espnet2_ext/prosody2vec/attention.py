"""Location-sensitive attention over the repeated-unit memory."""

import torch
from torch import nn


class LocationSensitiveAttention(nn.Module):
    """Additive attention that sees where it looked before.

    Source: [P2V] III-C (Chorowski et al. 2015) and Table II, rows Query FC, Memory FC,
    Location Conv1D (kernel 31, padding 15), Location FC, Weight FC.
    Deviation: the location convolution sees the last and the accumulated weights, as in
    NVIDIA's Tacotron 2; not in paper (the last alone in Chorowski et al., the accumulated
    alone in the paper of Tacotron 2).

    Args:
        query_dim: H of the attention LSTM.
        memory_dim: D.
        attention_dim: width of the space in which query and memory meet.
        location_channels: filters of the location convolution.
        location_kernel_size: odd.
    """

    def __init__(
        self,
        query_dim: int,
        memory_dim: int,
        attention_dim: int = 128,
        location_channels: int = 32,
        location_kernel_size: int = 31,
    ):
        super().__init__()
        self.query = nn.Linear(query_dim, attention_dim, bias=False)
        self.memory = nn.Linear(memory_dim, attention_dim, bias=False)
        self.location_convolution = nn.Conv1d(
            2,
            location_channels,
            location_kernel_size,
            padding=location_kernel_size // 2,
            bias=False,
        )
        self.location = nn.Linear(location_channels, attention_dim, bias=False)
        # The softmax over units does not see a bias.
        self.weight = nn.Linear(attention_dim, 1, bias=False)

    def location_kernel(self) -> torch.Tensor:
        """Return (A, 2 * W): location convolution and location layer in one, over patches.

        W is the kernel size; the last weights' taps come first, as ``unfold`` has them.
        """
        return self.location.weight @ self.location_convolution.weight.flatten(1)

    def energies(
        self,
        query: torch.Tensor,
        projected_memory: torch.Tensor,
        last_weights: torch.Tensor,
        accumulated_weights: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Return unnormalised scores (*, U), minus infinity where the mask is False.

        The leading dimensions may be one step of a batch (B) or some steps of it (B, S).

        Args:
            query: (*, H) hidden state of the attention LSTM.
            projected_memory: (*, U, A) what ``self.memory`` makes of the memory.
            last_weights: (*, U) weights of the step before.
            accumulated_weights: (*, U) sum over all steps before.
            mask: (*, U) True at valid units.
        """
        history = torch.stack([last_weights, accumulated_weights], dim=-2)  # (*, 2, U)
        location = self.location_convolution(history.flatten(0, -3)).transpose(1, 2)
        location = self.location(location).unflatten(0, history.shape[:-2])  # (*, U, A)
        hidden = torch.tanh(self.query(query).unsqueeze(-2) + projected_memory + location)
        return self.weight(hidden).squeeze(-1).masked_fill(~mask, float("-inf"))
