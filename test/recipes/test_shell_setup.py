"""tools/setup.sh, activate_python.sh, check_install.py and the Makefile.

The interpreter is a stand-in whose "pip" only writes down its arguments.
"""

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

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
    names = ("setup.sh", "activate_python.sh", "check_install.py")
    for path in [
        *(ROOT / "tools").glob("constraints*"),
        *(ROOT / "tools" / name for name in names),
    ]:
        shutil.copy(path, tree / "tools")
    shutil.copy(ROOT / "setup.py", tree)
    (tree / "python").write_text(FAKE_PYTHON)
    (tree / "python").chmod(0o755)
    return tree


def setup(checkout: Path, *options: str, **environment: str) -> subprocess.CompletedProcess:
    (checkout / "pip.calls").unlink(missing_ok=True)
    command = ["tools/setup.sh", "--python", str(checkout / "python"), *options]
    return subprocess.run(
        command,
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def pip_calls(checkout: Path) -> list[str]:
    path = checkout / "pip.calls"
    return path.read_text().splitlines() if path.exists() else []


def test_installs_the_project_with_the_constraints_of_the_version(checkout):
    result = setup(checkout)
    assert result.returncode == 0, result.stderr
    assert "Python 3.11, ESPnet 202511, PyTorch 2.11.0, in tools/venv" in result.stdout
    [call] = pip_calls(checkout)
    assert call.endswith(f"--editable {checkout}[mini,audio]")
    used = (checkout / "tools/.setup-constraints.txt").read_text()
    assert used == (checkout / "tools/constraints-py311.txt").read_text()
    assert (checkout / "tools/.setup-python").read_text() == f"{checkout}/tools/venv/bin/python\n"


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_newer_python_gets_newer_espnet(checkout, version):
    result = setup(checkout, FAKE_VERSION=version)
    assert "ESPnet 202611" in result.stdout
    used = (checkout / "tools/.setup-constraints.txt").read_text()
    assert "espnet==202611" in used.splitlines()


def test_second_run_installs_nothing_and_a_changed_file_does(checkout):
    setup(checkout)
    assert "core: already installed" in setup(checkout).stdout
    assert pip_calls(checkout) == []
    with open(checkout / "setup.py", "a") as stream:
        stream.write("# changed\n")
    setup(checkout)
    assert len(pip_calls(checkout)) == 1


def test_development_tools_are_a_group_of_their_own(checkout):
    setup(checkout)
    setup(checkout, "--dev")
    [call] = pip_calls(checkout)
    assert call.endswith("[all]")
    for option in ("--dev", "--no-dev", "--no_dev"):
        setup(checkout, option)
        assert pip_calls(checkout) == []


def test_torch_version_and_index_are_handed_to_pip(checkout):
    setup(checkout)
    setup(checkout, "--torch-version", "2.13.0", "--cuda_index", "https://example.org/whl")
    [call] = pip_calls(checkout)
    assert "--extra-index-url https://example.org/whl" in call
    used = (checkout / "tools/.setup-constraints.txt").read_text().splitlines()
    assert "torch==2.13.0" in used
    assert "torchaudio==2.11.0" in used


def test_environment_made_elsewhere(checkout, tmp_path):
    setup(checkout, "--venv", str(tmp_path / "other"))
    assert (tmp_path / "other/bin/python").exists()
    assert not (checkout / "tools/venv").exists()


def test_current_interpreter_makes_no_environment(checkout):
    programs = checkout / "bin"
    programs.mkdir()
    shutil.copy(checkout / "python", programs / "python3")
    result = setup(
        checkout, "--use_current_python", PATH=f"{programs}:{os.environ['PATH']}", python=""
    )
    assert result.returncode == 0, result.stderr
    assert not (checkout / "tools/venv").exists()
    assert (checkout / "tools/.setup-python").read_text() == f"{programs}/python3\n"


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
    assert message in line
    assert line.endswith("(log: tools/.setup-core.log)")
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
    assert result.returncode == 1
    assert message in result.stderr
    assert sorted(checkout.rglob("*")) == before


def test_help_names_every_option():
    script = ROOT / "tools/setup.sh"
    result = subprocess.run([script, "--help"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    handled = re.findall(r"__([a-z_]+)(?=[|)])", script.read_text())
    for option in set(handled) - {"help", "h"}:
        assert f"--{option}" in result.stdout


def test_activation_puts_the_interpreter_first(checkout):
    script = ". tools/activate_python.sh; . tools/activate_python.sh; echo $PATH; echo $VIRTUAL_ENV"
    setup(checkout)
    result = subprocess.run(
        ["bash", "-euc", script], cwd=checkout, capture_output=True, text=True, timeout=60
    )
    path, environment = result.stdout.splitlines()
    assert path.split(":")[0] == f"{checkout}/tools/venv/bin"
    assert path.count(f"{checkout}/tools/venv/bin") == 1
    assert environment == f"{checkout}/tools/venv"


def test_activation_without_installation_says_what_to_do(checkout):
    result = subprocess.run(
        ["bash", "-c", ". tools/activate_python.sh || exit 3"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 3
    assert "run tools/setup.sh first" in result.stderr


def load_check_install():
    path = ROOT / "tools/check_install.py"
    spec = importlib.util.spec_from_file_location("check_install", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_check_install_fails_only_for_what_is_necessary(monkeypatch, capsys):
    module = load_check_install()
    monkeypatch.setattr(module, "machine_rows", lambda: ([("python", "3", "")], []))
    monkeypatch.setattr(module, "NECESSARY", {"pytest": "here"})
    monkeypatch.setattr(module, "OPTIONAL", {"no-such-package": "a thing"})
    assert module.main() == 0
    assert "no-such-package is not installed: no a thing" in capsys.readouterr().out
    monkeypatch.setattr(module, "NECESSARY", {"no-such-package": "all"})
    assert module.main() == 1
    assert "Missing: no-such-package. Run tools/setup.sh" in capsys.readouterr().out


def test_check_install_finds_cached_weights(monkeypatch, tmp_path):
    module = load_check_install()
    monkeypatch.setattr(module.Path, "home", lambda: tmp_path)
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".cache/s3prl/download").mkdir(parents=True)
    (tmp_path / ".cache/s3prl/download/abc.hubert_base_ls960.pt").touch()
    rows, problems = module.weight_rows()
    assert [row[1] for row in rows] == ["cached", "not cached", "not cached"]
    assert len(problems) == 2


@pytest.mark.parametrize("target", TARGETS)
def test_makefile_has_the_targets(target):
    result = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    shown = subprocess.run(
        ["make", "--silent", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    ).stdout
    assert target == "help" or f"make {target} " in shown


def test_scripts_pass_shellcheck():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed; tools/setup.sh --dev installs it")
    scripts = [ROOT / ".ci/run", *ROOT.glob("tools/*.sh"), *ROOT.glob("egs2/**/*.sh")]
    # Recipes that were run have written options files below exp/.
    files = [str(p) for p in scripts if not p.is_symlink() and "exp" not in p.parts]
    paths = "egs2/mini_emo/p2v1:SCRIPTDIR:SCRIPTDIR/.."
    command = ["shellcheck", "-x", "-P", paths, *files]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout


def test_constraints_pin_every_requirement_of_setup_py(monkeypatch):
    given: dict = {}
    monkeypatch.setattr("setuptools.setup", lambda **arguments: given.update(arguments))
    runpy.run_path(str(ROOT / "setup.py"))
    requirements = [*given["install_requires"], *given["extras_require"]["all"]]
    names = {re.match(r"[A-Za-z0-9_.-]+", requirement)[0] for requirement in requirements}
    assert {"espnet", "espeakng-loader", "pytest"} <= names
    for version, absent in (("311", set()), ("312", {"kaldiio"})):
        lines = (ROOT / f"tools/constraints-py{version}.txt").read_text().splitlines()
        pinned = {line.split("==")[0] for line in lines if "==" in line}
        assert names - absent - pinned == set()


@pytest.mark.parametrize("path", sorted((ROOT / "tools").glob("constraints-*.txt")), ids=str)
def test_no_constraints_file_pins_a_package_twice(path):
    lines = path.read_text().splitlines()
    # pip takes "-", "_", "." and case in names as equal.
    names = [re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines if "==" in line]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_another_interpreter_can_be_named_for_one_call(checkout):
    """As tools/test_other_espnet.sh does; what setup.sh chose stays chosen."""
    other = checkout / "elsewhere/bin/python"
    other.parent.mkdir(parents=True)
    shutil.copy(checkout / "python", other)
    result = subprocess.run(
        ["bash", "-c", ". tools/activate_python.sh; echo $PATH"],
        cwd=checkout,
        env={**os.environ, "ESPNET2_EXT_PYTHON": str(other)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout.startswith(f"{other.parent}:")
