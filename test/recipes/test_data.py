"""local/data.sh of recipes for real, on synthetic copies of the corpora."""

from collections.abc import Callable
from pathlib import Path

import pytest
from reference.acted_copies import write_crema_d, write_emodb, write_emov_db, write_ravdess
from reference.esd_copy import write_copy as write_esd
from reference.fake_recipe import shell
from reference.lrs3_copy import clip_text
from reference.lrs3_copy import write_copy as write_lrs3
from reference.omg_copy import row, write_csv
from reference.recipe_copy import copy_recipe

from espnet2_ext.data.conversion_list import read_conversion_list
from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table

Prepare = Callable[..., tuple[str, Path]]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Return a function that runs local/data.sh; it returns what was printed, and data/."""

    def run(name: str, *options: object, fails: bool = False, **corpora: Path):
        corpus, task = name.split("/")
        directory = tmp_path / "egs2" / name
        if not directory.exists():
            copy_recipe(tmp_path, task, corpus)
        environment = {key: str(path) for key, path in corpora.items()}
        done = shell(directory, "local/data.sh", *options, timeout=300, nj="1", **environment)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout, directory / "data"

    return run


def test_emodb_and_its_style(prepare: Prepare, tmp_path: Path):
    copy = ["--db", write_emodb(tmp_path / "corpora")]
    shown, data = prepare("emodb/ser1", *copy)
    assert validate_data_directory(data / "emodb") == 535
    assert "emodb: written to data/" in shown
    refused, _ = prepare("emodb/style1", *copy, fails=True)
    assert "required: --sources" in refused.splitlines()[-1]
    sources = ["--sources", write_esd(tmp_path, ["0013"], sentences=(21, 22))]
    _, data = prepare("emodb/style1", *copy, *sources, "--num_sources", "2")
    assert len(read_conversion_list(data / "emodb_style/list.tsv")) == 6


def test_emov_db(prepare: Prepare, tmp_path: Path):
    copy = write_emov_db(tmp_path / "corpora", last=50)
    _, data = prepare("emov_db/evc1", "--db", copy, "--allow_incomplete")
    assert validate_data_directory(data / "emov_db_test") == 18 * 5


def test_open_emo_of_all_four(prepare: Prepare, tmp_path: Path):
    shown, data = prepare(
        "open_emo/p2v1",
        CREMA_D=write_crema_d(tmp_path / "c"),
        RAVDESS=write_ravdess(tmp_path / "r"),
        EMODB=write_emodb(tmp_path / "b"),
        EMOV_DB=write_emov_db(tmp_path / "v"),
    )
    parts = ("train", "valid", "test")
    assert "Estimate of speech: 16.6 h, 16,310 utterances" in shown
    number = validate_data_directory(data / "open_emo")
    emov_db = sum(validate_data_directory(data / f"emov_db_{part}") for part in parts)
    # The sets of EmoV-DB with pairs keep one reading of a sentence; six were read twice.
    assert 6893 - 6 <= emov_db <= 6893
    assert number == 7441 + 1439 + 535 + emov_db
    speakers = read_table(data / "open_emo/utt2spk").values()
    assert len(set(speakers)) == 91 + 24 + 10 + 4
    sizes = [validate_data_directory(data / f"open_emo_{part}") for part in parts]
    assert sizes == [number - 1000, 500, 500]
    assert set(read_table(data / "open_emo/utt2lang").values()) == {"eng", "deu"}
    heard = {spk[:1] for spk in read_table(data / "open_emo_valid/utt2spk").values()}
    assert heard >= {"1", "A"} and heard & set("bjs")


def test_open_emo_draws_by_the_seed(prepare: Prepare, tmp_path: Path):
    few, drawn = {"EMODB": write_emodb(tmp_path / "b")}, []
    refused, data = prepare("open_emo/p2v1", fails=True, **few)
    assert "535 utterances, of which 500 for validation and 500" in refused
    assert not (data / "open_emo_corpora").exists()
    for seed in ("1", "1", "2"):
        options = ["--seed", seed, "--num_valid", "20", "--num_test", "40"]
        prepare("open_emo/p2v1", *options, **few)
        drawn.append(set(read_table(data / "open_emo_valid/utt2spk")))
    assert drawn[0] == drawn[1] != drawn[2] and {len(each) for each in drawn} == {20}
    note = (data / "open_emo_corpora").read_text()
    assert note == "EmoDB, without CREMA-D + RAVDESS + EmoV-DB\n"


@pytest.mark.slow
def test_lrs3(prepare: Prepare, tmp_path: Path):
    film = pytest.importorskip("reference.film")
    clip = film.write_film(tmp_path / "a.mp4", film.clicks(0.5, [0.1]), 44100)
    names = [f"{split}/aB3dE5fG7hI/0000{n}" for split in ("pretrain", "test") for n in range(8)]
    copy = write_lrs3(tmp_path, {name: clip_text(f"CLIP {name}") for name in names}, clip)
    options = ["--db", copy, "--num_valid", "2"]
    refused, _ = prepare("lrs3/p2v1", *options, fails=True)
    assert "not a whole LRS3" in refused.splitlines()[-1]
    _, data = prepare("lrs3/p2v1", *options, "--allow_incomplete")
    assert validate_data_directory(data / "lrs3_train", check_audio=True) == 6
    assert len(read_table(data / "lrs3_test/pairs/reconstruction/pairs")) == 8


@pytest.mark.slow
def test_omg(prepare: Prepare, tmp_path: Path):
    film = pytest.importorskip("reference.film")
    lines = [
        row("AbCdEfGhIjK", f"{n}", f"{n + 1}", "5b44393ed_2", f"utterance_{n}.mp4", 4)
        for n in range(12)
    ]
    for split, part in (("Train", lines[:6]), ("Validation", lines[6:8])):
        write_csv(tmp_path / f"omg/omg_{split}Videos.csv", part)
    write_csv(tmp_path / "omg/omg_TestVideos_WithLabels.csv", lines[8:])
    film.write_film(tmp_path / "videos/AbCdEfGhIjK.mp4", film.clicks(12, [0.1]))
    options = ["--db", tmp_path / "omg", "--allow_incomplete"]
    refused, _ = prepare("omg/p2v1", *options, fails=True)
    assert "no utterance for omg_train" in refused
    _, data = prepare("omg/p2v1", *options, OMG_MEDIA=tmp_path / "videos")
    assert validate_data_directory(data / "omg", check_audio=True) == 12
    assert "all\t12\t12\t" in (data / "omg_attrition.tsv").read_text()
