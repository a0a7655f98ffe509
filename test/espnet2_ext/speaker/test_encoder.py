"""Files of a speaker encoder that are found and checked, and its vectors."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.speaker.encoder import (
    MIN_SAMPLES,
    MODEL_FILES,
    build_speaker_encoder,
    check_hyperparams,
    find_model_directory,
    model_fingerprint,
)

PUBLISHED = """
n_mels: 80
pretrained_path: speechbrain/spkrec-ecapa-voxceleb
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [1024, 1024, 1024, 1024, 3072]
    activation: !name:torch.nn.ReLU
modules:
    compute_features: !ref <compute_features>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    paths:
        classifier: !ref <pretrained_path>/classifier.ckpt
"""


@pytest.fixture
def copy(encoder_directory, tmp_path):
    return Path(shutil.copytree(encoder_directory, tmp_path / "copy"))


@pytest.fixture
def waveform():
    return np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE_HZ // 2).astype(np.float32)


def test_a_directory_is_found_if_it_is_complete_and_a_path_never_looked_up_on_the_hub(copy):
    assert find_model_directory(str(copy)) == copy
    before = model_fingerprint(copy)
    with open(copy / "embedding_model.ckpt", "ab") as stream:
        stream.write(b"x")
    assert model_fingerprint(copy) != before
    (copy / "label_encoder.txt").unlink()
    with pytest.raises(ValueError, match="lacks label_encoder.txt; copy every file"):
        find_model_directory(str(copy))
    for source in ("./nowhere", "/nowhere/at/all", "exp/a/speaker_encoder"):
        with pytest.raises(ValueError, match="no such speaker encoder directory"):
            find_model_directory(source)


def test_a_hub_name_becomes_its_snapshot_or_one_line_with_the_remedy(
    monkeypatch, encoder_directory
):
    def download(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        assert name == "speechbrain/spkrec-ecapa-voxceleb"
        assert set(allow_patterns) == set(MODEL_FILES)
        if revision == "0f99f2d":
            raise ConnectionError("no route\nto host")
        return str(encoder_directory)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert find_model_directory("speechbrain/spkrec-ecapa-voxceleb") == encoder_directory
    with pytest.raises(ValueError, match=r"\(no route\); run once with network") as error:
        find_model_directory("speechbrain/spkrec-ecapa-voxceleb@0f99f2d")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (PUBLISHED + line, "which a speaker encoder does not need")
            for line in (
                "x: !apply:os.system ['true']",
                "x: !new:os.system ['true']",
                "x: [{y: !name:os.system }]",
                "x: !!python/object/apply:os.system ['true']",
                "x: !include:other.yaml",
                "x: !module:os",
            )
        ),
        *((text, "hyperparams.yaml: (not readable|expected)") for text in ("", "- 1\n", "a: [\n")),
    ],
)
def test_yaml_that_would_run_code_or_is_no_mapping_is_refused(tmp_path, text, message):
    path = tmp_path / "hyperparams.yaml"
    path.write_text(PUBLISHED)
    assert "pretrained_path" in check_hyperparams(path)
    path.write_text(text + "\n")
    with pytest.raises(ValueError, match=message):
        check_hyperparams(path)


def test_vector_is_speechbrains_at_a_root_mean_square_of_one(encoder_directory, waveform):
    encoder = build_speaker_encoder(str(encoder_directory))
    vector = encoder(waveform)
    assert (encoder.dim, encoder.name) == (192, str(encoder_directory))
    assert vector.shape == (192,) and vector.dtype == np.float32
    plain = encoder.classifier.encode_batch(torch.from_numpy(waveform)).reshape(-1).numpy()
    expected = plain / np.linalg.norm(plain) * np.sqrt(192)
    np.testing.assert_allclose(vector, expected, atol=1e-5)
    np.testing.assert_array_equal(vector, encoder(waveform))
    assert encoder(np.zeros(MIN_SAMPLES, dtype=np.float32)).shape == (192,)
    for shape in (MIN_SAMPLES - 1, (1, 16000)):
        with pytest.raises(ValueError, match="mono waveform of at least 800 samples"):
            encoder(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match="no finite vector"):
        encoder(np.full(SAMPLE_RATE_HZ, np.nan, np.float32))
    assert not any(module.training for module in encoder.classifier.modules())
    assert not any(parameter.requires_grad for parameter in encoder.classifier.parameters())


def test_nothing_is_written_and_the_hub_is_not_asked(copy, waveform, monkeypatch, tmp_path):
    yaml = copy / "hyperparams.yaml"
    text = yaml.read_text().replace("pretrained_path: .", "pretrained_path: somebody/encoder")
    yaml.write_text(text)
    before = sorted(tmp_path.rglob("*"))

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("went to the hub")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    monkeypatch.chdir(tmp_path)
    assert np.isfinite(build_speaker_encoder(str(copy))(waveform)).all()
    assert sorted(tmp_path.rglob("*")) == before


def test_files_that_do_not_fit_or_are_damaged_are_named(copy):
    path = copy / "embedding_model.ckpt"
    weights, whole = torch.load(path, weights_only=True), path.read_bytes()
    weights.pop("fc.conv.bias")
    for content, message in (
        (weights, "does not fit the network"),
        ({"weight": Path("x")}, "embedding_model.ckpt: damaged, or more than"),
    ):
        torch.save(content, path)
        with pytest.raises(ValueError, match=message):
            build_speaker_encoder(str(copy))
    path.write_bytes(whole[:100])
    with pytest.raises(ValueError, match="embedding_model.ckpt: damaged"):
        build_speaker_encoder(str(copy))
    path.write_bytes(whole)
    yaml = copy / "hyperparams.yaml"
    text = yaml.read_text()
    for old, new in (
        ("pretrainer:", "another_name:"),  # a module is lacking
        ("!ref <pretrained_path>/label", "somebody/encoder/label"),  # it cannot go online
    ):
        yaml.write_text(text.replace(old, new))
        with pytest.raises(ValueError, match="SpeechBrain cannot load it"):
            build_speaker_encoder(str(copy))
