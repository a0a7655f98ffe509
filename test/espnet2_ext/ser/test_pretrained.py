"""From what p2v.sh leaves to a folder with the prosody encoder alone."""

import numpy as np
import pytest
import torch
import yaml
from reference.tiny_ser import ENCODER, write_p2v_model

from espnet2_ext.bin import export_prosody_encoder as entry
from espnet2_ext.ser.pretrained import export_prosody_encoder, read_settings


@pytest.fixture
def model_file(tmp_path):
    return write_p2v_model(tmp_path / "p2v")


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def change_config(model_file, **fields):
    path = model_file.parent / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **fields}))


def test_export_holds_the_encoder_and_nothing_else(model_file, tmp_path):
    entry.main(["--model_file", str(model_file), "--out_dir", str(tmp_path / "out")])
    weights, model = (torch.load(path) for path in (tmp_path / "out/weights.pth", model_file))
    assert weights.keys() == model.keys() - {"decoder.weight"}
    assert all(torch.equal(weights[name], model[name]) for name in weights)
    settings = read_settings(tmp_path / "out")
    assert settings.prosody_encoder_conf == ENCODER
    assert settings.features_conf == {"mel_dim": 80}
    assert settings.source == str(model_file)
    assert settings.stats_file == str(tmp_path / "out/feats_stats.npz")
    assert np.load(settings.stats_file)["count"] == 10


def test_the_same_weights_are_left_alone_and_others_are_not(model_file, tmp_path):
    out = tmp_path / "out"
    export_prosody_encoder(model_file, out)
    before = times(out)
    export_prosody_encoder(model_file, out)
    assert times(out) == before
    state = torch.load(model_file)
    state["prosody_encoder.projection.bias"] += 1
    torch.save(state, model_file)
    export_prosody_encoder(model_file, out)
    bias = torch.load(out / "weights.pth")["prosody_encoder.projection.bias"]
    assert torch.equal(bias, state["prosody_encoder.projection.bias"])


def test_statistics_of_the_models_recipe_go_before_those_of_this_folder(
    model_file, tmp_path, monkeypatch
):
    other = tmp_path / "other"
    write_p2v_model(other)
    np.savez(other / "exp/stats/feats_stats.npz", count=99)
    monkeypatch.chdir(other)
    export_prosody_encoder(model_file, "out")
    assert np.load("out/feats_stats.npz")["count"] == 10


def test_statistics_may_be_named_from_here(model_file, tmp_path, monkeypatch):
    (tmp_path / "p2v/exp/stats").rename(tmp_path / "stats")
    change_config(model_file, normalize_conf={"stats_file": "stats/feats_stats.npz"})
    monkeypatch.chdir(tmp_path)
    export_prosody_encoder(model_file, tmp_path / "out")
    assert np.load(tmp_path / "out/feats_stats.npz")["count"] == 10


def test_a_configuration_elsewhere(model_file, tmp_path):
    (model_file.parent / "config.yaml").rename(tmp_path / "p2v/other.yaml")
    export_prosody_encoder(model_file, tmp_path / "out", tmp_path / "p2v/other.yaml")
    assert read_settings(tmp_path / "out").prosody_encoder_conf == ENCODER


def test_no_pretrained_model(model_file, tmp_path):
    with pytest.raises(FileNotFoundError, match="no.pth: no such file; pretrain first"):
        export_prosody_encoder(tmp_path / "no.pth", tmp_path / "out")
    (model_file.parent / "config.yaml").unlink()
    with pytest.raises(SystemExit, match="export_prosody_encoder: .*config.yaml: no such file"):
        entry.main(["--model_file", str(model_file), "--out_dir", str(tmp_path / "out")])


def test_another_model(model_file, tmp_path):
    torch.save({"decoder.weight": torch.ones(2)}, model_file)
    with pytest.raises(ValueError, match=r"best.pth: holds no prosody_encoder\.\*"):
        export_prosody_encoder(model_file, tmp_path / "out")


def test_missing_statistics(model_file, tmp_path):
    (tmp_path / "p2v/exp/stats/feats_stats.npz").unlink()
    with pytest.raises(FileNotFoundError, match="stats.npz: the statistics that .*config.yaml"):
        export_prosody_encoder(model_file, tmp_path / "out")
    change_config(model_file, normalize_conf={})
    with pytest.raises(ValueError, match="config.yaml: names no statistics of the mels"):
        export_prosody_encoder(model_file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["config.yaml", "weights.pth", "feats_stats.npz"])
def test_a_folder_that_is_not_whole(model_file, tmp_path, name):
    export_prosody_encoder(model_file, tmp_path / "out")
    (tmp_path / "out" / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name}: no such file; run bin/export_prosody"):
        read_settings(tmp_path / "out")
