"""ser.sh orders its stages and hands its options on; what is complete is left alone.

The interpreter is a stand-in, see ``reference.fake_templates``.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, calls, modules, options_of, run_script
from reference.fake_slurm import write_sbatch
from reference.fake_templates import FAKES, run_fake, run_ok, write_fake

UPSTREAM = {"upstream": "hubert_base", "p2v_model": "../p2v1/best.pth"}
ALWAYS = "data.sh format_wav ser_folds ser_train aggregate_stats_dirs ser_train_folds ser_score"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_fake(tmp_path, "ser1")


def test_all_stages_run_in_order(recipe):
    result = run_ok(recipe, **UPSTREAM)
    stages = ALWAYS.split()
    stages[3:3] = ["export_prosody_encoder", "cache_upstream_vectors"]
    assert modules(recipe) == [*stages, "report_render"]
    shown = re.findall(r"Stage (\d): ", result.stdout)
    assert shown == list("12345678")
    assert re.search(r"Finished in \d+ s\n$", result.stdout)


def test_systems_that_need_neither_model_nor_upstream(recipe):
    run_ok(recipe)
    assert modules(recipe) == [*ALWAYS.split(), "report_render"]
    assert "--prosody_encoder_dir" not in (recipe / "calls").read_text()
    for options, protocol in zip(options_of(recipe, "ser_folds"), ("loso", "lospko"), strict=True):
        defaults = f"--protocol {protocol} --seed 0 --superb_lists downloads/superb_lists"
        assert options.endswith(defaults)
    [training] = options_of(recipe, "ser_train_folds")
    assert training.endswith("--stats_dir exp/ser_stats_16k --nj 1 --ngpu 0")
    [scores] = options_of(recipe, "ser_score")
    assert scores.endswith("--title Emotion recognition")


def test_data_and_folds(recipe):
    settings = {"db": "/corpus", "local_data_opts": "--all true", "max_train": "20"}
    settings |= {"pretraining_data": "x/train x/valid", "allow": "train/test:sentence a/b:c"}
    settings |= {"allow_pipes": "true"}
    run_fake(recipe, stop_stage="3", protocols="loso:0,1 lospko:0", folds_seed="4", **settings)
    assert options_of(recipe, "data.sh") == ["--db /corpus --all true"]
    assert (recipe / "given").read_text() == "data.sh: fake/python 2\n"
    [formatted] = options_of(recipe, "format_wav")
    assert formatted == (
        "--data_dir data/tiny --out_dir dump/raw/tiny --num_workers 2"
        " --allow_pipes true --allow_utterance_speakers false"
    )
    assert options_of(recipe, "ser_folds") == [
        f"--data_dir dump/raw/tiny --out_dir data/tiny/folds --protocol {protocol} --seed 4"
        " --max_train 20 --superb_lists downloads/superb_lists"
        " --pretraining_data_dirs x/train x/valid --allow train/test:sentence a/b:c"
        for protocol in ("loso", "lospko")
    ]


def test_sets_of_the_users_own_are_one_protocol(recipe):
    for name, utterances in (("va", "v-1"), ("te", "t-1"), ("tiny+va+te", "u-0 u-1 v-1 t-1")):
        (recipe / "dump/raw" / name).mkdir()
        lines = "".join(f"{utterance} sad\n" for utterance in utterances.split())
        (recipe / "dump/raw" / name / "utt2emo").write_text(lines)
    sets = {"valid_set": "va", "test_sets": "te", "protocols": "given:0,1"}
    run_ok(recipe, stage="2", stop_stage="3", **sets)
    [combined] = options_of(recipe, "combine_data")
    raw = "dump/raw/tiny+va+te"
    assert combined == f"--out_dir {raw} --data_dirs dump/raw/tiny dump/raw/va dump/raw/te"
    [options] = options_of(recipe, "ser_folds")
    folds = "data/tiny+va+te/folds"
    assert f"--data_dir {raw} --out_dir {folds} --protocol given" in options
    assert f"--folds_csv {folds}/given.csv" in options
    # Of tiny only what is left in the combined table.
    assert (recipe / folds / "given.csv").read_text() == (
        "utterance,part\nu-0,train\nu-1,train\nv-1,valid\nt-1,test\n"
    )


def test_experiments_have_names(recipe):
    run_ok(recipe, stage="7", ser_tag="b", **UPSTREAM)
    [training] = options_of(recipe, "ser_train_folds")
    assert "--expdir exp/b " in training and "--stats_dir exp/b/ser_stats_16k" in training
    [scores] = options_of(recipe, "ser_score")
    assert "--title Emotion recognition, b" in scores
    again = (recipe / "exp/b/run.sh").read_text()
    assert "./ser.sh" in again and "--ser_tag b" in again
    assert again.endswith('--stage 7 "$@"; exit $?\n')
    (recipe / "calls").unlink()
    subprocess.run(["exp/b/run.sh", "--stop_stage", "7"], cwd=recipe, check=True, timeout=60)
    assert modules(recipe) == ["ser_train_folds"]


def test_folds_and_seeds_are_an_array_on_a_cluster(recipe, tmp_path, monkeypatch):
    programs = write_sbatch(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("cmd_backend", "slurm")
    shutil.copy(EGS2 / "TEMPLATE/common/conf/slurm.conf", recipe / "conf")
    run_ok(recipe, stage="7", stop_stage="7", train_nj="3", ngpu="4")
    trainings = sorted(options_of(recipe, "ser_train_folds"))
    ends = [f"--nj 1 --ngpu 1 --share {number}/3" for number in (1, 2, 3)]
    assert [options[options.index("--nj") :] for options in trainings] == ends
    words = (recipe / "sbatch.calls").read_text()
    assert "--partition gpu --gres gpu:1" in words and "--array 1-3" in words


def test_groups_of_stages_can_be_left_out(recipe):
    run_fake(recipe, skip_data_prep="true", skip_train="true")
    assert modules(recipe) == ["ser_score", "report_render"]
    run_fake(recipe, skip_data_prep="true", skip_eval="true")
    assert modules(recipe) == ["ser_train", "aggregate_stats_dirs", "ser_train_folds"]


def test_the_former_name_of_the_set(recipe):
    settings = {**FAKES["ser1"].settings, "ser_set": "tiny", "stop_stage": "1"}
    del settings["train_set"]
    result = run_script(recipe, "ser.sh", settings)
    assert result.returncode == 0 and modules(recipe) == ["data.sh"]
    assert "WARNING: ser_set is now train_set" in result.stderr


def test_pretraining_of_the_model_is_checked_without_being_named(recipe):
    settings = {"p2v_model": "../p2v1/best.pth", "superb_lists": "x/meta_data"}
    run_fake(recipe, stage="3", stop_stage="3", protocols="superb:0", **settings)
    [options] = options_of(recipe, "ser_folds")
    expected = "--superb_lists x/meta_data --pretrained_model ../p2v1/best.pth"
    assert options.endswith(f"--protocol superb --seed 0 {expected}")


@pytest.mark.parametrize(("ngpu", "device"), [("0", "cpu"), ("2", "cuda")])
def test_encoder_and_vectors(recipe, ngpu, device):
    run_fake(recipe, stage="4", stop_stage="5", upstream_path="x/y", **UPSTREAM, ngpu=ngpu)
    assert options_of(recipe, "export_prosody_encoder") == [
        "--model_file ../p2v1/best.pth --out_dir exp/prosody_encoder"
    ]
    assert options_of(recipe, "cache_upstream_vectors") == [
        f"--data_dir dump/raw/tiny --device {device} --out_dir exp/upstream_hubert_base"
        " --upstream hubert_base --path_or_url x/y --num_workers 2"
    ]


def test_mels_are_collected_once_of_every_utterance(recipe):
    run_fake(recipe, stage="6", stop_stage="6", nj="3")
    jobs = options_of(recipe, "ser_train")
    assert len(jobs) == 3
    for job in jobs:
        assert "--prosody_init random --emotions neutral happy angry sad" in job
        for part in ("train", "valid"):
            for table in ("wav.scp,speech,sound", "utt2emo,emotion,text"):
                assert f"--{part}_data_path_and_name_and_type dump/raw/tiny/{table}" in job
        assert "--write_collected_feats true" in job and "--collect_stats true" in job
    lists = [recipe / f"exp/ser_stats_16k/logdir/train.{job}.scp" for job in (1, 2, 3)]
    table = recipe / "dump/raw/tiny/wav.scp"
    assert "".join(path.read_text() for path in lists) == table.read_text()
    result = run_fake(recipe, stage="6", stop_stage="6", nj="3")
    assert calls(recipe) == []
    assert "exp/ser_stats_16k: complete" in result.stdout
    table.write_text(table.read_text() + "u-9 x\n")
    run_fake(recipe, stage="6", stop_stage="6")
    assert "aggregate_stats_dirs" in modules(recipe)


def test_mels_are_those_of_the_pretrained_model(recipe, monkeypatch):
    stages = {"stage": "4", "stop_stage": "6", "p2v_model": "x.pth"}
    run_fake(recipe, **stages)
    assert all("--prosody_encoder_dir exp/prosody_encoder" in job for job in collected(recipe))
    run_fake(recipe, **stages)
    assert collected(recipe) == [], "the same"
    monkeypatch.setenv("n_fft", "512")
    run_fake(recipe, **stages)
    assert collected(recipe), "the model hears other mels now"


def collected(recipe: Path) -> list[str]:
    return options_of(recipe, "ser_train")


def test_training_and_scores(recipe):
    settings = {"train_nj": "3", "ser_args": "--max_epoch 2 --patience 1", "balanced": "true"}
    settings |= {"comparisons": "a:b b:c", "published": "true", "corpus_note": "synthetic speech"}
    settings |= {"units": "200", "protocols": "loso:0,1 x:2", "emotions": "sad happy"}
    run_fake(recipe, stage="7", **UPSTREAM, **settings)
    experiment = (
        "--configs conf/a.yaml conf/b.yaml --folds_dir data/tiny/folds --protocols loso:0,1 x:2"
        " --data_dir dump/raw/tiny --expdir exp --emotions sad happy"
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


def test_stages_can_be_chosen(recipe):
    run_fake(recipe, stage="3", stop_stage="7", skip_stages="4 5 6", **UPSTREAM)
    assert modules(recipe) == ["ser_folds", "ser_train_folds"]
