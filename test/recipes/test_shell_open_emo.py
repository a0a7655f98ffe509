"""The mixture of open corpora: any subset of the four, two of which can be downloaded."""

from pathlib import Path

import pytest
from reference.fake_mixture import run_mixture as run
from reference.fake_mixture import write_mixture
from reference.fake_recipe import calls, modules, options_of, value_of

ALL = {"CREMA_D": "/c", "RAVDESS": "/r", "EMODB": "/b", "EMOV_DB": "/v"}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_mixture(tmp_path, "open_emo")


def test_all_four_corpora(recipe: Path):
    done = run(recipe, "local/data.sh", **ALL)
    assert done.returncode == 0, done.stderr
    assert calls(recipe)[1:-2] == [
        "prepare_crema_d --db /c --data data --classes 6",
        "prepare_ravdess --db /r --data data --classes 8",
        "prepare_emodb --db /b --data data",
        "prepare_emov_db --db /v --data data",
    ]
    [combined] = options_of(recipe, "combine_data")
    assert value_of(combined, "data_dirs").split() == [
        *("data/crema_d_6", "data/ravdess_8", "data/emodb"),
        *(f"data/emov_db_{part}" for part in ("train", "valid", "test")),
    ]
    assert value_of(combined, "out_dir") == "data/open_emo"
    [split] = options_of(recipe, "prepare_split")
    assert split == (
        "--data_dir data/open_emo --out_data data --name open_emo "
        "--num_valid 500 --num_test 500 --seed 0"
    )
    made = (recipe / "data/open_emo_corpora").read_text()
    assert made == "CREMA-D + RAVDESS + EmoDB + EmoV-DB\n"


def test_what_is_there_is_used_and_what_is_not_is_said(recipe: Path):
    options = ["--num_valid", "7", "--seed", "3", "--allow_incomplete", "true"]
    done = run(recipe, "local/data.sh", *options, EMODB="/b", EMOV_DB="/v")
    assert done.returncode == 0, done.stderr
    assert "crema_d: not in db.sh, left out" in done.stdout
    assert modules(recipe) == [
        *("estimate_cost", "prepare_emodb", "prepare_emov_db"),
        *("combine_data", "prepare_split"),
    ]
    assert value_of(options_of(recipe, "estimate_cost")[0], "corpora") == "emodb emov_db"
    assert options_of(recipe, "prepare_emodb") == ["--db /b --data data --allow_incomplete"]
    [split] = options_of(recipe, "prepare_split")
    assert (value_of(split, "num_valid"), value_of(split, "seed")) == ("7", "3")
    note = run(recipe, "local/corpus_note.sh", EMODB="/b", EMOV_DB="/v")
    assert note.stdout == "EmoDB + EmoV-DB, without CREMA-D + RAVDESS\n" and not note.stderr
    assert "run stage 1 again" in run(recipe, "local/corpus_note.sh", EMODB="/b").stderr


def test_download_is_only_of_what_is_not_there(recipe: Path):
    (recipe / "ravdess").mkdir()
    done = run(recipe, "local/data.sh", "--download", "true", RAVDESS="ravdess")
    assert done.returncode == 0, done.stderr
    assert options_of(recipe, "prepare_download") == [
        "--corpus crema_d --out_dir downloads/crema_d --num_workers 8"
    ]
    assert options_of(recipe, "prepare_crema_d")[0].startswith("--db downloads/crema_d ")
    assert options_of(recipe, "prepare_ravdess")[0].startswith("--db ravdess ")
    made = (recipe / "data/open_emo_corpora").read_text()
    assert made == "CREMA-D + RAVDESS, without EmoDB + EmoV-DB\n"
    (recipe / "downloads/crema_d").mkdir(parents=True)  # as the download leaves it
    assert run(recipe, "local/corpus_note.sh", RAVDESS="ravdess").stdout == made


def test_results_of_the_run_that_downloads_name_what_was_downloaded(recipe: Path):
    fake = recipe / "fake/python"
    fake.write_text(
        fake.read_text() + 'if [ "${module}" = prepare_download ]; then mkdir -p "${out}"; fi\n'
    )
    command = [
        "./run.sh",
        "--python",
        "fake/python",
        "--ngpu",
        "0",
        "--skip_stages",
        "2 3 4 5 6 7 8",
    ]
    done = run(recipe, *command, "--local_data_opts", "--download true", EMODB="/b")
    assert done.returncode == 0, done.stderr
    titles = options_of(recipe, "score_speaker_vectors")[0]
    assert "Speaker vectors (CREMA-D + RAVDESS + EmoDB, without EmoV-DB)" in titles


def test_dry_run_downloads_nothing(recipe: Path):
    done = run(recipe, "local/data.sh", "--download", "true", "--dry_run", "true")
    assert done.returncode == 0, done.stderr
    assert modules(recipe) == ["estimate_cost"]
    assert value_of(options_of(recipe, "estimate_cost")[0], "corpora") == "crema_d ravdess"


def test_failed_download_ends_the_run(recipe: Path):
    (recipe / "fail").write_text("prepare_download")
    done = run(recipe, "local/data.sh", "--download", "true", EMODB="/b")
    assert done.returncode == 9 and modules(recipe) == ["estimate_cost", "prepare_download"]
    assert not (recipe / "data/open_emo_corpora").exists()


def test_no_corpus_at_all(recipe: Path):
    done = run(recipe, "local/data.sh")
    assert done.returncode == 2 and calls(recipe) == []
    assert "db.sh names none of CREMA_D, RAVDESS, EMODB and EMOV_DB" in done.stderr
    assert '--local_data_opts "--download true"' in done.stderr
    assert run(recipe, "local/corpus_note.sh").stdout == "no corpus\n"


@pytest.mark.parametrize("units", ["50", "100", "200"])
def test_run_sh_takes_the_vocabulary(recipe: Path, units: str):
    command = ["./run.sh", "--python", "fake/python", "--nclusters", units, "--stop_stage", "5"]
    done = run(recipe, *command, **ALL)
    assert done.returncode == 0, done.stderr
    assert value_of(options_of(recipe, "learn_kmeans")[0], "num_clusters") == units
