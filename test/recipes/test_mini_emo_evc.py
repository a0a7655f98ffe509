"""The conversion's recipe end to end on a corpus of seconds, with models of random weights."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from reference.recipe_copy import copy_recipe, corpus_options, modification_times, run_to_the_end
from reference.tiny_ser import SETTINGS, write_encoder
from reference.tiny_trained import write_trained_model

from espnet2_ext.ser.task import EmotionTask

EMOTIONS = ["neutral", "happy", "angry", "sad"]
CONFIG = {
    "model_conf": {"forced_alignment_updates": 1000},
    "optim": "adam",
    "optim_conf": {"lr": 1.0e-3},
    "scheduler": None,
    "batch_type": "unsorted",
    "batch_size": 8,
    "max_epoch": 1,
    "keep_nbest_models": 1,
    "num_att_plot": 0,
    "num_workers": 0,
}


def write_recogniser(root: Path) -> Path:
    """Write a recogniser of random weights; return its file."""
    encoder = write_encoder(root)
    (root / "ser.yaml").write_text(yaml.safe_dump(SETTINGS))
    command = ["--config", str(root / "ser.yaml"), "--output_dir", str(root / "exp")]
    command += ["--prosody_encoder_dir", str(encoder), "--emotions", *EMOTIONS]
    args = EmotionTask.get_parser().parse_args(command)
    model = EmotionTask.build_model(args)
    (root / "exp").mkdir()
    torch.save(model.state_dict(), root / "exp/valid.ua.best.pth")
    (root / "exp/config.yaml").write_text(yaml.safe_dump(vars(args)))
    return root / "exp/valid.ua.best.pth"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a copy of the recipe that shares the templates and the environment."""
    directory = copy_recipe(tmp_path, "evc1")
    write_trained_model(tmp_path / "p2v1")
    write_recogniser(tmp_path / "ser1")
    (directory / "conf/tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    (directory / "conf/limits.yaml").write_text("max_frames_per_unit: 3\n")
    return directory


def run(recipe: Path, *options: str) -> None:
    """Run run.sh with everything small; on failure show what was printed."""
    root = recipe.parents[2]
    command = ["./run.sh", *corpus_options(utterances_per_voice=1)]
    command += ["--evc_config", "conf/tiny.yaml", "--inference_config", "conf/limits.yaml"]
    command += ["--p2v_model", str(root / "p2v1/exp/p2v/best.pth"), "--num_references", "2"]
    command += ["--emotion_model", str(root / "ser1/exp/valid.ua.best.pth"), "--intensities", "0 1"]
    command += ["--intensity_pairs", "1", "--nj", "1", "--inference_nj", "1"]
    command += ["--pair_rules", "same_voice average"]
    command += ["--with_robustness", "true", "--robustness_pairs", "2", *options]
    run_to_the_end(recipe, command)


@pytest.mark.slow
@pytest.mark.skipif("RUN_LONG" not in os.environ, reason="takes many minutes: set RUN_LONG=1")
def test_all_stages_and_a_rerun(recipe):
    run(recipe)
    experiment, pretrained = recipe / "exp/evc_tiny", recipe / "exp/pretrained_tiny"
    weights = torch.load(experiment / "1epoch.pth", weights_only=True)
    before = torch.load(pretrained / "model.pth", weights_only=True)
    # The mels are normalised as in pretraining; everything that is learnt has moved on.
    for name in ("normalize.mean", "normalize.std"):
        assert torch.equal(weights[name].double(), before[name].double()), name
    config = yaml.safe_load((experiment / "config.yaml").read_text())
    statistics = (recipe / config["normalize_conf"]["stats_file"]).resolve()
    assert statistics == recipe.parents[2] / "p2v1/exp/stats/feats_stats.npz"
    moved = {name.split(".")[0] for name in weights if not torch.equal(weights[name], before[name])}
    assert moved >= {"unit_encoder", "prosody_encoder", "decoder", "updates"}

    pairs = recipe / "data/mini_emo_esd_test/pairs"
    for rule in ("same_voice", "average", "intensity"):
        [results] = experiment.glob(f"griffin_lim*/mini_emo_esd_test/{rule}")
        assert len(list(results.glob("wav/*.wav"))) == len(
            (pairs / rule / "pairs").read_text().splitlines()
        )
    records = [json.loads(line) for line in (recipe / "exp/results.jsonl").open()]
    scores = {(r["row"], r["metric"]): r for r in records if r["table"].startswith("tiny")}
    rows = [
        "source (unconverted)",
        "copy synthesis",
        "ground-truth target",
        "converted, same_voice",
    ]
    rows += ["converted, average", "converted, same_voice, not fine-tuned"]
    for row in rows:
        assert 0.0 <= scores[row, "emotion accuracy"]["value"] <= 1.0, row
    assert np.isfinite(scores["converted, same_voice", "speaker cosine"]["value"])
    assert "mean vector of up to 2 other" in scores["converted, average", "MCD"]["protocol"]
    trends = {r["metric"] for r in records if r["table"].endswith("trends")}
    assert "F0 mean: correlation" in trends
    report = (recipe / "exp/RESULTS.md").read_text()
    assert "synthetic" in report and "not fine-tuned" in report
    damaged = {r["row"] for r in records if r["table"].startswith("Robustness: tiny (synthetic")}
    assert {"clean source", "10 % of units dropped", "babble, SNR 0 dB"} <= damaged
    assert "mini_emo_esd_test/robustness/robustness.png)" in report

    made = modification_times(list(experiment.rglob("*.pth")))
    run(recipe, "--stage", "4")
    assert modification_times(list(experiment.rglob("*.pth"))) == made
    assert (recipe / "exp/RESULTS.md").read_text() == report
