"""local/data.sh: one way to name a copy, and downloads only when asked for and needed."""

import re
import shutil
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
    """Return a recipe directory with the local/data.sh of a recipe, and with copies a and b."""
    directory = write_recipe(root, "ser1", {})
    shutil.copy(EGS2 / name / "local/data.sh", directory / "local/data.sh")
    for copy in ("a", "b"):
        (directory / copy).mkdir()
    return directory


def run(recipe: Path, *options: str, code: int = 0, **corpora: str) -> tuple[str, list[str]]:
    """Run local/data.sh; return its errors and what it called."""
    (recipe / "calls").unlink(missing_ok=True)
    done = shell(recipe, "local/data.sh", *options, python="fake/python", **corpora)
    assert done.returncode == code, done.stderr
    return done.stderr, calls(recipe)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_download_is_asked_for_and_never_of_a_copy_that_is_there(tmp_path: Path, name: str):
    recipe = copy_recipe(tmp_path, name)
    corpus, task = name.split("/")
    prepare = f"prepare_{corpus}{'_style' if task == 'style1' else ''}"
    for options in ([], ["--download", "true"], ["--download", "false"]):
        _, called = run(recipe, "--db", "a", *options, "--classes", "6")
        assert called == [f"{prepare} --db a --data data --classes 6"]
    error, called = run(recipe, code=2)
    assert called == []
    [line] = error.splitlines()
    assert f"downloads/{corpus}: is not there; name a copy in db.sh ({corpus.upper()})" in line
    way = '--download true (of run.sh: --local_data_opts "--download true") to download '
    assert f"{way}{DOWNLOADED[name]}" in line
    for options, folder in (([], f"downloads/{corpus}"), (["--db", "x/y"], "x/y")):
        _, called = run(recipe, "--download", "true", *options, "--allow_incomplete")
        assert called == [
            f"prepare_download --corpus {corpus} --out_dir {folder} --num_workers 8",
            f"{prepare} --db {folder} --data data --allow_incomplete",
        ]
    _, called = run(recipe, "--help")
    assert called == [f"{prepare} --db downloads/{corpus} --data data --help"]
    (recipe / "fail").write_text("prepare_download")
    _, called = run(recipe, "--download", "true", code=9)
    assert len(called) == 1


def test_wrong_options(tmp_path: Path):
    recipe = copy_recipe(tmp_path, "crema_d/ser1")
    for options, code, message in (
        (["--download", "yes"], 2, "--download takes true or false, not 'yes'"),
        (["--download"], 1, "--download needs true or false"),
        (["--db"], 1, "--db needs a folder"),
    ):
        error, called = run(recipe, *options, code=code)
        assert message in error and called == []


@pytest.mark.parametrize("name", [*DOWNLOADED, *OTHERS])
def test_copy_is_named_by_db_sh_and_an_option_wins(tmp_path: Path, name: str):
    recipe = copy_recipe(tmp_path, name)
    corpus = name.split("/")[0].upper()
    if name in OTHERS:
        error, called = run(recipe, code=2)
        assert called == []
        assert f"db.sh has no folder for {corpus}; give it there or by --db" in error
    (recipe / "db.sh").unlink()
    text = (EGS2 / "TEMPLATE/common/db.sh").read_text()
    assert f"{corpus}=${{{corpus}-}} " in text
    (recipe / "db.sh").write_text(text.replace(f"${{{corpus}-}}", f"${{{corpus}-a}}"))
    for options, environment, folder in (
        ([], {}, "a"),
        ([], {corpus: "b"}, "b"),
        (["--db", "b"], {corpus: "a"}, "b"),
    ):
        _, [call] = run(recipe, *options, **environment)
        assert f" --db {folder} --data data" in call


def test_db_sh_lists_what_the_recipes_name():
    listed = set(re.findall(r"^([A-Z0-9_]+)=", (EGS2 / "TEMPLATE/common/db.sh").read_text(), re.M))
    scripts = "".join(path.read_text() for path in EGS2.glob("*/*/local/*.sh"))
    named = set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)\b|prepare_corpus \w+ (\w+)", scripts))
    assert listed == {name for names in named for name in names} - {"SECONDS", ""}


def test_options_of_a_csv(tmp_path: Path):
    recipe = copy_recipe(tmp_path, "emotion_csv/ser1")
    for options, environment in ((["--db", "my.csv"], {}), ([], {"EMOTION_CSV": "my.csv"})):
        _, called = run(recipe, *options, **environment)
        assert called == ["prepare_emotion_csv --csv_path my.csv --out_dir data/emotion_csv"]
    error, _ = run(recipe, code=2)
    assert "file,emotion[,speaker,session]" in error
