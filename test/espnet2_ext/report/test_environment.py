"""The environment block."""

import platform
import subprocess
from pathlib import Path

from espnet2_ext import __version__
from espnet2_ext.report.records import environment_records, git_commit


def test_lists_versions_and_machine() -> None:
    facts = {record.row: record.value for record in environment_records()}
    assert facts["python version"] == platform.python_version()
    assert facts["espnet2_ext version"] == __version__
    assert str(facts["pytorch version"])[0].isdigit()
    assert str(facts["espnet version"])[0].isdigit()
    assert facts["device"] == f"CPU ({platform.machine()})"
    assert {record.unit for record in environment_records()} == {"text"}


def test_commit_tells_changed_code(tmp_path: Path) -> None:
    assert git_commit(tmp_path) == ""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    git("init", "-q")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    clean = git_commit(tmp_path)
    assert clean and not clean.endswith("+")
    (tmp_path / "file").write_text("b")
    assert git_commit(tmp_path) == clean + "+"
