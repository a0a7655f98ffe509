"""The whole run at tiny sizes, and what it does when a benchmark breaks."""

import sys
import types
from pathlib import Path

from tools.bench import __main__ as bench
from tools.bench.measure import Options, Row
from tools.bench.run import MODULES, one_line, run_all


def test_one_broken_benchmark_does_not_hide_the_others(monkeypatch):
    def broken(options: Options) -> list[Row]:
        raise ValueError("first line\nsecond line")

    good = Row("Group", "what", "setting", 1.0, "x")
    for name, function in {"": None, ".good": lambda options: [good], ".broken": broken}.items():
        module = types.ModuleType(f"made_up{name}")
        module.measure = function
        monkeypatch.setitem(sys.modules, module.__name__, module)
    rows, failures = run_all(["broken", "good", "missing"], Options(), "made_up")
    assert rows == [good]
    assert failures["broken"] == "ValueError: first line"
    assert failures["missing"].startswith("ModuleNotFoundError")
    assert one_line(KeyError()) == "KeyError"


def test_every_module_that_measures_is_run():
    files = Path(bench.__file__).parent.glob("*.py")
    assert {path.stem for path in files if "\ndef measure(" in path.read_text()} <= set(MODULES)


def test_quick_run_fills_every_group(tmp_path):
    out = tmp_path / "RESULTS.md"
    assert bench.main(["--quick", "--repeats", "1", "--out", str(out)]) == 0
    page = out.read_text()
    assert "Failed: none." in page
    groups = "Decoder, training pass|Operations|Memory of a training pass|Scheduled sampling"
    groups += "|Generation|Training|Growth with T|Growth with U|Growth with B"
    assert [group for group in groups.split("|") if f"\n## {group}" not in page] == []
    assert "nan" not in page


def test_a_failure_gives_exit_code_1_and_a_part_is_not_written_as_the_table(monkeypatch, capsys):
    monkeypatch.setattr(bench, "run_all", lambda names, options: ([], {"x": "ValueError: y"}))
    monkeypatch.setattr(bench.page, "RESULTS", Path("/nonexistent/RESULTS.md"))
    assert bench.main(["--quick"]) == 1
    assert "| **failed** x | ValueError: y |" in capsys.readouterr().out
