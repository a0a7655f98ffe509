"""The recogniser's recipe end to end on a corpus of seconds, with a prosody encoder made up."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from reference.recipe_copy import copy_recipe, corpus_options, modification_times, run_to_the_end
from reference.tiny_ser import write_p2v_model

from espnet2_ext.data.directory import Utterance, write_data_directory

SYSTEMS = ("fbank", "p2v", "upstream", "fusion")


def make_pretrained(root: Path, data: str = "pretraining") -> Path:
    """Write a model that was trained on a data directory; return its weights."""
    return write_p2v_model(root, train_speaker_dir=data, valid_speaker_dir=data)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a copy of the recipe that shares the templates and the environment."""
    directory = copy_recipe(tmp_path, "ser1")
    make_pretrained(tmp_path / "p2v")
    write_data_directory(tmp_path / "pretraining", [Utterance("p-1", "p", "p.wav")])
    for system in SYSTEMS:
        path = directory / f"conf/train_ser_{system}.yaml"
        row = path.read_text().splitlines()[0]
        config = yaml.safe_load(path.read_text())
        config.update(max_epoch=1)
        path.write_text(f"{row}\n{yaml.safe_dump(config)}")
    return directory


def command(recipe: Path, *options: str) -> list[str]:
    """Return run.sh with everything small."""
    return [
        "./run.sh",
        *corpus_options(iemocap_utterances=50),
        *("--p2v_model", str(recipe.parents[2] / "p2v/exp/p2v_tiny/valid.loss.best.pth")),
        *("--protocols", "loso:0", "--max_train", "20"),
        *("--nj", "1", "--train_nj", "1"),
        *options,
    ]


def test_all_stages_and_a_rerun(recipe):
    run_to_the_end(recipe, command(recipe))
    for system in SYSTEMS:
        results = list(
            (recipe / f"exp/ser_{system}").glob("loso_train20/fold_*/seed_0/result.json")
        )
        assert len(results) == 5
        predictions = recipe / f"exp/ser_{system}/loso_train20/predictions_seed_0.tsv"
        assert len(predictions.read_text().splitlines()) == 51
    records = [json.loads(line) for line in (recipe / "exp/results.jsonl").open()]
    metrics = {record["metric"] for record in records}
    assert {"WA", "UA", "macro-F1", "test-selected (leaks) UA"} <= metrics
    report = (recipe / "exp/RESULTS.md").read_text()
    assert "synthetic" in report and "Prosody2Vec against FBANK" in report
    assert {r["row"]: r["value"] for r in records if r["metric"] == "pretraining data"} == {
        "FBANK (random prosody encoder)": "none",
        "Prosody2Vec": "checked",
        "tiny HuBERT (random weights, frozen)": "not checked",
        "tiny HuBERT + Prosody2Vec": "Prosody2Vec checked, upstream not checked",
    }

    trained = modification_times(list(recipe.glob("exp/ser_*/**/result.json")))
    run_to_the_end(recipe, command(recipe))
    assert modification_times(list(trained)) == trained
    assert (recipe / "exp/RESULTS.md").read_text() == report


def test_a_test_speaker_in_pretraining_stops_the_run_with_one_line(recipe):
    """Whether the user names the directory or only the model, whose files name it."""
    directory = recipe / "data/mini_emo_iemocap"
    model = str(make_pretrained(recipe.parents[2] / "other", str(directory)))
    for stage, named in (
        ("1", ("--pretraining_data", "data/mini_emo_iemocap")),
        ("3", ("--p2v_model", model)),
    ):
        options = (*named, "--stage", stage, "--stop_stage", "3")
        done = subprocess.run(command(recipe, *options), cwd=recipe, capture_output=True, text=True)
        assert done.returncode != 0
        last = [line for line in done.stderr.splitlines() if line.strip()][-1]
        assert "utterance" in last and "is in pretraining (data/mini_emo_iemocap)" in last
        assert not (directory / "folds").exists()


def test_evaluation_models_may_have_heard_their_voices_in_pretraining_and_say_so(recipe):
    data = str(recipe / "data/mini_emo_train")
    model = str(make_pretrained(recipe.parents[2] / "other", data))
    # Four voices do not make the recipe's five folds of voices.
    command = [
        "./run_evaluation_model.sh",
        *corpus_options(utterances_per_voice=8),
        "--p2v_model",
        model,
    ]
    command += ["--protocols", "random:0", "--stop_stage", "3", "--nj", "1"]
    run_to_the_end(recipe, command)
    folds = json.loads((recipe / "data/mini_emo_train/folds/random/folds.json").read_text())
    assert folds["pretraining"]["checked"]
    assert any(
        line.startswith("utterances shared by pretraining and test: 100.0 % of test")
        for line in folds["leak_check"]
    )
    command += ["--stage", "3", "--allow", ""]
    done = subprocess.run(command, cwd=recipe, capture_output=True, text=True)
    assert done.returncode != 0 and "is in pretraining" in done.stderr
