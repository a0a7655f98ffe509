"""voc.sh orders its stages, hands its options on and repeats nothing that is complete."""

import re
from pathlib import Path

import pytest
from reference.fake_recipe import EGS2, modules, options_of
from reference.fake_templates import run_fake, run_ok, write_fake

from espnet2_ext.vocoder.task import VocoderTask

WEIGHTS = "valid.mel_loss.best.pth"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_fake(tmp_path, "voc1")


def test_all_stages_run_in_order(recipe):
    result = run_ok(recipe, local_data_opts="--x y")
    expected = "data.sh format_wav filter_length launch score_vocoder report_render"
    assert modules(recipe) == expected.split()
    assert re.findall(r"\(voc\.sh:.*Stage (\d): ", result.stdout) == list("12345")
    assert options_of(recipe, "data.sh") == ["--x y"]
    [training] = options_of(recipe, "launch")
    assert "--output_dir exp/voc_train_vocoder" in training
    for part, name in (("train", "tr"), ("valid", "va")):
        data = f"--{part}_data_path_and_name_and_type dump/raw/{name}/wav.scp,speech,sound"
        assert data in training
        assert f"--{part}_shape_file dump/raw/{name}/utt2num_samples" in training
    [scoring] = options_of(recipe, "score_vocoder")
    assert "--data_dir dump/raw/va " in scoring
    trained = f"voc_train_vocoder=exp/voc_train_vocoder/{WEIGHTS}"
    assert f"--vocoders {trained} griffin_lim --num_workers 32 --device cpu" in scoring


def test_options_reach_training_and_scores(recipe):
    run_fake(
        recipe,
        init_generator="owner/hifigan",
        voc_args="--max_epoch 3",
        test_sets="te",
        references="griffin_lim owner/hifigan",
        gpu_inference="true",
        corpus_note="synthetic speech",
    )
    tag = "voc_train_vocoder_from_hifigan_max_epoch3"
    [training] = options_of(recipe, "launch")
    assert f"--output_dir exp/{tag}" in training
    assert training.endswith("--init_generator owner/hifigan --max_epoch 3")
    [scoring] = options_of(recipe, "score_vocoder")
    assert "--data_dir dump/raw/te " in scoring and "(synthetic speech), te" in scoring
    assert "griffin_lim owner/hifigan --num_workers 1 --device cuda" in scoring
    limits = {
        line.split("--data_dir dump/org/")[1][:2]: line.rsplit(" ", 1)[1]
        for line in options_of(recipe, "filter_length")
    }
    assert limits == {"tr": "20", "va": "20", "te": "1000000"}


def test_an_existing_dump_is_taken(recipe):
    run_ok(recipe, stop_stage="3")
    run_ok(recipe, skip_data_prep="true")
    assert modules(recipe) == ["launch", "score_vocoder", "report_render"]


def test_a_rerun_repeats_neither_training_nor_scores(recipe, monkeypatch):
    run_fake(recipe)
    run_ok(recipe)
    assert not {"launch", "score_vocoder"} & set(modules(recipe))
    monkeypatch.setenv("training", "2")
    (recipe / "conf/train_vocoder.yaml").write_text("max_epoch: 2\n")
    result = run_fake(recipe)
    assert "WARNING: data, configuration or options changed" in result.stdout
    assert len(options_of(recipe, "score_vocoder")) == 1, "other weights are scored again"


CONFIGS = sorted(EGS2.glob("*/voc1/conf/*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(EGS2)))
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
