"""style.sh and voc.sh hand their options on; the configurations of vocoders build their models."""

from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, modules, options_of, run, value_of, write_recipe

from espnet2_ext.vocoder.task import VocoderTask


def test_lists_are_converted_scored_and_reported(tmp_path: Path):
    recipe = write_recipe(tmp_path, "style1")
    run(recipe, corpus_note="synthetic speech")
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
    (recipe / "exp/results.jsonl").unlink()
    run(recipe, corpus_note="synthetic speech")
    assert options_of(recipe, "score_style"), "the table of results is gone"


def test_options_of_the_model_go_to_conversion_and_scores(tmp_path: Path):
    recipe = write_recipe(tmp_path, "style1")
    given = {"centroids": "k.npz", "speaker_encoder": "hub/e", "vocoder": "some/hifigan"}
    options = {"p2v_config": "c.yaml", "style_tag": "mine", "gpu_inference": "true"}
    run(recipe, variance_compensation="true", **given, **options)
    for module in ("convert_list", "score_style"):
        for each in options_of(recipe, module):
            passed = given | {"train_config": "c.yaml", "device": "cuda"}
            assert {name: value_of(each, name) for name in passed} == passed
            assert value_of(each, "out_dir").startswith("exp/style_mine/hifigan/")
    for conversion in options_of(recipe, "convert_list"):
        assert value_of(conversion, "variance_compensation") == "true"
    for scores in options_of(recipe, "score_style"):
        assert "variance compensation: true" in value_of(scores, "protocol")


def test_data_can_be_made_without_a_model_and_a_list_without_data(tmp_path: Path):
    recipe = write_recipe(tmp_path, "style1")
    run(recipe, stop_stage="1", p2v_model="none.pth")
    assert modules(recipe) == ["data.sh"]
    (recipe / "local/data.sh").unlink()
    run(recipe, stage="2")
    assert len(options_of(recipe, "convert_list")) == 2


def test_training_reads_both_sets_and_validation_is_scored(tmp_path: Path):
    recipe = write_recipe(tmp_path, "voc1")
    run(recipe, stop_stage="3")
    run(recipe, skip_data_prep="true")
    assert modules(recipe) == ["launch", "score_vocoder", "report_render"]
    [training] = options_of(recipe, "launch")
    assert "--output_dir exp/voc_train_vocoder" in training
    for part, name in (("train", "tr"), ("valid", "va")):
        data = f"--{part}_data_path_and_name_and_type dump/raw/{name}/wav.scp,speech,sound"
        assert data in training
        assert f"--{part}_shape_file dump/raw/{name}/utt2num_samples" in training
    [scoring] = options_of(recipe, "score_vocoder")
    assert "--data_dir dump/raw/va " in scoring
    trained = "voc_train_vocoder=exp/voc_train_vocoder/valid.mel_loss.best.pth"
    assert f"--vocoders {trained} griffin_lim --num_workers 32 --device cpu" in scoring


def test_options_reach_training_and_scores(tmp_path: Path):
    recipe = write_recipe(tmp_path, "voc1")
    settings = {"init_generator": "owner/hifigan", "voc_args": "--max_epoch 3", "test_sets": "te"}
    settings |= {"references": "griffin_lim owner/hifigan", "corpus_note": "synthetic speech"}
    run(recipe, gpu_inference="true", **settings)
    [training] = options_of(recipe, "launch")
    assert "--output_dir exp/voc_train_vocoder_from_hifigan_max_epoch3" in training
    assert training.endswith("--init_generator owner/hifigan --max_epoch 3")
    [scoring] = options_of(recipe, "score_vocoder")
    assert "--data_dir dump/raw/te " in scoring and "(synthetic speech), te" in scoring
    assert "griffin_lim owner/hifigan --num_workers 1 --device cuda" in scoring
    limits = {
        line.split("--data_dir dump/org/")[1][:2]: line.rsplit(" ", 1)[1]
        for line in options_of(recipe, "filter_length")
    }
    assert limits == {"tr": "20", "va": "20", "te": "1000000"}


@pytest.mark.parametrize(
    "path", sorted(EGS2.glob("*/voc1/conf/*.yaml")), ids=lambda p: str(p)[-60:]
)
def test_configurations_build_their_model(path):
    options = ["--config", str(path), "--output_dir", "none"]
    args = VocoderTask.get_parser().parse_args(options)
    model = VocoderTask.build_model(args)
    assert len(VocoderTask.build_optimizers(args, model)) == 2
    assert args.best_model_criterion == [["valid", "mel_loss", "min"]]
    if "TEMPLATE" in path.resolve().parts:  # the template's: the published sizes
        parts = model.generator, model.discriminator
        sizes = [sum(weight.numel() for weight in part.parameters()) for part in parts]
        assert sizes == pytest.approx([13.9e6, 70.7e6], rel=0.005)
