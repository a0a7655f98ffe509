"""The figure of robustness."""

import pytest

from espnet2_ext.report.records import Record
from espnet2_ext.report.robustness import METRICS, Condition, robustness_figure, study_conditions

CONDITIONS = study_conditions([0.4, 0.1], [0.0, 20.0], [0.3], ["white"])


def make_records(conditions: list[Condition]) -> list[Record]:
    """Return records whose value is the amount; of what went in, half of it."""
    factors = dict.fromkeys(METRICS, 1.0) | {"input unit error rate": 0.5}
    return [
        Record(
            "t", c.row, metric, factor * c.amount, "%", 2, "", "", "", c.amount - 1, c.amount + 1
        )
        for c in conditions
        for metric, factor in factors.items()
    ]


def test_a_column_a_kind_of_damage_and_worse_to_the_right() -> None:
    figure = robustness_figure(CONDITIONS, make_records(CONDITIONS), "title")
    grid = [figure.axes[row * 3 : row * 3 + 3] for row in range(len(METRICS))]
    assert len(figure.axes) == 12
    assert [axes.get_xlabel() for axes in grid[-1]] == ["share of units", "SNR (dB)", "RT60 (s)"]
    assert [row[0].get_ylabel().removesuffix(" (%)") for row in grid] == list(METRICS)
    replaced, replaced_input, dropped, dropped_input, clean = grid[0][0].lines
    assert replaced.get_label() == "replaced"
    assert list(replaced.get_xdata()) == list(replaced.get_ydata()) == [0.1, 0.4]
    assert list(dropped_input.get_ydata()) == [0.05, 0.2]
    assert (replaced_input.get_linestyle(), dropped.get_linestyle()) == (":", "-")
    assert list(clean.get_ydata()) == [0.0, 0.0]
    assert [len(axes.lines) for axes in grid[1]] == [3, 2, 2]  # What went in is not here.
    left, right = grid[0][1].get_xlim()
    assert left > right  # SNR falls.


def test_only_columns_with_damage_are_drawn() -> None:
    conditions = study_conditions([], [], [0.3])
    figure = robustness_figure(conditions, make_records(conditions), "title")
    assert [axes.get_xlabel() for axes in figure.axes[-1:]] == ["RT60 (s)"]
    assert len(figure.axes) == len(METRICS)


def test_refuses_a_study_without_damage_and_missing_records() -> None:
    clean = study_conditions([0.0], [], [])
    with pytest.raises(ValueError, match="title: nothing to draw but the clean source"):
        robustness_figure(clean, make_records(clean), "title")
    records = [r for r in make_records(CONDITIONS) if r.row != "40 % of units dropped"]
    with pytest.raises(ValueError, match="no record of unit error rate in the row '40 % of units"):
        robustness_figure(CONDITIONS, records, "title")
