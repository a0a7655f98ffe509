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
def copy(encoder_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(encoder_directory, tmp_path / "copy"))


@pytest.fixture
def waveform() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE_HZ // 2).astype(np.float32)


def test_a_directory_is_found_if_it_is_complete_and_a_path_never_looked_up_on_the_hub(
    copy: Path,
) -> None:
    assert find_model_directory(str(copy)) == copy
    (copy / "label_encoder.txt").unlink()
    with pytest.raises(ValueError, match="lacks label_encoder.txt; copy every file"):
        find_model_directory(str(copy))
    for source in ("./nowhere", "/nowhere/at/all", "exp/a/speaker_encoder"):
        with pytest.raises(ValueError, match="no such speaker encoder directory"):
            find_model_directory(source)


def test_a_hub_name_becomes_its_snapshot_or_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, encoder_directory: Path
) -> None:
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


def test_fingerprint_changes_with_the_weights(encoder_directory: Path, copy: Path) -> None:
    assert model_fingerprint(copy) == model_fingerprint(encoder_directory)
    with open(copy / "embedding_model.ckpt", "ab") as stream:
        stream.write(b"x")
    assert model_fingerprint(copy) != model_fingerprint(encoder_directory)


def test_the_published_yaml_passes(tmp_path: Path) -> None:
    (tmp_path / "hyperparams.yaml").write_text(PUBLISHED)
    assert "pretrained_path" in check_hyperparams(tmp_path / "hyperparams.yaml")


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
def test_yaml_that_would_run_code_or_is_no_mapping_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "hyperparams.yaml"
    path.write_text(text + "\n")
    with pytest.raises(ValueError, match=message):
        check_hyperparams(path)


def test_vector_is_speechbrains_at_a_root_mean_square_of_one(
    encoder_directory: Path, waveform: np.ndarray
) -> None:
    encoder = build_speaker_encoder(str(encoder_directory))
    vector = encoder(waveform)
    assert (encoder.dim, encoder.name) == (192, str(encoder_directory))
    assert vector.shape == (192,) and vector.dtype == np.float32
    plain = encoder.classifier.encode_batch(torch.from_numpy(waveform)).reshape(-1).numpy()
    expected = plain / np.linalg.norm(plain) * np.sqrt(192)
    np.testing.assert_allclose(vector, expected, atol=1e-5)
    np.testing.assert_array_equal(vector, encoder(waveform))
    assert not any(module.training for module in encoder.classifier.modules())
    assert not any(parameter.requires_grad for parameter in encoder.classifier.parameters())


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        *(
            (np.zeros(shape, np.float32), "mono waveform of at least 800 samples")
            for shape in (MIN_SAMPLES - 1, (1, 16000), 0)
        ),
        (np.full(SAMPLE_RATE_HZ, np.nan, np.float32), "no finite vector"),
    ],
)
def test_waveforms_without_a_vector_are_refused(
    encoder_directory: Path, waveform: np.ndarray, message: str
) -> None:
    encoder = build_speaker_encoder(str(encoder_directory))
    with pytest.raises(ValueError, match=message):
        encoder(waveform)
    assert encoder(np.zeros(MIN_SAMPLES, dtype=np.float32)).shape == (192,)


def test_nothing_is_written_and_the_hub_in_the_yaml_is_not_asked(
    copy: Path, waveform: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pretrainer:", "another_name:"),  # A module is lacking.
        # A file elsewhere: it cannot go online.
        ("!ref <pretrained_path>/label", "somebody/encoder/label"),
    ],
)
def test_a_yaml_that_cannot_be_loaded_is_named(copy: Path, old: str, new: str) -> None:
    yaml = copy / "hyperparams.yaml"
    yaml.write_text(yaml.read_text().replace(old, new))
    with pytest.raises(ValueError, match="SpeechBrain cannot load it"):
        build_speaker_encoder(str(copy))


def test_weights_that_are_more_or_less_than_the_networks_are_not_loaded(copy: Path) -> None:
    weights = torch.load(copy / "embedding_model.ckpt", weights_only=True)
    weights.pop("fc.conv.bias")
    torch.save(weights, copy / "embedding_model.ckpt")
    with pytest.raises(ValueError, match="does not fit the network"):
        build_speaker_encoder(str(copy))
    torch.save({"weight": Path("x")}, copy / "embedding_model.ckpt")
    with pytest.raises(ValueError, match="embedding_model.ckpt: damaged, or more than"):
        build_speaker_encoder(str(copy))
    (copy / "embedding_model.ckpt").write_bytes((copy / "classifier.ckpt").read_bytes()[:100])
    with pytest.raises(ValueError, match="embedding_model.ckpt: damaged"):
        build_speaker_encoder(str(copy))
