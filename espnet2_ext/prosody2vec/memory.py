"""What the decoder reads: a vector for every unit, and what is the same at all of them."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Memory:
    """The memory of a batch, in the two parts that cost differently.

    Speaker and prosody vectors stand beside every unit ([P2V] Fig. 1), so any weighted
    mean over units leaves them as they are: what a layer makes of them is computed once
    an utterance instead of once a frame.

    Attributes:
        encoded: (B, U, E) of U2V, zero past each item's end.
        shared: (B, G) speaker and prosody vectors side by side.
        mask: (B, U) True at valid units; every item has at least one.
    """

    encoded: torch.Tensor
    shared: torch.Tensor
    mask: torch.Tensor

    def expanded(self) -> torch.Tensor:
        """Return (B, U, E + G), the memory as the paper draws it."""
        return torch.cat([self.encoded, self.beside(self.encoded)], dim=2)

    def beside(self, sequence: torch.Tensor) -> torch.Tensor:
        """Return (B, N, G): the shared part repeated along a sequence (B, N, *)."""
        return self.shared[:, None].expand(-1, sequence.size(1), -1)

    def items(self, rows: torch.Tensor | list[int] | slice) -> "Memory":
        """Return the memory of some items of the batch."""
        return Memory(self.encoded[rows], self.shared[rows], self.mask[rows])
