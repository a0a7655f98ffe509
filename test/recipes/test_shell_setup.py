"""tools/setup.sh, activate_python.sh, check_install.py, setup.py and the Makefile.

The interpreter is a stand-in whose "pip" only writes down its arguments.
"""

import os
import re
import runpy
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from reference.fake_recipe import shell

from tools import check_install as module

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("demo", "test", "test-other", "lint", "bench", "clean", "help")

FAKE_PYTHON = """#!/usr/bin/env bash
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
    (tree / "tools").mkdir(parents=True)
    tools = ROOT / "tools"
    names = ("setup.sh", "activate_python.sh", "check_install.py")
    for path in [*tools.glob("constraints*"), *(tools / name for name in names)]:
        shutil.copy(path, tree / "tools")
    shutil.copy(ROOT / "setup.py", tree)
    (tree / "pip.calls").touch()
    (tree / "python").write_text(FAKE_PYTHON)
    (tree / "python").chmod(0o755)
    return tree


def setup(checkout: Path, *options: str, **environment: str) -> subprocess.CompletedProcess:
    (checkout / "pip.calls").write_text("")
    command = ("tools/setup.sh", "--python", str(checkout / "python"), *options)
    return shell(checkout, *command, **environment)


def pip_calls(checkout: Path) -> list[str]:
    return (checkout / "pip.calls").read_text().splitlines()


def constraints(checkout: Path) -> list[str]:
    return (checkout / "tools/.setup-constraints.txt").read_text().splitlines()


def test_installs_the_project_with_the_constraints_of_the_version(checkout):
    result = setup(checkout)
    assert result.returncode == 0, result.stderr
    assert "Python 3.11, ESPnet 202511, PyTorch 2.11.0, in tools/venv" in result.stdout
    [call] = pip_calls(checkout)
    assert call.endswith(f"--editable {checkout}[mini,audio]")
    given = (checkout / "tools/constraints-py311.txt").read_text().splitlines()
    assert constraints(checkout) == given
    assert (checkout / "tools/.setup-python").read_text() == f"{checkout}/tools/venv/bin/python\n"
    assert "core: already installed" in setup(checkout).stdout
    assert pip_calls(checkout) == []
    with open(checkout / "setup.py", "a") as stream:
        stream.write("# changed\n")
    setup(checkout)
    assert len(pip_calls(checkout)) == 1


def test_options_reach_pip(checkout):
    for version in ("3.12", "3.13"):
        assert "ESPnet 202611" in setup(checkout, FAKE_VERSION=version).stdout
        assert "espnet==202611" in constraints(checkout)
    setup(checkout, "--torch-version", "2.13.0", "--cuda_index", "https://example.org/whl")
    assert "--extra-index-url https://example.org/whl" in pip_calls(checkout)[0]
    assert {"torch==2.13.0", "torchaudio==2.11.0"} <= set(constraints(checkout))
    setup(checkout)
    setup(checkout, "--dev")
    [call] = pip_calls(checkout)
    assert call.endswith("[all]")
    for option in ("--dev", "--no-dev", "--no_dev"):
        setup(checkout, option)
        assert pip_calls(checkout) == []


def test_environment_elsewhere_or_none(checkout, tmp_path):
    setup(checkout, "--venv", str(tmp_path / "other"))
    assert (tmp_path / "other/bin/python").exists()
    programs = checkout / "bin"
    programs.mkdir()
    shutil.copy(checkout / "python", programs / "python3")
    path = f"{programs}:{os.environ['PATH']}"
    result = setup(checkout, "--use_current_python", PATH=path, python="")
    assert result.returncode == 0, result.stderr
    assert (checkout / "tools/.setup-python").read_text() == f"{programs}/python3\n"
    assert not (checkout / "tools/venv").exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError('Temporary failure in name resolution')", "cannot be reached"),
        ("ERROR: No matching distribution found for torch==9", "No matching distribution"),
        ("error: command 'g++' failed: No such file", "needs a C++ compiler"),
        ("ERROR: something else", "something else"),
    ],
)
def test_failure_of_pip_is_one_line_and_is_tried_again(checkout, output, message):
    result = setup(checkout, FAKE_PIP_STATUS="1", FAKE_PIP_OUTPUT=output)
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert message in line and line.endswith("(log: tools/.setup-core.log)")
    assert setup(checkout).returncode == 0
    assert len(pip_calls(checkout)) == 1


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        ([], {"FAKE_VERSION": "3.9"}, "is Python 3.9; 3.11, 3.12 or 3.13 is needed"),
        (["--python", "/no/such"], {}, "/no/such is Python (not runnable)"),
        (["--bogus"], {}, "unknown option --bogus"),
        (["--venv"], {}, "--venv needs a value"),
        (["--venv", "tools"], {}, "tools exists and is no virtual environment"),
    ],
)
def test_wrong_calls_change_nothing(checkout, options, environment, message):
    before = sorted(checkout.rglob("*"))
    result = setup(checkout, *options, **environment)
    assert result.returncode == 1 and message in result.stderr
    assert sorted(checkout.rglob("*")) == before


def test_help_names_every_option():
    shown = shell(ROOT, "tools/setup.sh", "--help").stdout
    handled = re.findall(r"__([a-z_]+)(?=[|)])", (ROOT / "tools/setup.sh").read_text())
    assert {f"--{option}" for option in set(handled) - {"help", "h"}} <= set(
        re.findall(r"--[a-z_]+", shown)
    )


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
    other = checkout / "elsewhere/bin/python"  # as tools/test_other_espnet.sh names it for one call
    other.parent.mkdir(parents=True)
    shutil.copy(checkout / "python", other)
    shown = shell(checkout, "bash", "-c", f"{activate}; echo $PATH", ESPNET2_EXT_PYTHON=str(other))
    assert shown.stdout.startswith(f"{other.parent}:")


def test_settings_of_the_user_are_left_alone():
    script = ". tools/cpu_settings.sh; echo $GOMP_SPINCOUNT ${MALLOC_TRIM_THRESHOLD_}"
    environment = {"GOMP_SPINCOUNT": "7", "MALLOC_TRIM_THRESHOLD_": ""}
    assert shell(ROOT, "bash", "-c", script, **environment).stdout.split() == ["7", "2000000000"]


def test_check_install_fails_only_for_what_is_necessary(monkeypatch, capsys):
    monkeypatch.setattr(module, "machine_rows", lambda: ([("python", "3", "")], []))
    monkeypatch.setattr(module, "NECESSARY", {"pytest": "here"})
    monkeypatch.setattr(module, "OPTIONAL", {"no-such-package": "a thing"})
    assert module.main() == 0
    assert "no-such-package is not installed: no a thing" in capsys.readouterr().out
    monkeypatch.setattr(module, "NECESSARY", {"no-such-package": "all"})
    assert module.main() == 1
    assert "Missing: no-such-package. Run tools/setup.sh" in capsys.readouterr().out


def test_check_install_finds_cached_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(module.Path, "home", lambda: tmp_path)
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".cache/s3prl/download").mkdir(parents=True)
    (tmp_path / ".cache/s3prl/download/abc.hubert_base_ls960.pt").touch()
    rows, problems = module.weight_rows()
    assert [row[1] for row in rows] == ["cached", "not cached", "not cached"]
    assert len(problems) == 2


def test_makefile_has_the_targets():
    shown = shell(ROOT, "make", "--silent", "help").stdout
    assert shell(ROOT, "make", "--dry-run", *TARGETS).returncode == 0
    assert [name for name in TARGETS if f"make {name} " not in shown] == ["help"]


def test_scripts_pass_shellcheck():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed; tools/setup.sh --dev installs it")
    scripts = [ROOT / ".ci/run", *ROOT.glob("tools/*.sh"), *ROOT.glob("egs2/**/*.sh")]
    # Recipes that were run have written options files below exp/.
    files = [str(p) for p in scripts if not p.is_symlink() and "exp" not in p.parts]
    paths = "egs2/mini_emo/p2v1:SCRIPTDIR:SCRIPTDIR/.."
    result = shell(ROOT, "shellcheck", "-x", "-P", paths, *files)
    assert result.returncode == 0, result.stdout


def requirements(monkeypatch) -> dict[str, list[str]]:
    given: dict = {}
    monkeypatch.setattr("setuptools.setup", lambda **arguments: given.update(arguments))
    runpy.run_path(str(ROOT / "setup.py"))
    return {"install": given["install_requires"], "all": given["extras_require"]["all"]}


def test_constraints_pin_every_requirement_of_setup_py(monkeypatch):
    listed = sum(requirements(monkeypatch).values(), [])
    names = {re.match(r"[A-Za-z0-9_.-]+", requirement)[0] for requirement in listed}
    assert {"espnet", "espeakng-loader", "pytest"} <= names
    for version, absent in (("311", set()), ("312", {"kaldiio"})):
        lines = (ROOT / f"tools/constraints-py{version}.txt").read_text().splitlines()
        pinned = [line.split("==")[0] for line in lines if "==" in line]
        assert names - absent - set(pinned) == set()
        # pip takes "-", "_", "." and case in names as equal.
        counts = Counter(re.sub(r"[-_.]+", "-", name).lower() for name in pinned)
        assert [name for name, count in counts.items() if count > 1] == []


def test_setup_py_replaces_no_espnet_that_is_installed(monkeypatch):
    """Neither ESPnet nor what it is built on has an upper limit; pins are in the constraints."""
    packaging = pytest.importorskip("packaging.requirements")
    for version, extras in (("3.11", set()), ("3.12", {"train"})):
        found = {
            requirement.name: requirement
            for requirement in map(packaging.Requirement, requirements(monkeypatch)["install"])
            if requirement.marker is None
            or requirement.marker.evaluate({"python_version": version})
        }
        assert found["espnet"].extras == extras
        for user in ("202511", "202511.post1", "202611", "202703"):
            assert found["espnet"].specifier.contains(user)
        assert not found["espnet"].specifier.contains("202509")
        for name, requirement in found.items():
            assert {each.operator for each in requirement.specifier} <= {">="}, name
        assert not found["torch"].specifier and not found["torchaudio"].specifier
