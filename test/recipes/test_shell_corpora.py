"""local/data.sh: one way to name a copy, and downloads only when asked for and needed.

The interpreter is a stand-in, see ``reference.fake_recipe``.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, calls, shell, write_recipe

DOWNLOADED = {
    "crema_d/ser1": "0.6 GB",
    "emodb/ser1": "0.04 GB",
    "emodb/style1": "0.04 GB",
    "emov_db/evc1": "18 archives, ",
    "ravdess/ser1": "0.2 GB",
}
OTHERS = "esd/evc1 iemocap/ser1 lrs3/p2v1 msp_improv/p2v1 msp_podcast/p2v1 omg/p2v1".split()


def copy_recipe(root: Path, name: str) -> Path:
    """Return a recipe directory with the local/data.sh of a recipe."""
    directory = write_recipe(root, "ser1", ["ser1/ser.sh"])
    shutil.copy(EGS2 / name / "local/data.sh", directory / "local/data.sh")
    (directory / "recipe").write_text(name)
    return directory


@pytest.fixture(params=DOWNLOADED)
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the recipe of each corpus that can be downloaded in turn."""
    return copy_recipe(tmp_path, request.param)


def run(
    recipe: Path, *options: str, **corpora: str
) -> tuple[subprocess.CompletedProcess, str, str]:
    """Run local/data.sh and return its result and the names of the corpus and the command."""
    (recipe / "calls").unlink(missing_ok=True)
    done = shell(recipe, "local/data.sh", *options, python="fake/python", **corpora)
    corpus, task = (recipe / "recipe").read_text().split("/")
    return done, corpus, f"{corpus}_style" if task == "style1" else corpus


def test_copy_that_is_there_is_never_downloaded(recipe: Path):
    (recipe / "copy").mkdir()
    for options in ([], ["--download", "true"], ["--download", "false"]):
        done, _, command = run(recipe, "--db", "copy", *options, "--classes", "6")
        assert done.returncode == 0, done.stderr
        assert calls(recipe) == [f"prepare_{command} --db copy --data data --classes 6"]


def test_download_is_asked_for(recipe: Path):
    done, corpus, _ = run(recipe)
    assert done.returncode == 2 and calls(recipe) == []
    [line] = done.stderr.splitlines()
    assert f"downloads/{corpus}: is not there; name a copy in db.sh ({corpus.upper()})" in line
    way = '--download true (of run.sh: --local_data_opts "--download true") to download '
    assert f"{way}{DOWNLOADED[(recipe / 'recipe').read_text()]}" in line


def test_download(recipe: Path):
    for options, folder in (([], None), (["--db", "x/y"], "x/y")):
        done, corpus, command = run(recipe, "--download", "true", *options, "--allow_incomplete")
        folder = folder or f"downloads/{corpus}"
        assert done.returncode == 0, done.stderr
        assert calls(recipe) == [
            f"prepare_download --corpus {corpus} --out_dir {folder} --num_workers 8",
            f"prepare_{command} --db {folder} --data data --allow_incomplete",
        ]


def test_help_needs_no_copy_and_a_failed_download_ends_the_run(recipe: Path):
    done, corpus, command = run(recipe, "--help")
    assert done.returncode == 0
    assert calls(recipe) == [f"prepare_{command} --db downloads/{corpus} --data data --help"]
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
def test_wrong_options(tmp_path: Path, options: list[str], message: str):
    recipe = copy_recipe(tmp_path, "crema_d/ser1")
    done, _, _ = run(recipe, *options)
    assert done.returncode != 0 and message in done.stderr and calls(recipe) == []


@pytest.mark.parametrize("name", [*DOWNLOADED, *OTHERS])
def test_copy_is_named_by_db_sh_and_an_option_wins(tmp_path: Path, name: str):
    recipe = copy_recipe(tmp_path, name)
    for folder in ("a", "b"):
        (recipe / folder).mkdir()
    corpus = name.split("/")[0].upper()
    if name in OTHERS:
        done, _, _ = run(recipe)
        assert done.returncode == 2 and calls(recipe) == []
        assert f"db.sh has no folder for {corpus}; give it there or by --db" in done.stderr
    (recipe / "db.sh").unlink()
    text = (EGS2 / "TEMPLATE/common/db.sh").read_text()
    assert f"{corpus}=${{{corpus}-}} " in text
    (recipe / "db.sh").write_text(text.replace(f"${{{corpus}-}}", f"${{{corpus}-a}}"))
    for options, environment, folder in (
        ([], {}, "a"),
        ([], {corpus: "b"}, "b"),
        (["--db", "b"], {corpus: "a"}, "b"),
    ):
        done, _, _ = run(recipe, *options, **environment)
        assert done.returncode == 0, done.stderr
        [call] = calls(recipe)
        assert f" --db {folder} --data data" in call


def test_db_sh_lists_what_the_recipes_name():
    listed = set(re.findall(r"^([A-Z0-9_]+)=", (EGS2 / "TEMPLATE/common/db.sh").read_text(), re.M))
    scripts = [path.read_text() for path in EGS2.glob("*/*/local/*.sh")]
    named = {name for text in scripts for name in re.findall(r"\$\{([A-Z][A-Z0-9_]+)\b", text)}
    named |= {name for text in scripts for name in re.findall(r"prepare_corpus \w+ (\w+)", text)}
    assert listed == named - {"SECONDS"}


def test_options_of_a_csv(tmp_path: Path):
    recipe = copy_recipe(tmp_path, "emotion_csv/ser1")
    for options, environment in ((["--db", "my.csv"], {}), ([], {"EMOTION_CSV": "my.csv"})):
        run(recipe, *options, **environment)
        assert calls(recipe) == ["prepare_emotion_csv --csv_path my.csv --out_dir data/emotion_csv"]
    done, _, _ = run(recipe)
    assert done.returncode == 2 and "file,emotion[,speaker,session]" in done.stderr
