from pathlib import Path

import pytest

from espnet2_ext.speaker.encoder import (
    MODEL_FILES,
    SpeakerModelError,
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


def test_a_complete_directory_is_found(encoder_directory: Path) -> None:
    assert find_model_directory(str(encoder_directory)) == encoder_directory


def test_a_missing_file_is_named(encoder_directory: Path, tmp_path: Path) -> None:
    for name in MODEL_FILES[:-1]:
        (tmp_path / name).write_bytes((encoder_directory / name).read_bytes())
    with pytest.raises(SpeakerModelError, match="lacks label_encoder.txt; copy every file"):
        find_model_directory(str(tmp_path))


@pytest.mark.parametrize("source", ["./nowhere", "/nowhere/at/all", "exp/a/speaker_encoder"])
def test_a_path_is_never_looked_up_on_the_hub(source: str) -> None:
    with pytest.raises(SpeakerModelError, match="no such speaker encoder directory"):
        find_model_directory(source)


def test_an_unreachable_hub_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        assert (name, revision) == ("speechbrain/spkrec-ecapa-voxceleb", "0f99f2d")
        assert set(allow_patterns) == set(MODEL_FILES)
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(SpeakerModelError, match=r"\(no route\); run once with network") as error:
        find_model_directory("speechbrain/spkrec-ecapa-voxceleb@0f99f2d")
    assert "\n" not in str(error.value)


def test_a_hub_name_becomes_its_snapshot(
    monkeypatch: pytest.MonkeyPatch, encoder_directory: Path
) -> None:
    def snapshot(name: str, **options: object) -> str:
        return str(encoder_directory)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert find_model_directory("somebody/encoder") == encoder_directory


def test_fingerprint_changes_with_the_weights(encoder_directory: Path, tmp_path: Path) -> None:
    for name in MODEL_FILES:
        (tmp_path / name).write_bytes((encoder_directory / name).read_bytes())
    assert model_fingerprint(tmp_path) == model_fingerprint(encoder_directory)
    with open(tmp_path / "embedding_model.ckpt", "ab") as stream:
        stream.write(b"x")
    assert model_fingerprint(tmp_path) != model_fingerprint(encoder_directory)


def test_the_published_layout_passes(tmp_path: Path) -> None:
    path = tmp_path / "hyperparams.yaml"
    path.write_text(PUBLISHED)
    assert "pretrained_path" in check_hyperparams(path)


@pytest.mark.parametrize(
    "line",
    [
        "x: !apply:os.system ['true']",
        "x: !new:os.system ['true']",
        "x: [{y: !name:os.system }]",
        "x: !!python/object/apply:os.system ['true']",
        "x: !include:other.yaml",
        "x: !module:os",
    ],
)
def test_yaml_that_would_run_code_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "hyperparams.yaml"
    path.write_text(PUBLISHED + line + "\n")
    with pytest.raises(SpeakerModelError, match="which a speaker encoder does not need"):
        check_hyperparams(path)


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [\n"])
def test_yaml_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hyperparams.yaml"
    path.write_text(text)
    with pytest.raises(SpeakerModelError, match="hyperparams.yaml: (not readable|expected)"):
        check_hyperparams(path)
