"""ser.sh hands its options on; folds, mels and trainings are of what they should be."""

import os
import shutil
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, lines, modules, options_of, run, shell, write_recipe
from reference.fake_slurm import write_sbatch

UPSTREAM = {"upstream": "hubert_base", "p2v_model": "../p2v1/best.pth"}
RAW = "dump/raw/tiny"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path, "ser1")


def test_defaults_need_neither_model_nor_upstream(recipe):
    run(recipe)
    folds = options_of(recipe, "ser_folds")
    for options, protocol in zip(folds, ("loso", "lospko"), strict=True):
        defaults = f"--protocol {protocol} --seed 0 --superb_lists downloads/superb_lists"
        assert options.endswith(defaults)
    [training] = options_of(recipe, "ser_train_folds")
    assert training.endswith("--stats_dir exp/ser_stats_16k --nj 1 --ngpu 0")
    [scores] = options_of(recipe, "ser_score")
    assert scores.endswith("--title Emotion recognition")
    for job in options_of(recipe, "ser_train"):
        assert "--prosody_init random --emotions neutral happy angry sad" in job
        for part in ("train", "valid"):
            for table in ("wav.scp,speech,sound", "utt2emo,emotion,text"):
                assert f"--{part}_data_path_and_name_and_type {RAW}/{table}" in job
        assert "--write_collected_feats true" in job and "--collect_stats true" in job
    assert "--prosody_encoder_dir" not in (recipe / "calls").read_text()


def test_data_and_folds(recipe):
    settings = {"db": "/corpus", "local_data_opts": "--all true", "max_train": "20"}
    settings |= {"pretraining_data": "x/train x/valid", "allow": "train/test:sentence a/b:c"}
    settings |= {"allow_pipes": "true", "p2v_model": "a/best.pth", "superb_lists": "x/meta_data"}
    protocols = {"protocols": "loso:0,1 superb:0", "folds_seed": "4"}
    run(recipe, stop_stage="3", **protocols, **settings)
    assert options_of(recipe, "data.sh") == ["--db /corpus --all true"]
    assert (recipe / "given").read_text() == "data.sh: fake/python 2\n"
    assert options_of(recipe, "format_wav") == [
        f"--data_dir data/tiny --out_dir {RAW} --num_workers 2"
        " --allow_pipes true --allow_utterance_speakers false"
    ]
    assert options_of(recipe, "ser_folds") == [
        f"--data_dir {RAW} --out_dir data/tiny/folds --protocol {protocol} --seed 4"
        " --max_train 20 --superb_lists x/meta_data --pretrained_model a/best.pth"
        " --pretraining_data_dirs x/train x/valid --allow train/test:sentence a/b:c"
        for protocol in ("loso", "superb")
    ]


def test_sets_of_the_users_own_are_one_protocol(recipe):
    raw, folds = "dump/raw/tiny+va+te", "data/tiny+va+te/folds"
    for name, utterances in (("va", "v-1"), ("te", "t-1"), ("tiny+va+te", "u-0 u-1 v-1 t-1")):
        (recipe / "dump/raw" / name).mkdir()
        table = "".join(f"{utterance} sad\n" for utterance in utterances.split())
        (recipe / "dump/raw" / name / "utt2emo").write_text(table)
    sets = {"valid_set": "va", "test_sets": "te", "protocols": "given:0,1"}
    # The former name of train_set is taken, with a warning.
    done = run(recipe, stage="2", stop_stage="3", train_set="", ser_set="tiny", **sets)
    assert "WARNING: ser_set is now train_set" in done.stderr
    [combined] = options_of(recipe, "combine_data")
    assert combined == f"--out_dir {raw} --data_dirs {RAW} dump/raw/va dump/raw/te"
    [options] = options_of(recipe, "ser_folds")
    assert f"--data_dir {raw} --out_dir {folds} --protocol given" in options
    assert f"--folds_csv {folds}/given.csv" in options
    # Of tiny only what is left in the combined table.
    assert (recipe / folds / "given.csv").read_text() == (
        "utterance,part\nu-0,train\nu-1,train\nv-1,valid\nt-1,test\n"
    )


def test_experiments_have_names(recipe):
    run(recipe, stage="7", ser_tag="b")
    [training] = options_of(recipe, "ser_train_folds")
    assert "--expdir exp/b " in training and "--stats_dir exp/b/ser_stats_16k" in training
    [scores] = options_of(recipe, "ser_score")
    assert "--title Emotion recognition, b" in scores
    again = (recipe / "exp/b/run.sh").read_text()
    assert "./ser.sh" in again and "--ser_tag b" in again
    assert again.endswith('--stage 7 "$@"; exit $?\n')
    (recipe / "calls").unlink()
    shell(recipe, "exp/b/run.sh", "--stop_stage", "7")
    assert modules(recipe) == ["ser_train_folds"]


def test_folds_and_seeds_are_an_array_on_a_cluster(recipe, tmp_path, monkeypatch):
    programs = write_sbatch(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("cmd_backend", "slurm")
    shutil.copy(EGS2 / "TEMPLATE/common/conf/slurm.conf", recipe / "conf")
    run(recipe, stage="7", stop_stage="7", train_nj="3", ngpu="4")
    trainings = sorted(options_of(recipe, "ser_train_folds"))
    ends = [f"--nj 1 --ngpu 1 --share {number}/3" for number in (1, 2, 3)]
    assert [options[options.index("--nj") :] for options in trainings] == ends
    words = (recipe / "sbatch.calls").read_text()
    assert "--partition gpu --gres gpu:1" in words and "--array 1-3" in words


def test_mels_are_of_every_utterance_and_of_the_pretrained_model(recipe, monkeypatch):
    def is_collected(**settings: str) -> bool:
        run(recipe, stage="4", stop_stage="6", nj="3", **settings)
        return "aggregate_stats_dirs" in modules(recipe)

    table = recipe / RAW / "wav.scp"
    assert is_collected()
    lists = [recipe / f"exp/ser_stats_16k/logdir/train.{job}.scp" for job in (1, 2, 3)]
    assert "".join(path.read_text() for path in lists) == table.read_text()
    assert not is_collected()
    table.write_text(lines("v-", " x"))
    assert is_collected()
    assert is_collected(**UPSTREAM)
    jobs = options_of(recipe, "ser_train")
    assert len(jobs) == 3
    assert all("--prosody_encoder_dir exp/prosody_encoder" in job for job in jobs)
    assert options_of(recipe, "export_prosody_encoder") == [
        "--model_file ../p2v1/best.pth --out_dir exp/prosody_encoder"
    ]
    assert not is_collected(**UPSTREAM)
    monkeypatch.setenv("n_fft", "512")
    assert is_collected(**UPSTREAM, ngpu="2", upstream_path="x/y"), "the model hears other mels now"
    assert options_of(recipe, "cache_upstream_vectors") == [
        f"--data_dir {RAW} --device cuda --out_dir exp/upstream_hubert_base"
        " --upstream hubert_base --path_or_url x/y --num_workers 3"
    ]


def test_an_explicit_model_has_contours_in_place_of_mels(recipe, monkeypatch):
    monkeypatch.setenv("prosody_path", "explicit")
    explicit = {"p2v_model": "../p2v1/best.pth", "stage": "4", "stop_stage": "6"}
    run(recipe, speaker_statistics="own", **explicit)
    encoder, stats = "exp/prosody_encoder", "exp/ser_stats_16k"
    assert modules(recipe) == [
        "export_prosody_encoder", "extract_contours", "write_prosody_input",
    ]  # fmt: skip
    assert options_of(recipe, "extract_contours") == [
        f"--data_dir {RAW} --train_config {encoder}/config.yaml --num_workers 2"
    ]
    table = f"--data_dir {RAW} --out_dir {stats} --prosody_encoder_dir {encoder}"
    assert options_of(recipe, "write_prosody_input") == [f"{table} --speaker_statistics own"]
    run(recipe, **explicit)
    assert options_of(recipe, "write_prosody_input") == [f"{table} --speaker_statistics others"]
    monkeypatch.setenv("prosody_path", "implicit")
    run(recipe, **explicit)
    assert (
        "extract_contours" not in modules(recipe) and "ser_train" in (recipe / "calls").read_text()
    )


def test_training_and_scores(recipe):
    settings = {"train_nj": "3", "ser_args": "--max_epoch 2 --patience 1", "balanced": "true"}
    settings |= {"comparisons": "a:b b:c", "published": "true", "corpus_note": "synthetic speech"}
    settings |= {"units": "200", "protocols": "loso:0,1 x:2", "emotions": "sad happy"}
    run(recipe, stage="7", **UPSTREAM, **settings)
    experiment = (
        "--configs conf/a.yaml conf/b.yaml --folds_dir data/tiny/folds --protocols loso:0,1 x:2"
        f" --data_dir {RAW} --expdir exp --emotions sad happy"
    )
    assert options_of(recipe, "ser_train_folds") == [
        f"{experiment} --stats_dir exp/ser_stats_16k --prosody_encoder_dir exp/prosody_encoder"
        " --balanced --nj 3 --ngpu 0 --max_epoch 2 --patience 1"
    ]
    assert options_of(recipe, "ser_score") == [
        f"{experiment} --title Emotion recognition (synthetic speech) --units 200"
        " --comparisons a:b b:c --with_published"
    ]
    assert options_of(recipe, "report_render") == [
        "--results_path exp/results.jsonl --out_path exp/RESULTS.md"
    ]
