"""All that a CUDA machine must show: ``python -m tools.bench.gpu_check``.

Writes tools/bench/GPU_RESULTS.md: checks against the CPU, then the benchmarks. Exits
with 2 where there is no CUDA device, with 1 if a check failed or a benchmark broke.
"""

import argparse
import gc
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from tqdm import tqdm

from tools.bench import page
from tools.bench.measure import Options, Row
from tools.bench.run import MODULES, one_line, run_all

DEFAULT_OUT = Path(__file__).with_name("GPU_RESULTS.md")


def run_checks(
    checks: Mapping[str, Callable[[str], Row]], device: str
) -> tuple[list[Row], dict[str, str]]:
    """Return the rows of all checks, and the one-line reason of each that broke.

    Args:
        checks: by name.
        device: given to each.
    """
    rows: list[Row] = []
    failures: dict[str, str] = {}
    progress = tqdm(checks.items(), unit="check")
    for name, check in progress:
        progress.set_postfix_str(name)
        try:
            rows.append(check(device))
        # A broken check must not hide what the others found: anything counts.
        except Exception as error:
            failures[f"check {name}"] = one_line(error)
        gc.collect()
    return rows, failures


def main(cmd: list[str] | None = None) -> int:
    """Return the exit code."""
    words = sys.argv[1:] if cmd is None else cmd
    parser = argparse.ArgumentParser("python -m tools.bench.gpu_check", description=__doc__)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="page to write")
    parser.add_argument("--skip_bench", action="store_true", help="checks only")
    arguments = parser.parse_args(words)
    if not torch.cuda.is_available():
        print("gpu_check: no CUDA device here; run it on a machine with one", file=sys.stderr)
        return 2
    # After the question for a device: it imports ESPnet, which takes seconds.
    from tools.bench.gpu_checks import CHECKS

    options = Options("cuda")
    facts = page.environment(options)
    rows, failures = run_checks(CHECKS, options.device)
    is_good = all(row.is_met for row in rows) and not failures
    if not arguments.skip_bench:
        bench_rows, bench_failures = run_all(MODULES, options)
        rows, failures = rows + bench_rows, failures | bench_failures
    command = shlex.join(["tools/gpu_check.sh", *words])
    page.write(arguments.out, page.render(facts, command, rows, failures))
    print(f"wrote {arguments.out}: checks {'hold' if is_good else 'FAILED'}")
    return 0 if is_good and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
