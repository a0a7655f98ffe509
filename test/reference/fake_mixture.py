"""A recipe over several corpora with a stand-in for the interpreter."""

import shutil
import subprocess
from pathlib import Path

from reference.fake_recipe import EGS2, shell, write_recipe


def write_mixture(root: Path, corpus: str) -> Path:
    """Return a recipe directory with the scripts of ``egs2/<corpus>/p2v1``."""
    directory = write_recipe(root, "p2v1", ["p2v1/p2v.sh"])
    (directory / "data").mkdir()
    shutil.rmtree(directory / "local")
    shutil.copytree(EGS2 / corpus / "p2v1/local", directory / "local")
    shutil.copy(EGS2 / corpus / "p2v1/run.sh", directory)
    (directory / "conf/train_p2v.yaml").write_text("max_epoch: 1\n")
    return directory


def run_mixture(recipe: Path, *command: str, **corpora: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the recipe with folders of corpora in the environment."""
    return shell(recipe, *command, python="fake/python", nj="3", **corpora)


def run_ok(recipe: Path, *command: str, **corpora: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the recipe, which must succeed."""
    done = run_mixture(recipe, *command, **corpora)
    assert done.returncode == 0, done.stderr
    return done
