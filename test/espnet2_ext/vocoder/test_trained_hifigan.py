"""A vocoder trained here, from its files, gives what its generator gave in training."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from reference.tiny_vocoder import GENERATOR, write_trained_vocoder

from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.hifigan import build_generator
from espnet2_ext.vocoder.settings import MelSettings, check_vocoder_mel

MEL = np.random.default_rng(0).normal(-5, 1, (9, 80)).astype(np.float32)


def weights_of(directory: Path) -> dict[str, torch.Tensor]:
    weights = torch.load(directory / "valid.mel_loss.best.pth", weights_only=True)
    return {k.removeprefix("generator."): v for k, v in weights.items() if "generator" in k}


def test_a_directory_and_its_weights_give_the_training_generators_sound(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "exp/voc_tiny")
    generator = build_generator(GENERATOR)
    generator.load_state_dict(weights_of(directory))
    with torch.no_grad():
        expected = generator(torch.from_numpy(MEL.T[None])).flatten().numpy()
    assert expected.std() > 0.01
    for source in (directory, directory / "valid.mel_loss.best.pth"):
        vocoder = build_vocoder(str(source))
        waveform = vocoder(MEL)
        assert (waveform.shape, waveform.dtype) == ((256 * 9,), np.float32)
        np.testing.assert_allclose(waveform, expected, atol=1.0e-6)
        assert vocoder.name == str(source)
        names = list(vocoder.generator.state_dict())
        assert not [name for name in names if name.endswith(("weight_g", "weight_v"))]
    assert len(vocoder(MEL[:1])) == 256


def test_a_relative_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trained_vocoder(tmp_path / "voc1/exp/voc_tiny")
    (tmp_path / "evc1").mkdir()
    monkeypatch.chdir(tmp_path / "evc1")
    assert len(build_vocoder("../voc1/exp/voc_tiny")(MEL)) == 256 * 9


def test_mirrored_ends_need_no_long_mel(tmp_path: Path) -> None:
    vocoder = build_vocoder(str(write_trained_vocoder(tmp_path / "voc", "reflect")))
    assert vocoder(MEL[:1]).shape == (256,)
    with torch.no_grad():
        padded = np.pad(MEL, ((5, 5), (0, 0)), mode="edge")
        expected = vocoder.generator(torch.from_numpy(padded.T[None])).flatten().numpy()
    np.testing.assert_allclose(vocoder(MEL), expected[5 * 256 : 14 * 256], atol=1.0e-6)


def test_refuses_another_mel_in_one_line(tmp_path: Path) -> None:
    wrong = {"sample_rate_hz": 22050}
    directory = write_trained_vocoder(tmp_path / "voc", features_conf=wrong)
    with pytest.raises(ValueError, match=r"sample_rate 22050 \(the model: 16000\)") as error:
        build_vocoder(str(directory))
    assert "\n" not in str(error.value)
    right = str(write_trained_vocoder(tmp_path / "right"))
    check_vocoder_mel(right)
    with pytest.raises(ValueError, match=r"hop_length 256 \(the model: 200\)"):
        check_vocoder_mel(right, MelSettings(hop_length=200))


def test_names_the_file_that_is_missing_or_wrong(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "voc")
    weights = directory / "valid.mel_loss.best.pth"
    config = (directory / "config.yaml").read_text()
    (directory / "config.yaml").write_text("features_conf: {}\n")
    with pytest.raises(ValueError, match="not the config.yaml of a vocoder training"):
        build_vocoder(str(directory))
    wider = yaml.safe_load(config)
    wider["generator_conf"]["channels"] = 16
    (directory / "config.yaml").write_text(yaml.safe_dump(wider))
    with pytest.raises(ValueError, match="not weights of the generator of"):
        build_vocoder(str(directory))
    (directory / "config.yaml").write_text(config)
    weights.write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"valid\.mel_loss\.best\.pth: damaged"):
        build_vocoder(str(directory))
    weights.rename(directory / "7epoch.pth")
    with pytest.raises(FileNotFoundError, match="finish the training"):
        build_vocoder(str(directory))
    (directory / "config.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.yaml: missing"):
        build_vocoder(str(directory / "7epoch.pth"))
