"""local/data.sh of LRS3, OMG and their mixture, for real, on made-up videos of seconds."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("av")
from reference.film import clicks, write_film
from reference.lrs3_copy import clip_text, write_copy
from reference.omg_copy import row, write_csv

from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_table

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def write_recipe(root: Path, corpus: str) -> Path:
    """Return a copy of a recipe's own scripts beside links to everything else."""
    recipe = root / "egs2" / corpus / "p2v1"
    shutil.copytree(ROOT / "egs2" / corpus / "p2v1/local", recipe / "local")
    for name in ("tools", "espnet2_ext"):
        if not (root / name).exists():
            (root / name).symlink_to(ROOT / name)
    (recipe / "conf").symlink_to(ROOT / "egs2" / corpus / "p2v1/conf")
    for name in ("common", "common/path.sh", "common/db.sh"):
        (recipe / Path(name).name).symlink_to(ROOT / "egs2/TEMPLATE" / name)
    return recipe


def prepare(recipe: Path, *options: str, **corpora: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "nj": "1", **{name: str(path) for name, path in corpora.items()}}
    return subprocess.run(
        ["local/data.sh", *options],
        cwd=recipe,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a small LRS3 and a small OMG."""
    folder = tmp_path_factory.mktemp("corpora")
    film = write_film(folder / "a.mp4", clicks(0.5, [0.1]), 44100)
    names = [f"{split}/aB3dE5fG7hI/0000{n}" for split in ("pretrain", "test") for n in range(8)]
    lrs3 = write_copy(folder, {name: clip_text(f"CLIP {name}") for name in names}, film)
    lines = [
        row("AbCdEfGhIjK", f"{n}", f"{n + 1}", "5b44393ed_2", f"utterance_{n}.mp4", 4)
        for n in range(12)
    ]
    for split, part in (("Train", lines[:6]), ("Validation", lines[6:8])):
        write_csv(folder / f"omg/omg_{split}Videos.csv", part)
    write_csv(folder / "omg/omg_TestVideos_WithLabels.csv", lines[8:])
    write_film(folder / "videos/AbCdEfGhIjK.mp4", clicks(12, [0.1]))
    return {"LRS3": lrs3, "OMG": folder / "omg", "OMG_MEDIA": folder / "videos"}


def test_lrs3(tmp_path: Path, corpora: dict[str, Path]):
    recipe = write_recipe(tmp_path, "lrs3")
    options = ["--db", str(corpora["LRS3"]), "--num_valid", "2"]
    refused = prepare(recipe, *options)
    assert refused.returncode != 0 and "not a whole LRS3" in refused.stderr.splitlines()[-1]
    done = prepare(recipe, *options, "--allow_incomplete")
    assert done.returncode == 0, done.stderr
    assert validate_data_directory(recipe / "data/lrs3_train", check_audio=True) == 6
    assert len(read_table(recipe / "data/lrs3_test/pairs/reconstruction/pairs")) == 8


def test_omg(tmp_path: Path, corpora: dict[str, Path]):
    recipe = write_recipe(tmp_path, "omg")
    options = ["--db", str(corpora["OMG"]), "--allow_incomplete"]
    refused = prepare(recipe, *options)
    assert refused.returncode != 0 and "no utterance for omg_train" in refused.stderr
    done = prepare(recipe, *options, "--media_dir", str(corpora["OMG_MEDIA"]))
    assert done.returncode == 0, done.stderr
    assert validate_data_directory(recipe / "data/omg", check_audio=True) == 12
    assert "all\t12\t12\t" in (recipe / "data/omg_attrition.tsv").read_text()


def test_mixture_of_two(tmp_path: Path, corpora: dict[str, Path]):
    recipe = write_recipe(tmp_path, "lrs3_msp_omg")
    options = ["--num_valid", "2", "--num_test", "4", "--allow_incomplete", "true"]
    done = prepare(recipe, *options, **corpora)
    assert done.returncode == 0, done.stderr
    sizes = {
        part: validate_data_directory(recipe / f"data/lrs3_msp_omg{part}")
        for part in ("", "_train", "_valid", "_test")
    }
    assert sizes == {"": 28, "_train": 22, "_valid": 2, "_test": 4}
    tables = read_data_directory(recipe / "data/lrs3_msp_omg").tables
    assert set(tables["utt2spk"].values()) == {"lrs3_aB3dE5fG7hI", "5b44393ed"}
    note = (recipe / "data/lrs3_msp_omg_corpora").read_text()
    assert note == "LRS3 + OMG, without MSP-PODCAST + MSP-IMPROV\n"
