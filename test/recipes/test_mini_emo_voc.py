"""The vocoder's recipe end to end on a corpus of seconds."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from reference.recipe_copy import copy_recipe, corpus_options, modification_times, run_to_the_end
from reference.tiny_vocoder import CONFIG

from espnet2_ext.vocoder import build_vocoder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a copy of the recipe that shares the templates and the environment."""
    directory = copy_recipe(tmp_path, "voc1")
    config = yaml.safe_load((directory / "conf/train_vocoder_mini.yaml").read_text())
    config |= CONFIG | {"max_epoch": 2, "num_iters_per_epoch": 2, "batch_size": 4}
    config |= {"use_tensorboard": False, "use_matplotlib": False}
    config["model_conf"] |= {"segment_frames": 8, "adversarial_start_updates": 2}
    (directory / "conf/tiny.yaml").write_text(yaml.safe_dump(config))
    return directory


def run(recipe: Path, *options: str) -> None:
    """Run run.sh with everything small."""
    command = ["./run.sh", *corpus_options(utterances_per_voice=1), "--nj", "1"]
    command += ["--voc_config", "conf/tiny.yaml", "--inference_nj", "1", *options]
    run_to_the_end(recipe, command)


@pytest.mark.slow
def test_all_stages_and_a_rerun(recipe, monkeypatch):
    run(recipe)
    experiment = recipe / "exp/voc_tiny"
    wavs = (recipe / "dump/raw/mini_emo_valid/wav.scp").read_text().splitlines()
    for row in ("voc_tiny", "griffin_lim"):
        made = experiment / f"resynthesis_valid.mel_loss.best/mini_emo_valid/{row}/wav"
        assert len(list(made.glob("*.wav"))) == len(wavs)
    records = [json.loads(line) for line in (recipe / "exp/results.jsonl").open()]
    scores = {(r["row"], r["metric"]): r for r in records if "Vocoders: tiny" in r["table"]}
    assert scores["griffin_lim", "log-mel error"]["value"] < 0.5
    for metric in ("MCD", "log-mel error"):
        assert np.isfinite(scores["voc_tiny", metric]["value"])
        assert scores["voc_tiny", metric]["n"] == len(wavs)
    report = (recipe / "exp/RESULTS.md").read_text()
    assert "synthetic" in report and "voc_tiny" in report

    # As a conversion recipe beside it names it.
    (recipe.parent / "evc1").mkdir()
    monkeypatch.chdir(recipe.parent / "evc1")
    assert len(build_vocoder("../voc1/exp/voc_tiny")(np.full((3, 80), -5.0))) == 768

    made = modification_times([path for path in experiment.rglob("*") if path.is_file()])
    run(recipe, "--stage", "4")
    assert modification_times(list(made)) == made
    assert (recipe / "exp/RESULTS.md").read_text() == report
