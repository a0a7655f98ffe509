"""A recipe directory whose interpreter is a stand-in: it writes down what it is asked for.

So the order of stages and their options are tested without the minutes that stages take.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

EGS2 = Path(__file__).resolve().parents[2] / "egs2"

FAKE_PYTHON = """#!/usr/bin/env bash
# Write down the module and its options; fail where the file `fail` names the module. A module with
# commands counts with its command, such as prepare_esd.
module=${2##*.}
case "${module}" in prepare | score | report) module+=_$3; set -- "${@:1:2}" "${@:4}" ;; esac
echo "${module} ${*:3}" >> calls
if [ "$(cat fail 2> /dev/null)" = "${module}" ]; then exit 9; fi
out=$(sed -n 's/.*--out\\(put\\)*_dir \\([^ ]*\\).*/\\2/p' <<< "$*")
"""
PREPARE = """#!/bin/sh
echo "data.sh $*" >> calls
echo "data.sh: ${python} ${nj}" >> given
"""


def write_recipe(
    root: Path, task: str, scripts: Sequence[str], sets: Sequence[str] = (), behaviour: str = ""
) -> Path:
    """Return a recipe directory as egs2/<corpus>/<task>, with stand-ins for tools and data.

    Args:
        root: takes the place of the checkout.
        task: such as ``p2v1``.
        scripts: of templates, such as ``p2v1/p2v.sh``.
        sets: directories below ``dump/raw``; each gets a ``wav.scp`` of five utterances.
        behaviour: of the interpreter beyond writing down: shell that finds ``module`` and
            ``out``, the output directory it was given.
    """
    (root / "tools").mkdir()
    (root / "tools/activate_python.sh").write_text("true\n")
    (root / "tools/cpu_settings.sh").symlink_to(EGS2.parent / "tools/cpu_settings.sh")
    recipe = root / "egs2/tiny" / task
    for name in ("conf", "local", "fake"):
        (recipe / name).mkdir(parents=True)
    (recipe / "common").symlink_to(EGS2 / "TEMPLATE/common")
    for script in (*scripts, *(f"common/{name}.sh" for name in ("path", "cmd", "db"))):
        (recipe / Path(script).name).symlink_to(EGS2 / "TEMPLATE" / script)
    for path, text in (("local/data.sh", PREPARE), ("fake/python", FAKE_PYTHON + behaviour)):
        (recipe / path).write_text(text)
        (recipe / path).chmod(0o755)
    for name in sets:
        (recipe / "dump/raw" / name).mkdir(parents=True)
        write_lines(recipe / "dump/raw" / name / "wav.scp", f"{name}-", " x.wav")
    return recipe


def write_lines(path: Path, before: str, after: str) -> None:
    """Write a table of five lines that differ in a number."""
    path.write_text("".join(f"{before}{number}{after}\n" for number in range(5)))


def shell(
    directory: Path, *command: object, timeout: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a directory with more in its environment; return how it ended."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def run_script(
    recipe: Path, script: str, settings: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess:
    """Run a script of the recipe; afterwards ``calls`` tells what this run called."""
    for name in ("calls", "given"):
        (recipe / name).unlink(missing_ok=True)
    options = (word for name, value in settings.items() for word in (f"--{name}", value))
    return shell(recipe, f"./{script}", *arguments, *options)


def calls(recipe: Path) -> list[str]:
    """Return a line for each call: the module and its options."""
    path = recipe / "calls"
    return path.read_text().splitlines() if path.exists() else []


def modules(recipe: Path) -> list[str]:
    """Return what was called, each once."""
    return list(dict.fromkeys(line.split()[0] for line in calls(recipe)))


def options_of(recipe: Path, module: str) -> list[str]:
    """Return the options of each call of a module, as one string."""
    return [line.partition(" ")[2] for line in calls(recipe) if line.split()[0] == module]


def value_of(options: str, name: str) -> str:
    """Return the value of an option, up to the next one."""
    return options.split(f"--{name} ")[1].split(" --")[0]
