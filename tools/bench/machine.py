"""What this machine can do at best, measured beside the figures it is compared with."""

import torch

from tools.bench.arithmetic import Machine
from tools.bench.measure import Options, interleaved_seconds


def measure_machine(options: Options) -> Machine:
    """Return speeds of a square float32 product and of reading a matrix once.

    The matrix of the second is larger than the caches; a product with a vector reads
    each of its values once, as a decoder step of one item reads its weights.
    """
    is_cpu = options.device == "cpu"
    side, rows = (1024, 16384) if is_cpu else (8192, 262144)
    if options.is_quick:
        side, rows = 64, 1024
    square = torch.randn(side, side, device=options.device)
    tall = torch.randn(rows, 1024, device=options.device)
    vector = torch.randn(1024, device=options.device)
    seconds = interleaved_seconds(
        {"product": lambda: square @ square, "read": lambda: tall @ vector}, options
    )
    return Machine(2 * side**3 / seconds["product"], 4 * tall.numel() / seconds["read"])


def rate(flop: float, seconds: float) -> str:
    """Return a rate in words, such as ``12.3 GFLOP/s``."""
    return f"{flop / seconds / 1e9:,.1f} GFLOP/s"
