"""tools/setup.sh, activate_python.sh, check_install.py, setup.py and the Makefile.

The interpreter is a stand-in whose "pip" only writes down its arguments.
"""

import os
import re
import runpy
import shutil
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from reference.fake_recipe import shell

from tools import check_install

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/usr/bin/env bash
case "$*" in
    *version_info*) echo "${FAKE_VERSION:-3.11}"; [ "${FAKE_VERSION:-3.11}" != 3.9 ] ;;
    *sys.executable*) realpath -s "$0" ;;
    *sys.prefix*) dirname "$(dirname "$(realpath -s "$0")")" ;;
    "-m venv"*)
        mkdir -p "${@: -1}/bin"
        cp "$0" "${@: -1}/bin/python"
        touch "${@: -1}/pyvenv.cfg" ;;
    "-m pip"*) echo "$*" >> pip.calls; echo "${FAKE_PIP_OUTPUT:-}"; exit "${FAKE_PIP_STATUS:-0}" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Path:
    """Return a copy of what setup.sh reads, with a stand-in interpreter."""
    monkeypatch.delenv("ESPNET2_EXT_PYTHON", raising=False)
    tree = tmp_path / "checkout"
    names = "constraints-py*.txt setup.sh activate_python.sh check_install.py ../setup.py".split()
    for path in [path for name in names for path in (ROOT / "tools").glob(name)]:
        copy = tree / os.path.relpath(path, ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    for name in ("python", "bin/python3", "elsewhere/bin/python"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(PYTHON)
        (tree / name).chmod(0o755)
    return tree


def setup(checkout: Path, *options: str, **environment: str):
    """Run setup.sh; return how it ended, and the calls of pip."""
    (checkout / "pip.calls").write_text("")
    done = shell(checkout, "tools/setup.sh", "--python", "./python", *options, **environment)
    return done, (checkout / "pip.calls").read_text().splitlines()


def test_installs_the_project_with_the_constraints_of_the_version(checkout):
    used = checkout / "tools/.setup-constraints.txt"
    result, [call] = setup(checkout)
    assert result.returncode == 0, result.stderr
    assert "Python 3.11, ESPnet 202511, PyTorch 2.11.0, in tools/venv" in result.stdout
    assert call.endswith(f"--editable {checkout}[mini,audio]")
    assert used.read_text() == (checkout / "tools/constraints-py311.txt").read_text()
    assert (checkout / "tools/.setup-python").read_text() == f"{checkout}/tools/venv/bin/python\n"
    result, pip = setup(checkout)
    assert "core: already installed" in result.stdout and pip == []
    with open(checkout / "setup.py", "a") as stream:
        stream.write("# changed\n")
    assert len(setup(checkout)[1]) == 1
    for version in ("3.12", "3.13"):
        assert "ESPnet 202611" in setup(checkout, FAKE_VERSION=version)[0].stdout
        assert "espnet==202611" in used.read_text().splitlines()


def test_options_reach_pip(checkout):
    options = ("--torch-version", "2.13.0", "--cuda_index", "https://example.org/whl")
    [call] = setup(checkout, *options)[1]
    assert "--extra-index-url https://example.org/whl" in call
    used = (checkout / "tools/.setup-constraints.txt").read_text().splitlines()
    assert {"torch==2.13.0", "torchaudio==2.11.0"} <= set(used)
    setup(checkout)
    [call] = setup(checkout, "--dev")[1]
    assert call.endswith("[all]")
    for option in ("--dev", "--no-dev", "--no_dev"):
        assert setup(checkout, option)[1] == []


def test_environment_elsewhere_or_none(checkout, tmp_path):
    path = f"{checkout}/bin:{os.environ['PATH']}"
    result, _ = setup(checkout, "--python", "", "--use_current_python", PATH=path)
    assert result.returncode == 0, result.stderr
    assert (checkout / "tools/.setup-python").read_text() == f"{checkout}/bin/python3\n"
    setup(checkout, "--venv", str(tmp_path / "other"))
    assert (tmp_path / "other/bin/python").exists()
    assert not (checkout / "tools/venv").exists()


def test_failure_of_pip_is_one_line_and_is_tried_again(checkout):
    for output, message in (
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError('Temporary failure in name resolution')", "cannot be reached"),
        ("ERROR: No matching distribution found for torch==9", "No matching distribution"),
        ("error: command 'g++' failed: No such file", "needs a C++ compiler"),
        ("ERROR: something else", "something else"),
    ):
        result, _ = setup(checkout, FAKE_PIP_STATUS="1", FAKE_PIP_OUTPUT=output)
        assert result.returncode == 1
        [line] = result.stderr.splitlines()
        assert message in line and line.endswith("(log: tools/.setup-core.log)")
    result, pip = setup(checkout)
    assert result.returncode == 0 and len(pip) == 1


def test_wrong_calls_change_nothing(checkout):
    (checkout / "pip.calls").touch()
    before = sorted(checkout.rglob("*"))
    for options, version, message in (
        ([], "3.9", "is Python 3.9; 3.11, 3.12 or 3.13 is needed"),
        (["--python", "/no/such"], "", "/no/such is Python (not runnable)"),
        (["--bogus"], "", "unknown option --bogus"),
        (["--venv"], "", "--venv needs a value"),
        (["--venv", "tools"], "", "tools exists and is no virtual environment"),
    ):
        result, _ = setup(checkout, *options, FAKE_VERSION=version)
        assert result.returncode == 1 and message in result.stderr
    assert sorted(checkout.rglob("*")) == before


def test_help_names_every_option_and_every_target():
    shown = shell(ROOT, "tools/setup.sh", "--help").stdout
    handled = re.findall(r"__([a-z_]+)(?=[|)])", (ROOT / "tools/setup.sh").read_text())
    assert set(handled) - {"help", "h"} <= set(re.findall(r"--([a-z_]+)", shown))
    targets = re.search(r"^\.PHONY: help (.*)", (ROOT / "Makefile").read_text(), re.M)[1].split()
    shown = shell(ROOT, "make", "--silent", "help").stdout
    assert [name for name in targets if f"make {name} " not in shown] == []
    assert shell(ROOT, "make", "--dry-run", *targets).returncode == 0


def test_activation_puts_the_interpreter_first(checkout):
    activate = ". tools/activate_python.sh"
    unset = shell(checkout, "bash", "-c", f"{activate} || exit 3")
    assert unset.returncode == 3 and "run tools/setup.sh first" in unset.stderr
    setup(checkout)
    script = f"{activate}; {activate}; echo $PATH; echo $VIRTUAL_ENV"
    path, environment = shell(checkout, "bash", "-euc", script).stdout.splitlines()
    assert path.split(":")[0] == f"{checkout}/tools/venv/bin"
    assert path.count(f"{checkout}/tools/venv/bin") == 1
    assert environment == f"{checkout}/tools/venv"
    # As tools/test_other_espnet.sh names another for one call.
    other = checkout / "elsewhere/bin/python"
    shown = shell(checkout, "bash", "-c", f"{activate}; echo $PATH", ESPNET2_EXT_PYTHON=str(other))
    assert shown.stdout.startswith(f"{other.parent}:")


def test_settings_of_the_user_are_left_alone():
    script = ". tools/cpu_settings.sh; echo $GOMP_SPINCOUNT ${MALLOC_TRIM_THRESHOLD_}"
    environment = {"GOMP_SPINCOUNT": "7", "MALLOC_TRIM_THRESHOLD_": ""}
    assert shell(ROOT, "bash", "-c", script, **environment).stdout.split() == ["7", "2000000000"]


def test_check_install_fails_only_for_what_is_necessary(monkeypatch, capsys):
    monkeypatch.setattr(check_install, "machine_rows", lambda: ([("python", "3", "")], []))
    monkeypatch.setattr(check_install, "NECESSARY", {"pytest": "here"})
    monkeypatch.setattr(check_install, "OPTIONAL", {"no-such-package": "a thing"})
    assert check_install.main() == 0
    assert "no-such-package is not installed: no a thing" in capsys.readouterr().out
    monkeypatch.setattr(check_install, "NECESSARY", {"no-such-package": "all"})
    assert check_install.main() == 1
    assert "Missing: no-such-package. Run tools/setup.sh" in capsys.readouterr().out


def test_scripts_pass_shellcheck():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed; tools/setup.sh --dev installs it")
    scripts = [ROOT / ".ci/run", *ROOT.glob("tools/*.sh"), *ROOT.glob("egs2/**/*.sh")]
    # Recipes that were run have written options files below exp/.
    files = [str(p) for p in scripts if not p.is_symlink() and "exp" not in p.parts]
    paths = "egs2/mini_emo/p2v1:SCRIPTDIR:SCRIPTDIR/.."
    result = shell(ROOT, "shellcheck", "-x", "-P", paths, *files)
    assert result.returncode == 0, result.stdout


def test_requirements_are_pinned_but_replace_no_espnet_that_is_installed(monkeypatch):
    """Neither ESPnet nor what it is built on has an upper limit; pins are in the constraints."""
    given: dict = {}
    monkeypatch.setattr("setuptools.setup", lambda **arguments: given.update(arguments))
    runpy.run_path(str(ROOT / "setup.py"))
    requirements = [Requirement(line) for line in given["install_requires"]]
    names = {Requirement(line).name for line in given["extras_require"]["all"]}
    names |= {requirement.name for requirement in requirements}
    assert {"espnet", "espeakng-loader", "pytest"} <= names
    for version, absent, extras in (("3.11", set(), set()), ("3.12", {"kaldiio"}, {"train"})):
        constraints = ROOT / f"tools/constraints-py{version.replace('.', '')}.txt"
        pinned = re.findall("^(.*?)==", constraints.read_text(), re.M)
        assert names - absent - set(pinned) == set()
        # pip takes "-", "_", "." and case in names as equal.
        counts = Counter(re.sub(r"[-_.]+", "-", name).lower() for name in pinned)
        assert [name for name, count in counts.items() if count > 1] == []
        here = {"python_version": version}
        found = {r.name: r for r in requirements if r.marker is None or r.marker.evaluate(here)}
        assert found["espnet"].extras == extras
        for user in ("202511", "202511.post1", "202611", "202703"):
            assert found["espnet"].specifier.contains(user)
        assert not found["espnet"].specifier.contains("202509")
        for name, requirement in found.items():
            assert {each.operator for each in requirement.specifier} <= {">="}, name
        assert not found["torch"].specifier and not found["torchaudio"].specifier
