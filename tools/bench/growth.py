"""How the cost of a training pass grows with frames, units and batch."""

from dataclasses import replace

from tools.bench.arithmetic import DecoderSizes
from tools.bench.cases import (
    TINY_SIZES,
    Case,
    Example,
    make_decoder,
    make_example,
    output_loss,
)
from tools.bench.measure import Options, Row, interleaved_seconds

BASE = Case(4, 30, 24)
GROWTH: dict[str, tuple[int, ...]] = {
    "steps": (15, 30, 60),
    "units": (12, 24, 96),
    "batch": (1, 4, 16),
}
CUDA_BASE = Case(30, 250, 100)
CUDA_GROWTH: dict[str, tuple[int, ...]] = {
    "steps": (125, 250, 1250),
    "units": (50, 100, 500),
    "batch": (4, 30, 120),
}
TITLES = {"steps": "T", "units": "U", "batch": "B"}


def measure(options: Options) -> list[Row]:
    """Return ms a step and frames a second, free and forced, one size varied at a time."""
    sizes, base, growth = DecoderSizes(), BASE, GROWTH
    if options.device != "cpu":
        base, growth = CUDA_BASE, CUDA_GROWTH
    if options.is_quick:
        sizes, base = TINY_SIZES, Case(2, 4, 3)
        growth = {"steps": (4, 8), "units": (3, 6), "batch": (1, 2)}
    decoder = make_decoder(sizes, options.device, "auto")
    rows = []
    for varied, values in growth.items():
        cases = [replace(base, **{varied: value}) for value in values]
        functions = {}
        for case in cases:
            example = make_example(sizes, case, options.device)
            functions[f"free {case}"] = lambda example=example: _free(decoder, example)
            functions[f"forced {case}"] = lambda example=example: _forced(decoder, example)
        seconds = interleaved_seconds(functions, options)
        for name in ("free", "forced"):
            first = seconds[f"{name} {cases[0]}"]
            rows += [_row(name, varied, case, seconds[f"{name} {case}"], first) for case in cases]
    return rows


def _free(decoder, example: Example) -> None:
    output_loss(decoder.free(example.memory, example.inputs)).backward()


def _forced(decoder, example: Example) -> None:
    output = decoder.forced(
        example.memory, example.inputs, example.true_units, example.energy_steps
    )
    at_units = output.log_attention.gather(2, example.true_units[:, output.energy_steps, None])
    (output_loss(output) - at_units.mean()).backward()


def _row(name: str, varied: str, case: Case, seconds: float, first: float) -> Row:
    detail = f"{case.frames / seconds:,.0f} mel frames/s, {seconds / first:.2f} x the first's time"
    group = f"Growth with {TITLES[varied]} ({varied}), forward and backward"
    return Row(
        group, f"{name} pass", str(case), 1e3 * seconds / case.steps, "ms/step", detail=detail
    )
