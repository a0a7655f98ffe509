"""What must hold on another device: the CPU's numbers, and training that can be resumed.

Each check takes a device and sizes, so that a CPU can run all but the captured graphs.
Differences are relative to the largest value of each tensor.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.decoding import GenerationLimits, generate
from tools.bench.arithmetic import DecoderSizes
from tools.bench.cases import (
    Case,
    Example,
    gradients,
    largest_difference,
    make_decoder,
    make_example,
    output_loss,
)
from tools.bench.measure import Row
from tools.bench.noise_corpus import NoiseCorpus

GROUP = "Checks"
FLOAT32_BOUND = 1e-4
"""Float32 sums in another order, carried through a hundred recurrent steps."""
BFLOAT16_BOUND = 5e-2
"""bfloat16 keeps 8 bits, an error of 0.4 % a rounding, and recurrence adds them up."""
CAPTURE_BOUND = 1e-6
GENERATION_BOUND = 1e-3
"""Each frame is made from the one before: differences of float32 grow."""


@dataclass(frozen=True)
class Scale:
    """Sizes that a check runs at; the defaults are the paper's widths."""

    sizes: DecoderSizes = DecoderSizes()
    case: Case = Case(4, 100, 40)


FULL = Scale()


def free_pass_as_on_cpu(device: str, scale: Scale = FULL) -> Row:
    """Compare outputs and gradients of the free pass with the CPU's; float32, TF32 off."""
    with exact_products():
        found = [_free(place, scale, "fast") for place in ("cpu", device)]
    return _check("free pass as on the CPU", scale, largest_difference(*found), FLOAT32_BOUND)


def forced_pass_as_on_cpu(device: str, scale: Scale = FULL) -> Row:
    """Compare outputs and gradients of the forced pass with the CPU's; float32, TF32 off."""
    found = []
    with exact_products():
        for place in ("cpu", device):
            example = make_example(scale.sizes, scale.case, place)
            decoder = make_decoder(scale.sizes, place)
            output = decoder.forced(
                example.memory, example.inputs, example.true_units, example.energy_steps
            )
            loss = output_loss(output) + output.log_attention.square().mean()
            loss.backward()
            values = {"mels": output.mels, "log_attention": output.log_attention}
            found.append({**values, **gradients(decoder, example)})
    return _check("forced pass as on the CPU", scale, largest_difference(*found), FLOAT32_BOUND)


def amp_as_float32(device: str, scale: Scale = FULL) -> Row:
    """Compare outputs of the free pass under bfloat16 autocast with float32's."""
    example = make_example(scale.sizes, scale.case, device)
    decoder = make_decoder(scale.sizes, device)
    with torch.no_grad(), exact_products():
        plain = decoder.free(example.memory, example.inputs)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            amp = decoder.free(example.memory, example.inputs)
    found = [{"mels": o.mels, "stop_logits": o.stop_logits} for o in (plain, amp)]
    return _check("bfloat16 autocast as float32", scale, largest_difference(*found), BFLOAT16_BOUND)


def captured_as_fast(device: str, scale: Scale = FULL) -> Row:
    """Compare captured graphs with the loop that was captured; needs CUDA.

    Twice, with other values the second time: a replay must not see the first batch's.
    """
    example = make_example(scale.sizes, scale.case, device)
    decoder = make_decoder(scale.sizes, device)
    other = Example(example.memory, -2.0 * example.inputs, example.true_units, example.energy_steps)
    worst = 0.0
    for batch in (example, other):
        found = [_pass(decoder, batch, name) for name in ("fast", "cuda_graph")]
        worst = max(worst, largest_difference(*found))
    return _check("captured graphs as fast", scale, worst, CAPTURE_BOUND)


def generation_as_on_cpu(device: str, scale: Scale = FULL) -> Row:
    """Compare generated mels, a batch and its first item alone, with the CPU's batch."""
    frames_per_unit = scale.case.steps / scale.case.units
    limits = GenerationLimits(1.0 - 1e-7, frames_per_unit - 1e-3, frames_per_unit)
    spoken = []
    with exact_products():
        for place in ("cpu", device):
            memory = make_example(scale.sizes, scale.case, place).memory
            decoder = make_decoder(scale.sizes, place).eval()
            batch = torch.stack([item.mel for item in generate(decoder, memory, limits)])
            alone = generate(decoder, memory.items(slice(1)), limits)[0].mel
            spoken.append((batch, alone))
    expected, (batch, alone) = spoken[0][0], spoken[1]
    worst = max(
        largest_difference({"mel": expected}, {"mel": batch}),
        largest_difference({"mel": expected[0]}, {"mel": alone}),
    )
    return _check("generation as on the CPU", scale, worst, GENERATION_BOUND)


def training_resumes(device: str, use_amp: bool = True) -> Row:
    """Train the task for two epochs, whole and broken in two; all weights must be equal."""
    with tempfile.TemporaryDirectory() as folder, deterministic():
        corpus = NoiseCorpus(Path(folder), device, use_amp and device != "cpu")
        whole = corpus.train("whole", 2)
        corpus.train("broken", 1)
        broken = corpus.train("broken", 2)
        one, two = (
            torch.load(path / "2epoch.pth", map_location="cpu", weights_only=True)
            for path in (whole, broken)
        )
    unequal = [name for name in one if not torch.equal(one[name], two[name])]
    lost = [name for name, value in one.items() if not torch.isfinite(value.float()).all()]
    detail = f"{len(one)} tensors after {int(one['updates'])} updates"
    detail += "".join(f"; {name} differs" for name in unequal[:3])
    detail += "".join(f"; {name} is not finite" for name in lost[:3])
    value = float(len(unequal) + len(lost))
    return Row(GROUP, "resumed training as undisturbed", "noise corpus, two epochs", value,
               "tensors", "<= 0", value == 0, detail)  # fmt: skip


CHECKS: dict[str, Callable[[str], Row]] = {
    "free": free_pass_as_on_cpu,
    "forced": forced_pass_as_on_cpu,
    "amp": amp_as_float32,
    "captured": captured_as_fast,
    "generation": generation_as_on_cpu,
    "training": training_resumes,
}


@contextmanager
def exact_products() -> Iterator[None]:
    """Switch TF32 off inside the block; cuDNN has it on by default."""
    before = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def deterministic() -> Iterator[None]:
    """Ask for kernels that sum in a fixed order, where there are any, inside the block."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def _free(device: str, scale: Scale, implementation: str) -> dict[str, torch.Tensor]:
    decoder = make_decoder(scale.sizes, device)
    return _pass(decoder, make_example(scale.sizes, scale.case, device), implementation)


def _pass(
    decoder: Prosody2VecDecoder, example: Example, implementation: str
) -> dict[str, torch.Tensor]:
    """Return outputs and gradients of a free pass."""
    decoder.implementation = implementation
    output = decoder.free(example.memory, example.inputs)
    output_loss(output).backward()
    values = {"mels": output.mels, "stop_logits": output.stop_logits}
    return {**values, "attention": output.attention, **gradients(decoder, example)}


def _check(what: str, scale: Scale, value: float, bound: float) -> Row:
    """Return the row of a difference; one that is not a number is above any bound."""
    return Row(GROUP, what, str(scale.case), value, "relative", f"<= {bound:g}", value <= bound)
