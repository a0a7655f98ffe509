"""Recognition, style and vocoder of mini_emo end to end on corpora of seconds."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from reference.recipe_copy import (
    check_rerun,
    copy_recipe,
    corpus_options,
    records_of,
    run_to_the_end,
)
from reference.tiny_ser import write_p2v_model
from reference.tiny_trained import write_trained_model
from reference.tiny_vocoder import CONFIG

from espnet2_ext.conversion.converter import VarianceCompensation
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.vocoder import build_vocoder

SYSTEMS = ("fbank", "p2v", "upstream", "fusion")


def test_recognition(tmp_path: Path):
    recipe = copy_recipe(tmp_path, "ser1")
    write_data_directory(tmp_path / "pretraining", [Utterance("p-1", "p", "p.wav")])
    for system in SYSTEMS:
        path = recipe / f"conf/train_ser_{system}.yaml"
        row, settings = path.read_text().partition("\n")[::2]
        settings = yaml.safe_dump(yaml.safe_load(settings) | {"max_epoch": 1})
        path.write_text(f"{row}\n{settings}")
    command = ["./run.sh", *corpus_options(iemocap_utterances=50), "--nj", "1", "--train_nj", "1"]
    command += ["--protocols", "loso:0", "--max_train", "20"]
    # A test speaker in pretraining stops the run, whether the user names the directory or only
    # the model, whose files name it.
    data = recipe / "data/mini_emo_iemocap"
    models = [
        str(write_p2v_model(tmp_path / name, train_speaker_dir=heard, valid_speaker_dir=heard))
        for name, heard in (("p2v", "pretraining"), ("other", str(data)))
    ]
    named = ["--pretraining_data", "data/mini_emo_iemocap"]
    for stage, options in (("1", [models[0], *named]), ("3", models[1:])):
        words = [*command, "--stage", stage, "--stop_stage", "3", "--p2v_model", *options]
        done = subprocess.run(words, cwd=recipe, capture_output=True, text=True)
        assert done.returncode != 0 and not (data / "folds").exists()
        error = done.stderr.strip().splitlines()[-1]
        assert "utterance" in error and "is in pretraining (data/mini_emo_iemocap)" in error

    command += ["--p2v_model", models[0]]
    run_to_the_end(recipe, command)
    for system in SYSTEMS:
        runs = recipe / f"exp/ser_{system}/loso_train20"
        assert len(list(runs.glob("fold_*/seed_0/result.json"))) == 5
        assert len((runs / "predictions_seed_0.tsv").read_text().splitlines()) == 51
    records = records_of(recipe)
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
    check_rerun(recipe, command, "exp/ser_*/**/result.json")


@pytest.mark.slow
def test_style(tmp_path: Path):
    recipe, model = copy_recipe(tmp_path, "style1"), write_trained_model(tmp_path / "p2v1")
    # As stage 9 of p2v.sh leaves it, for the recipe compensates variance.
    nothing = VarianceCompensation(np.zeros(80), np.zeros(80), np.ones(80), {"griffin_lim": 0.0})
    nothing.save(model.with_suffix(".contrast.json"), "key")
    command = ["./run.sh", "--local_data_opts", "--pairs_per_condition 1", "--inference_nj", "1"]
    command += ["--p2v_model", str(model), "--figures_per_condition", "1"]
    run_to_the_end(recipe, command)
    wavs = "exp/style_p2v/griffin_lim/mini_emo_style/wav/*.wav"
    assert len(list(recipe.glob(wavs))) == 4
    rows = {record["row"]: record for record in records_of(recipe, "Style")}
    for condition in ("cross_lingual", "speaking_style", "emotional_style", "singing"):
        for row in ("source (unconverted)", "converted", "copy synthesis"):
            assert rows[f"{condition}, {row}"]["n"] == 1
    assert "synthetic speech" in rows["singing, converted"]["table"]
    assert "variance compensation: true" in rows["singing, converted"]["protocol"]
    figures = [record["value"] for record in records_of(recipe) if record["unit"] == "path"]
    assert len(figures) == 4 * 4 and all((recipe / "exp" / path).is_file() for path in figures)
    page = (recipe / "exp/RESULTS.md").read_text()
    assert "Fig. 10" in page and "source (unconverted)" in page
    check_rerun(recipe, [*command, "--stop_stage", "3"], wavs, "exp/results.jsonl")


@pytest.mark.slow
def test_vocoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = copy_recipe(tmp_path, "voc1")
    config = yaml.safe_load((recipe / "conf/train_vocoder_mini.yaml").read_text())
    config |= CONFIG | {"max_epoch": 2, "num_iters_per_epoch": 2, "batch_size": 4}
    config |= {"use_tensorboard": False, "use_matplotlib": False}
    config["model_conf"] |= {"segment_frames": 8, "adversarial_start_updates": 2}
    (recipe / "conf/tiny.yaml").write_text(yaml.safe_dump(config))
    command = ["./run.sh", *corpus_options(utterances_per_voice=1), "--nj", "1"]
    command += ["--voc_config", "conf/tiny.yaml", "--inference_nj", "1"]
    run_to_the_end(recipe, command)
    number = len((recipe / "dump/raw/mini_emo_valid/wav.scp").read_text().splitlines())
    made = recipe / "exp/voc_tiny/resynthesis_valid.mel_loss.best/mini_emo_valid"
    scores = {(r["row"], r["metric"]): r for r in records_of(recipe, "Vocoders: tiny")}
    for row in ("voc_tiny", "griffin_lim"):
        assert len(list((made / row).glob("wav/*.wav"))) == number
    assert scores["griffin_lim", "log-mel error"]["value"] < 0.5
    for metric in ("MCD", "log-mel error"):
        assert np.isfinite(scores["voc_tiny", metric]["value"])
        assert scores["voc_tiny", metric]["n"] == number
    assert "synthetic" in (recipe / "exp/RESULTS.md").read_text()
    # As a conversion recipe beside it names it.
    (recipe.parent / "evc1").mkdir()
    monkeypatch.chdir(recipe.parent / "evc1")
    assert len(build_vocoder("../voc1/exp/voc_tiny")(np.full((3, 80), -5.0))) == 768
    check_rerun(recipe, [*command, "--stage", "4"], "exp/voc_tiny/**/*")
