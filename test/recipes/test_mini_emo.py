"""The mini_emo recipe end to end on a corpus of seconds, killed on the way and gone on with.

It stands in a checkout of ESPnet, with ESPnet's path.sh, cmd.sh and utils; with ours, the mixture
and the other tasks are run.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from reference.espnet_tree import write_espnet
from reference.recipe_copy import (
    corpus_options,
    modification_times,
    narrow,
    run_to_the_end,
)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a copy of the recipe beside ESPnet's files."""
    directory = write_espnet(tmp_path, "mini_emo", "p2v1")
    config = narrow(yaml.safe_load((directory / "conf/train_p2v_mini.yaml").read_text()))
    config["model_conf"]["forced_alignment_updates"] = 2
    (directory / "conf/tiny.yaml").write_text(yaml.safe_dump(config))
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

    for name in ("mini_emo_train", "mini_emo_valid", "mini_emo_test"):
        for directory in (f"data/{name}", f"dump/raw/{name}"):
            subprocess.run(["utils/validate_data_dir.sh", directory], cwd=recipe, check=True)
    experiment = recipe / "exp/p2v_tiny_mfcc_10"
    assert (experiment / "2epoch.pth").exists()
    assert (experiment / "train.log").read_text().startswith("# "), "written by utils/run.pl"
    again = (experiment / "run.sh").read_text().splitlines()[1]
    assert again.startswith("./p2v.sh --train_set") and again.endswith('--stage 8 "$@"; exit $?')
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
    assert {"source (unconverted)", "converted", "copy synthesis", "mismatched text"} <= rows
    report = (recipe / "exp/RESULTS.md").read_text()
    assert "synthetic" in report
    assert list((recipe / "exp").rglob("*_mel.png"))

    before = modification_times(list(experiment.rglob("*.pth")))
    run_to_the_end(recipe, command(recipe))
    assert modification_times(list(experiment.rglob("*.pth"))) == before
    assert (recipe / "exp/RESULTS.md").read_text() == report
