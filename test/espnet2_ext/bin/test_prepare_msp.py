"""The commands of MSP-PODCAST and MSP-IMPROV and the recipes' scripts, which call them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from reference.msp_improv_copy import whole_plan
from reference.msp_improv_copy import write_copy as write_improv
from reference.msp_podcast_copy import small_plan
from reference.msp_podcast_copy import write_copy as write_podcast

from espnet2_ext.bin import prepare_msp_improv, prepare_msp_podcast
from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table

ROOT = Path(__file__).resolve().parents[3]
SMALL = ["--num_valid", "4", "--num_test", "6"]


def test_options_reach_msp_podcast(tmp_path: Path):
    copy = write_podcast(tmp_path, small_plan(), folder="podcast")
    arguments = ["--db", str(copy), "--data", str(tmp_path), *SMALL, "--release", "1.7"]
    prepare_msp_podcast.main(arguments)
    train = read_table(tmp_path / "msp_podcast_train/wav.scp")
    assert len(train) == 40 - 10
    assert validate_data_directory(tmp_path / "msp_podcast_valid") == 4
    drawn = read_table(tmp_path / "msp_podcast_valid/wav.scp")
    more = ["--tests", "in", "--unknown_speakers", "drop", "--seed", "1", "--allow_incomplete"]
    prepare_msp_podcast.main([*arguments, *more])
    assert len(read_table(tmp_path / "msp_podcast_train/wav.scp")) == 54 - 10
    assert read_table(tmp_path / "msp_podcast_valid/wav.scp") != drawn


def test_options_reach_msp_improv(tmp_path: Path):
    labels = dict(list(whole_plan().items())[:60])
    copy = write_improv(tmp_path, labels)
    arguments = ["--db", str(copy), "--data", str(tmp_path), *SMALL]
    with pytest.raises(SystemExit, match="^prepare_msp_improv: .*not a whole MSP-IMPROV: 60 of"):
        prepare_msp_improv.main(arguments)
    drawn = []
    for seed in ("0", "1"):
        prepare_msp_improv.main([*arguments, "--allow_incomplete", "--seed", seed])
        assert validate_data_directory(tmp_path / "msp_improv_train") == 50
        drawn.append(read_table(tmp_path / "msp_improv_valid/wav.scp"))
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("name", ["msp_podcast", "msp_improv"])
def test_command_ends_with_one_line(name: str, tmp_path: Path):
    module = {"msp_podcast": prepare_msp_podcast, "msp_improv": prepare_msp_improv}[name]
    message = f"^prepare_{name}: .*nowhere: is not there; expected"
    with pytest.raises(SystemExit, match=message) as caught:
        module.main(["--db", str(tmp_path / "nowhere"), "--data", str(tmp_path / "data")])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["msp_podcast", "msp_improv"])
def test_local_data_sh(name: str, tmp_path: Path):
    if name == "msp_podcast":
        copy = write_podcast(tmp_path / "db", small_plan())
    else:
        copy = write_improv(tmp_path / "db", dict(list(whole_plan().items())[:60]))
    recipe = tmp_path / "egs2" / name / "p2v1"
    shutil.copytree(ROOT / "egs2" / name / "p2v1/local", recipe / "local")
    for link in ("tools", "espnet2_ext"):
        (tmp_path / link).symlink_to(ROOT / link)
    (recipe / "common").symlink_to(ROOT / "egs2/TEMPLATE/common")
    (recipe / "path.sh").symlink_to(ROOT / "egs2/TEMPLATE/common/path.sh")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = ["local/data.sh", *options]
        return subprocess.run(command, cwd=recipe, capture_output=True, text=True, timeout=60)

    assert "required: --db" in run().stderr.splitlines()[-1]
    done = run("--db", str(copy), *SMALL, "--allow_incomplete")
    assert done.returncode == 0, done.stderr
    for part in ("train", "valid", "test"):
        assert validate_data_directory(recipe / f"data/{name}_{part}")
    assert read_table(recipe / f"data/{name}_test/pairs/reconstruction/pairs")
