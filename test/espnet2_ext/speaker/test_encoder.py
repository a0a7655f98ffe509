import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.speaker.encoder import MIN_SAMPLES, SpeakerModelError, build_speaker_encoder


@pytest.fixture
def waveform() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE_HZ // 2).astype(np.float32)


@pytest.fixture
def copy(encoder_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(encoder_directory, tmp_path / "copy"))


def test_vector_has_root_mean_square_one(encoder_directory: Path, waveform: np.ndarray) -> None:
    encoder = build_speaker_encoder(str(encoder_directory))
    vector = encoder(waveform)
    assert (encoder.dim, encoder.name) == (192, str(encoder_directory))
    assert vector.shape == (192,) and vector.dtype == np.float32
    assert np.sqrt(np.mean(vector**2)) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(vector, encoder(waveform))


def test_is_what_speechbrain_computes(encoder_directory: Path, waveform: np.ndarray) -> None:
    encoder = build_speaker_encoder(str(encoder_directory))
    plain = encoder.classifier.encode_batch(torch.from_numpy(waveform)).reshape(-1).numpy()
    np.testing.assert_allclose(
        encoder(waveform), plain / np.linalg.norm(plain) * np.sqrt(192), atol=1e-5
    )


def test_is_frozen_and_in_eval_mode(encoder_directory: Path) -> None:
    classifier = build_speaker_encoder(str(encoder_directory)).classifier
    assert not any(module.training for module in classifier.modules())
    assert not any(parameter.requires_grad for parameter in classifier.parameters())


def test_nothing_is_written_and_the_hub_in_the_yaml_is_not_asked(
    copy: Path, waveform: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    yaml = copy / "hyperparams.yaml"
    text = yaml.read_text()
    yaml.write_text(text.replace("pretrained_path: .", "pretrained_path: somebody/encoder"))
    before = sorted(tmp_path.rglob("*"))

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("went to the hub")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    monkeypatch.chdir(tmp_path)
    assert np.isfinite(build_speaker_encoder(str(copy))(waveform)).all()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_yaml_that_names_files_elsewhere_cannot_go_online(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yaml = copy / "hyperparams.yaml"
    yaml.write_text(yaml.read_text().replace("<pretrained_path>/label", "somebody/encoder/label"))
    yaml.write_text(yaml.read_text().replace("!ref somebody", "somebody"))
    with pytest.raises(SpeakerModelError, match="SpeechBrain cannot load it"):
        build_speaker_encoder(str(copy))


@pytest.mark.parametrize("shape", [(MIN_SAMPLES - 1,), (1, 16000), (0,)])
def test_short_or_many_channelled_audio_is_refused(
    encoder_directory: Path, shape: tuple[int, ...]
) -> None:
    encoder = build_speaker_encoder(str(encoder_directory))
    with pytest.raises(ValueError, match="mono waveform of at least 800 samples"):
        encoder(np.zeros(shape, dtype=np.float32))
    assert encoder(np.zeros(MIN_SAMPLES, dtype=np.float32)).shape == (192,)


def test_a_vector_that_is_not_finite_is_refused(encoder_directory: Path) -> None:
    encoder = build_speaker_encoder(str(encoder_directory))
    with pytest.raises(ValueError, match="no finite vector"):
        encoder(np.full(SAMPLE_RATE_HZ, np.nan, dtype=np.float32))


def test_weights_with_anything_but_tensors_are_not_loaded(copy: Path) -> None:
    torch.save({"weight": Path("x")}, copy / "embedding_model.ckpt")
    with pytest.raises(SpeakerModelError, match="embedding_model.ckpt: damaged, or more than"):
        build_speaker_encoder(str(copy))


def test_truncated_weights_are_named(copy: Path) -> None:
    path = copy / "classifier.ckpt"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SpeakerModelError, match="classifier.ckpt: damaged"):
        build_speaker_encoder(str(copy))


def test_weights_of_another_network_are_refused(copy: Path) -> None:
    weights = torch.load(copy / "embedding_model.ckpt", weights_only=True)
    weights.pop("fc.conv.bias")
    torch.save(weights, copy / "embedding_model.ckpt")
    with pytest.raises(SpeakerModelError, match="does not fit the network"):
        build_speaker_encoder(str(copy))


def test_a_yaml_that_lacks_a_module_is_refused(copy: Path) -> None:
    yaml = copy / "hyperparams.yaml"
    yaml.write_text(yaml.read_text().replace("pretrainer:", "another_name:"))
    with pytest.raises(SpeakerModelError, match="SpeechBrain cannot load it"):
        build_speaker_encoder(str(copy))
