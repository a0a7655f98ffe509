"""What all commands share: help, the log, and one line for an error of the user."""

import importlib
import logging
import pkgutil
import subprocess
import sys

import pytest

from espnet2_ext import bin as commands
from espnet2_ext.bin.entry import Command, user_errors

NAMES = sorted({info.name for info in pkgutil.iter_modules(commands.__path__)} - {"entry"})
TRAININGS = ("p2v_train", "ser_train", "vocoder_train")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture) -> None:
    module = importlib.import_module(f"espnet2_ext.bin.{name}")
    with pytest.raises(SystemExit) as caught:
        module.main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert name in TRAININGS or printed.startswith(f"usage: {name} ")
    assert name in TRAININGS or module.__doc__.split("\n")[0].split(":")[0] in printed


@pytest.mark.parametrize("name", TRAININGS)
def test_trainings_end_in_one_line_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"espnet2_ext.bin.{name}")

    def fail(cmd: list[str]) -> None:
        raise FileNotFoundError(f"{cmd[0]}: no such file")

    task = next(each for key, each in vars(module).items() if key.endswith("Task"))
    monkeypatch.setattr(task, "main", fail)
    with pytest.raises(SystemExit, match=f"^{name}: wav.scp: no such file$"):
        module.main(["wav.scp"])


def test_subcommands_get_their_options() -> None:
    given: dict[str, object] = {}
    main = Command("tool", "What it does.")
    main.add_command("one", lambda **options: given.update(options), "First").add_argument("--a")
    main.add_command("two", "math:sqrt", "Second").add_argument("--b")
    main(["one", "--a", "x"])
    assert given == {"a": "x"}
    with pytest.raises(TypeError):  # an error of the program keeps its traceback
        main(["two", "--b", "4"])


@pytest.mark.parametrize("words", [["--restore_contrast", "x"], ["--restore_contrast=x"]])
def test_former_names_are_taken_with_a_warning(
    words: list[str], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    given: dict[str, object] = {}
    main = Command("tool", "What it does.", lambda **options: given.update(options))
    main.add_argument("--variance_compensation")
    main(words)
    assert given == {"variance_compensation": "x"}
    assert "--restore_contrast is now --variance_compensation" in caplog.text
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "restore_contrast" not in capsys.readouterr().out


def test_errors_of_the_user_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SystemExit, match=r"^tool: wav\.scp:3: no value$"), user_errors("tool"):
        raise ValueError("wav.scp:3:\n no value")
    assert "Traceback" in caplog.text
    with pytest.raises(SystemExit, match="^tool: stopped$"), user_errors("tool", RuntimeError):
        raise RuntimeError("stopped")
    with pytest.raises(RuntimeError), user_errors("tool"):
        raise RuntimeError("a fault of the program")


def test_a_process_logs_its_command_line_and_exits_with_one() -> None:
    command = [sys.executable, "-m", "espnet2_ext.bin.report", "render"]
    command += ["--results_path", "none.jsonl", "--out_path", "R.md"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    line, error = done.stderr.splitlines()
    assert line.endswith(
        "-m espnet2_ext.bin.report render --results_path none.jsonl --out_path R.md"
    )
    assert error.startswith("report render: none.jsonl: ")
