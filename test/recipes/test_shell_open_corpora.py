"""local/data.sh of corpora that can be downloaded: only when asked for, and only when needed.

The interpreter is a stand-in, see ``reference.fake_recipe``.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, calls, write_recipe

RECIPES = {
    "crema_d/ser1": "crema_d",
    "emodb/ser1": "emodb",
    "emodb/style1": "emodb_style",
    "emov_db/evc1": "emov_db",
    "ravdess/ser1": "ravdess",
}
"""The parser that each calls."""
SIZES = {"crema_d": "0.6 GB", "emodb": "0.04 GB", "emov_db": "18 archives, ", "ravdess": "0.2 GB"}


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a recipe directory with the local/data.sh of each recipe in turn."""
    directory = write_recipe(tmp_path, "ser1", ["ser1/ser.sh"])
    shutil.copy(EGS2 / request.param / "local/data.sh", directory / "local/data.sh")
    (directory / "recipe").write_text(request.param)
    return directory


def run(recipe: Path, *options: str) -> tuple[subprocess.CompletedProcess, str, str]:
    """Run local/data.sh and return its result and the names of the corpus and the parser."""
    (recipe / "calls").unlink(missing_ok=True)
    done = subprocess.run(
        ["local/data.sh", *options],
        cwd=recipe,
        env={**os.environ, "python": "fake/python"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    name = (recipe / "recipe").read_text()
    return done, name.split("/")[0], RECIPES[name]


def test_copy_that_is_there_is_never_downloaded(recipe: Path):
    (recipe / "copy").mkdir()
    for options in ([], ["--download", "true"], ["--download", "false"]):
        done, _, parser = run(recipe, "--db", "copy", *options, "--classes", "6")
        assert done.returncode == 0, done.stderr
        assert calls(recipe) == [f"prepare_{parser} --db copy --data data --classes 6"]


def test_download_is_asked_for(recipe: Path):
    done, corpus, _ = run(recipe)
    assert done.returncode == 2 and calls(recipe) == []
    [line] = done.stderr.splitlines()
    assert f"downloads/{corpus}: is not there; give a copy of " in line
    way = 'say --download true (of run.sh: --local_data_opts "--download true") to download '
    assert f"{way}{SIZES[corpus]}" in line


def test_download(recipe: Path):
    for options, folder in (([], None), (["--db", "x/y"], "x/y")):
        done, corpus, parser = run(recipe, "--download", "true", *options, "--allow_incomplete")
        folder = folder or f"downloads/{corpus}"
        assert done.returncode == 0, done.stderr
        assert calls(recipe) == [
            f"prepare_download --corpus {corpus} --out_dir {folder} --num_workers 8",
            f"prepare_{parser} --db {folder} --data data --allow_incomplete",
        ]


def test_failed_download_ends_the_run(recipe: Path):
    (recipe / "fail").write_text("prepare_download")
    done, _, _ = run(recipe, "--download", "true")
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
    done, _, _ = run(recipe, *options)
    assert done.returncode != 0 and message in done.stderr and calls(recipe) == []


def test_help_needs_no_copy(recipe: Path):
    done, corpus, parser = run(recipe, "--help")
    assert done.returncode == 0
    assert calls(recipe) == [f"prepare_{parser} --db downloads/{corpus} --data data --help"]
