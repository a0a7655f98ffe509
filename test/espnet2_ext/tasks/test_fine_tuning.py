"""What fine-tuning takes over from a pretrained model."""

import argparse
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
from espnet2_ext.tasks.prosody2vec import Prosody2VecTask

CONFIG = {"optim": "adam", "optim_conf": {"lr": 1.0e-5}, "model_conf": {"stop_weight": 0.5}}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of a recipe; no test changes them."""
    return write_trained_model(tmp_path_factory.mktemp("p2v1"))


def prepare(model_file: Path, folder: Path, config: dict = CONFIG) -> Path:
    """Return the folder that was written for a configuration."""
    (folder / "evc.yaml").write_text(yaml.safe_dump(config))
    command = {"model_file": model_file, "config": folder / "evc.yaml", "out_dir": folder / "out"}
    prepare_fine_tuning.main([str(w) for k, v in command.items() for w in (f"--{k}", v)])
    return folder / "out"


def test_the_model_is_the_pretrained_one_and_the_training_the_new_one(
    model_file: Path, tmp_path: Path
) -> None:
    trained = yaml.safe_load((model_file.parent / "config.yaml").read_text())
    merged = yaml.safe_load((prepare(model_file, tmp_path) / "train.yaml").read_text())
    assert (merged["optim"], merged["optim_conf"]) == ("adam", {"lr": 1.0e-5})
    for key, conf in TINY.items():
        assert merged[key].items() >= conf.items()
    assert merged["features_conf"] == trained["features_conf"]
    assert merged["model_conf"] == {**trained["model_conf"], "stop_weight": 0.5}
    # Of pretraining nothing else: neither its rate nor its paths.
    assert "output_dir" not in merged and "init_param" not in merged


def test_p2v_sh_is_told_of_the_pretrained_models_own_files(
    model_file: Path, tmp_path: Path
) -> None:
    out, recipe = prepare(model_file, tmp_path), model_file.parents[2]
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
    model_file: Path, tmp_path: Path
) -> None:
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


def test_the_pretrained_model_converts_from_the_folder(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = prepare(model_file, tmp_path)
    monkeypatch.chdir(tmp_path)
    model, args = Prosody2VecTask.build_model_from_file(out / "config.yaml", out / "model.pth")
    assert isinstance(args, argparse.Namespace)
    torch.testing.assert_close(model.normalize.mean.float(), torch.full((80,), -5.0))


def test_a_second_time_gives_the_same_files(model_file: Path, tmp_path: Path) -> None:
    files = [prepare(model_file, tmp_path) / name for name in ("train.yaml", "p2v_options.sh")]
    before = [path.read_text() for path in files]
    prepare(model_file, tmp_path)
    assert [path.read_text() for path in files] == before


@pytest.mark.parametrize("key", ["features_conf", "normalize", "normalize_conf", "speaker_dim"])
def test_what_weights_depend_on_cannot_be_changed(
    model_file: Path, tmp_path: Path, key: str
) -> None:
    with pytest.raises(SystemExit, match=f"{key} is the pretrained model's; leave it out"):
        prepare(model_file, tmp_path, {key: {}})


def test_a_path_with_blanks_and_a_missing_model_are_one_line(
    model_file: Path, tmp_path: Path
) -> None:
    blank = shutil.copytree(model_file.parents[2], tmp_path / "my model") / "exp/p2v/best.pth"
    with pytest.raises(SystemExit, match="move the pretrained model to a path without blanks"):
        prepare(blank, tmp_path)
    with pytest.raises(SystemExit, match="none.pth: no such model"):
        prepare(tmp_path / "none.pth", tmp_path)
