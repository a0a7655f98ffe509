import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from espnet2_ext._compat import load_ark_scp, write_ark_scp
from espnet2_ext.conversion.converter import ConversionRequest, Prosody2VecConverter
from espnet2_ext.data.tables import write_table
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.prosody2vec.task import (
    Prosody2VecTask,
    SpeakerVectorPreprocessor,
    shared_preprocessor,
)
from espnet2_ext.training.options import prosody_encoder_choices
from espnet2_ext.training.trainer import _atomic_torch_save
from espnet2_ext.units.centroids import Centroids
from tools.bench.noise_corpus import CONFIG, NoiseCorpus

# ---------------------------------------------------------------- task

TINY = {
    **{name: value for name, value in CONFIG.items() if not name.endswith(("units", "samples"))},
    "model_conf": {"forced_alignment_updates": 3, "guided_attention_weight": 0.1},
    "specaug": "specaug",
    "specaug_conf": {
        "apply_time_warp": False,
        "apply_time_mask": False,
        "freq_mask_width_range": [0, 5],
    },
    "num_att_plot": 1,
    "use_matplotlib": True,
}
PARTS = {
    "features": "hifigan_mel",
    "unit_encoder": "units2vec",
    "prosody_encoder": "ecapa",
    "decoder": "attention_lstm",
}
AUDIO = ("wav.scp,speech,sound",)
KEPT_MELS = ("stats/{}/collect_feats/feats.scp,feats,npy",)
KEEP = ("--write_collected_feats", "true")
CENTROIDS = Centroids(np.eye(5, dtype=np.float32), "mfcc", 320, 0, 1.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The directory of the noise corpus, with centroids, kept mels and a configuration file."""
    root = tmp_path_factory.mktemp("p2v")
    NoiseCorpus(root, "cpu", use_amp=False)
    CENTROIDS.save(root / "centroids.npz")
    (root / "config.yaml").write_text(yaml.safe_dump(TINY))
    run(root, "stats", "--collect_stats", "true", *KEEP, shapes="wav.scp")
    return root


def run(root, output, *options, shapes="stats/{}/speech_shape", audio=AUDIO):
    """Run the task as the recipe does."""
    command = ["--config", root / "config.yaml", "--output_dir", root / output]
    command += ["--centroids", root / "centroids.npz", "--ngpu", "0"]
    for part in ("train", "valid"):
        command += [f"--{part}_shape_file", root / shapes.format(part)]
        command += [f"--{part}_speaker_dir", root]
        for data in (*audio, "units,units,text_int", "durations,unit_durations,text_int"):
            command += [f"--{part}_data_path_and_name_and_type", root / data.format(part)]
    if "stats" in shapes:
        stats = root / "stats/train/feats_stats.npz"
        command += ["--normalize_conf", f"stats_file={stats}"]
    Prosody2VecTask.main(cmd=[str(word) for word in (*command, *options)])


@pytest.fixture(scope="module")
def trained(data):
    """Weights after three epochs without a break."""
    run(data, "whole", "--max_epoch", "3", "--resume", "true")
    return data / "whole"


def test_resumed_training_equals_undisturbed(data, trained):
    run(data, "broken", "--max_epoch", "1", "--resume", "true")
    (data / "broken/1epoch.pth").unlink()
    run(data, "broken", "--max_epoch", "3", "--resume", "true")
    whole, broken = (torch.load(d / "3epoch.pth") for d in (trained, data / "broken"))
    assert whole.keys() == broken.keys()
    for name in whole:
        assert torch.equal(whole[name], broken[name]), name
    assert int(whole["updates"]) == 6
    with _atomic_torch_save():
        for name in ("one.pth", "two.pth"):
            torch.save(whole, data / name)
    assert (data / "one.pth").read_bytes() == (data / "two.pth").read_bytes()


def test_kept_mels_train_as_audio_does(data, trained):
    run(data, "kept", "--max_epoch", "1", audio=KEPT_MELS)
    of_audio, of_mels = (
        torch.load(directory / "checkpoint.pth", weights_only=False)["reporter"]["stats"][1]
        for directory in (trained, data / "kept")
    )
    for phase in ("train", "valid"):
        for name in ("loss", "mel_loss", "attention_loss"):
            expected = pytest.approx(of_audio[phase][name], rel=1e-5)
            assert of_mels[phase][name] == expected, (phase, name)
    assert of_audio["train"]["fill"] == of_mels["train"]["fill"]


def test_log_tells_rates_and_time_left(data, caplog):
    with caplog.at_level("INFO"):
        run(data, "logged", "--max_epoch", "2", "--log_interval", "1")
    lines = [line for line in caplog.messages if "epoch:train:" in line]
    assert [line.partition("batch")[0] for line in lines] == [
        f"{epoch}epoch:train:{step}-{step}" for epoch in (1, 2) for step in (1, 2)
    ]
    for line in lines:
        for name in ("mel_frames_per_s", "times_real_time", "fill", "loader_share", "time_left"):
            assert f"{name}=" in line
    assert lines[-1].endswith("time_left=0 seconds")
    stats = np.load(data / "stats/train/feats_stats.npz")
    assert (stats["sum"].shape, stats["count"]) == ((80,), 103)
    [first, _] = [line for line in caplog.messages if "epoch results:" in line]
    # Batches of 2 and 3, longest first: frames 28 25, then 21 17 12.
    assert f"fill={103 / (2 * 28 + 3 * 21):.3f}" in first


def test_config_alone_builds_the_model_without_the_centroids(trained, tmp_path):
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert (config["num_units"], config["unit_stride_samples"]) == (5, 320)
    model, _ = Prosody2VecTask.build_model_from_file(None, trained / "valid.loss.ave.pth")
    assert model.unit_offset_samples == 0
    assert model.unit_encoder.num_units == 5
    assert len(list(trained.glob("att_ws/*/attention.*ep.png"))) == 3
    assert not list(trained.glob(".*.pth")), "a half-written checkpoint"
    # Before the parts had names.
    assert {part: config.pop(part) for part in PARTS} == PARTS
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    weights = trained / "valid.loss.ave.pth"
    model, _ = Prosody2VecTask.build_model_from_file(tmp_path / "config.yaml", weights)
    for name, value in torch.load(weights).items():
        assert torch.equal(model.state_dict()[name], value), name


class MeanMel(torch.nn.Module):
    """A prosody encoder from outside of the package."""

    def __init__(self, mel_dim, gain=1.0):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(gain))
        self.output_dim = mel_dim

    def forward(self, mels, mel_lengths):
        return self.gain * mels.sum(dim=1) / mel_lengths[:, None]


def test_another_class_can_be_registered(data, monkeypatch):
    monkeypatch.setitem(prosody_encoder_choices.classes, "mean_mel", MeanMel)
    config = {**TINY, "prosody_encoder": "mean_mel", "prosody_encoder_conf": {"gain": 2.0}}
    (data / "mean_mel.yaml").write_text(yaml.safe_dump(config))
    run(data, "mean_mel", "--config", data / "mean_mel.yaml", "--max_epoch", "1")
    model, _ = Prosody2VecTask.build_model_from_file(data / "mean_mel/config.yaml")
    assert isinstance(model.prosody_encoder, MeanMel)
    assert (float(model.prosody_encoder.gain), model.prosody_encoder.output_dim) == (2.0, 80)


def test_an_encoder_of_espnet_trains(data):
    sizes = {"attention_heads": 2, "output_size": 8, "linear_units": 6, "num_blocks": 1}
    conf = {"encoder": "conformer", "encoder_conf": sizes, "pooling": "attentive_statistics"}
    config = {**TINY, "prosody_encoder": "espnet", "prosody_encoder_conf": conf}
    (data / "conformer.yaml").write_text(yaml.safe_dump(config))
    run(data, "conformer", "--config", data / "conformer.yaml", "--max_epoch", "1")
    model, _ = Prosody2VecTask.build_model_from_file(None, data / "conformer/1epoch.pth")
    assert type(model.prosody_encoder.encoder).__name__ == "ConformerEncoder"


def test_print_config_shows_the_parts_and_their_defaults(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train", "--decoder_conf", "attention_dim=7"])
    config = Prosody2VecTask.get_default_config()
    assert {part: config[part] for part in PARTS} == PARTS
    decoder = config["decoder_conf"]
    assert (decoder["attention_dim"], decoder["prenet_dim"]) == (7, 256)
    assert config["prosody_encoder_conf"]["channels"] == 1024


def test_weights_to_start_from_are_checked_first(data, trained, tmp_path):
    weights = torch.load(trained / "valid.loss.ave.pth", weights_only=True)
    part = {name: each for name, each in weights.items() if not name.startswith("decoder.")}
    torch.save(part, tmp_path / "part.pth")
    torch.save({"code": Path("x")}, tmp_path / "code.pth")
    for given, message in (
        ("code.pth", "code.pth: damaged, or more than tensors"),
        ("part.pth", r"part.pth: .* lacks \d+ tensors \(decoder\."),
        ("part.pth:decoder:decoder", "part.pth: holds no tensor .* with 'decoder'"),
    ):
        with pytest.raises(ValueError, match=message):
            run(data, tmp_path / "out", "--init_param", tmp_path / given)


def test_another_configuration_and_what_is_no_weights_are_refused(trained, tmp_path):
    weights = trained / "valid.loss.ave.pth"
    for content, message in (
        ("[1]", "not the config.yaml of a training"),
        ("{", "not readable as yaml"),
        ("{a: 1}", "not the config.yaml of a Prosody2VecTask"),
    ):
        (tmp_path / "config.yaml").write_text(content)
        with pytest.raises(ValueError, match=message):
            Prosody2VecTask.build_model_from_file(tmp_path / "config.yaml", weights)
    with pytest.raises(ValueError, match="is needed"):
        Prosody2VecTask.build_model_from_file()
    with pytest.raises(ValueError, match=r"checkpoint\.pth"):
        Prosody2VecTask.build_model_from_file(None, trained / "checkpoint.pth")


def test_converter_gives_the_vocoders_mel(trained):
    converter = Prosody2VecConverter.from_file(
        trained / "valid.loss.ave.pth", limits=GenerationLimits(max_frames_per_unit=4.0)
    )
    reference = np.random.default_rng(1).standard_normal(4000) * 0.1
    request = ConversionRequest(np.arange(4), reference, np.ones(3))
    [conversion] = converter.convert([request])
    assert (conversion.mel.shape[1], conversion.attention.shape[1]) == (80, 4)
    with pytest.raises(ValueError, match="without units"):
        converter.convert([ConversionRequest(np.array([]), np.zeros(4000), np.ones(3))])


def test_errors_name_the_option(data):
    with pytest.raises(ValueError, match="--num_units or --centroids"):
        run(data, "bad", "--centroids", "none")
    with pytest.raises(ValueError, match="--train_speaker_dir is needed"):
        run(data, "bad", "--train_speaker_dir", "none", "--max_epoch", "1")
    for wrong in ((), AUDIO + KEPT_MELS):
        with pytest.raises(ValueError, match="data options: give either speech"):
            run(data, "bad", "--max_epoch", "1", audio=wrong)


def test_validation_draws_from_the_training_set_too(data, tmp_path):
    """One utterance of each speaker in validation, as with [P2V] IV-B's random draw."""
    write_table(tmp_path / "utt2spk", {"a-0": "a", "b-1": "b"})
    write_ark_scp(tmp_path / "spk_embed.scp", {"a-0": np.full(3, 7), "b-1": np.full(3, 8)})
    folders = {"train_speaker_dir": str(data), "valid_speaker_dir": str(tmp_path)}
    args = Namespace(use_preprocessor=True, collect_stats=False, **folders)
    preprocess = Prosody2VecTask.build_preprocess_fn(args, train=False)
    vectors = load_ark_scp(data / "spk_embed.scp")
    for utterance, others in (("a-0", ("a-2", "a-4")), ("b-1", ("b-3",))):
        vector = preprocess(utterance, {})["speaker_embedding"]
        assert any(np.allclose(vector, vectors[other]) for other in others), utterance
    trained_on = Prosody2VecTask.build_preprocess_fn(args, train=True)
    with pytest.raises(ValueError, match="x-1: not in utt2spk"):
        trained_on("x-1", {})


# ---------------------------------------------------------------- preprocessor


@pytest.fixture
def speakers(tmp_path):
    """A directory of three utterances of one speaker; the vector holds their number."""
    utterances = [f"a-{number}" for number in range(3)]
    write_table(tmp_path / "utt2spk", dict.fromkeys(utterances, "a"))
    write_ark_scp(tmp_path / "spk_embed.scp", {name: [int(name[-1])] for name in utterances})
    return tmp_path


def drawn(preprocess, utterance):
    return float(preprocess(utterance, {})["speaker_embedding"][0])


def test_training_draws_another_utterance_by_numpys_seed(speakers):
    preprocess = SpeakerVectorPreprocessor(speakers, is_deterministic=False)
    draws = []
    for _ in range(2):
        np.random.seed(1)
        draws.append([drawn(preprocess, "a-1") for _ in range(20)])
    assert draws[0] == draws[1] and set(draws[0]) == {0.0, 2.0}


def test_a_preprocessor_is_shared_until_its_tables_change(speakers, tmp_path):
    valid = tmp_path / "valid"
    valid.mkdir()
    write_table(valid / "utt2spk", {"a-9": "a"})
    write_ark_scp(valid / "spk_embed.scp", {"a-9": [9]})
    with_training = shared_preprocessor(valid, True, speakers)
    assert drawn(with_training, "a-9") in (0, 1, 2)
    assert shared_preprocessor(str(valid), True, speakers) is with_training
    alone = shared_preprocessor(valid, True)
    assert drawn(alone, "a-9") == 9 and shared_preprocessor(valid, False) is not alone
    write_table(speakers / "utt2spk", {"a-1": "a"})
    assert drawn(shared_preprocessor(valid, True, speakers), "a-9") == 1
    with pytest.raises(FileNotFoundError, match="utt2spk"):
        shared_preprocessor(tmp_path / "none", is_deterministic=True)
