"""Mixtures of corpora: any subset of the four, named in titles; two open ones can be downloaded."""

import shutil
import subprocess
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, calls, modules, options_of, shell, value_of, write_recipe

PAPER, OPEN = "lrs3_msp_omg", "open_emo"
ALL = {
    PAPER: {"LRS3": "/l", "MSP_PODCAST": "/p", "MSP_IMPROV": "/i", "OMG": "/o"},
    OPEN: {"CREMA_D": "/c", "RAVDESS": "/r", "EMODB": "/b", "EMOV_DB": "/v"},
}
OWN = "--num_valid 1 --num_test 10 --seed 0"
COMMANDS = {
    PAPER: [
        f"prepare_lrs3 --db /l --data data --audio_dir downloads --nj 3 --tests in {OWN}",
        f"prepare_msp_podcast --db /p --data data {OWN}",
        f"prepare_msp_improv --db /i --data data {OWN}",
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
RUN = ["./run.sh", "--python", "fake/python"]


def write_mixture(root: Path, corpus: str) -> Path:
    """Return a recipe directory with the scripts of ``egs2/<corpus>/p2v1``."""
    directory = write_recipe(root, "p2v1", {"conf/train_p2v.yaml": "max_epoch: 1\n"})
    (directory / "data").mkdir()
    shutil.copytree(EGS2 / corpus / "p2v1/local", directory / "local", dirs_exist_ok=True)
    shutil.copy(EGS2 / corpus / "p2v1/run.sh", directory)
    return directory


def run(recipe: Path, *command: str, code: int = 0, **corpora: str) -> subprocess.CompletedProcess:
    """Run a script with folders of corpora in the environment; ``calls`` tells of this run."""
    (recipe / "calls").unlink(missing_ok=True)
    done = shell(recipe, *command, python="fake/python", nj="3", **corpora)
    assert done.returncode == code, done.stderr
    return done


def note_of(recipe: Path, **corpora: str) -> str:
    """Return the note on the corpora and, where there is one, the warning."""
    done = run(recipe, "local/corpus_note.sh", **corpora)
    return done.stdout + done.stderr


@pytest.mark.parametrize("corpus", [PAPER, OPEN])
def test_four_corpora_or_one_or_none(tmp_path: Path, corpus: str):
    recipe = write_mixture(tmp_path, corpus)
    made = recipe / f"data/{corpus}_corpora"
    done = run(recipe, "local/data.sh", code=2)
    assert calls(recipe) == []
    names = list(ALL[corpus])
    assert f"db.sh names none of {', '.join(names[:-1])} and {names[-1]}" in done.stderr
    assert ('--local_data_opts "--download true"' in done.stderr) == (corpus == OPEN)
    assert note_of(recipe) == "no corpus\n"

    run(recipe, "local/data.sh", **ALL[corpus])
    parts = " ".join(f"data/{part}" for part in PARTS[corpus].split())
    assert calls(recipe)[1:] == [
        *COMMANDS[corpus],
        f"combine_data --out_dir data/{corpus} --data_dirs {parts}",
        f"prepare_split --data_dir data/{corpus} --out_data data --name {corpus} "
        "--num_valid 500 --num_test 500 --seed 0",
    ]
    assert modules(recipe)[0] == "estimate_cost"
    assert made.read_text() == f"{NOTES[corpus]}\n"

    # Stage 1 makes data anew and does not ask for it; options and the note go to the results.
    first = dict([*ALL[corpus].items()][:1])
    note = f"{NOTES[corpus]}".replace(" + ", ", without ", 1)
    warning = f"data/ was made of {NOTES[corpus]}; run stage 1 again"
    assert note_of(recipe, **first).startswith(f"{note}\n") and warning in note_of(recipe, **first)
    done = run(recipe, *RUN, "--stop_stage", "1", **first)
    assert done.stderr == "", "no warning"
    assert note_of(recipe, **first) == note_of(recipe) == made.read_text() == f"{note}\n"
    command = ["--ngpu", "0", "--nclusters", "50", "--stage", "4", "--skip_stages", "7 8"]
    run(recipe, *RUN, *command, **first)
    assert value_of(options_of(recipe, "learn_kmeans")[0], "num_clusters") == "50"
    assert f"Speaker vectors ({note})" in options_of(recipe, "score_speaker_vectors")[0]
    table = value_of(options_of(recipe, "probe")[0], "table")
    assert f"train_p2v_hubert_base_6_50_sp ({note})" in table
    run(recipe, *RUN, "--ngpu", "0", "--stage", "10", "--corpus_note", "mine", **first)
    assert "Speaker vectors (mine)" in options_of(recipe, "score_speaker_vectors")[0]


def test_what_is_there_is_used_and_what_is_not_is_said(tmp_path: Path):
    recipe = write_mixture(tmp_path, PAPER)
    options = ["--num_valid", "7", "--seed", "3", "--allow_incomplete", "true"]
    done = run(recipe, "local/data.sh", *options, OMG="/o", OMG_MEDIA="/videos")
    assert "lrs3: not in db.sh, left out" in done.stdout
    [prepared] = options_of(recipe, "prepare_omg")
    assert value_of(prepared, "media_dir") == "/videos" and "--allow_incomplete" in prepared
    assert value_of(options_of(recipe, "combine_data")[0], "data_dirs") == "data/omg"
    [split] = options_of(recipe, "prepare_split")
    assert (value_of(split, "num_valid"), value_of(split, "seed")) == ("7", "3")


def test_a_corpus_or_a_note_that_fails_ends_the_stage(tmp_path: Path):
    recipe = write_mixture(tmp_path, PAPER)
    (recipe / "fail").write_text("prepare_msp_improv")
    run(recipe, "local/data.sh", MSP_IMPROV="/i", OMG="/o", code=9)
    assert modules(recipe) == ["estimate_cost", "prepare_msp_improv"]
    assert not (recipe / "data/lrs3_msp_omg_corpora").exists()
    (recipe / "local/corpus_note.sh").write_text("#!/bin/sh\necho WHY >&2\nexit 3\n")
    done = run(recipe, "local/data.sh", OMG="/o", code=3)
    assert done.stderr == "WHY\n" and calls(recipe) == []


def test_cost_is_estimated_and_a_dry_run_stops_there(tmp_path: Path):
    recipe = write_mixture(tmp_path, PAPER)
    dry = ["--dry_run", "true"]
    options = ["--precomputed_features", "true", "--local_data_opts", "--mel_frames_per_s 900"]
    run(recipe, *RUN, *dry, *options, "--stage", "8", LRS3="/l", OMG="/o")
    assert calls(recipe) == [
        "estimate_cost --corpora lrs3 omg --speeds 0.9 1.0 1.1 --train_config conf/train_p2v.yaml "
        "--mel_frames_per_s 900 --precomputed_features"
    ]
    assert list((recipe / "data").iterdir()) == []
    run(recipe, *RUN, *dry, "--speed_perturb_factors", "", OMG="/o")
    assert calls(recipe)[0].startswith("estimate_cost --corpora omg --speeds 1.0 --train_config")
    # Where data/ is of the same corpora, its audio is counted.
    note = "OMG, without LRS3 + MSP-PODCAST + MSP-IMPROV\n"
    (recipe / "data/lrs3_msp_omg_corpora").write_text(note)
    for corpora, is_counted in (({"OMG": "/o"}, True), ({"LRS3": "/l"}, False)):
        done = run(recipe, "local/data.sh", *dry, **corpora)
        [options] = options_of(recipe, "estimate_cost")
        parts = [f"dump/org/lrs3_msp_omg_{part}" for part in ("train", "valid", "test")]
        assert options.partition(" --data_dirs ")[2].split() == parts * is_counted
        assert "run stage 1 again" not in done.stderr
    (recipe / "local/data.sh").write_text("#!/bin/sh\ntouch called\n")
    done = run(recipe, *RUN, *dry, code=2)
    assert not (recipe / "called").exists()
    assert "--dry_run: local/data.sh of this recipe has no estimate" in done.stderr


def test_download_is_only_of_what_is_not_there(tmp_path: Path):
    recipe = write_mixture(tmp_path, OPEN)
    (recipe / "ravdess").mkdir()
    download = ["local/data.sh", "--download", "true"]
    run(recipe, *download, "--dry_run", "true")
    assert modules(recipe) == ["estimate_cost"]
    assert value_of(options_of(recipe, "estimate_cost")[0], "corpora") == "crema_d ravdess"
    (recipe / "fail").write_text("prepare_download")
    run(recipe, *download, EMODB="/b", code=9)
    assert modules(recipe) == ["estimate_cost", "prepare_download"]
    made = recipe / "data/open_emo_corpora"
    assert not made.exists()
    (recipe / "fail").unlink()
    run(recipe, *download, RAVDESS="ravdess")
    assert options_of(recipe, "prepare_download") == [
        "--corpus crema_d --out_dir downloads/crema_d --num_workers 8"
    ]
    assert value_of(options_of(recipe, "prepare_crema_d")[0], "db") == "downloads/crema_d"
    assert value_of(options_of(recipe, "prepare_ravdess")[0], "db") == "ravdess"
    assert made.read_text() == "CREMA-D + RAVDESS, without EmoDB + EmoV-DB\n"
    # Results of the run that downloads name what was downloaded.
    arrives = 'if [ "${module}" = prepare_download ]; then mkdir -p "${out}"; fi\n'
    (recipe / "fake/python").write_text((recipe / "fake/python").read_text() + arrives)
    options = ["--ngpu", "0", "--skip_stages", "2 3 4 5 6 7 8", "--db", "EMODB=/b"]
    run(recipe, *RUN, *options, "--local_data_opts", "--download true")
    titles = options_of(recipe, "score_speaker_vectors")[0]
    assert "Speaker vectors (CREMA-D + RAVDESS + EmoDB, without EmoV-DB)" in titles
