"""Time functions against each other: interleaved, warmed up, so that a drifting machine is fair."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Options:
    """How a benchmark runs.

    Attributes:
        device: ``cpu`` or ``cuda``.
        repeats: counted runs of each function; the median is reported.
        is_quick: smaller sizes, to see in seconds that everything runs; never for a table.
    """

    device: str = "cpu"
    repeats: int = 5
    is_quick: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        group: heading under which the line stands.
        what: what was compared or measured.
        setting: sizes and dtype.
        value: the figure.
        unit: its unit; ``x`` for a ratio.
        goal: name in the list of goals and the bound, such as ``G1 >= 2.0``; or nothing.
        is_met: whether the bound holds; None without one.
        detail: the figures the value was made of.
    """

    group: str
    what: str
    setting: str
    value: float
    unit: str
    goal: str = ""
    is_met: bool | None = None
    detail: str = ""


def interleaved_seconds(
    functions: Mapping[str, Callable[[], object]], options: Options, warmup: int = 1
) -> dict[str, float]:
    """Return the median seconds of each function, run in turn: a b c a b c ...

    Args:
        functions: by name; each is called without arguments.
        options: see there.
        warmup: rounds that are not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(warmup + options.repeats):
        for name, function in functions.items():
            synchronize(options.device)
            start = time.perf_counter()
            function()
            synchronize(options.device)
            if turn >= warmup:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def synchronize(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
