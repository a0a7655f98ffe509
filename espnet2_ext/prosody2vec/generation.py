"""Speak: step by step, a batch at a time, each item until its own stop token."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
import yaml

from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.decoder_state import DecoderState
from espnet2_ext.prosody2vec.memory import Memory


@dataclass(frozen=True)
class GenerationLimits:
    """When to stop, and how far the attention may move; not in paper.

    Attributes:
        stop_threshold: probability of the stop token that ends an item.
        min_frames_per_unit: no stop before this many mel frames for each unit; in whole
            steps, rounded down.
        max_frames_per_unit: an item is cut here, and counted as not stopped; rounded as well,
            but never to no step at all.
        max_last_unit_frames: so many mel frames with the attention on the last unit end an
            item too, counted as not stopped; 60 are 0.96 s at a hop of 16 ms.
        backward_units: furthest the attention may move back in a step; None for no limit.
        forward_units: furthest it may move ahead in a step; None for no limit.
    """

    stop_threshold: float = 0.5
    min_frames_per_unit: float = 0.5
    max_frames_per_unit: float = 12.0
    max_last_unit_frames: int = 60
    backward_units: int | None = None
    forward_units: int | None = None

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
        """Return the limits of a yaml file, the defaults for what it leaves out or for None.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds anything but limits, or impossible ones; one line.
        """
        if not path:
            return cls()
        try:
            return cls(**(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}))
        except (yaml.YAMLError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: no generation limits ({reason})") from error


@dataclass(frozen=True)
class Generated:
    """One generated utterance.

    Attributes:
        mel: (T, M) normalised, T a multiple of the reduction factor.
        attention: (S, U).
        is_stopped: whether the stop token ended it, not the limit.
    """

    mel: torch.Tensor
    attention: torch.Tensor
    is_stopped: bool


@torch.no_grad()
def generate(
    decoder: Prosody2VecDecoder,
    memory: Memory,
    limits: GenerationLimits = GenerationLimits(),
) -> list[Generated]:
    """Return one utterance for each item; batching does not change what an item says.

    The decoder must be in eval mode. Steps are shared by the batch, and items that
    have stopped leave it, so that a long one does not make the others pay.

    Args:
        decoder: see there.
        memory: see there.
        limits: see there.

    Raises:
        ValueError: the decoder is in train mode.
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
        group_frames, stop_logit, state = decoder.step(frame, _confine(state, limits))
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
        Generated(
            torch.cat(frames[item]),
            torch.stack(weights[item])[:, :length],
            is_stopped[item],
        )
        for item, length in enumerate(unit_lengths)
    ]


def _confine(state: DecoderState, limits: GenerationLimits) -> DecoderState:
    """Return the state with the units out of reach of the last step masked."""
    if limits.backward_units is None and limits.forward_units is None:
        return state
    units = torch.arange(state.weights.size(1), device=state.weights.device)
    position = state.weights.argmax(dim=1, keepdim=True)
    valid = state.memory.mask
    if limits.backward_units is not None:
        valid = valid & (units >= position - limits.backward_units)
    if limits.forward_units is not None:
        valid = valid & (units <= position + limits.forward_units)
    return replace(state, mask=valid)
