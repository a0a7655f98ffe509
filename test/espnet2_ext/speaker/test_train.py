"""Crops, the training of a small speaker encoder, and the directory that it writes."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from espnet2_ext.bin import train_speaker_encoder as bin_train
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.speaker import train
from espnet2_ext.speaker.encoder import MODEL_FILES, build_speaker_encoder
from espnet2_ext.speaker.train import CropSampler, SpeakerEncoderSettings, train_speaker_encoder

MakeData = Callable[..., Path]
TINY = SpeakerEncoderSettings(channels=8, steps=3, batch_size=4, crop_s=0.2)


def make_sampler(lengths: dict[str, int], **options: float) -> CropSampler:
    """Return a sampler over ramps: frame f of every band is f, plus 1000 for speaker b."""
    features = {
        utterance: torch.arange(frames, dtype=torch.float)[:, None].repeat(1, 6)
        + (1000.0 if utterance.startswith("b") else 0.0)
        for utterance, frames in lengths.items()
    }
    settings = SpeakerEncoderSettings(crop_s=0.1, frequency_mask_bands=0, time_mask_s=0.0)
    utt2spk = {utterance: utterance[0] for utterance in lengths}
    return CropSampler(features, utt2spk, replace(settings, **options))


def test_crops_are_segments_with_their_mean_taken_away():
    crops, numbers = make_sampler({"a1": 40, "b1": 30}).draw(4)
    assert crops.shape == (4, 10, 6) and set(numbers.tolist()) == {0, 1}
    ramp = torch.arange(10.0) - 4.5
    assert torch.allclose(crops, ramp[None, :, None].expand(4, 10, 6))


def test_every_speaker_comes_equally_often_however_many_utterances_it_has():
    sampler = make_sampler({"a1": 20, "b1": 20, "b2": 20, "b3": 20, "c1": 20})
    counts = Counter(number for _ in range(10) for number in sampler.draw(3)[1].tolist())
    assert counts == {0: 10, 1: 10, 2: 10}


def test_masks_are_zero_and_leave_the_features_alone():
    sampler = make_sampler({"a1": 15, "b1": 15}, frequency_mask_bands=3, time_mask_s=0.03)
    before = {key: value.clone() for key, value in sampler.features.items()}
    crops, _ = sampler.draw(64)
    for axis in (1, 2):
        masked = (crops == 0).all(dim=axis).sum(dim=1)
        assert (masked.min(), masked.max()) == (0, 3)
    assert all(torch.equal(before[key], value) for key, value in sampler.features.items())
    wide = make_sampler({"a1": 15, "b1": 15}, frequency_mask_bands=50, time_mask_s=0.5)
    assert wide.draw(16)[0].shape == (16, 10, 6)
    short, _ = make_sampler({"a1": 1, "b1": 4}).draw(2)  # repeated
    assert short.shape == (2, 10, 6) and torch.isfinite(short).all()


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_writes_a_directory_that_the_loader_takes(make_data, tmp_path):
    out_dir = train_speaker_encoder(make_data(), tmp_path / "encoder", TINY)
    assert {path.name for path in out_dir.iterdir()} == {*MODEL_FILES, "training.json"}
    encoder = build_speaker_encoder(str(out_dir))
    labels = encoder.classifier.hparams.label_encoder
    assert [labels.decode_ndim(index) for index in range(2)] == ["s0", "s1"]
    statistics = encoder.classifier.hparams.mean_var_norm_emb
    assert statistics.glob_mean.shape == statistics.glob_std.shape == (192,)
    record = json.loads((out_dir / "training.json").read_text())
    assert (record["speakers"], record["utterances"]) == (2, 6)


def test_same_seed_same_files_and_a_rerun_does_nothing(make_data, tmp_path, monkeypatch):
    data_dir, out_dir = make_data(), tmp_path / "second"
    first = contents(train_speaker_encoder(data_dir, tmp_path / "first", TINY))
    assert contents(train_speaker_encoder(data_dir, out_dir, TINY)) == first
    with monkeypatch.context() as patch:
        patch.setattr(train, "_train", None)  # would fail if called
        train_speaker_encoder(data_dir, out_dir, TINY)
    (out_dir / "training.json").unlink()  # as a kill leaves it
    assert contents(train_speaker_encoder(data_dir, out_dir, TINY)) == first
    third = contents(train_speaker_encoder(data_dir, out_dir, replace(TINY, seed=1)))
    assert third["embedding_model.ckpt"] != first["embedding_model.ckpt"]


def test_training_names_the_speakers_of_its_crops(make_data, tmp_path, caplog):
    data_dir, settings = make_data(), replace(TINY, steps=30, batch_size=8)
    Path(read_table(data_dir / "wav.scp")["s0-0"]).write_bytes(b"")
    out_dir = train_speaker_encoder(data_dir, tmp_path / "encoder", settings)
    record = json.loads((out_dir / "training.json").read_text())
    assert record["accuracy"] > 0.9 and record["utterances"] == 5
    assert "1 of 6 utterances" in caplog.text


def test_the_command_and_its_errors(make_data, tmp_path):
    config = tmp_path / "settings.yaml"
    config.write_text("channels: 8\nsteps: 1\nbatch_size: 2\ncrop_s: 0.1\n")
    common = ["--data_dir", str(make_data()), "--out_dir", str(tmp_path / "encoder")]
    bin_train.main([*common, "--config", str(config)])
    assert (tmp_path / "encoder" / "hyperparams.yaml").is_file()
    config.write_text("stepz: 1")
    with pytest.raises(SystemExit, match="^train_speaker_encoder: .*unknown setting"):
        bin_train.main([*common, "--config", str(config)])
    with pytest.raises(ValueError, match="has no wav.scp"):
        train_speaker_encoder(tmp_path, tmp_path / "out", TINY)
    with pytest.raises(ValueError, match="needs two speakers with usable audio"):
        train_speaker_encoder(make_data(speakers=1), tmp_path / "out", TINY)
    data_dir = make_data(speakers=1)
    write_table(data_dir / "utt2spk", {"s0-0": "s0"})
    with pytest.raises(ValueError, match="utt2spk: lacks s0-1"):
        train_speaker_encoder(data_dir, tmp_path / "out", TINY)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "expected 'setting: number' lines"),
        ("stepz: 1", "unknown setting 'stepz'; there are channels steps"),
        ("steps: 1.5", "steps: 1.5 is not int"),
        ("learning_rate: 1e-3", "learning_rate: '1e-3' is not float; write"),
        ("seed: true", "seed: True is not int"),
        ("channels: 12", "channels: 12; give a multiple of 8"),
        ("steps: 0", "give at least 1 and 2"),
    ],
)
def test_settings_that_cannot_be(tmp_path, text, message):
    path = tmp_path / "settings.yaml"
    path.write_text("steps: 7\nlearning_rate: 1\n")
    assert SpeakerEncoderSettings.load(path) == SpeakerEncoderSettings(steps=7, learning_rate=1)
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        SpeakerEncoderSettings.load(path)
