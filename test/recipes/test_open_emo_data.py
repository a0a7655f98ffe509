"""local/data.sh of the mixture of open corpora, with the parsers, on made-up copies."""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from reference.acted_copies import write_crema_d, write_ravdess
from reference.emodb_copy import write_emodb
from reference.emov_db_copy import write_emov_db
from reference.recipe_copy import ROOT

from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table

PARTS = ("train", "valid", "test")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return the recipe's directory in a checkout of links."""
    for name in ("tools", "espnet2_ext"):
        (tmp_path / name).symlink_to(ROOT / name)
    directory = tmp_path / "egs2/open_emo/p2v1"
    directory.parent.mkdir(parents=True)
    (tmp_path / "egs2/TEMPLATE").symlink_to(ROOT / "egs2/TEMPLATE")
    made = shutil.ignore_patterns("data", "dump", "exp", "downloads")
    shutil.copytree(ROOT / "egs2/open_emo/p2v1", directory, symlinks=True, ignore=made)
    return directory


def run(recipe: Path, *options: str, **corpora: Path) -> subprocess.CompletedProcess[str]:
    folders = {name: str(path) for name, path in corpora.items()}
    return subprocess.run(
        ["local/data.sh", *options],
        cwd=recipe,
        env={**os.environ, **folders},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_all_four_corpora_together(recipe: Path, tmp_path: Path):
    done = run(
        recipe,
        CREMA_D=write_crema_d(tmp_path / "c"),
        RAVDESS=write_ravdess(tmp_path / "r"),
        EMODB=write_emodb(tmp_path / "b"),
        EMOV_DB=write_emov_db(tmp_path / "v"),
    )
    assert done.returncode == 0, done.stderr
    assert "Estimate of speech: 16.6 h, 16,310 utterances" in done.stdout
    data = recipe / "data"
    number = validate_data_directory(data / "open_emo")
    emov_db = sum(validate_data_directory(data / f"emov_db_{part}") for part in PARTS)
    # The sets of EmoV-DB with pairs keep one reading of a sentence; six were read twice.
    assert 6893 - 6 <= emov_db <= 6893
    assert number == 7441 + 1439 + 535 + emov_db
    speakers = read_table(data / "open_emo/utt2spk").values()
    assert len(set(speakers)) == 91 + 24 + 10 + 4
    assert validate_data_directory(data / "open_emo_valid") == 500
    assert validate_data_directory(data / "open_emo_test") == 500
    assert validate_data_directory(data / "open_emo_train") == number - 1000
    assert set(read_table(data / "open_emo/utt2lang").values()) == {"eng", "deu"}
    heard = {spk[:1] for spk in read_table(data / "open_emo_valid/utt2spk").values()}
    assert {"1", "A"} <= heard and heard & set("bjs")


def test_the_draw_is_that_of_the_seed(recipe: Path, tmp_path: Path):
    copy = write_ravdess(tmp_path / "r")
    drawn = []
    for seed in ("1", "1", "2"):
        done = run(recipe, "--seed", seed, "--num_valid", "20", "--num_test", "40", RAVDESS=copy)
        assert done.returncode == 0, done.stderr
        drawn.append(set(read_table(recipe / "data/open_emo_valid/utt2spk")))
    assert drawn[0] == drawn[1] != drawn[2]
    assert Counter(map(len, drawn)) == {20: 3}
    note = (recipe / "data/open_emo_corpora").read_text()
    assert note == "RAVDESS, without CREMA-D + EmoDB + EmoV-DB\n"


def test_too_little_for_the_draws(recipe: Path, tmp_path: Path):
    done = run(recipe, EMODB=write_emodb(tmp_path / "b"))
    assert done.returncode != 0
    assert "535 utterances, of which 500 for validation and 500" in done.stderr
    assert not (recipe / "data/open_emo_corpora").exists()
