"""What is measured: decoders of the paper's sizes, their two baselines, and random batches.

E is the decoder of the installed ESPnet's Tacotron 2, as its TTS recipes build it; N is
the plain loop over steps with the very parameters of the fast path.
"""

import importlib.util
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch

from espnet2_ext._compat import tacotron2_classes
from espnet2_ext.prosody2vec.decoder import DecoderOutput, Prosody2VecDecoder
from espnet2_ext.prosody2vec.memory import Memory
from tools.bench.arithmetic import DecoderSizes

NAIVE = Path(__file__).resolve().parents[2] / "test/reference/naive_decoder.py"
ENERGY_SHARE, ENERGY_STEPS_MAX = 0.17, 32
"""At how many steps the forced pass computes energies: the model's defaults."""

TINY_SIZES = DecoderSizes(8, 6, 4, 5, 16, 5, 2, 3, 12)


@dataclass(frozen=True)
class Case:
    """Sizes of a batch: B items of S steps (one mel frame each) and U units."""

    batch: int
    steps: int
    units: int

    def __str__(self) -> str:
        return f"B{self.batch} T{self.steps} U{self.units}"

    @property
    def frames(self) -> int:
        """Mel frames in the batch; all items have full length."""
        return self.batch * self.steps


@dataclass(frozen=True)
class Example:
    """A batch: memory whose two parts ask for gradients, and what the passes take."""

    memory: Memory
    inputs: torch.Tensor  # (B, S, M)
    true_units: torch.Tensor  # (B, S)
    energy_steps: torch.Tensor  # (K,)


def make_decoder(
    sizes: DecoderSizes, device: str, implementation: str = "fast"
) -> Prosody2VecDecoder:
    """Return a decoder in train mode, seeded.

    Without prenet dropout, so that its implementations must agree; that spares the
    naive loop more work than the fast path.
    """
    torch.manual_seed(0)
    decoder = Prosody2VecDecoder(**asdict(sizes), prenet_dropout=0.0)
    decoder.implementation = implementation
    return decoder.to(device).train()


def make_example(sizes: DecoderSizes, case: Case, device: str) -> Example:
    """Return a seeded batch of full-length items, made on the CPU so that devices agree."""
    generator = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    memory = Memory(
        noise(case.batch, case.units, sizes.encoded_dim).requires_grad_(),
        noise(case.batch, sizes.shared_dim).requires_grad_(),
        torch.ones(case.batch, case.units, dtype=torch.bool, device=device),
    )
    steps = torch.arange(case.steps, device=device)
    chosen = torch.randperm(case.steps, generator=generator)
    return Example(
        memory,
        noise(case.batch, case.steps, sizes.mel_dim),
        (steps * case.units // case.steps).expand(case.batch, -1),
        chosen[: max(1, min(ENERGY_STEPS_MAX, round(case.steps * ENERGY_SHARE)))].to(device),
    )


@cache
def naive_free() -> Callable[[Prosody2VecDecoder, Memory, torch.Tensor], DecoderOutput]:
    """Return the plain loop; loaded by path, as Python itself has a package ``test``."""
    spec = importlib.util.spec_from_file_location("naive_decoder", NAIVE)
    if spec is None or spec.loader is None or not NAIVE.is_file():
        raise FileNotFoundError(f"{NAIVE}: the naive loop is not there; use a git checkout")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.naive_free


def make_espnet_decoder(sizes: DecoderSizes, device: str) -> torch.nn.Module:
    """Return baseline E in train mode: dunits 1024, zoneout 0.1, no postnet."""
    decoder_class, attention_class = tacotron2_classes()
    dunits = sizes.decoder_lstm_units
    attention = attention_class(
        sizes.memory_dim,
        dunits,
        sizes.attention_dim,
        sizes.location_channels,
        sizes.location_kernel_size // 2,
    )
    torch.manual_seed(0)
    decoder = decoder_class(
        sizes.memory_dim,
        sizes.mel_dim,
        attention,
        dlayers=2,
        dunits=dunits,
        prenet_units=sizes.prenet_dim,
        postnet_layers=0,
        zoneout_rate=0.1,
    )
    return decoder.to(device).train()


def output_loss(output: DecoderOutput) -> torch.Tensor:
    """Return a scalar that every parameter of the decoder moves."""
    return output.mels.square().mean() + output.stop_logits.square().mean()


def espnet_loss(decoder: torch.nn.Module, example: Example) -> torch.Tensor:
    """Return the same of baseline E, whose forward takes mels and shifts them itself."""
    lengths = example.memory.mask.sum(dim=1)
    _, mels, stop_logits, _ = decoder(example.memory.expanded(), lengths, example.inputs)
    return mels.square().mean() + stop_logits.square().mean()


def gradients(decoder: torch.nn.Module, example: Example) -> dict[str, torch.Tensor]:
    """Return copies of all gradients by name, those of the memory included, and clear them."""
    named = dict(decoder.named_parameters())
    named |= {"memory.encoded": example.memory.encoded, "memory.shared": example.memory.shared}
    found = {}
    for name, tensor in named.items():
        if tensor.grad is not None:
            found[name] = tensor.grad.detach().clone()
            tensor.grad = None
    return found


def largest_difference(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    """Return the largest difference over all tensors, relative to each one's largest value.

    Raises:
        ValueError: one of them lacks a tensor.
    """
    if one.keys() != two.keys():
        raise ValueError(f"only one has {', '.join(sorted(one.keys() ^ two.keys()))}")
    worst = 0.0
    for name in one:
        value, other = (tensors[name].detach().cpu().double() for tensors in (one, two))
        difference = float((value - other).abs().max() / value.abs().max().clamp(min=1e-30))
        # max() would drop what is not a number.
        worst = max(worst, math.inf if math.isnan(difference) else difference)
    return worst
