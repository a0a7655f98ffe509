"""How many operations a decoder step takes, forward and backward (G4).

Counted with T and with 2 T steps and subtracted, so that what runs once a batch does not
count. On a GPU these are kernels and graph launches as the profiler saw them; on a CPU
they are the operations that reach a backend, views left out.
"""

from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tools.bench.arithmetic import DecoderSizes
from tools.bench.cases import TINY_SIZES, Case, make_decoder, make_espnet_decoder, make_example
from tools.bench.decoder import training_passes
from tools.bench.goals import against
from tools.bench.measure import Options, Row

LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch", "cudaMemcpyAsync")
NAMES = ("fast", "captured", "forced", "naive", "ESPnet")


class OperationCounter(TorchDispatchMode):
    """Counts, while active, the operations that compute; those that only look are views."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += not (function.is_view or "detach" in str(function))
        return function(*args, **(kwargs or {}))


def measure(options: Options) -> list[Row]:
    """Return operations a step of each implementation; sizes hardly matter, so they are small."""
    steps = 4 if options.is_quick else 8
    sizes = TINY_SIZES if options.device == "cpu" or options.is_quick else DecoderSizes()
    counts = []
    for case in (Case(2, steps, 4), Case(2, 2 * steps, 4)):
        decoders = (make_decoder(sizes, options.device), make_espnet_decoder(sizes, options.device))
        passes = training_passes(*decoders, make_example(sizes, case, options.device))
        counts.append({name: count(passes[name], options.device) for name in passes})
    rows = []
    for name in NAMES:
        if name not in counts[0]:
            continue
        few, many = counts[0][name], counts[1][name]
        value = (many - few) / steps
        # The bound is for what the attention is free in; the forced pass has no loop.
        goal = against("G4", value, options.device) if name in ("fast", "captured") else {}
        detail = f"{many} with {2 * steps} steps, {few} with {steps}"
        what = f"{name} pass, forward and backward"
        rows.append(
            Row("Operations", what, str(case), value, "per step", detail=detail, **goal)  # type: ignore[arg-type]
        )
    return rows


def count(function: Callable[[], object], device: str) -> int:
    """Return how many operations a call takes; the first call, which warms up, not counted."""
    function()
    if device == "cpu":
        with OperationCounter() as counter:
            function()
        return counter.count
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        function()
        torch.cuda.synchronize()
    return sum(event.count for event in profiler.key_averages() if event.key in LAUNCHES)
