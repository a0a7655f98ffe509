"""The command of all corpora: options reach them, faults are one line, recipes call it."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from reference.esd_copy import write_copy as write_esd
from reference.msp_improv_copy import whole_plan
from reference.msp_improv_copy import write_copy as write_improv
from reference.msp_podcast_copy import small_plan
from reference.msp_podcast_copy import write_copy as write_podcast

from espnet2_ext.bin.prepare import arguments, call, commands, described, main
from espnet2_ext.corpora import download
from espnet2_ext.corpora.download import DownloadError
from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize
from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table

ROOT = Path(__file__).resolve().parents[3]
SENTENCES = (18, 19, 20, 21, 22, 23, 51)
SMALL = ["--num_valid", "4", "--num_test", "6"]


@pytest.mark.parametrize("command", commands())
def test_help_describes_every_option(command: str, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert "`" not in printed and "None" not in printed
    assert ",." not in printed and ("--seed" in printed) == (
        "(default: 0)" in " ".join(printed.split())
    )
    for name, said in arguments(commands()[command]):
        assert f"--{name} " in printed.replace("]", " ") and len(str(said["help"])) > 5


def test_meanings_are_read_from_the_section():
    docstring = """First line.

    Args:
        one: ``x`` or
            y, 5 %.
        two: z.

    Raises:
        ValueError: w.
    """
    assert described("Args", docstring) == {"one": "x or y, 5 %", "two": "z"}


def test_options_become_arguments(capsys: pytest.CaptureFixture):
    given: dict[str, object] = {}

    def function(many: int, size: MiniEmoSize) -> None:
        given.update(many=many, size=size)

    sizes = vars(MiniEmoSize()) | {"test_voices": 3}
    call(function, many=2, **sizes)
    assert given == {"many": 2, "size": MiniEmoSize(test_voices=3)}
    with pytest.raises(SystemExit):
        main(["crema_d", "--data", "x"])
    assert "prepare crema_d: error: the following arguments are required: --db" in (
        capsys.readouterr().err
    )


def test_options_reach_the_corpus(tmp_path: Path):
    copy = write_esd(tmp_path, ["0004", "0013"], sentences=SENTENCES)
    arguments = ["esd", "--db", str(copy), "--data", str(tmp_path), "--allow_incomplete"]
    main([*arguments, "--speakers", "0013", "0004", "--targets", "sad", "surprised"])
    assert list(read_table(tmp_path / "esd_valid/spk2utt")) == ["0004", "0013"]
    conditions = read_table(tmp_path / "esd_test/pairs/parallel/conditions")
    assert Counter(conditions.values()) == {"neutral-sad": 6, "neutral-surprised": 6}
    drawn = read_table(tmp_path / "esd_valid/pairs/same_voice/pairs")
    main([*arguments, "--language", "english", "--seed", "1"])
    assert read_table(tmp_path / "esd_valid/spk2gender") == {"0013": "m"}
    again = read_table(tmp_path / "esd_valid/pairs/same_voice/pairs")
    assert any(again[pair] != drawn[pair] for pair in again.keys() & drawn.keys())


def test_options_reach_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fetch(folder: Path, num_workers: int) -> None:
        if num_workers == 1:
            raise DownloadError("https://x: cannot be reached")
        (folder / "workers").write_text(str(num_workers))

    monkeypatch.setitem(download.OPEN_CORPORA, "ravdess", fetch)
    arguments = ["download", "--corpus", "ravdess", "--out_dir", str(tmp_path / "r")]
    with pytest.raises(SystemExit, match="^prepare download: https://x: cannot be reached$"):
        main([*arguments, "--nj", "1"])
    assert not (tmp_path / "r").exists()
    main([*arguments, "--num_workers", "3"])
    assert (tmp_path / "r/workers").read_text() == "3"


NOT_THERE = "crema_d emodb emov_db esd iemocap lrs3 msp_improv msp_podcast omg ravdess"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("esd --speakers 13", "speaker '13': ESD has 0001 to 0020"),
        ("esd --language eng", "language is 'eng'; give english, mandarin or both"),
        ("esd --targets", "targets are none; give some of angry happy sad"),
        ("lrs3 --tests x", "tests is 'x'; give out or in"),
        ("omg --tests x", "tests is 'x'; give in or out"),
        ("ravdess --classes 5", "classes is 5; give 4 or 8"),
        *((corpus, "nowhere: is not there; expected") for corpus in NOT_THERE.split()),
    ],
)
def test_faults_are_one_line(tmp_path: Path, options: str, message: str):
    corpus, *more = options.split()
    with pytest.raises(SystemExit, match=f"^prepare {corpus}: .*{message}") as caught:
        main([corpus, "--db", str(tmp_path / "nowhere"), "--data", str(tmp_path), *more])
    assert "\n" not in str(caught.value)


COPIES = {
    "esd/evc1": lambda root: write_esd(root, ["0013"], sentences=SENTENCES),
    "msp_podcast/p2v1": lambda root: write_podcast(root, small_plan()),
    "msp_improv/p2v1": lambda root: write_improv(root, dict(list(whole_plan().items())[:60])),
}


@pytest.mark.parametrize("recipe", COPIES)
def test_local_data_sh(recipe: str, tmp_path: Path):
    corpus, copy = recipe.split("/")[0], COPIES[recipe](tmp_path / "db")
    directory = tmp_path / "egs2" / recipe
    shutil.copytree(ROOT / "egs2" / recipe / "local", directory / "local")
    for link in ("tools", "espnet2_ext"):
        (tmp_path / link).symlink_to(ROOT / link)
    (directory / "common").symlink_to(ROOT / "egs2/TEMPLATE/common")
    for name in ("path.sh", "db.sh"):
        (directory / name).symlink_to(ROOT / "egs2/TEMPLATE/common" / name)

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = ["local/data.sh", *options]
        return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)

    assert "db.sh has no folder for" in run().stderr.splitlines()[-1]
    options = ["--db", str(copy), *(["--speakers", "0013"] if corpus == "esd" else SMALL)]
    if corpus != "msp_podcast":  # whose counts nobody published for so few
        assert f"prepare {corpus}: " in run(*options).stderr.splitlines()[-1]
    done = run(*options, "--allow_incomplete")
    assert done.returncode == 0, done.stderr
    for part in ("train", "valid", "test"):
        assert validate_data_directory(directory / f"data/{corpus}_{part}")
    rule = "same_voice" if corpus == "esd" else "reconstruction"
    assert read_table(directory / f"data/{corpus}_test/pairs/{rule}/pairs")
