"""local/data.sh of corpora that can be downloaded: only when asked for, and only when needed.

The interpreter is a stand-in, see ``reference.fake_recipe``.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, calls, write_recipe

CORPORA = ("crema_d", "ravdess")


@pytest.fixture(params=CORPORA)
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a recipe directory with the local/data.sh of each corpus in turn."""
    directory = write_recipe(tmp_path, "ser1", ["ser1/ser.sh"])
    shutil.copy(EGS2 / request.param / "ser1/local/data.sh", directory / "local/data.sh")
    (directory / "corpus").write_text(request.param)
    return directory


def run(recipe: Path, *options: str) -> tuple[subprocess.CompletedProcess, str]:
    """Run local/data.sh and return its result and the name of the corpus."""
    (recipe / "calls").unlink(missing_ok=True)
    done = subprocess.run(
        ["local/data.sh", *options],
        cwd=recipe,
        env={**os.environ, "python": "fake/python"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, (recipe / "corpus").read_text()


def test_copy_that_is_there_is_never_downloaded(recipe: Path):
    (recipe / "copy").mkdir()
    for options in ([], ["--download", "true"], ["--download", "false"]):
        done, corpus = run(recipe, "--db", "copy", *options, "--classes", "6")
        assert done.returncode == 0, done.stderr
        assert calls(recipe) == [f"prepare_{corpus} --db copy --data data --classes 6"]


def test_download_is_asked_for(recipe: Path):
    done, corpus = run(recipe)
    assert done.returncode == 2 and calls(recipe) == []
    [line] = done.stderr.splitlines()
    assert f"downloads/{corpus}: is not there; give a copy of " in line
    assert 'run.sh: --local_data_opts "--download true") to download 0.' in line


def test_download(recipe: Path):
    for options, folder in (([], None), (["--db", "x/y"], "x/y")):
        done, corpus = run(recipe, "--download", "true", *options, "--allow_incomplete")
        folder = folder or f"downloads/{corpus}"
        assert done.returncode == 0, done.stderr
        assert calls(recipe) == [
            f"download_corpus --corpus {corpus} --out_dir {folder} --num_workers 8",
            f"prepare_{corpus} --db {folder} --data data --allow_incomplete",
        ]


def test_failed_download_ends_the_run(recipe: Path):
    (recipe / "fail").write_text("download_corpus")
    done, _ = run(recipe, "--download", "true")
    assert done.returncode == 9 and len(calls(recipe)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--download", "yes"], "--download takes true or false, not 'yes'"),
        (["--download"], "--download needs true or false"),
        (["--db"], "--db needs a folder"),
    ],
)
def test_wrong_options(recipe: Path, options: list[str], message: str):
    done, _ = run(recipe, *options)
    assert done.returncode != 0 and message in done.stderr and calls(recipe) == []


def test_help_needs_no_copy(recipe: Path):
    done, corpus = run(recipe, "--help")
    assert done.returncode == 0
    assert calls(recipe) == [f"prepare_{corpus} --db downloads/{corpus} --data data --help"]
