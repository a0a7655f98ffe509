"""Measure speed and memory: ``python -m tools.bench``; writes tools/bench/RESULTS.md.

A run with ``--quick`` or ``--only`` is not a whole table: it is printed, and written
only where ``--out`` says.
"""

import argparse
import logging
import shlex
import sys
from pathlib import Path

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from tools.bench import page
from tools.bench.measure import Options
from tools.bench.run import MODULES, run_all


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser("python -m tools.bench", description="Measure speed.")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--quick", action="store_true", help="tiny sizes: see that all runs")
    parser.add_argument("--only", nargs="+", choices=MODULES, metavar="NAME", default=[])
    parser.add_argument("--repeats", type=int, default=5, help="counted runs of each function")
    parser.add_argument("--out", type=Path, help=f"page to write; a whole run: {page.RESULTS.name}")
    parser.add_argument("--verbose", action="store_true", help="show where a failure came from")
    return parser


def main(cmd: list[str] | None = None) -> int:
    """Return 1 if a benchmark failed, else 0."""
    words = sys.argv[1:] if cmd is None else cmd
    arguments = get_parser().parse_args(words)
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.ERROR)
    options = Options(arguments.device, arguments.repeats, arguments.quick)
    facts = page.environment(options)
    rows, failures = run_all(arguments.only or MODULES, options)
    text = page.render(facts, shlex.join(["python", "-m", "tools.bench", *words]), rows, failures)
    out = arguments.out
    if out is None and not (arguments.quick or arguments.only):
        out = page.RESULTS
    if out is None:
        print(text)
    else:
        page.write(out, text)
        print(f"wrote {out}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
