"""The page of results: where they were measured, then one table for each group."""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.report.records import environment_records
from tools.bench.measure import Options, Row

RESULTS = Path(__file__).with_name("RESULTS.md")
PARTS = ("CURVE.md", "SCALE.md")
"""Pages that have commands of their own, as these take long."""
_MARK = "<!-- What follows is made by commands of its own. -->"
HEADER = ("what", "setting", "value", "unit", "goal", "met", "made of")


def environment(options: Options) -> dict[str, str]:
    """Return the facts that a figure depends on, by name."""
    facts = {record.row: str(record.value) for record in environment_records(options.device)}
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    facts |= {
        "CPU model": cpu_model(),
        "threads": str(torch.get_num_threads()),
        "load average before (1, 5, 15 min)": load,
        "dtype": "float32 where a setting says nothing else",
        "timing": f"functions in turn in one process, median of {options.repeats} after 1 warm-up",
    }
    if options.device != "cpu":
        facts["TF32"] = str(torch.backends.cuda.matmul.allow_tf32)
        facts["CUDA version"] = str(torch.version.cuda)
    return facts


def cpu_model(path: str | Path = "/proc/cpuinfo") -> str:
    """Return the processor's name, or what Python knows of it."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def render(
    facts: Mapping[str, str], command: str, rows: Sequence[Row], failures: Mapping[str, str]
) -> str:
    """Return the page as markdown.

    Args:
        facts: of ``environment``.
        command: that makes the page again.
        rows: figures; those of one group need not be neighbours.
        failures: one-line reason by the name of what failed.
    """
    goals = [row for row in rows if row.is_met is not None]
    met = sum(bool(row.is_met) for row in goals)
    lines = [
        "# Benchmarks",
        "",
        f"<!-- Made by `{command}`; do not edit. -->",
        "",
        f"Goals met: {met} of {len(goals)}. Failed: {', '.join(failures) or 'none'}.",
        "",
        "## Environment",
        "",
        *(f"- {name}: `{value}`" for name, value in facts.items()),
        f"- command: `{command}`",
        "",
    ]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    for group, members in groups.items():
        lines += [f"## {group}", "", _line(HEADER), "|---|---|---:|---|---|---|---|"]
        lines += [*map(_row, members), ""]
    if failures:
        lines += ["## Failed", "", _line(("benchmark", "reason")), "|---|---|"]
        lines += [*(_line(("**failed** " + name, why)) for name, why in failures.items()), ""]
    return "\n".join(lines)


def write(path: str | Path, page: str) -> None:
    """Write the page; below the whole results stand the pages of ``PARTS`` beside them."""
    path = Path(path)
    parts = [path.with_name(name) for name in PARTS if path.name == RESULTS.name]
    texts = [part.read_text().rstrip() for part in parts if part.exists()]
    if texts:
        page = "\n\n".join([page.split(_MARK)[0].rstrip(), _MARK, *texts]) + "\n"
    with atomic_open(path) as stream:
        stream.write(page)


def write_part(path: Path, part: str) -> None:
    """Write a page of ``PARTS`` and, where the results stand beside it, these with it."""
    with atomic_open(path) as stream:
        stream.write(part)
    results = path.with_name(RESULTS.name)
    if path.name in PARTS and results.exists():
        write(results, results.read_text())


def _row(row: Row) -> str:
    met = {True: "yes", False: "**no**", None: ""}[row.is_met]
    return _line((row.what, row.setting, number(row.value), row.unit, row.goal, met, row.detail))


def _line(cells: Sequence[str]) -> str:
    """Return a line of a markdown table; a bar inside a cell would end it."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def number(value: float) -> str:
    """Return a figure with three significant digits, whole numbers in full."""
    if not math.isfinite(value):
        return str(value)
    if value == 0.0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"
