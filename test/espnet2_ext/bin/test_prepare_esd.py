"""The command of ESD and the recipe's script, which calls it."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from reference.esd_copy import write_copy

from espnet2_ext.bin.prepare_esd import main
from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table

ROOT = Path(__file__).resolve().parents[3]
SENTENCES = (18, 19, 20, 21, 22, 23, 51)


def test_options_reach_the_corpus(tmp_path: Path):
    copy = write_copy(tmp_path, ["0004", "0013"], sentences=SENTENCES)
    arguments = ["--db", str(copy), "--data", str(tmp_path), "--allow_incomplete", "--speakers"]
    main([*arguments, "0013", "0004", "--targets", "sad", "surprised"])
    assert list(read_table(tmp_path / "esd_valid/spk2utt")) == ["0004", "0013"]
    conditions = read_table(tmp_path / "esd_test/pairs/parallel/conditions")
    assert Counter(conditions.values()) == {"neutral-sad": 6, "neutral-surprised": 6}
    drawn = []
    for seed in ("0", "1"):
        main([*arguments[:-1], "--language", "english", "--seed", seed])
        assert validate_data_directory(tmp_path / "esd_valid") == 15
        assert read_table(tmp_path / "esd_valid/spk2gender") == {"0013": "m"}
        drawn.append(read_table(tmp_path / "esd_valid/pairs/same_voice/pairs"))
    assert drawn[0].keys() == drawn[1].keys() and drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--speakers", "13"], "speaker '13': ESD has 0001 to 0020"),
        (["--language", "eng"], "language is 'eng'; give english, mandarin or both"),
        (["--targets", "surprise"], "targets are surprise; give some of angry happy sad surprised"),
        ([], "nowhere: is not there; expected folders 0001 to 0020 with Neutral"),
    ],
)
def test_command_ends_with_one_line(options: list[str], message: str, tmp_path: Path):
    with pytest.raises(SystemExit, match=f"^prepare_esd: .*{message}") as caught:
        main(["--db", str(tmp_path / "nowhere"), "--data", str(tmp_path / "data"), *options])
    assert "\n" not in str(caught.value)


def test_local_data_sh(tmp_path: Path):
    copy = write_copy(tmp_path, ["0013"], sentences=SENTENCES)
    recipe = tmp_path / "egs2/esd/evc1"
    shutil.copytree(ROOT / "egs2/esd/evc1/local", recipe / "local")
    for name in ("tools", "espnet2_ext"):
        (tmp_path / name).symlink_to(ROOT / name)
    (recipe / "common").symlink_to(ROOT / "egs2/TEMPLATE/common")
    (recipe / "path.sh").symlink_to(ROOT / "egs2/TEMPLATE/common/path.sh")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = ["local/data.sh", *options]
        return subprocess.run(command, cwd=recipe, capture_output=True, text=True, timeout=60)

    assert "required: --db" in run().stderr.splitlines()[-1]
    options = ["--db", str(copy), "--speakers", "0013"]
    assert "not a whole ESD" in run(*options).stderr.splitlines()[-1]
    done = run(*options, "--allow_incomplete")
    assert done.returncode == 0, done.stderr
    assert len(read_table(recipe / "data/esd_test/pairs/same_voice/pairs")) == 9
