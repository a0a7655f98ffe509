"""What goes into and comes out of the decoder's passes and single steps."""

from dataclasses import dataclass, fields

import torch

from espnet2_ext.prosody2vec.memory import Memory


@dataclass(frozen=True)
class DecoderOutput:
    """What a pass over whole sequences returns.

    Attributes:
        mels: (B, S * r, M) normalised.
        stop_logits: (B, S).
        attention: (B, S, U) weights of the free pass; None in the forced pass, where
            they are what was given.
        log_attention: (B, K, U) log of what the attention itself would have done, at
            ``energy_steps`` only; None in the free pass.
        energy_steps: (K,) step indices; None in the free pass.
    """

    mels: torch.Tensor
    stop_logits: torch.Tensor
    attention: torch.Tensor | None
    log_attention: torch.Tensor | None = None
    energy_steps: torch.Tensor | None = None


@dataclass(frozen=True)
class DecoderState:
    """Everything a step needs of the steps before it, for a batch of B items."""

    memory: Memory
    mask: torch.Tensor  # (B, U) units the next step may look at
    projected_memory: torch.Tensor  # (B, U, A)
    attention_constant: torch.Tensor  # (B, 4H) gates' part that no step changes
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
        tensors = (field.name for field in fields(self) if field.name != "memory")
        return DecoderState(
            memory=self.memory.items(rows), **{name: getattr(self, name)[rows] for name in tensors}
        )
