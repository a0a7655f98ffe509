"""Mixtures of corpora: any subset of the four, named in titles; two open ones can be downloaded."""

from pathlib import Path

import pytest
from reference.fake_mixture import run_mixture as run
from reference.fake_mixture import run_ok, write_mixture
from reference.fake_recipe import calls, modules, options_of, value_of

PAPER, OPEN = "lrs3_msp_omg", "open_emo"
ALL = {
    PAPER: {"LRS3": "/l", "MSP_PODCAST": "/p", "MSP_IMPROV": "/i", "OMG": "/o"},
    OPEN: {"CREMA_D": "/c", "RAVDESS": "/r", "EMODB": "/b", "EMOV_DB": "/v"},
}
COMMANDS = {
    PAPER: [
        "prepare_lrs3 --db /l --data data --audio_dir downloads --nj 3 --tests in {own}",
        "prepare_msp_podcast --db /p --data data {own}",
        "prepare_msp_improv --db /i --data data {own}",
        "prepare_omg --db /o --data data --audio_dir downloads --nj 3",
    ],
    OPEN: [
        "prepare_crema_d --db /c --data data --classes 6",
        "prepare_ravdess --db /r --data data --classes 8",
        "prepare_emodb --db /b --data data",
        "prepare_emov_db --db /v --data data",
    ],
}
PARTS = {
    PAPER: "lrs3 msp_podcast_train msp_podcast_valid msp_podcast_test msp_improv_train"
    " msp_improv_valid msp_improv_test omg",
    OPEN: "crema_d_6 ravdess_8 emodb emov_db_train emov_db_valid emov_db_test",
}
NOTES = {
    PAPER: "LRS3 + MSP-PODCAST + MSP-IMPROV + OMG",
    OPEN: "CREMA-D + RAVDESS + EmoDB + EmoV-DB",
}
of_both = pytest.mark.parametrize("corpus", [PAPER, OPEN])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_mixture(tmp_path, PAPER)


@pytest.fixture
def open_recipe(tmp_path: Path) -> Path:
    return write_mixture(tmp_path, OPEN)


@of_both
def test_all_four_corpora(tmp_path: Path, corpus: str):
    recipe = write_mixture(tmp_path, corpus)
    run_ok(recipe, "local/data.sh", **ALL[corpus])
    own = "--num_valid 1 --num_test 10 --seed 0"
    parts = " ".join(f"data/{part}" for part in PARTS[corpus].split())
    assert calls(recipe)[1:] == [
        *(command.format(own=own) for command in COMMANDS[corpus]),
        f"combine_data --out_dir data/{corpus} --data_dirs {parts}",
        f"prepare_split --data_dir data/{corpus} --out_data data --name {corpus} "
        "--num_valid 500 --num_test 500 --seed 0",
    ]
    assert modules(recipe)[0] == "estimate_cost"
    assert (recipe / f"data/{corpus}_corpora").read_text() == f"{NOTES[corpus]}\n"


def test_what_is_there_is_used_and_what_is_not_is_said(recipe: Path):
    options = ["--num_valid", "7", "--seed", "3", "--allow_incomplete", "true"]
    done = run_ok(recipe, "local/data.sh", *options, OMG="/o", OMG_MEDIA="/videos")
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


@of_both
def test_no_corpus_at_all(tmp_path: Path, corpus: str):
    recipe = write_mixture(tmp_path, corpus)
    done = run(recipe, "local/data.sh")
    assert done.returncode == 2 and calls(recipe) == []
    names = list(ALL[corpus])
    assert f"db.sh names none of {', '.join(names[:-1])} and {names[-1]}" in done.stderr
    assert ('--local_data_opts "--download true"' in done.stderr) == (corpus == OPEN)
    assert run(recipe, "local/corpus_note.sh").stdout == "no corpus\n"


def test_a_corpus_that_fails_ends_the_stage(recipe: Path):
    (recipe / "fail").write_text("prepare_msp_improv")
    done = run(recipe, "local/data.sh", MSP_IMPROV="/i", OMG="/o")
    assert done.returncode != 0
    assert modules(recipe) == ["estimate_cost", "prepare_msp_improv"]
    assert not (recipe / "data/lrs3_msp_omg_corpora").exists()


@of_both
def test_run_sh_takes_the_vocabulary_and_the_note_to_the_results(tmp_path: Path, corpus: str):
    recipe = write_mixture(tmp_path, corpus)
    first, *others = ALL[corpus].items()
    command = ["./run.sh", "--python", "fake/python", "--ngpu", "0", "--nclusters", "50"]
    run_ok(recipe, *command, "--stop_stage", "5", **dict([first]))
    assert value_of(options_of(recipe, "learn_kmeans")[0], "num_clusters") == "50"
    assert value_of(options_of(recipe, "perturb_speed")[0], "factors") == "0.9 1.0 1.1"
    run_ok(recipe, *command, "--stage", "10", **dict([first]))
    name, *absent = NOTES[corpus].split(" + ")
    note = f"({name}, without {' + '.join(absent)})"
    assert f"Speaker vectors {note}" in options_of(recipe, "score_speaker_vectors")[0]
    table = value_of(options_of(recipe, "probe")[0], "table")
    assert f"train_p2v_hubert_base_6_50_sp {note}" in table
    run_ok(recipe, *command, "--stage", "10", "--corpus_note", "mine")
    assert "Speaker vectors (mine)" in options_of(recipe, "score_speaker_vectors")[-1]


def test_help_needs_no_corpus(recipe: Path):
    assert "--nclusters" in run_ok(recipe, "./run.sh", "--help").stdout


def test_cost_is_estimated_and_a_dry_run_stops_there(recipe: Path):
    command = [
        "./run.sh",
        "--python",
        "fake/python",
        "--dry_run",
        "true",
        "--precomputed_features",
        "true",
    ]
    data_options = ["--local_data_opts", "--mel_frames_per_s 900", "--stage", "8"]
    run_ok(recipe, *command, *data_options, LRS3="/l", OMG="/o")
    assert calls(recipe) == [
        "estimate_cost --corpora lrs3 omg --speeds 0.9 1.0 1.1 --train_config conf/train_p2v.yaml "
        "--mel_frames_per_s 900 --precomputed_features"
    ]
    assert list((recipe / "data").iterdir()) == [] and not (recipe / "dump").exists()
    run_ok(recipe, *command[:-2], "--speed_perturb_factors", "", OMG="/o")
    assert calls(recipe)[1].startswith("estimate_cost --corpora omg --speeds 1.0 --train_config")


@pytest.mark.parametrize(
    ("corpora", "is_counted"), [({"OMG": "/o"}, True), ({"LRS3": "/l"}, False)]
)
def test_audio_of_the_same_corpora_is_counted(recipe: Path, corpora: dict, is_counted: bool):
    note = "OMG, without LRS3 + MSP-PODCAST + MSP-IMPROV\n"
    (recipe / "data/lrs3_msp_omg_corpora").write_text(note)
    done = run_ok(recipe, "local/data.sh", "--dry_run", "true", **corpora)
    [options] = options_of(recipe, "estimate_cost")
    assert ("--data_dirs" in options) == is_counted
    assert "run stage 1 again" not in done.stderr
    if is_counted:
        parts = [f"dump/org/lrs3_msp_omg_{part}" for part in ("train", "valid", "test")]
        assert value_of(options, "data_dirs").split() == parts


@of_both
def test_stage_that_makes_data_anew_does_not_ask_for_it(tmp_path: Path, corpus: str):
    recipe = write_mixture(tmp_path, corpus)
    made = recipe / f"data/{corpus}_corpora"
    command = ["./run.sh", "--python", "fake/python", "--stop_stage", "1"]
    for corpora in ({"OMG": "/o", "EMODB": "/b"}, {"LRS3": "/l", "CREMA_D": "/c"}):
        before = made.read_text() if made.exists() else ""
        if before:
            warned = run(recipe, "local/corpus_note.sh", **corpora)
            assert f"data/ was made of {before.strip()}; run stage 1 again" in warned.stderr
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


def test_download_is_only_of_what_is_not_there(open_recipe: Path):
    recipe = open_recipe
    (recipe / "ravdess").mkdir()
    run_ok(recipe, "local/data.sh", "--download", "true", RAVDESS="ravdess")
    assert options_of(recipe, "prepare_download") == [
        "--corpus crema_d --out_dir downloads/crema_d --num_workers 8"
    ]
    assert options_of(recipe, "prepare_crema_d")[0].startswith("--db downloads/crema_d ")
    assert options_of(recipe, "prepare_ravdess")[0].startswith("--db ravdess ")
    made = (recipe / "data/open_emo_corpora").read_text()
    assert made == "CREMA-D + RAVDESS, without EmoDB + EmoV-DB\n"
    (recipe / "downloads/crema_d").mkdir(parents=True)  # as the download leaves it
    assert run(recipe, "local/corpus_note.sh", RAVDESS="ravdess").stdout == made


def test_results_of_the_run_that_downloads_name_what_was_downloaded(open_recipe: Path):
    fake = open_recipe / "fake/python"
    made = 'if [ "${module}" = prepare_download ]; then mkdir -p "${out}"; fi\n'
    fake.write_text(fake.read_text() + made)
    options = ["--ngpu", "0", "--skip_stages", "2 3 4 5 6 7 8", "--db", "EMODB=/b"]
    options += ["--local_data_opts", "--download true"]
    run_ok(open_recipe, "./run.sh", "--python", "fake/python", *options)
    titles = options_of(open_recipe, "score_speaker_vectors")[0]
    assert "Speaker vectors (CREMA-D + RAVDESS + EmoDB, without EmoV-DB)" in titles


def test_dry_run_downloads_nothing(open_recipe: Path):
    run_ok(open_recipe, "local/data.sh", "--download", "true", "--dry_run", "true")
    assert modules(open_recipe) == ["estimate_cost"]
    corpora = value_of(options_of(open_recipe, "estimate_cost")[0], "corpora")
    assert corpora == "crema_d ravdess"


def test_failed_download_ends_the_run(open_recipe: Path):
    (open_recipe / "fail").write_text("prepare_download")
    done = run(open_recipe, "local/data.sh", "--download", "true", EMODB="/b")
    assert done.returncode == 9
    assert modules(open_recipe) == ["estimate_cost", "prepare_download"]
    assert not (open_recipe / "data/open_emo_corpora").exists()
