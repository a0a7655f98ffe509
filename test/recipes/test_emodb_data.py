"""local/data.sh of the recipes of EmoDB and EmoV-DB, on made-up copies."""

import shutil
import subprocess
from pathlib import Path

import pytest
from reference.emodb_copy import write_emodb
from reference.emov_db_copy import write_emov_db
from reference.esd_copy import write_copy
from reference.recipe_copy import ROOT

from espnet2_ext.data.conversion_list import read_conversion_list
from espnet2_ext.data.directory import validate_data_directory


@pytest.fixture
def prepare(tmp_path: Path):
    """Return a function that runs local/data.sh of a recipe and returns how it ended."""

    def run(recipe: str, *options: str) -> subprocess.CompletedProcess[str]:
        directory = tmp_path / "egs2" / recipe
        shutil.copytree(ROOT / "egs2" / recipe / "local", directory / "local")
        for name in ("tools", "espnet2_ext"):
            (tmp_path / name).symlink_to(ROOT / name)
        (directory / "common").symlink_to(ROOT / "egs2/TEMPLATE/common")
        for name in ("path.sh", "db.sh"):
            (directory / name).symlink_to(ROOT / "egs2/TEMPLATE/common" / name)
        command = ["local/data.sh", *options]
        return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)

    return run


def test_ser(prepare, tmp_path: Path):
    done = prepare("emodb/ser1", "--db", str(write_emodb(tmp_path / "corpora")))
    assert done.returncode == 0, done.stderr
    assert validate_data_directory(tmp_path / "egs2/emodb/ser1/data/emodb") == 535
    assert "emodb: written to data/" in done.stdout


def test_style(prepare, tmp_path: Path):
    esd = write_copy(tmp_path, ["0013"], sentences=(21, 22))
    options = ["--sources", str(esd), "--num_sources", "2"]
    done = prepare("emodb/style1", "--db", str(write_emodb(tmp_path / "corpora")), *options)
    assert done.returncode == 0, done.stderr
    assert len(read_conversion_list(tmp_path / "egs2/emodb/style1/data/emodb_style/list.tsv")) == 6


def test_style_needs_sources(prepare, tmp_path: Path):
    done = prepare("emodb/style1", "--db", str(tmp_path))
    assert done.returncode != 0
    assert "required: --sources" in done.stderr.splitlines()[-1]


def test_evc(prepare, tmp_path: Path):
    copy = write_emov_db(tmp_path / "corpora", last=50)
    done = prepare("emov_db/evc1", "--db", str(copy), "--allow_incomplete")
    assert done.returncode == 0, done.stderr
    assert validate_data_directory(tmp_path / "egs2/emov_db/evc1/data/emov_db_test") == 18 * 5
