"""Interleaving, goals and the page; nothing here asserts a time."""

from tools.bench.curve import TRAININGS, Point, draw
from tools.bench.curve import render as render_curve
from tools.bench.goals import against
from tools.bench.measure import Options, Row, interleaved_seconds
from tools.bench.page import cpu_model, environment, number, render, write, write_part


def test_functions_run_in_turn_and_the_median_is_reported(monkeypatch):
    calls = []
    # Each counted call reads the clock twice: a takes 1, 9, 2 and b takes 4, 4, 4; the
    # first call of each, to warm up, only starts it.
    readings = iter([0, 0, 0, 1, 0, 4, 0, 9, 0, 4, 0, 2, 0, 4])
    monkeypatch.setattr("tools.bench.measure.time.perf_counter", lambda: next(readings))
    functions = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = interleaved_seconds(functions, Options(repeats=3))
    assert "".join(calls) == "abababab"
    assert seconds == {"a": 2, "b": 4}


def test_goals_and_numbers_of_three_digits():
    for name, device, value, goal, is_met in (
        ("G1", "cpu", 2.0, "G1 >= 2", True),
        ("G1", "cuda", 3.9, "G1 >= 4", False),
        ("G6", "cpu", 0.3, "G6 <= 0.3", True),
        ("G5", "cpu", 1.0, "", None),
        ("G11", "cuda", float("nan"), "G11 <= 0.05", False),
    ):
        assert against(name, value, device) == {"goal": goal, "is_met": is_met}
    values = [0.0, 1.2345, 0.012345, 12.345, 123456.7, -0.5, float("nan")]
    assert [*map(number, values)] == ["0", "1.23", "0.0123", "12.3", "123,457", "-0.500", "nan"]


def test_page_groups_rows_counts_goals_and_shows_failures():
    rows = [
        Row("Loop", "fast | slow", "B1", 2.5, "x", "G1 >= 2", True, "made of this"),
        Row("Other", "a", "B2", 3.0, "ms"),
        Row("Loop", "late", "B1", 0.5, "x", "G6 <= 0.3", False),
    ]
    page = render({"device": "abacus"}, "the command", rows, {"broken": "ValueError: why | how"})
    lines = page.splitlines()
    assert "Goals met: 1 of 2. Failed: broken." in lines
    assert {"- device: `abacus`", "- command: `the command`"} <= set(lines)
    assert "| fast \\| slow | B1 | 2.50 | x | G1 >= 2 | yes | made of this |" in lines
    assert "| late | B1 | 0.500 | x | G6 <= 0.3 | **no** |  |" in lines
    assert "| **failed** broken | ValueError: why \\| how |" in lines
    sections = [line for line in lines if line[:3] == "## "]
    assert sections == ["## Environment", "## Loop", "## Other", "## Failed"]


def test_facts_of_the_machine(tmp_path):
    facts = environment(Options())
    assert {"pytorch version", "CPU model", "threads", "Git hash", "dtype"} <= facts.keys()
    path = tmp_path / "cpuinfo"
    path.write_text("processor : 0\nmodel name\t: Abacus 9\nmodel name\t: Abacus 9\n")
    assert cpu_model(path) == "Abacus 9"
    assert cpu_model(tmp_path / "none")


def test_parts_with_commands_of_their_own_stand_below_the_results(tmp_path):
    results, other = tmp_path / "RESULTS.md", tmp_path / "OTHER.md"
    write_part(tmp_path / "SCALE.md", "## Scale\n\nold\n")
    assert not results.exists()
    write(results, "# Results\n")
    write_part(tmp_path / "CURVE.md", "## Curve\n")
    write_part(tmp_path / "SCALE.md", "## Scale\n\nnew\n")
    write(results, "# Results again\n")  # of a new run: the parts stay
    parts = [line for line in results.read_text().splitlines() if line and line[0] != "<"]
    assert parts == ["# Results again", "## Curve", "## Scale", "new"]
    write(other, "# Other\n")
    write_part(tmp_path / "mine.md", "of a trial\n")
    assert other.read_text() == "# Other\n" and "trial" not in results.read_text()


def test_learning_curves_have_a_line_for_each_point_and_a_figure(tmp_path):
    """Training itself takes minutes and is not run."""
    points = [Point(each.name, 60, 0.75, 0.5, 0.9, 0.4321) for each in TRAININGS]
    page = render_curve(points, {"threads": "2"}, 24)
    assert "| forced, the last 60 updates free | 60 | 0.8 | 0.500 | 0.900 | 0.432 |" in page
    assert "- threads: `2`" in page and "Synthetic speech" in page
    assert page.count(" | 60 | 0.8 |") == len(TRAININGS)
    draw(points, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
