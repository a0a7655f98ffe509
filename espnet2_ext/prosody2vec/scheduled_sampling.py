"""Scheduled sampling: now and then feed the decoder what it said itself."""

from dataclasses import dataclass

import torch

from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.decoder_state import DecoderOutput
from espnet2_ext.prosody2vec.memory import Memory


@dataclass(frozen=True)
class SamplingSchedule:
    """How likely a step is to be fed its own last frame, by the number of updates done.

    Source: [P2V] IV-B names scheduled sampling (Bengio et al. 2015) without a schedule:
    the numbers are not in paper.

    Attributes:
        start_updates: probability 0 up to here.
        end_updates: ``probability`` from here on, a straight line between.
        probability: the highest; 0 switches sampling off.
        mode: ``sequential``, exact, or ``parallel``, in a fraction of the time; see
            ``sampled_pass`` and ``parallel_sampled_pass``.

    Raises:
        ValueError: a probability outside [0, 1], an end before the start, another mode.
    """

    start_updates: int = 0
    end_updates: int = 1
    probability: float = 0.0
    mode: str = "sequential"

    def __post_init__(self):
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"sampling probability must lie in [0, 1]: {self.probability}")
        if self.end_updates <= self.start_updates:
            raise ValueError(
                f"sampling end_updates {self.end_updates} must be above "
                f"start_updates {self.start_updates}"
            )

        if self.mode not in ("sequential", "parallel"):
            raise ValueError(f"sampling mode must be sequential or parallel: {self.mode!r}")

    def at(self, updates: int) -> float:
        """Return the probability after that many updates."""
        progress = (updates - self.start_updates) / (self.end_updates - self.start_updates)
        return self.probability * min(max(progress, 0.0), 1.0)

    def run(
        self,
        decoder: Prosody2VecDecoder,
        memory: Memory,
        inputs: torch.Tensor,
        probability: float,
    ) -> DecoderOutput:
        """Return the pass that ``mode`` names; arguments as for ``sampled_pass``."""
        run = parallel_sampled_pass if self.mode == "parallel" else sampled_pass
        return run(decoder, memory, inputs, probability)


def sampled_pass(
    decoder: Prosody2VecDecoder, memory: Memory, inputs: torch.Tensor, probability: float
) -> DecoderOutput:
    """Return a free pass in which each step of each item may be fed its own last frame.

    Exact and sequential: the fed frame is what this very pass produced. Gradients do
    not flow through a fed frame, as it replaces data.

    Args:
        decoder: whose ``start`` and ``step`` are used.
        memory: see there.
        inputs: (B, S, M) the true frames of ``step_inputs``.
        probability: of feeding the own frame, drawn per item and step.
    """
    is_own = torch.rand(inputs.shape[:2], device=inputs.device) < probability
    state = decoder.start(memory)
    last_frame = torch.zeros_like(inputs[:, 0])
    frames, stop_logits, weights = [], [], []
    for step in range(inputs.size(1)):
        fed = torch.where(is_own[:, step, None], last_frame, inputs[:, step])
        group, stop_logit, state = decoder.step(fed, state)
        last_frame = group[:, -1].detach()
        frames.append(group)
        stop_logits.append(stop_logit)
        weights.append(state.weights)
    return DecoderOutput(
        torch.cat(frames, dim=1), torch.stack(stop_logits, dim=1), torch.stack(weights, dim=1)
    )


def parallel_sampled_pass(
    decoder: Prosody2VecDecoder, memory: Memory, inputs: torch.Tensor, probability: float
) -> DecoderOutput:
    """Return a free pass fed, here and there, with frames of a first, teacher-forced pass.

    Source: parallel scheduled sampling, Duckworth et al. 2019 (arXiv 1906.04331), with
    one mixing pass; for transformers Mihaylova and Martins 2019.
    Deviation: a fed frame was predicted from true frames, not from fed ones, so errors
    do not build up as in ``sampled_pass``; the loop keeps everything outside that
    teacher forcing keeps outside, at the price of one pass without gradients.

    Args: as for ``sampled_pass``.
    """
    is_own = torch.rand(inputs.shape[:2], device=inputs.device) < probability
    with torch.no_grad():
        own = decoder.step_inputs(decoder.free(memory, inputs).mels).to(inputs.dtype)
    return decoder.free(memory, torch.where(is_own[:, :, None], own, inputs))
