"""Scheduled sampling against teacher forcing, forward and backward (G7)."""

from collections.abc import Callable

from espnet2_ext.prosody2vec.decoding import parallel_sampled_pass, sampled_pass
from tools.bench.arithmetic import DecoderSizes
from tools.bench.cases import TINY_SIZES, Case, make_decoder, make_example, output_loss
from tools.bench.goals import against
from tools.bench.measure import Options, Row, interleaved_seconds

PROBABILITY = 0.2


def measure(options: Options) -> list[Row]:
    """Return the cost of both kinds of scheduled sampling over the pass without."""
    sizes, case = DecoderSizes(), Case(4, 60, 25)
    if options.device != "cpu":
        case = Case(30, 625, 250)
    if options.is_quick:
        sizes, case = TINY_SIZES, Case(2, 6, 4)
    example = make_example(sizes, case, options.device)
    decoder = make_decoder(sizes, options.device, "auto")
    given = (decoder, example.memory, example.inputs)
    passes: dict[str, Callable[[], object]] = {
        "teacher": lambda: output_loss(decoder.free(example.memory, example.inputs)).backward(),
        "parallel": lambda: output_loss(parallel_sampled_pass(*given, PROBABILITY)).backward(),
        "exact": lambda: output_loss(sampled_pass(*given, PROBABILITY)).backward(),
    }
    seconds = interleaved_seconds(passes, options)

    def row(name: str, what: str, **goal) -> Row:
        ratio = seconds[name] / seconds["teacher"]
        detail = f"{1e3 * seconds[name] / case.steps:.2f} ms/step, teacher forcing "
        detail += f"{1e3 * seconds['teacher'] / case.steps:.2f}"
        return Row("Scheduled sampling", what, str(case), ratio, "x", detail=detail, **goal)

    parallel = seconds["parallel"] / seconds["teacher"]
    goal = against("G7", parallel, options.device)
    return [
        row("parallel", "parallel (two passes) over teacher forcing", **goal),
        row("exact", "exact (step after step) over teacher forcing"),
    ]
