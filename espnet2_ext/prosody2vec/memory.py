"""What goes into and comes out of the decoder: the memory, the state of a step, the outputs."""

from dataclasses import dataclass

import torch


def length_mask(lengths: torch.Tensor, max_length: int) -> torch.Tensor:
    """Return (B, max_length) bool, True inside each item; never waits for a GPU."""
    return torch.arange(max_length, device=lengths.device)[None, :] < lengths[:, None]


@dataclass(frozen=True)
class Memory:
    """The memory of a batch, in two parts.

    Speaker and prosody vectors stand beside every unit ([P2V] Fig. 1), so that any weighted
    mean over units leaves them as they are: what a layer makes of them is computed once an
    utterance instead of once a frame.
    """

    encoded: torch.Tensor  # (B, U, E) of U2V, zero past each item's end
    shared: torch.Tensor  # (B, G) speaker and prosody vectors side by side
    mask: torch.Tensor  # (B, U) True at valid units; every item has at least one

    def expanded(self) -> torch.Tensor:
        """Return (B, U, E + G), the memory as the paper draws it."""
        shared = self.shared[:, None].expand(-1, self.encoded.size(1), -1)
        return torch.cat([self.encoded, shared], dim=2)

    def items(self, rows: torch.Tensor | list[int] | slice) -> "Memory":
        """Return the memory of some items of the batch."""
        return Memory(self.encoded[rows], self.shared[rows], self.mask[rows])


@dataclass(frozen=True)
class DecoderOutput:
    """What a pass over whole sequences returns."""

    mels: torch.Tensor  # (B, S * r, M) normalised
    stop_logits: torch.Tensor  # (B, S)
    attention: torch.Tensor | None  # (B, S, U) weights; None where the alignment is given
    # Where it is given: log weights (B, K, U) that the attention itself would have had at the
    # steps (K,).
    log_attention: torch.Tensor | None = None
    energy_steps: torch.Tensor | None = None


@dataclass(frozen=True)
class DecoderState:
    """Everything a step needs of the steps before it, for a batch of B items."""

    memory: Memory
    projected_memory: torch.Tensor  # (B, U, A)
    attention_constant: torch.Tensor  # (B, 4H) the gates' part that is the same at all steps
    decoder_constant: torch.Tensor  # (B, 4H) the same of the decoder LSTM
    attention_hidden: torch.Tensor  # (B, H)
    attention_cell: torch.Tensor  # (B, H)
    decoder_hidden: torch.Tensor  # (B, H)
    decoder_cell: torch.Tensor  # (B, H)
    weights: torch.Tensor  # (B, U)
    accumulated: torch.Tensor  # (B, U)
    context: torch.Tensor  # (B, E)

    def items(self, rows: list[int]) -> "DecoderState":
        """Return the state of some items of the batch."""
        tensors = {name: value[rows] for name, value in vars(self).items() if name != "memory"}
        return DecoderState(self.memory.items(rows), **tensors)
