"""A picture of how scores fall with the damage to the source."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet2_ext.report.results import Record
from espnet2_ext.report.robustness_conditions import (
    BABBLE,
    CLEAN,
    DROPPED,
    REPLACED,
    REVERBERATION,
    WHITE,
    Condition,
)
from espnet2_ext.report.robustness_results import INPUT_ERROR_RATE, UNIT_ERROR_RATE

PANELS = {
    "share of units": (REPLACED, DROPPED),
    "SNR (dB)": (WHITE, BABBLE),
    "RT60 (s)": (REVERBERATION,),
}
"""Columns: what the axis counts, and the kinds of damage drawn over it."""
METRICS = (UNIT_ERROR_RATE, "MCD", "F0-mean error", "duration error")
"""Rows: content, spectrum and prosody."""
COLOURS = {
    REPLACED: "#4c72b0",
    DROPPED: "#dd8452",
    WHITE: "#4c72b0",
    BABBLE: "#dd8452",
    REVERBERATION: "#4c72b0",
}
Found = Mapping[tuple[str, str], Record]
"""(row, metric) to the record."""


def robustness_figure(
    conditions: Sequence[Condition], records: Sequence[Record], title: str
) -> Figure:
    """Return a figure: a row a metric, a column a way of damage, worse to the right.

    The grey line is the clean source; in the row of unit error rates, dotted lines are
    those of what the model was given.

    Args:
        conditions: of the study.
        records: of the table.
        title: above all panels.

    Raises:
        ValueError: no condition damages anything, or a record is missing.
    """
    kinds = {condition.kind for condition in conditions}
    columns = {label: of for label, of in PANELS.items() if kinds & set(of)}
    if not columns:
        raise ValueError(f"{title}: nothing to draw but the clean source; give some damage")
    found = {(record.row, record.metric): record for record in records}
    size = (1.0 + 3.2 * len(columns), 2.2 * len(METRICS))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(len(METRICS), len(columns), sharex="col", sharey="row", squeeze=False)
    for row, metric in enumerate(METRICS):
        for column, (label, of) in enumerate(columns.items()):
            axes = grid[row, column]
            for kind in of:
                chosen = [condition for condition in conditions if condition.kind == kind]
                if chosen:
                    _draw(axes, kind, chosen, metric, found)
            clean = _look_up(found, Condition(CLEAN), metric)
            axes.axhline(float(clean.value), color="grey", linewidth=0.8, zorder=0)
            grid[-1, column].set_xlabel(label)
        unit = f" ({clean.unit})" if clean.unit else ""
        grid[row, 0].set_ylabel(f"{metric}{unit}")
    for axes, label in zip(grid[0], columns, strict=True):
        # Above the panel: inside, it would lie on points of some study.
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        if label.startswith("SNR"):
            axes.invert_xaxis()
    figure.suptitle(title, fontsize=10)
    return figure


def _draw(
    axes: Axes, kind: str, conditions: Sequence[Condition], metric: str, found: Found
) -> None:
    """Draw the means of one kind with their intervals and, of units, what went in."""
    ordered = sorted(conditions, key=lambda condition: condition.amount)
    amounts = [condition.amount for condition in ordered]
    chosen = [_look_up(found, condition, metric) for condition in ordered]
    values = [float(record.value) for record in chosen]
    axes.plot(amounts, values, "o-", color=COLOURS[kind], label=kind, markersize=4)
    for amount, value, record in zip(amounts, values, chosen, strict=True):
        low, high = (value if end is None else end for end in (record.low, record.high))
        axes.vlines(amount, low, high, color=COLOURS[kind], linewidth=1.0)
    if metric == UNIT_ERROR_RATE:
        inputs = [_look_up(found, condition, INPUT_ERROR_RATE) for condition in ordered]
        axes.plot(amounts, [float(each.value) for each in inputs], ":", color=COLOURS[kind])


def _look_up(found: Found, condition: Condition, metric: str) -> Record:
    if (condition.row, metric) not in found:
        raise ValueError(f"no record of {metric} in the row {condition.row!r}")
    return found[condition.row, metric]
