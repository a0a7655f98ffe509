"""The paper's mixture of corpora: any subset of the four, named in titles."""

from pathlib import Path

import pytest
from reference.fake_mixture import run_mixture as run
from reference.fake_mixture import write_mixture
from reference.fake_recipe import calls, options_of, value_of


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_mixture(tmp_path, "lrs3_msp_omg")


def test_all_four_corpora(recipe: Path):
    done = run(recipe, "local/data.sh", LRS3="/l", MSP_PODCAST="/p", MSP_IMPROV="/i", OMG="/o")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in calls(recipe)] == [
        *("estimate_cost", "prepare_lrs3", "prepare_msp_podcast", "prepare_msp_improv"),
        *("prepare_omg", "combine_data", "prepare_split"),
    ]
    for corpus, folder in (("lrs3", "/l"), ("msp_podcast", "/p"), ("omg", "/o")):
        [options] = options_of(recipe, f"prepare_{corpus}")
        assert (value_of(options, "db"), value_of(options, "data")) == (folder, "data")
        assert ("--nj 3" in options) == (corpus != "msp_podcast")
    [combined] = options_of(recipe, "combine_data")
    assert value_of(combined, "data_dirs").split() == [
        "data/lrs3",
        *(f"data/msp_podcast_{part}" for part in ("train", "valid", "test")),
        *(f"data/msp_improv_{part}" for part in ("train", "valid", "test")),
        "data/omg",
    ]
    [split] = options_of(recipe, "prepare_split")
    assert value_of(split, "data_dir") == value_of(combined, "out_dir") == "data/lrs3_msp_omg"
    assert value_of(split, "name") == "lrs3_msp_omg"
    assert (value_of(split, "num_valid"), value_of(split, "seed")) == ("500", "0")
    made = (recipe / "data/lrs3_msp_omg_corpora").read_text()
    assert made == "LRS3 + MSP-PODCAST + MSP-IMPROV + OMG\n"


def test_what_is_there_is_used_and_what_is_not_is_said(recipe: Path):
    options = ["--num_valid", "7", "--seed", "3", "--allow_incomplete", "true"]
    done = run(recipe, "local/data.sh", *options, OMG="/o", OMG_MEDIA="/videos")
    assert done.returncode == 0, done.stderr
    assert "lrs3: not in db.sh, left out" in done.stdout
    [prepared] = options_of(recipe, "prepare_omg")
    assert value_of(prepared, "media_dir") == "/videos" and "--allow_incomplete" in prepared
    assert value_of(options_of(recipe, "combine_data")[0], "data_dirs") == "data/omg"
    [split] = options_of(recipe, "prepare_split")
    assert (value_of(split, "num_valid"), value_of(split, "seed")) == ("7", "3")
    note = run(recipe, "local/corpus_note.sh").stdout
    assert note == "OMG, without LRS3 + MSP-PODCAST + MSP-IMPROV\n"
    other = run(recipe, "local/corpus_note.sh", LRS3="/l", OMG="/o")
    assert other.stdout == "LRS3 + OMG, without MSP-PODCAST + MSP-IMPROV\n"
    assert f"WARNING: data/ was made of {note.strip()}; run stage 1 again" in other.stderr


def test_no_corpus_at_all(recipe: Path):
    done = run(recipe, "local/data.sh")
    assert done.returncode == 2 and calls(recipe) == []
    assert "db.sh names none of LRS3, MSP_PODCAST, MSP_IMPROV and OMG" in done.stderr
    assert run(recipe, "local/corpus_note.sh").stdout == "no corpus\n"


def test_a_corpus_that_fails_ends_the_stage(recipe: Path):
    (recipe / "fail").write_text("prepare_msp_improv")
    done = run(recipe, "local/data.sh", MSP_IMPROV="/i", OMG="/o")
    assert done.returncode != 0
    assert [line.split()[0] for line in calls(recipe)] == ["estimate_cost", "prepare_msp_improv"]
    assert not (recipe / "data/lrs3_msp_omg_corpora").exists()


@pytest.mark.parametrize("units", ["50", "100", "200"])
def test_run_sh_takes_the_vocabulary_and_the_note_to_the_results(recipe: Path, units: str):
    corpora = {"OMG": "/o", "LRS3": "/l"}
    command = ["./run.sh", "--python", "fake/python", "--ngpu", "0", "--nclusters", units]
    done = run(recipe, *command, "--stop_stage", "5", **corpora)
    assert done.returncode == 0, done.stderr
    [learnt] = options_of(recipe, "learn_kmeans")
    assert value_of(learnt, "num_clusters") == units
    [perturbed] = options_of(recipe, "perturb_speed")
    assert value_of(perturbed, "factors") == "0.9 1.0 1.1"
    done = run(recipe, *command, "--stage", "10", **corpora)
    assert done.returncode == 0, done.stderr
    [vectors] = options_of(recipe, "score_speaker_vectors")
    assert "Speaker vectors (LRS3 + OMG, without MSP-PODCAST + MSP-IMPROV)" in vectors
    [probe] = options_of(recipe, "probe")
    assert f"train_p2v_hubert_base_6_{units}_sp (LRS3 + OMG, without" in value_of(probe, "table")


def test_help_needs_no_corpus(recipe: Path):
    done = run(recipe, "./run.sh", "--help")
    assert done.returncode == 0 and "--nclusters" in done.stdout


def test_cost_is_estimated_and_a_dry_run_stops_there(recipe: Path):
    command = ["./run.sh", "--python", "fake/python", "--dry_run", "true", "--cached_mels", "true"]
    data_options = ["--local_data_opts", "--mel_frames_per_s 900", "--stage", "8"]
    done = run(recipe, *command, *data_options, LRS3="/l", OMG="/o")
    assert done.returncode == 0, done.stderr
    assert calls(recipe) == [
        "estimate_cost --corpora lrs3 omg --speeds 0.9 1.0 1.1 --train_config conf/train_p2v.yaml "
        "--mel_frames_per_s 900 --cached_mels"
    ]
    assert list((recipe / "data").iterdir()) == [] and not (recipe / "dump").exists()
    done = run(recipe, *command[:-2], "--speed_perturb_factors", "", OMG="/o")
    assert done.returncode == 0, done.stderr
    assert calls(recipe)[1].startswith("estimate_cost --corpora omg --speeds 1.0 --train_config")


@pytest.mark.parametrize(
    ("corpora", "is_counted"), [({"OMG": "/o"}, True), ({"LRS3": "/l"}, False)]
)
def test_audio_of_the_same_corpora_is_counted(recipe: Path, corpora: dict, is_counted: bool):
    (recipe / "data/lrs3_msp_omg_corpora").write_text(
        "OMG, without LRS3 + MSP-PODCAST + MSP-IMPROV\n"
    )
    done = run(recipe, "local/data.sh", "--dry_run", "true", **corpora)
    assert done.returncode == 0, done.stderr
    [options] = options_of(recipe, "estimate_cost")
    assert ("--data_dirs" in options) == is_counted
    assert "run stage 1 again" not in done.stderr
    if is_counted:
        parts = [f"dump/org/lrs3_msp_omg_{part}" for part in ("train", "valid", "test")]
        assert value_of(options, "data_dirs").split() == parts


@pytest.mark.parametrize("corpus", ["lrs3_msp_omg", "open_emo"])
def test_stage_that_makes_data_anew_does_not_ask_for_it(tmp_path: Path, corpus: str):
    recipe = write_mixture(tmp_path, corpus)
    made = recipe / f"data/{corpus}_corpora"
    command = ["./run.sh", "--python", "fake/python", "--stop_stage", "1"]
    for corpora in ({"OMG": "/o", "EMODB": "/b"}, {"LRS3": "/l", "CREMA_D": "/c"}):
        before = made.read_text() if made.exists() else ""
        if before:
            warned = run(recipe, "local/corpus_note.sh", **corpora)
            assert (
                f"WARNING: data/ was made of {before.strip()}; run stage 1 again" in warned.stderr
            )
        done = run(recipe, *command, **corpora)
        assert (done.returncode, done.stderr) == (0, ""), "no warning"
        assert made.read_text() != before
        assert run(recipe, "local/corpus_note.sh", **corpora).stderr == ""


def test_note_that_fails_ends_stage_1_and_says_why(recipe: Path):
    (recipe / "local/corpus_note.sh").write_text("#!/bin/sh\necho WHY >&2\nexit 3\n")
    done = run(recipe, "local/data.sh", OMG="/o")
    assert (done.returncode, done.stderr) == (3, "WHY\n") and calls(recipe) == []


def test_dry_run_of_a_recipe_without_an_estimate(recipe: Path):
    (recipe / "local/data.sh").write_text("#!/bin/sh\ntouch called\n")
    done = run(recipe, "./run.sh", "--dry_run", "true")
    assert done.returncode == 2 and not (recipe / "called").exists()
    assert "--dry_run: local/data.sh of this recipe has no estimate" in done.stderr


def test_note_that_the_user_gives_wins(recipe: Path):
    command = ["./run.sh", "--python", "fake/python", "--stage", "10", "--corpus_note", "mine"]
    assert run(recipe, *command, OMG="/o").returncode == 0
    assert "Speaker vectors (mine)" in options_of(recipe, "score_speaker_vectors")[0]
