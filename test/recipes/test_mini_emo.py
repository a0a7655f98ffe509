"""The mini_emo recipe end to end on a corpus of seconds, killed on the way and gone on with.

It stands in a checkout of ESPnet, with ESPnet's path.sh, cmd.sh and utils; with ours, the mixture
and the other tasks are run.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from reference.espnet_tree import write_espnet
from reference.recipe_copy import (
    check_rerun,
    corpus_options,
    records_of,
    run_to_the_end,
    train_speaker_encoder,
    write_narrow,
)


def kill_when(recipe: Path, pattern: str, command: list[str]) -> None:
    """Start stages and kill everything they started once a file of that pattern is there."""
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=recipe, stdout=nothing, stderr=nothing, start_new_session=True
    )
    while process.poll() is None and not list(recipe.glob(pattern)):
        time.sleep(0.05)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_all_stages_with_a_kill_in_training(tmp_path: Path):
    recipe = write_espnet(tmp_path, "mini_emo", "p2v1")
    write_narrow(recipe, "conf/train_p2v_mini.yaml", forced_alignment_updates=2)
    command = ["./run.sh", *corpus_options(), "--p2v_config", "conf/tiny.yaml", "--nj", "1"]
    command += ["--nclusters", "10", "--inference_nj", "1", "--speaker_encoder", "exp/encoder"]
    command += ["--inference_config", "conf/limits.yaml", "--test_sets", "mini_emo_esd_test"]
    run_to_the_end(recipe, [*command, "--stop_stage", "2"])
    train_speaker_encoder(recipe, "mini_emo_train")
    kill_when(recipe, "exp/p2v_tiny*/1epoch.pth", [*command, "--stage", "3", "--stop_stage", "8"])
    run_to_the_end(recipe, [*command, "--stage", "8"])

    for name in ("mini_emo_train", "mini_emo_valid", "mini_emo_esd_test"):
        for directory in (f"data/{name}", f"dump/raw/{name}"):
            subprocess.run(["utils/validate_data_dir.sh", directory], cwd=recipe, check=True)
    experiment = recipe / "exp/p2v_tiny_mfcc_10"
    assert (experiment / "2epoch.pth").exists()
    assert (experiment / "train.log").read_text().startswith("# "), "written by utils/run.pl"
    again = (experiment / "run.sh").read_text().splitlines()[1]
    assert again.startswith("./p2v.sh --train_set") and again.endswith('--stage 8 "$@"; exit $?')
    assert list(experiment.glob("att_ws/*/*.png"))
    [results] = experiment.glob("griffin_lim*/mini_emo_esd_test/same_voice/wav")
    pairs = (recipe / "data/mini_emo_esd_test/pairs/same_voice/pairs").read_text()
    assert len(list(results.glob("*.wav"))) == len(pairs.splitlines())
    rows = {record["row"] for record in records_of(recipe)}
    assert {"source (unconverted)", "converted", "copy synthesis", "mismatched text"} <= rows
    assert "synthetic" in (recipe / "exp/RESULTS.md").read_text()
    assert list((recipe / "exp").rglob("*_mel.png"))
    kept = ("exp/**/*.pth", "exp/**/*.npz", "dump/**/*.flac")
    check_rerun(recipe, [*command, "--stop_stage", "8"], *kept)
