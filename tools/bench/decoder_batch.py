"""The training pass at the paper's batch of 30, with as many steps as a CPU has time for."""

from dataclasses import replace

from tools.bench.arithmetic import DecoderSizes
from tools.bench.cases import TINY_SIZES, Case
from tools.bench.decoder import measure_case
from tools.bench.measure import Options, Row


def measure(options: Options) -> list[Row]:
    """Return the rows of ``decoder`` for a large batch; on a GPU those are of it already.

    The goals name the small batch on a CPU: here only neither baseline may be faster.
    """
    if options.device != "cpu":
        return []
    sizes, case = DecoderSizes(), Case(30, 30, 30)
    if options.is_quick:
        sizes, case = TINY_SIZES, Case(5, 4, 3)
    rows = []
    options = replace(options, repeats=min(options.repeats, 3))
    for row in measure_case(sizes, case, options):
        if row.goal.startswith(("G1", "G2")):
            row = replace(row, goal="not slower", is_met=row.value >= 1.0)
        elif row.goal:
            row = replace(row, goal="", is_met=None)
        rows.append(row)
    return rows
