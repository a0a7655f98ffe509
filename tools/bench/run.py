"""Run every benchmark module in one process, whatever happens to one of them."""

import gc
import importlib
import logging
from collections.abc import Sequence

from tqdm import tqdm

from tools.bench.measure import Options, Row

MODULES = (
    "decoder",
    "decoder_batch",
    "operations",
    "memory",
    "sampling",
    "generation",
    "training",
    "growth",
    "units",
    "loader",
)
"""In the order of the page. Each has ``measure(options) -> list[Row]``."""


def run_all(
    names: Sequence[str], options: Options, package: str = "tools.bench"
) -> tuple[list[Row], dict[str, str]]:
    """Return the rows of all modules, and the one-line reason of each that failed.

    Args:
        names: of modules in ``package``.
        options: given to each.
        package: where the modules are.
    """
    rows: list[Row] = []
    failures: dict[str, str] = {}
    progress = tqdm(names, unit="benchmark")
    for name in progress:
        progress.set_postfix_str(name)
        try:
            rows += importlib.import_module(f"{package}.{name}").measure(options)
        # One broken benchmark must not hide the figures of the others: anything counts.
        except Exception as error:
            logging.debug("benchmark %s failed", name, exc_info=True)
            failures[name] = one_line(error)
        gc.collect()  # what one benchmark leaves must not be in the memory of the next
    return rows, failures


def one_line(error: Exception) -> str:
    """Return kind and first line of what an exception says."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
