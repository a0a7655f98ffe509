"""style.sh orders its stages, hands the model's options on, and does nothing twice.

The interpreter is a stand-in, see ``reference.fake_templates``.
"""

import re
from pathlib import Path

import pytest
from reference.fake_recipe import calls, modules, options_of, value_of
from reference.fake_templates import run_fake, run_ok, write_fake


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_fake(tmp_path, "style1")


def test_all_stages_run_in_order(recipe):
    result = run_ok(recipe, db="/corpus", local_data_opts="--x y", corpus_note="synthetic speech")
    twice = [each for each in ("convert_list", "score_style", "report_style") for _ in range(2)]
    assert [line.split()[0] for line in calls(recipe)] == ["data.sh", *twice, "report_render"]
    assert options_of(recipe, "data.sh") == ["--db /corpus --x y"]
    assert re.findall(r"\(style\.sh:.*Stage (\d): ", result.stdout) == list("1234")
    for module in ("convert_list", "score_style", "report_style"):
        lists = [value_of(each, "list") for each in options_of(recipe, module)]
        assert lists == ["data/ta/list.tsv", "data/tb/list.tsv"]
    [conversions, _] = options_of(recipe, "convert_list")
    assert value_of(conversions, "out_dir") == "exp/style_p2v_x/griffin_lim/ta"
    [scores, _] = options_of(recipe, "score_style")
    assert value_of(scores, "table") == "Style transfer: p2v_x (synthetic speech), ta"
    assert value_of(scores, "protocol") == (
        "data/ta/list.tsv, model p2v_x/best.pth, variance compensation: false"
    )
    assert value_of(scores, "f0_method") == "dio"


def test_options_of_the_model_go_to_conversion_and_scores(recipe):
    given = {"p2v_config": "c.yaml", "centroids": "k.npz", "speaker_encoder": "hub/e"}
    given["variance_compensation"] = "true"
    run_fake(recipe, vocoder="some/hifigan", style_tag="mine", gpu_inference="true", **given)
    for module in ("convert_list", "score_style"):
        for options in options_of(recipe, module):
            assert value_of(options, "train_config") == "c.yaml"
            assert value_of(options, "centroids") == "k.npz"
            assert value_of(options, "speaker_encoder") == "hub/e"
            assert value_of(options, "vocoder") == "some/hifigan"
            assert value_of(options, "device") == "cuda"
            assert value_of(options, "out_dir").startswith("exp/style_mine/hifigan/")
    for conversion in options_of(recipe, "convert_list"):
        assert value_of(conversion, "variance_compensation") == "true"
    for scores in options_of(recipe, "score_style"):
        assert "variance compensation: true" in value_of(scores, "protocol")


def test_a_rerun_scores_nothing_again_unless_conversions_changed(recipe, monkeypatch):
    run_fake(recipe)
    run_ok(recipe)
    assert options_of(recipe, "score_style") == []
    monkeypatch.setenv("conversion", "2")
    run_fake(recipe)
    assert len(options_of(recipe, "score_style")) == 2
    (recipe / "exp/results.jsonl").unlink()
    run_fake(recipe)
    assert len(options_of(recipe, "score_style")) >= 1


def test_a_list_written_by_hand_needs_no_data_script(recipe):
    (recipe / "local/data.sh").unlink()
    run_ok(recipe, stage="2")
    assert len(options_of(recipe, "convert_list")) == 2


def test_data_can_be_made_before_there_is_a_model(recipe):
    run_ok(recipe, stop_stage="1", p2v_model="none.pth")
    assert modules(recipe) == ["data.sh"]
