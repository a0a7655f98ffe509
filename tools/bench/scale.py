"""Time and memory of every data stage against the size of the corpus.

``python -m tools.bench.scale`` puts corpora of growing size, all of a few tiny files, through
the stages of the pretraining template and writes SCALE.md beside this file. The largest is
the paper's 228 k utterances at three speeds. That takes an hour on 2 cores and 8 GB of disk;
``--sources`` chooses other sizes.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import log
from pathlib import Path

from espnet2_ext import _compat  # noqa: F401  (must come before anything of ESPnet)
from espnet2_ext.data.parallel import atomic_open
from tools.bench import page, scale_recipe
from tools.bench.measure import Options
from tools.bench.scale_stages import Cost, measure_mixture, measure_stages

HERE = Path(__file__).resolve().parent
SOURCES = (14_000, 228_000)
NOT_OF_THIS_PAGE = ("dtype", "timing")


def render(costs: Sequence[Cost], facts: Mapping[str, str], command: str) -> str:
    """Return the table as markdown: a row a stage, a pair of columns a size."""
    sizes = sorted({cost.sources for cost in costs})
    by_name: dict[str, list[Cost]] = {}
    for cost in sorted(costs, key=lambda each: each.sources):
        by_name.setdefault(cost.what, []).append(cost)
    header = ["stage", *(f"{3 * size:,}: s" for size in sizes), "time grows with size to the power"]
    header += [*(f"{3 * size:,}: MiB" for size in sizes), "bytes an utterance"]
    lines = [
        "## Data stages against the size of the corpus",
        "",
        f"<!-- Made by `{command}`; do not edit. -->",
        "",
        "Synthetic: a few files of 0.2 to 0.4 s under many names, put through the stages of "
        "egs2/TEMPLATE/p2v1 (mfcc units, a speaker encoder of 8 channels, the smallest model), one "
        "run of each size. The sizes in the table are those of the training set after speed "
        "perturbation; stages 1 and 2 work on a third of them. Memory is the resident peak of the "
        "largest process of a stage; the last column is its growth between the two largest sizes. "
        "In stages 3 to 5 and 7 that is a worker, which does not grow. The row of wav.scp is what "
        "it costs to have ids and paths in memory at all.",
        "",
        *(f"- {name}: `{value}`" for name, value in facts.items()),
        f"- command: `{command}`",
        "",
        "| " + " | ".join(header) + " |",
        "|---" + "|---:" * (len(header) - 1) + "|",
    ]
    lines += ["| " + " | ".join([name, *_cells(row)]) + " |" for name, row in by_name.items()]
    return "\n".join([*lines, ""])


def _cells(row: Sequence[Cost]) -> list[str]:
    """Return the figures of one stage; growth needs two sizes."""
    power = slope = ""
    if len(row) > 1:
        before, last = row[-2:]
        power = f"{log(last.seconds / before.seconds) / log(last.sources / before.sources):.2f}"
        growth = (last.peak_mib - before.peak_mib) * 2**20
        slope = f"{growth / (last.utterances - before.utterances):,.0f}"
    seconds = [f"{cost.seconds:,.1f}" for cost in row]
    return [*seconds, power, *(f"{cost.peak_mib:,.0f}" for cost in row), slope]


def measured(
    sources: int, work_dir: Path, name: str, measure: Callable[[Path], list[Cost]]
) -> list[Cost]:
    """Return the costs at one size, from their file where they were measured before.

    Args:
        sources: utterances of the recipe.
        work_dir: to write to.
        name: of what is measured, for the file.
        measure: takes a fresh recipe.
    """
    cached = work_dir / f"{name}_{sources}.json"
    if not cached.exists():
        folder = work_dir / f"recipe_{sources}"
        scale_recipe.remove(folder)
        costs = measure(scale_recipe.write_recipe(folder, sources))
        scale_recipe.remove(folder)
        with atomic_open(cached) as stream:
            json.dump([vars(cost) for cost in costs], stream)
    return [Cost(**cost) for cost in json.loads(cached.read_text())]


def get_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser("python -m tools.bench.scale", description=__doc__)
    parser.add_argument("--sources", type=int, nargs="+", default=SOURCES, metavar="N")
    parser.add_argument("--work_dir", type=Path, default=HERE / "scale_work")
    parser.add_argument("--nj", type=int, default=2, help="processes of a stage")
    parser.add_argument("--splits", type=int, default=8, help="of the tables in training")
    parser.add_argument("--out", type=Path, default=HERE / "SCALE.md")
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Measure, write; a size that was measured before is read from ``work_dir``."""
    words = sys.argv[1:] if cmd is None else cmd
    arguments = get_parser().parse_args(words)
    facts = {
        name: value
        for name, value in page.environment(Options()).items()
        if name not in NOT_OF_THIS_PAGE
    }
    work_dir = arguments.work_dir.resolve()
    costs: list[Cost] = []
    for sources in sorted(arguments.sources):
        mixture = partial(measure_mixture, sources=sources)
        stages = partial(measure_stages, sources=sources, nj=arguments.nj, splits=arguments.splits)
        costs += measured(sources, work_dir, "mixture", mixture)
        costs += measured(sources, work_dir, "costs", stages)
    command = shlex.join(["python", "-m", "tools.bench.scale", *words])
    page.write_part(arguments.out, render(costs, facts, command))
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
