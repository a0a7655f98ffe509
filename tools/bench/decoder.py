"""The training pass of the decoder against its baselines (G1 to G3), small batch.

Every function does what an update does: forward, and backward into gradients that exist.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.fast.attention_loop import attention_loop
from tools.bench.arithmetic import (
    DecoderSizes,
    decoder_macs,
    espnet_macs,
    training_floor_seconds,
    training_flop,
)
from tools.bench.cases import (
    TINY_SIZES,
    Case,
    Example,
    espnet_loss,
    gradients,
    largest_difference,
    make_decoder,
    make_espnet_decoder,
    make_example,
    naive_free,
    output_loss,
)
from tools.bench.goals import against
from tools.bench.machine import measure_machine, rate
from tools.bench.measure import Options, Row, interleaved_seconds

GROUP = "Decoder, training pass"
TOLERANCE = 1e-5
"""Largest difference of outputs and gradients to the naive loop, relative to the largest value."""


def measure(options: Options) -> list[Row]:
    """Return the rows of the batch that the goals name."""
    if options.is_quick:
        return measure_case(TINY_SIZES, Case(2, 6, 4), options)
    case = Case(4, 125, 50) if options.device == "cpu" else Case(30, 625, 250)
    return measure_case(DecoderSizes(), case, options)


def measure_case(sizes: DecoderSizes, case: Case, options: Options) -> list[Row]:
    """Return all rows of one batch: ratios to both baselines, step times, agreement."""
    example = make_example(sizes, case, options.device)
    machine = measure_machine(options)
    decoders = (make_decoder(sizes, options.device), make_espnet_decoder(sizes, options.device))
    seconds = interleaved_seconds(training_passes(*decoders, example), options)
    rows = _ratio_rows("fast", sizes, case, seconds, options)
    if "captured" in seconds:
        rows += _ratio_rows("captured", sizes, case, seconds, options)
    flop = case.frames * training_flop(sizes, case.units)
    floor = case.steps * training_floor_seconds(sizes, case.units, case.batch, machine)
    for name in ("naive", "ESPnet", "fast", "captured", "forced"):
        if name not in seconds:
            continue
        detail = f"{case.frames / seconds[name]:,.0f} mel frames/s"
        if name in ("naive", "fast", "captured"):
            share = floor / seconds[name]
            detail += f", {rate(flop, seconds[name])}, {share:.0%} of the floor's speed"
        rows.append(_row(f"{name} pass", case, 1e3 * seconds[name] / case.steps, "ms/step", detail))
    floor_detail = f"{rate(1, 1 / machine.flop_per_second)} in products, "
    floor_detail += f"{machine.bytes_per_second / 1e9:.1f} GB/s read"
    rows.append(
        _row("floor of this machine", case, 1e3 * floor / case.steps, "ms/step", floor_detail)
    )
    return rows


def training_passes(
    decoder: Prosody2VecDecoder, espnet: torch.nn.Module, example: Example
) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name: each adds to gradients; ``* forward`` stops before."""
    memory, inputs = example.memory, example.inputs
    naive = naive_free()

    def free(implementation: str) -> torch.Tensor:
        decoder.implementation = implementation
        return output_loss(decoder.free(memory, inputs))

    def forced() -> torch.Tensor:
        output = decoder.forced(memory, inputs, example.true_units, example.energy_steps)
        at_units = output.log_attention.gather(2, example.true_units[:, output.energy_steps, None])
        return output_loss(output) - at_units.mean()

    loop = attention_loop_pass(decoder, example)
    passes: dict[str, Callable[[], object]] = {
        "loop forward": loop,
        "loop": lambda: loop().backward(),
        "fast forward": lambda: free("fast"),
        "fast": lambda: free("fast").backward(),
        "naive": lambda: output_loss(naive(decoder, memory, inputs)).backward(),
        "ESPnet": lambda: espnet_loss(espnet, example).backward(),
        "forced": lambda: forced().backward(),
    }
    if inputs.is_cuda:
        passes["captured"] = lambda: free("cuda_graph").backward()
    return passes


def attention_loop_pass(
    decoder: Prosody2VecDecoder, example: Example
) -> Callable[[], torch.Tensor]:
    """Return the attention loop by itself, its inputs constant leaves; it returns a scalar."""
    batch, units, width = example.memory.encoded.shape
    lstm, attention = decoder.attention_lstm, decoder.attention
    hidden, dim = lstm.hidden_size, attention.query.out_features
    steps = example.inputs.size(1)

    def leaf(*shape: int) -> torch.Tensor:
        noise = torch.randn(*shape, generator=torch.Generator().manual_seed(2)) / width**0.5
        return noise.to(example.inputs.device).requires_grad_()

    given = (leaf(steps, batch, 4 * hidden), leaf(batch, units, width), leaf(batch, dim, units))
    weights = [leaf(4 * hidden, width + hidden), leaf(dim, hidden)]
    weights += [leaf(*attention.location_kernel().shape), leaf(1, dim)]

    def run() -> torch.Tensor:
        states, _ = attention_loop(*given, example.memory.mask, *weights)
        return states.square().mean()

    return run


def agreement(sizes: DecoderSizes, case: Case, device: str, implementation: str) -> float:
    """Return the largest relative difference of outputs and gradients to the naive loop."""
    example = make_example(sizes, case, device)
    decoder = make_decoder(sizes, device, implementation)
    found = []
    for run in (decoder.free, lambda *given: naive_free()(decoder, *given)):
        output = run(example.memory, example.inputs)
        output_loss(output).backward()
        values = {"mels": output.mels, "stop_logits": output.stop_logits}
        found.append({**values, **gradients(decoder, example)})
    return largest_difference(*found)


def _ratio_rows(
    name: str, sizes: DecoderSizes, case: Case, seconds: dict[str, float], options: Options
) -> list[Row]:
    """Return the rows that bound one implementation."""
    implementation = {"fast": "fast", "captured": "cuda_graph"}[name]
    suffix = {"fast": "", "captured": " graph"}[name]
    difference = agreement(sizes, case, options.device, implementation)
    over_naive = seconds["naive"] / seconds[name]
    over_espnet = seconds["ESPnet"] / seconds[name]
    less = espnet_macs(sizes, case.units) / sum(decoder_macs(sizes, case.units).values())
    row = _row(
        f"{name} over naive (N), forward and backward",
        case,
        over_naive,
        "x",
        f"outputs and gradients within {difference:.1e} of N",
        **against("G1" + suffix, over_naive, options.device),
    )
    if row.is_met and difference > TOLERANCE:
        row = replace(row, is_met=False)
    rows = [
        row,
        _row(
            f"{name} over ESPnet (E), forward and backward",
            case,
            over_espnet,
            "x",
            f"E has {less:.2f} of the multiply-adds: two LSTMs of {sizes.decoder_lstm_units}",
            **against("G2" + suffix, over_espnet, options.device),
        ),
    ]
    if name == "fast":
        for part, goal in (("loop", {"device": options.device}), ("fast", {})):
            forward = seconds[f"{part} forward"]
            ratio = (seconds[part] - forward) / forward
            detail = f"forward {1e3 * forward / case.steps:.2f} ms/step"
            what = {"loop": "attention loop alone", "fast": "fast pass"}[part]
            bound = against("G3", ratio, **goal) if goal else {}
            rows.append(_row(f"{what}, backward over forward", case, ratio, "x", detail, **bound))
    return rows


def _row(what: str, case: Case, value: float, unit: str, detail: str = "", **goal) -> Row:
    return Row(GROUP, what, str(case), value, unit, detail=detail, **goal)
