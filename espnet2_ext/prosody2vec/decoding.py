"""Generation and scheduled sampling: the decoder fed with its own frames."""

from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.memory import DecoderOutput, Memory


@dataclass(frozen=True)
class GenerationLimits:
    """When to stop; not in paper.

    Limits in frames count whole steps, rounded down, but at least one step. What is ended by a
    maximum counts as not stopped. A value out of range is a ValueError.

    Attributes:
        stop_threshold: probability of the stop token that ends an item.
        min_frames_per_unit: no stop before this many mel frames for each unit.
        max_frames_per_unit: an item is ended here.
        max_last_unit_frames: an item is ended as well after so many mel frames with the attention
            on its last unit; 60 are 0.96 s at a hop of 16 ms.
    """

    stop_threshold: float = 0.5
    min_frames_per_unit: float = 0.5
    max_frames_per_unit: float = 12.0
    max_last_unit_frames: int = 60

    def __post_init__(self):
        if not 0.0 < self.stop_threshold < 1.0:
            raise ValueError(f"stop_threshold must lie in (0, 1): {self.stop_threshold}")
        if not 0.0 <= self.min_frames_per_unit < self.max_frames_per_unit:
            raise ValueError(
                f"need 0 <= min_frames_per_unit < max_frames_per_unit: "
                f"{self.min_frames_per_unit}, {self.max_frames_per_unit}"
            )
        if self.max_last_unit_frames < 1:
            raise ValueError(
                f"max_last_unit_frames must be at least 1: {self.max_last_unit_frames}"
            )

    @classmethod
    def from_file(cls, path: str | Path | None) -> "GenerationLimits":
        """Return the limits of a yaml file; defaults for what it leaves out, or for None."""
        if not path:
            return cls()
        try:
            return cls(**(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}))
        except (yaml.YAMLError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: no generation limits ({reason})") from error


@dataclass(frozen=True)
class Generated:
    """One generated utterance."""

    mel: torch.Tensor  # (T, M) normalised, T a multiple of the reduction factor
    attention: torch.Tensor  # (S, U)
    is_stopped: bool  # whether the stop token ended it, not a limit


@torch.no_grad()
def generate(
    decoder: Prosody2VecDecoder, memory: Memory, limits: GenerationLimits = GenerationLimits()
) -> list[Generated]:
    """Return one utterance for each item, the same in a batch as alone.

    Items that have stopped leave the batch, so that a long one does not make the others pay.
    ValueError if the decoder is in train mode.
    """
    if decoder.training:
        raise ValueError("generate() needs a model in eval mode: call model.eval()")
    group = decoder.reduction_factor
    unit_lengths = memory.mask.sum(dim=1).tolist()
    min_steps = [int(limits.min_frames_per_unit * length / group) for length in unit_lengths]
    max_steps = [
        max(1, int(limits.max_frames_per_unit * length / group)) for length in unit_lengths
    ]
    state = decoder.start(memory)
    frame = memory.encoded.new_zeros(len(memory.encoded), decoder.mel_dim)
    active = list(range(len(unit_lengths)))
    frames: list[list[torch.Tensor]] = [[] for _ in active]
    weights: list[list[torch.Tensor]] = [[] for _ in active]
    is_stopped = [False] * len(active)
    at_end = [0] * len(active)
    for step in range(1, max(max_steps) + 1):
        group_frames, stop_logit, state = decoder.step(frame, state)
        frame = group_frames[:, -1]
        stop = (stop_logit.sigmoid() > limits.stop_threshold).tolist()
        position = state.weights.argmax(dim=1).tolist()
        keep = []
        for row, item in enumerate(active):
            frames[item].append(group_frames[row])
            weights[item].append(state.weights[row])
            is_stopped[item] = stop[row] and step >= min_steps[item]
            at_end[item] += group * (position[row] == unit_lengths[item] - 1)
            is_cut = step >= max_steps[item] or at_end[item] >= limits.max_last_unit_frames
            if not is_stopped[item] and not is_cut:
                keep.append(row)
        if len(keep) < len(active):
            active = [active[row] for row in keep]
            if not active:
                break
            frame, state = frame[keep], state.items(keep)
    return [
        Generated(torch.cat(frames[item]), torch.stack(weights[item])[:, :length], is_stopped[item])
        for item, length in enumerate(unit_lengths)
    ]


@dataclass(frozen=True)
class SamplingSchedule:
    """Probability that a step is fed the decoder's own last frame, by the number of updates.

    It is 0 up to ``start_updates`` and ``probability`` from ``end_updates`` on, linear in between.
    ``mode`` is ``sequential`` (``sampled_pass``), exact, or ``parallel``
    (``parallel_sampled_pass``), in a fraction of the time. A value out of range is a ValueError.

    Source: [P2V] IV-B names scheduled sampling (Bengio et al. 2015) without a schedule:
    the numbers are not in paper.
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
        self, decoder: Prosody2VecDecoder, memory: Memory, inputs: torch.Tensor, probability: float
    ) -> DecoderOutput:
        """Return the pass that ``mode`` names; arguments as for ``sampled_pass``."""
        run = parallel_sampled_pass if self.mode == "parallel" else sampled_pass
        return run(decoder, memory, inputs, probability)


def sampled_pass(
    decoder: Prosody2VecDecoder, memory: Memory, inputs: torch.Tensor, probability: float
) -> DecoderOutput:
    """Return a soft-attention pass in which each step may be fed the frame that it produced last.

    Sequential. ``inputs`` (B, S, M) are the true frames of ``step_inputs``; each is replaced with
    ``probability``, drawn for each item and step. Gradients do not flow through a fed frame, as it
    replaces data.
    """
    is_own = torch.rand(inputs.shape[:2], device=inputs.device) < probability

    def embed(step: int, last_frame: torch.Tensor) -> torch.Tensor:
        own = last_frame.detach().to(inputs.dtype)
        return decoder.prenet(torch.where(is_own[:, step, None], own, inputs[:, step]))

    return decoder.run_steps(memory, embed, inputs.size(1))


def parallel_sampled_pass(
    decoder: Prosody2VecDecoder, memory: Memory, inputs: torch.Tensor, probability: float
) -> DecoderOutput:
    """Return a soft-attention pass fed at random with frames of a first, teacher-forced pass.

    Source: parallel scheduled sampling, Duckworth et al. 2019 (arXiv 1906.04331), with one
    mixing pass; for transformers Mihaylova and Martins 2019.
    Deviation: a fed frame was predicted from true frames, so that errors do not accumulate as
    in ``sampled_pass``. Costs one more pass without gradients. Arguments as there.
    """
    is_own = torch.rand(inputs.shape[:2], device=inputs.device) < probability
    with torch.no_grad():
        own = decoder.step_inputs(decoder.free(memory, inputs).mels).to(inputs.dtype)
    return decoder.free(memory, torch.where(is_own[:, :, None], own, inputs))
