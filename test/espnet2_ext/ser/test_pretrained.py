"""An exported prosody encoder, and layer means of a frozen upstream (a tiny HuBERT) on disk."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import json

import numpy as np
import pytest
import torch
import yaml
from reference.tiny_ser import ENCODER, write_p2v_model

from espnet2_ext.bin import cache_upstream_vectors as cache_entry
from espnet2_ext.bin import export_prosody_encoder as entry
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.ser import pretrained as module
from espnet2_ext.ser.model import FineTunedUpstream
from espnet2_ext.ser.pretrained import (
    cache_upstream_vectors,
    export_prosody_encoder,
    read_settings,
)
from espnet2_ext.units.tiny_upstream import make_tiny_hubert

NAME = "hf_hubert_custom"
SECONDS = {"u-1": 0.3, "u-2": 0.061, "u-3": 0.45}


@pytest.fixture
def model_file(tmp_path):
    return write_p2v_model(tmp_path / "p2v")


def change_config(model_file, **fields):
    path = model_file.parent / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **fields}))


def test_export_holds_the_encoder_and_nothing_else(model_file, tmp_path):
    entry.main(["--model_file", str(model_file), "--out_dir", str(tmp_path / "out")])
    weights, model = (torch.load(path) for path in (tmp_path / "out/weights.pth", model_file))
    assert weights.keys() == model.keys() - {"decoder.weight"}
    assert all(torch.equal(weights[name], model[name]) for name in weights)
    settings = read_settings(tmp_path / "out")
    assert settings["prosody_encoder_conf"] == ENCODER
    assert settings["features_conf"] == {"mel_dim": 80}
    statistics = settings["normalize_conf"]["stats_file"]
    assert statistics == str(tmp_path / "out/feats_stats.npz")
    assert np.load(statistics)["count"] == 10
    assert yaml.safe_load((tmp_path / "out/config.yaml").read_text())["source"] == str(model_file)


def test_the_same_weights_are_left_alone_and_others_are_not(model_file, tmp_path):
    out = tmp_path / "out"
    export_prosody_encoder(model_file, out)
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    export_prosody_encoder(model_file, out)
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
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


def test_statistics_and_configuration_elsewhere(model_file, tmp_path, monkeypatch):
    (tmp_path / "p2v/exp/stats").rename(tmp_path / "stats")
    change_config(model_file, normalize_conf={"stats_file": "stats/feats_stats.npz"})
    (model_file.parent / "config.yaml").rename(tmp_path / "p2v/other.yaml")
    monkeypatch.chdir(tmp_path)
    export_prosody_encoder(model_file, tmp_path / "out", tmp_path / "p2v/other.yaml")
    assert np.load(tmp_path / "out/feats_stats.npz")["count"] == 10


def test_what_cannot_be_exported(model_file, tmp_path):
    out, config = tmp_path / "out", model_file.parent / "config.yaml"
    with pytest.raises(FileNotFoundError, match="no.pth: no such file; pretrain first"):
        export_prosody_encoder(tmp_path / "no.pth", out)
    (tmp_path / "p2v/exp/stats/feats_stats.npz").unlink()
    with pytest.raises(FileNotFoundError, match="stats.npz: the statistics that .*config.yaml"):
        export_prosody_encoder(model_file, out)
    change_config(model_file, normalize_conf={})
    with pytest.raises(ValueError, match="config.yaml: names no statistics of the mels"):
        export_prosody_encoder(model_file, out)
    torch.save({"decoder.weight": torch.ones(2)}, model_file)
    with pytest.raises(ValueError, match=r"best.pth: holds no prosody_encoder\.\*"):
        export_prosody_encoder(model_file, out)
    config.unlink()
    with pytest.raises(SystemExit, match="export_prosody_encoder: .*config.yaml: no such file"):
        entry.main(["--model_file", str(model_file), "--out_dir", str(out)])
    assert not out.exists()


def test_the_explicit_path_has_what_contours_need(model_file, tmp_path):
    out, config = tmp_path / "out", tmp_path / "out/config.yaml"
    export_prosody_encoder(model_file, out)
    assert not {"prosody_path", "model_conf"} & yaml.safe_load(config.read_text()).keys()
    assert read_settings(out)["prosody_path"] == "implicit"
    conf = {"f0_tracker": "praat", "tempo_weight": 1.0}
    change_config(model_file, prosody_path="explicit", model_conf=conf)
    export_prosody_encoder(model_file, out)  # the weights are the same, what they read is not
    found = yaml.safe_load(config.read_text())
    assert found["prosody_path"] == "explicit"
    assert found["model_conf"] == {"f0_tracker": "praat", "prosody_input": "contour"}
    settings = read_settings(out)
    assert (settings["prosody_path"], settings["f0_tracker"]) == ("explicit", "praat")
    for reads in ("mel", "both"):
        change_config(model_file, model_conf={"prosody_input": reads})
        with pytest.raises(ValueError, match=f"yaml: prosody_input {reads}: .* supports .*contour"):
            export_prosody_encoder(model_file, out)


def test_a_folder_that_is_not_whole(model_file, tmp_path):
    export_prosody_encoder(model_file, tmp_path / "out")
    (tmp_path / "out/weights.pth").unlink()
    with pytest.raises(
        FileNotFoundError, match="weights.pth: no such file; run bin/export_prosody"
    ):
        read_settings(tmp_path / "out")


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    path = tmp_path_factory.mktemp("hubert")
    make_tiny_hubert(path, width=16, layers=1)
    return str(path)


@pytest.fixture
def wavs(tmp_path, make_wav):
    """Return three files by utterance; their table is in ``data``."""
    names = {
        name: make_wav(f"{name}.wav", duration_s=seconds, seed=place)
        for place, (name, seconds) in enumerate(SECONDS.items())
    }
    write_table(tmp_path / "data/wav.scp", names)
    return names


@pytest.fixture
def cache(tmp_path, wavs, hubert):
    """Return a function that writes the vectors of ``data`` to ``out``."""

    def run(upstream=NAME, path_or_url=hubert, **options):
        return cache_upstream_vectors(
            tmp_path / "data", tmp_path / "out", upstream, path_or_url=path_or_url, **options
        )

    return run


@pytest.fixture
def no_upstream(monkeypatch):
    """Return a function: from now on the upstream must not be loaded."""
    return lambda: monkeypatch.setattr(module, "_load_frozen", None)


def test_files_and_values(cache, wavs, hubert, tmp_path):
    described = json.loads(cache().read_text())
    assert described == {
        "upstream": NAME, "path_or_url": hubert, "num_layers": 2, "dim": 16, "utterances": 3
    }  # fmt: skip
    table = read_table(tmp_path / "out/vectors.scp")
    assert list(table) == sorted(SECONDS)
    upstream = FineTunedUpstream(NAME, hubert).eval()
    for name, path in table.items():
        speech = torch.from_numpy(read_audio(wavs[name]))[None]
        with torch.no_grad():
            expected = upstream(speech, torch.tensor([speech.size(1)]))[0].numpy()
        np.testing.assert_allclose(np.load(path), expected, atol=1e-6)


def test_what_is_there_is_kept_and_another_upstream_refused(
    cache, tmp_path, wavs, make_wav, no_upstream
):
    cache()
    folder = tmp_path / "out/npy"
    np.save(folder / "u-1.npy", np.zeros((2, 16), np.float32))
    second = (folder / "u-2.npy").read_bytes()
    (folder / "u-2.npy").unlink()
    wavs["u-4"] = make_wav("u-4.wav", seed=9)
    write_table(tmp_path / "data/wav.scp", wavs)
    assert json.loads(cache().read_text())["utterances"] == 4
    assert not np.load(folder / "u-1.npy").any(), "left alone"
    assert (folder / "u-2.npy").read_bytes() == second, "made again"
    assert len(read_table(tmp_path / "out/vectors.scp")) == 4
    no_upstream()
    cache()
    for other in (["wav2vec2"], [NAME, "elsewhere"]):
        with pytest.raises(ValueError, match=f"vectors of {NAME} .*; choose another folder"):
            cache(*other)


def test_another_upstream_is_refused_also_after_a_kill(cache, wavs, tmp_path):
    wavs["u-2"].write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"u-2.wav: u-2: .*not readable as audio"):
        cache()
    assert (tmp_path / "out/npy/u-1.npy").exists()
    assert not (tmp_path / "out/vectors.json").exists(), "it says that all is there"
    with pytest.raises(ValueError, match="choose another folder"):
        cache(path_or_url="elsewhere")


def test_short_audio_is_named(wavs, make_wav, hubert, tmp_path):
    make_wav("u-2.wav", duration_s=0.02)
    arguments = ["--data_dir", tmp_path / "data", "--out_dir", tmp_path / "out"]
    arguments += ["--upstream", NAME, "--path_or_url", hubert]
    with pytest.raises(SystemExit, match="cache_upstream_vectors: .*u-2: 320 samples are too"):
        cache_entry.main([str(word) for word in arguments])
