"""evc.sh leaves to p2v.sh what is as in pretraining, and states its rules."""

import re
from pathlib import Path

import pytest
from reference.fake_recipe import calls, modules, options_of, run, value_of, write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path, "evc1")


def test_pairs_units_voices_and_statistics(recipe):
    settings = {"num_references": "3", "intensities": "0 2", "intensity_pairs": "4"}
    settings |= {"pairs_seed": "9", "evc_args": "--max_epoch 3"}
    run(recipe, stop_stage="4", **settings)
    assert options_of(recipe, "derive_pairs") == [
        "--data_dir data/te --pairs_dir data/te/pairs/same_voice --num_references 3"
        " --intensities 0 2 --pairs_per_condition 4 --seed 9"
    ]
    # The pretrained model's.
    units = options_of(recipe, "extract_units")
    assert len(units) == 3 and all("--centroids_path their/centroids.npz" in u for u in units)
    assert not {"learn_kmeans", "train_speaker_encoder"} & set(modules(recipe))
    for options in options_of(recipe, "extract_speaker_vectors"):
        assert "--source their/encoder" in options
    [training] = options_of(recipe, "launch")
    assert "--output_dir exp/evc_train_evc_max_epoch3" in training
    assert "--init_param exp/pretrained_train_evc_max_epoch3/model.pth" in training
    assert "dump/raw/tr/units_hub_6_7,units,text_int" in training
    # Of an option given twice ESPnet takes the last.
    assert re.findall(r"stats_file=(\S+)", training)[-1] == "their/stats.npz"
    assert training.index("stats_file=their") < training.index("--max_epoch 3")


def test_every_rule_is_converted_and_scored_under_its_name(recipe):
    run(recipe, emotion_model="fake", corpus_note="synthetic speech", with_robustness="true")
    conversions = options_of(recipe, "p2v_inference")
    lists = [value_of(each, "pairs_dir").rsplit("/", 1)[1] for each in conversions]
    assert lists == ["same_voice", "parallel", "average", "intensity", "same_voice"]
    models = [value_of(each, "model_file") for each in conversions]
    assert models[:4] == ["exp/evc_train_evc/valid.loss.best.pth"] * 4
    assert models[4] == "exp/pretrained_train_evc/model.pth"
    scores = options_of(recipe, "score_conversion")
    assert [value_of(each, "row_name") for each in scores] == [
        "converted, same_voice",
        "converted, parallel",
        "converted, average",
        "converted, same_voice, not fine-tuned",
    ]
    # Rows that depend on no rule stand there once.
    assert ["--without_reference_rows" in each for each in scores] == [False, True, True, True]
    assert "rule of average" in value_of(scores[2], "protocol")
    given = {"emotion_model": "fake", "speaker_encoder": "their/encoder"}
    given["table"] = "train_evc (synthetic speech), te"
    for each in scores:
        assert {name: value_of(each, name) for name in given} == given
        assert "--with_published" not in each
    [scale] = options_of(recipe, "score_intensity")
    assert "rule of intensity" in value_of(scale, "protocol")
    [study] = options_of(recipe, "robustness")
    assert value_of(study, "max_pairs") == "24"
    for each in (*conversions, study):
        assert "--compensation_data_dir dump/raw/va" not in each
    for each in (*scores, scale):
        assert "variance compensation: false" in value_of(each, "protocol")


def test_one_rule_no_pretrained_model_and_the_papers_table(recipe):
    settings = {"pair_rules": "average", "with_pretrained": "false", "published": "true"}
    run(recipe, variance_compensation="true", **settings)
    [score] = options_of(recipe, "score_conversion")
    assert value_of(score, "row_name") == "converted, average"
    assert "--emotion_model" not in score and score.endswith(" --with_published")
    conversions = options_of(recipe, "p2v_inference")
    assert len(conversions) == 2
    assert all("--compensation_data_dir dump/raw/va" in each for each in conversions)
    for each in (score, *options_of(recipe, "score_intensity")):
        assert "variance compensation: true" in value_of(each, "protocol")


def test_other_evaluation_models_are_asked_where_named(recipe):
    run(recipe, stop_stage="6")
    before = options_of(recipe, "score_conversion")
    assert not any("--word_error_rate" in each or "--dnsmos" in each for each in before)
    run(recipe, stage="6", stop_stage="6", asr_model="base", dnsmos="true")
    after = options_of(recipe, "score_conversion")
    assert len(after) == len(before) == 4, "scores that are there lack these columns"
    for each in after:
        assert value_of(each, "word_error_rate") == "base"
        assert each.partition("--dnsmos")[2] in ("", " --without_reference_rows")
    run(recipe, stage="6", stop_stage="6", asr_model="base", dnsmos="true")
    assert options_of(recipe, "score_conversion") == []


def test_robustness_is_a_ninth_stage_where_asked_for(recipe):
    settings = {"test_sets": "te te2", "corpus_note": "synthetic speech", "inference_nj": "3"}
    settings |= {"inference_config": "conf/limits.yaml", "vocoder": "hub/name"}
    settings |= {"variance_compensation": "true", "pair_rules": "same_voice"}
    (recipe / "dump/raw/te2").mkdir()
    (recipe / "data/te2/pairs").mkdir(parents=True)
    (recipe / "data/te2/pairs/same_voice").symlink_to("../../te/pairs/same_voice")
    run(recipe, with_pretrained="false", stop_stage="5", **settings)
    run(recipe, stage="9", with_robustness="true", robustness_pairs="36", **settings)
    assert modules(recipe) == ["robustness", "report_render"]
    [options] = options_of(recipe, "robustness")
    results = "exp/evc_train_evc/name_limits_valid.loss.best/te"
    given = {"model_file": "exp/evc_train_evc/valid.loss.best.pth", "max_pairs": "36"}
    given |= {"data_dir": "dump/raw/te", "pairs_dir": "data/te/pairs/same_voice"}
    given |= {"out_dir": f"{results}/robustness", "inference_config": "conf/limits.yaml"}
    given |= {"compensation_data_dir": "dump/raw/va", "compensation_speaker_dir": "dump/raw/tr"}
    given["table"] = "Robustness: train_evc (synthetic speech), te, same_voice"
    assert {name: value_of(options, name) for name in given} == given
    run(recipe, stage="9", **settings)
    assert calls(recipe) == [], "not asked for"
