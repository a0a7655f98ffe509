"""Scheduled sampling: now and then feed the decoder what it said itself."""

from dataclasses import dataclass

import torch

from espnet2_ext.prosody2vec.decoder import DecoderOutput, Prosody2VecDecoder


@dataclass(frozen=True)
class SamplingSchedule:
    """How likely a step is to be fed its own last frame, by the number of updates done.

    Source: [P2V] IV-B names scheduled sampling (Bengio et al. 2015) without a schedule:
    the numbers are not in paper.

    Attributes:
        start_updates: probability 0 up to here.
        end_updates: ``probability`` from here on, a straight line between.
        probability: the highest; 0 switches sampling off.
    """

    start_updates: int = 0
    end_updates: int = 1
    probability: float = 0.0

    def __post_init__(self):
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"sampling probability must lie in [0, 1]: {self.probability}")
        if self.end_updates <= self.start_updates:
            raise ValueError(
                f"sampling end_updates {self.end_updates} must be above "
                f"start_updates {self.start_updates}"
            )

    def at(self, updates: int) -> float:
        """Return the probability after that many updates."""
        progress = (updates - self.start_updates) / (self.end_updates - self.start_updates)
        return self.probability * min(max(progress, 0.0), 1.0)


def sampled_pass(
    decoder: Prosody2VecDecoder,
    memory: torch.Tensor,
    mask: torch.Tensor,
    inputs: torch.Tensor,
    probability: float,
) -> DecoderOutput:
    """Return a free pass in which each step of each item may be fed its own last frame.

    Exact and sequential: the fed frame is what this very pass produced. Gradients do
    not flow through a fed frame, as it replaces data.

    Args:
        decoder: whose ``start`` and ``step`` are used.
        memory: (B, U, D).
        mask: (B, U).
        inputs: (B, S, M) the true frames of ``step_inputs``.
        probability: of feeding the own frame, drawn per item and step.
    """
    own = torch.rand(inputs.shape[:2], device=inputs.device) < probability
    state = decoder.start(memory, mask)
    last_frame = torch.zeros_like(inputs[:, 0])
    frames, stop_logits, weights = [], [], []
    for step in range(inputs.size(1)):
        fed = torch.where(own[:, step, None], last_frame, inputs[:, step])
        group, stop_logit, state = decoder.step(fed, state)
        last_frame = group[:, -1].detach()
        frames.append(group)
        stop_logits.append(stop_logit)
        weights.append(state.weights)
    return DecoderOutput(
        torch.cat(frames, dim=1), torch.stack(stop_logits, dim=1), torch.stack(weights, dim=1)
    )
