"""The mini_emo recipe end to end on a corpus of seconds, killed on the way and gone on with."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from reference.recipe_copy import (
    ROOT,
    copy_recipe,
    corpus_options,
    modification_times,
    run_to_the_end,
)

CONFIG = ROOT / "egs2/mini_emo/p2v1/conf/train_p2v_mini.yaml"


def tiny_config() -> dict:
    """Return the demo's configuration, narrowed and cut to two epochs of two updates."""
    config = yaml.safe_load(CONFIG.read_text())
    config["unit_encoder_conf"].update(channels=8, num_convolutions=1, lstm_units=4)
    config["prosody_encoder_conf"].update(
        channels=8, aggregation_channels=12, attention_channels=4, bottleneck_channels=4
    )
    config["prosody_encoder_conf"].update(res2net_scale=4, output_dim=5)
    config["decoder_conf"].update(
        prenet_dim=8, attention_lstm_units=8, attention_dim=4, decoder_lstm_units=8
    )
    config["model_conf"]["forced_alignment_updates"] = 2
    config["scheduler_conf"].update(warmup_steps=1, total_steps=4)
    config.update(batch_size=4, max_epoch=2, num_iters_per_epoch=2, num_att_plot=1)
    return config


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a copy of the recipe that shares the templates and the environment."""
    directory = copy_recipe(tmp_path, "p2v1")
    (directory / "conf/tiny.yaml").write_text(yaml.safe_dump(tiny_config()))
    (directory / "conf/speaker.yaml").write_text("steps: 2\n")
    (directory / "conf/limits.yaml").write_text("max_frames_per_unit: 3\n")
    return directory


def command(recipe: Path, *options: str) -> list[str]:
    """Return run.sh with everything small; the speaker encoder is a directory."""
    return [
        "./run.sh",
        *corpus_options(),
        *("--p2v_config", "conf/tiny.yaml", "--nclusters", "10", "--nj", "1"),
        *("--inference_nj", "1", "--inference_config", "conf/limits.yaml"),
        *("--speaker_encoder", "exp/encoder"),
        *options,
    ]


def kill_when(recipe: Path, pattern: str, *options: str) -> None:
    """Start stages and kill everything they started once a file of that pattern is there."""
    process = subprocess.Popen(
        command(recipe, *options),
        cwd=recipe,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not list(recipe.glob(pattern)):
        time.sleep(0.05)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_all_stages_with_a_kill_in_training(recipe):
    run_to_the_end(recipe, command(recipe, "--stage", "1", "--stop_stage", "2"))
    train_encoder = """. ./path.sh && python3 -m espnet2_ext.bin.train_speaker_encoder \
        --data_dir dump/org/mini_emo_train --out_dir exp/encoder --config conf/speaker.yaml"""
    run_to_the_end(recipe, ["bash", "-c", train_encoder])
    kill_when(recipe, "exp/p2v_tiny*/1epoch.pth", "--stage", "3", "--stop_stage", "8")
    run_to_the_end(recipe, command(recipe))

    experiment = recipe / "exp/p2v_tiny_mfcc_10"
    assert (experiment / "2epoch.pth").exists()
    assert list(experiment.glob("att_ws/*/*.png"))
    for entry in (
        "mini_emo_test/same_voice",
        "mini_emo_test/other_voice",
        "mini_emo_esd_test/same_voice",
    ):
        [results] = experiment.glob(f"griffin_lim*/{entry}")
        pairs = (recipe / "data" / entry.replace("/", "/pairs/") / "pairs").read_text()
        assert len(list(results.glob("wav/*.wav"))) == len(pairs.splitlines())
    records = [json.loads(line) for line in (recipe / "exp/results.jsonl").open()]
    rows = {record["row"] for record in records}
    assert {"zero effort", "converted", "resynthesis", "wrong sentence"} <= rows
    report = (recipe / "exp/RESULTS.md").read_text()
    assert "synthetic" in report
    assert list((recipe / "exp").rglob("*_mel.png"))

    before = modification_times(list(experiment.rglob("*.pth")))
    run_to_the_end(recipe, command(recipe))
    assert modification_times(list(experiment.rglob("*.pth"))) == before
    assert (recipe / "exp/RESULTS.md").read_text() == report
