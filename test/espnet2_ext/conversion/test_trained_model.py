import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from reference.tiny_trained import TINY, write_trained_model

from espnet2_ext.bin import prepare_fine_tuning
from espnet2_ext.conversion.trained_model import find_trained_files
from espnet2_ext.prosody2vec.task import Prosody2VecTask

# ---------------------------------------------------------------- trained model


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """Return the weights of a recipe; no test changes them."""
    return write_trained_model(tmp_path_factory.mktemp("p2v1"))


@pytest.fixture
def recipe(model_file, tmp_path):
    """Return a copy of it to break."""
    return shutil.copytree(model_file.parents[2], tmp_path / "recipe")


def test_paths_of_the_recipe_hold_from_any_directory(recipe, tmp_path, monkeypatch):
    expected = recipe / "exp/kmeans/centroids.npz", str(recipe / "exp/speaker_encoder")
    for directory, model in (
        (tmp_path, "recipe/exp/p2v/best.pth"),
        (recipe, "exp/p2v/best.pth"),
        (recipe / "exp/p2v", "best.pth"),
        (Path("/"), str(recipe / "exp/p2v/best.pth")),
    ):
        monkeypatch.chdir(directory)
        files = find_trained_files(model)
        assert (files.centroids, files.speaker_encoder) == expected
        assert files.config["normalize_conf"]["stats_file"] == str(
            recipe / "exp/stats/feats_stats.npz"
        )
        assert files.compensation is None


def test_files_beside_the_weights_go_before_those_of_the_recipe(recipe):
    own = recipe / "exp/p2v"
    shutil.copy(recipe / "exp/kmeans/centroids.npz", own)
    shutil.move(recipe / "exp/stats/feats_stats.npz", own)
    shutil.move(recipe / "exp/speaker_encoder", own)
    (own / "best.contrast.json").write_text("{}")
    files = find_trained_files(own / "best.pth")
    assert files.centroids == own / "centroids.npz"
    assert files.speaker_encoder == str(own / "speaker_encoder")
    assert files.config["normalize_conf"]["stats_file"] == str(own / "feats_stats.npz")
    assert files.compensation == own / "best.contrast.json"


def test_what_is_given_goes_before_all(recipe):
    shutil.rmtree(recipe / "dump")
    (recipe / "exp/kmeans/centroids.npz").unlink()
    files = find_trained_files(
        recipe / "exp/p2v/best.pth", centroids="mine.npz", speaker_encoder="owner/name"
    )
    assert (files.centroids, files.speaker_encoder) == (Path("mine.npz"), "owner/name")


def test_a_speaker_encoder_of_the_hub_keeps_its_name_and_a_changed_one_is_refused(recipe):
    with open(recipe / "exp/speaker_encoder/hyperparams.yaml", "a") as stream:
        stream.write("# another\n")
    with pytest.raises(ValueError, match="not the speaker encoder whose vectors"):
        find_trained_files(recipe / "exp/p2v/best.pth")
    record = recipe / "dump/org/train/spk_embed.json"
    record.write_text(json.dumps({"source": "owner/name", "model": "owner/name"}))
    assert find_trained_files(recipe / "exp/p2v/best.pth").speaker_encoder == "owner/name"


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("exp/p2v/best.pth", r"best\.pth: no such model"),
        ("exp/p2v/config.yaml", r"config\.yaml: missing; copy it"),
        ("exp/stats/feats_stats.npz", r"feats_stats\.npz: missing; .* copy it beside the weights"),
        ("exp/kmeans/centroids.npz", r"centroids\.npz: missing; give --centroids"),
        ("exp/speaker_encoder", "speaker encoder of the training is missing; give --speaker"),
        ("dump/org/train/spk_embed.json", r"no spk_embed\.json says .* give --speaker_encoder"),
    ],
)
def test_each_missing_file_is_named_with_its_remedy(recipe, missing, said):
    shutil.move(recipe / missing, recipe / "elsewhere")
    with pytest.raises(FileNotFoundError, match=said):
        find_trained_files(recipe / "exp/p2v/best.pth")


def test_a_config_of_something_else_is_refused(recipe):
    config = recipe / "exp/p2v/config.yaml"
    settings = yaml.safe_load(config.read_text())
    for content, error, message in (
        (yaml.safe_dump({**settings, "centroids": None}), FileNotFoundError, "--centroids"),
        ("encoder: conformer\n", ValueError, "not the config.yaml of a Prosody2Vec training"),
        ("a: [1", ValueError, "not readable as yaml"),
    ):
        config.write_text(content)
        with pytest.raises(error, match=message):
            find_trained_files(recipe / "exp/p2v/best.pth")


# ---------------------------------------------------------------- fine tuning

EGS2 = Path(__file__).resolve().parents[3] / "egs2"
PAPER, OURS = "conf/train_evc.yaml", "conf/tuning/train_evc_given_alignment.yaml"
CONFIG = {"optim": "adam", "optim_conf": {"lr": 1.0e-5}, "model_conf": {"stop_weight": 0.5}}


def prepare(model_file, folder, config=CONFIG):
    """Return the folder that was written for a configuration."""
    (folder / "evc.yaml").write_text(yaml.safe_dump(config))
    command = {"model_file": model_file, "config": folder / "evc.yaml", "out_dir": folder / "out"}
    prepare_fine_tuning.main([str(w) for k, v in command.items() for w in (f"--{k}", v)])
    return folder / "out"


def test_p2v_sh_is_told_of_the_pretrained_models_own_files(model_file, tmp_path):
    out, recipe = prepare(model_file, tmp_path), model_file.parents[2]
    files = out / "train.yaml", out / "p2v_options.sh"
    before = [path.read_text() for path in files]
    prepare(model_file, tmp_path)
    assert [path.read_text() for path in files] == before, "the second time"
    statistics = os.path.relpath(recipe / "exp/stats/feats_stats.npz")
    names = ["kmeans_feature", "nclusters", "kmeans_path_or_url", "kmeans_centroids"]
    names += ["speaker_encoder", "p2v_config", "pretrained_model", "p2v_args"]
    script = f". {out}/p2v_options.sh; printf '%s\\n' " + " ".join(f'"${n}"' for n in names)
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert dict(zip(names, shown.stdout.split("\n"), strict=False)) == {
        "kmeans_feature": "mfcc",
        "nclusters": "5",
        "kmeans_path_or_url": "",
        "kmeans_centroids": os.path.relpath(recipe / "exp/kmeans/centroids.npz"),
        "speaker_encoder": os.path.relpath(recipe / "exp/speaker_encoder"),
        "p2v_config": str(out / "train.yaml"),
        "pretrained_model": str(out / "model.pth"),
        "p2v_args": f"--normalize_conf stats_file={statistics}",
    }


def test_fine_tuning_starts_from_the_weights_and_the_statistics_of_pretraining(
    model_file, tmp_path, monkeypatch
):
    """As ESPnet builds it, with p2v.sh's own statistics named before: the last ones count."""
    out = prepare(model_file, tmp_path)
    np.savez(tmp_path / "own.npz", count=2, sum=np.zeros(80), sum_square=np.ones(80))
    options = (out / "p2v_options.sh").read_text()
    [arguments] = [line for line in options.splitlines() if line.startswith("p2v_args=")]
    statistics = arguments.removeprefix("p2v_args=").strip("'").split()
    command = ["--config", str(out / "train.yaml"), "--output_dir", str(tmp_path / "exp")]
    command += ["--normalize_conf", f"stats_file={tmp_path}/own.npz", "--num_units", "5"]
    args = Prosody2VecTask.get_parser().parse_args([*command, *statistics])
    model = Prosody2VecTask.build_model(args)
    # Sums -10 and 58 of 2 frames: mean -5, variance 29 - 25.
    torch.testing.assert_close(model.normalize.mean.float(), torch.full((80,), -5.0))
    torch.testing.assert_close(model.normalize.std.float(), torch.full((80,), 2.0))
    model.load_state_dict(torch.load(out / "model.pth", weights_only=True))
    # The training is the new one, the model the pretrained one, whose paths are not inherited.
    trained = yaml.safe_load((model_file.parent / "config.yaml").read_text())
    merged = yaml.safe_load((out / "train.yaml").read_text())
    assert (merged["optim"], merged["optim_conf"]) == ("adam", {"lr": 1.0e-5})
    for key, conf in TINY.items():
        assert merged[key].items() >= conf.items()
    assert merged["features_conf"] == trained["features_conf"]
    assert merged["model_conf"] == {**trained["model_conf"], "stop_weight": 0.5}
    assert "output_dir" not in merged and "init_param" not in merged
    # The pretrained model converts from the folder, in any directory.
    monkeypatch.chdir(tmp_path)
    model, _ = Prosody2VecTask.build_model_from_file(out / "config.yaml", out / "model.pth")
    torch.testing.assert_close(model.normalize.mean.float(), torch.full((80,), -5.0))


def test_what_weights_depend_on_and_a_path_with_blanks_are_refused(model_file, tmp_path):
    for key in ("features_conf", "normalize", "normalize_conf", "speaker_dim"):
        with pytest.raises(SystemExit, match=f"{key} is the pretrained model's; leave it out"):
            prepare(model_file, tmp_path, {key: {}})
    blank = shutil.copytree(model_file.parents[2], tmp_path / "my model") / "exp/p2v/best.pth"
    with pytest.raises(SystemExit, match="move the pretrained model to a path without blanks"):
        prepare(blank, tmp_path)


def fine_tuned(model_file, folder, config):
    """Return options and model of a recipe's fine-tuning, its weights those of pretraining.

    What pretraining had on of ours is on in the pretrained model's configuration.
    """
    recipe = shutil.copytree(model_file.parents[2], folder / "p2v1")
    pretrained = recipe / "exp/p2v/config.yaml"
    options = yaml.safe_load(pretrained.read_text())
    options["model_conf"] |= {"forced_alignment_updates": 780, "guided_attention_weight": 0.2}
    options["model_conf"] |= {"tempo_stretch": 1.3, "prosody_crop_frames": 20}
    pretrained.write_text(yaml.safe_dump(options))
    weights = torch.load(recipe / "exp/p2v/best.pth", weights_only=True)
    weights["updates"] = torch.tensor(800_000)
    torch.save(weights, recipe / "exp/p2v/best.pth")
    out = prepare(recipe / "exp/p2v/best.pth", folder, yaml.safe_load(config.read_text()))
    command = ["--config", str(out / "train.yaml"), "--num_units", "5", "--normalize_conf"]
    command += [f"stats_file={recipe}/exp/stats/feats_stats.npz"]
    args = Prosody2VecTask.get_parser().parse_args([*command, "--output_dir", str(folder)])
    model = Prosody2VecTask.build_model(args)
    model.load_state_dict(torch.load(out / "model.pth", weights_only=True))
    return vars(args), model


def after_an_update(model):
    """Return which parameters one pass in train mode gave a gradient, and which buffers changed."""
    torch.manual_seed(0)
    model.train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    lengths = torch.tensor([4, 4])
    durations = torch.full((2, 4), 10)
    batch = {"units": torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]]), "units_lengths": lengths}
    batch |= {"unit_durations": durations, "speaker_embedding": torch.randn(2, 192)}
    batch |= {"speech": torch.randn(2, 12800), "speech_lengths": torch.tensor([12800, 12800])}
    loss, _, _ = model(**batch)
    loss.backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    changed = {name for name, buffer in model.named_buffers() if not buffer.equal(before[name])}
    return moved, changed


def test_the_papers_fine_tuning_has_nothing_of_ours_whatever_pretraining_had(model_file, tmp_path):
    args, model = fine_tuned(model_file, tmp_path, EGS2 / "esd/evc1" / PAPER)
    assert (args["optim"], args["optim_conf"]["lr"], args["scheduler"]) == ("adam", 1.0e-5, None)
    assert args["batch_type"] == "sorted"
    assert (model.tempo_stretch, model.prosody_crop_frames) == (1.0, None)
    assert model.guided_attention_weight == 0.0
    assert model.forced_alignment_updates == 0
    moved, changed = after_an_update(model)
    assert any("running_mean" in name for name in changed), "batch normalisation learns"
    assert any("stop" in name for name in moved)


def test_our_fine_tuning_gives_the_alignment_and_leaves_statistics_and_stop_token(
    model_file, tmp_path, monkeypatch
):
    args, model = fine_tuned(model_file, tmp_path, EGS2 / "esd/evc1" / OURS)
    assert args["batch_type"] == "unsorted"
    monkeypatch.setattr(model.decoder, "free", None)  # which is not to be called
    moved, changed = after_an_update(model)
    assert changed == {"updates"}
    assert moved and not any("stop" in name for name in moved)
