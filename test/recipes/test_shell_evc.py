"""evc.sh orders its stages, leaves to p2v.sh what is as in pretraining, and states its rules.

The interpreter is a stand-in, see ``reference.fake_templates``.
"""

import re
from pathlib import Path

import pytest
from reference.fake_recipe import calls, modules, options_of, value_of
from reference.fake_templates import run_fake, run_ok, write_fake

PREPARATION = """data.sh derive_pairs prepare_fine_tuning format_wav extract_units
    extract_speaker_vectors filter_length combine_data"""
TRAINING = "p2v_train aggregate_stats_dirs launch"
EVALUATION = """p2v_inference score_conversion score_intensity report_conversion
    score_speaker_vectors report_render"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_fake(tmp_path, "evc1")


def test_all_stages_run_in_order(recipe):
    result = run_fake(recipe)  # The ninth only where it is asked for.
    assert result.returncode == 0, result.stderr
    assert modules(recipe) == f"{PREPARATION} {TRAINING} {EVALUATION}".split()
    shown = re.findall(r"\(evc\.sh:.*Stage (\d): ", result.stdout)
    assert shown == list("12345678")
    assert re.search(r"Finished in \d+ s\n$", result.stdout)


def test_units_voices_and_statistics_are_the_pretrained_models(recipe):
    run_fake(recipe, stop_stage="4", evc_args="--max_epoch 3")
    units = options_of(recipe, "extract_units")
    assert len(units) == 3 and all("--centroids_path their/centroids.npz" in u for u in units)
    assert "learn_kmeans" not in modules(recipe)
    assert "train_speaker_encoder" not in modules(recipe)
    for options in options_of(recipe, "extract_speaker_vectors"):
        assert "--source their/encoder" in options
    [training] = options_of(recipe, "launch")
    assert "--output_dir exp/evc_train_evc_max_epoch3" in training
    assert "--init_param exp/pretrained_train_evc_max_epoch3/model.pth" in training
    assert "dump/raw/tr/units_hub_6_7,units,text_int" in training
    # Of an option given twice ESPnet takes the last.
    given = re.findall(r"stats_file=(\S+)", training)
    assert given[-1] == "their/stats.npz"
    assert training.index("stats_file=their") < training.index("--max_epoch 3")


def test_every_rule_is_converted_and_scored_under_its_name(recipe):
    run_fake(recipe, test_sets="te", emotion_model="fake", corpus_note="synthetic speech")
    conversions = options_of(recipe, "p2v_inference")
    lists = [value_of(each, "pairs_dir").rsplit("/", 1)[1] for each in conversions]
    assert lists == ["same_voice", "parallel", "average", "intensity", "same_voice"]
    models = [value_of(each, "model_file") for each in conversions]
    assert models[:4] == ["exp/evc_train_evc/valid.loss.best.pth"] * 4
    assert models[4] == "exp/pretrained_train_evc/model.pth"
    scores = options_of(recipe, "score_conversion")
    rows = [value_of(each, "row_name") for each in scores]
    assert rows == [
        "converted, same_voice",
        "converted, parallel",
        "converted, average",
        "converted, same_voice, not fine-tuned",
    ]
    # Rows that depend on no rule stand there once.
    assert ["--without_reference_rows" in each for each in scores] == [False, True, True, True]
    assert "rule of average" in value_of(scores[2], "protocol")
    for each in scores:
        assert value_of(each, "emotion_model") == "fake"
        assert value_of(each, "speaker_encoder") == "their/encoder"
        assert value_of(each, "table") == "train_evc (synthetic speech), te"
    [scale] = options_of(recipe, "score_intensity")
    assert "rule of intensity" in value_of(scale, "protocol")


def test_the_papers_table_is_asked_for_once(recipe):
    run_fake(recipe)
    assert not any("--with_published" in each for each in options_of(recipe, "score_conversion"))
    run_fake(recipe, stage="6", stop_stage="6", published="true")
    [scored] = options_of(recipe, "score_conversion")
    assert scored.endswith(" --with_published")
    assert value_of(scored, "row_name") == "converted, same_voice"


def test_pairs_are_derived_as_asked(recipe):
    settings = {"num_references": "3", "intensities": "0 2", "intensity_pairs": "4"}
    run_fake(
        recipe, stop_stage="1", pairs_seed="9", db="/corpus", local_data_opts="--x y", **settings
    )
    assert options_of(recipe, "data.sh") == ["--db /corpus --x y"]
    assert options_of(recipe, "derive_pairs") == [
        "--data_dir data/te --pairs_dir data/te/pairs/same_voice --num_references 3"
        " --intensities 0 2 --pairs_per_condition 4 --seed 9"
    ]


def test_one_rule_and_no_pretrained_model(recipe):
    run_fake(recipe, pair_rules="average", with_pretrained="false")
    scores = options_of(recipe, "score_conversion")
    assert [value_of(each, "row_name") for each in scores] == ["converted, average"]
    assert "--emotion_model" not in scores[0]
    assert len(options_of(recipe, "p2v_inference")) == 2


def test_other_evaluation_models_are_asked_where_named(recipe):
    run_fake(recipe)
    before = options_of(recipe, "score_conversion")
    assert not any("--word_error_rate" in each or "--dnsmos" in each for each in before)
    run_fake(recipe, stage="6", stop_stage="6", asr_model="base", dnsmos="true")
    after = options_of(recipe, "score_conversion")
    assert len(after) == len(before) == 4, "scores that are there lack these columns"
    for each in after:
        assert value_of(each, "word_error_rate") == "base"
        assert each.partition("--dnsmos")[2] in ("", " --without_reference_rows")
    run_fake(recipe, stage="6", stop_stage="6", asr_model="base", dnsmos="true")
    assert options_of(recipe, "score_conversion") == []


def test_robustness_is_a_ninth_stage_where_asked_for(recipe):
    settings = {"test_sets": "te te2", "corpus_note": "synthetic speech", "inference_nj": "3"}
    settings |= {"inference_config": "conf/limits.yaml", "vocoder": "hub/name"}
    settings["variance_compensation"] = "true"
    (recipe / "dump/raw/te2").mkdir()
    (recipe / "data/te2/pairs").mkdir(parents=True)
    (recipe / "data/te2/pairs/same_voice").symlink_to("../../te/pairs/same_voice")
    settings["pair_rules"] = "same_voice"
    run_fake(recipe, with_pretrained="false", stop_stage="5", **settings)
    result = run_ok(recipe, stage="9", with_robustness="true", robustness_pairs="36", **settings)
    assert modules(recipe) == ["robustness", "report_render"]
    assert re.findall(r"\(evc\.sh:.*Stage (\d): ", result.stdout) == ["9"]
    [options] = options_of(recipe, "robustness")
    results = "exp/evc_train_evc/name_limits_valid.loss.best/te"
    assert options == (
        "--model_file exp/evc_train_evc/valid.loss.best.pth"
        " --train_config exp/evc_train_evc/config.yaml --data_dir dump/raw/te"
        " --pairs_dir data/te/pairs/same_voice --unit_tag hub_6_7"
        " --centroids_path their/centroids.npz --max_pairs 36"
        f" --out_dir {results}/robustness --device cpu --vocoder hub/name --num_workers 3"
        " --compensation_data_dir dump/raw/va --compensation_speaker_dir dump/raw/tr"
        " --inference_config conf/limits.yaml"
        " --results_path exp/results.jsonl"
        " --table Robustness: train_evc (synthetic speech), te, same_voice"
    )
    run_fake(recipe, stage="9", **settings)
    assert calls(recipe) == [], "not asked for"


@pytest.mark.parametrize(
    ("settings", "restored"), [({}, "false"), ({"variance_compensation": "true"}, "true")]
)
def test_compensation_is_restored_where_asked_and_every_table_says_so(recipe, settings, restored):
    run_ok(recipe, with_robustness="true", **settings)
    conversions = [*options_of(recipe, "p2v_inference"), *options_of(recipe, "robustness")]
    assert len(conversions) == 6
    given = {"--compensation_data_dir dump/raw/va" in each for each in conversions}
    assert given == {restored == "true"}
    tables = [*options_of(recipe, "score_conversion"), *options_of(recipe, "score_intensity")]
    assert len(tables) == 5, "the robustness study says it itself"
    assert all(f"variance compensation: {restored}" in value_of(t, "protocol") for t in tables)
    [study] = options_of(recipe, "robustness")
    assert value_of(study, "max_pairs") == "24"


def test_a_rerun_repeats_neither_training_nor_scores(recipe, monkeypatch):
    run_fake(recipe)
    run_ok(recipe)
    assert not {"p2v_train", "launch", "score_conversion"} & set(modules(recipe))
    monkeypatch.setenv("conversion", "2")
    run_fake(recipe)
    assert len(options_of(recipe, "score_conversion")) == 4, "other conversions are scored again"
