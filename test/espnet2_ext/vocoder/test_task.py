"""The vocoder's task through ESPnet's trainer for GANs, on noise and with few weights."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from reference.speechbrain_vocoder import write_vocoder
from reference.tiny_vocoder import CONFIG

from espnet2_ext.data.tables import write_table
from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.mel import log_mel
from espnet2_ext.vocoder.task import VocoderTask

OPTIMIZER = {"lr": 1.0e-3, "betas": [0.8, 0.99]}
TINY = CONFIG | {
    "model_conf": {"segment_frames": 8},
    "optim": "adamw",
    "optim_conf": OPTIMIZER,
    "scheduler": "exponentiallr",
    "scheduler_conf": {"gamma": 0.5},
    "optim2": "adamw",
    "optim2_conf": OPTIMIZER,
    "scheduler2": "exponentiallr",
    "scheduler2_conf": {"gamma": 0.25},
    "grad_clip": -1,
    "batch_type": "unsorted",
    "batch_size": 2,
    "best_model_criterion": [["valid", "mel_loss", "min"]],
    "keep_nbest_models": 3,
    "num_att_plot": 0,
    "num_workers": 0,
    "use_tensorboard": False,
    "use_matplotlib": False,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Return a directory of four tones, their lengths, and a configuration file."""
    root = tmp_path_factory.mktemp("voc")
    wavs, lengths = {}, {}
    for index, samples in enumerate((3000, 4100, 5200, 900)):
        name = f"tone-{index}"
        wavs[name], lengths[name] = root / f"{name}.flac", samples
        tone = 0.3 * np.sin(np.arange(samples) * (0.1 + 0.02 * index))
        soundfile.write(wavs[name], tone, 16000)
    write_table(root / "wav.scp", wavs)
    write_table(root / "utt2num_samples", lengths)
    (root / "config.yaml").write_text(yaml.safe_dump(TINY))
    return root


def run(root: Path, output: str, *options: object) -> Path:
    """Run the task as the recipe does; return its directory."""
    command = ["--config", root / "config.yaml", "--output_dir", root / output, "--ngpu", "0"]
    for part in ("train", "valid"):
        command += [f"--{part}_shape_file", root / "utt2num_samples"]
        command += [f"--{part}_data_path_and_name_and_type", f"{root}/wav.scp,speech,sound"]
    VocoderTask.main(cmd=[str(word) for word in (*command, *options)])
    return root / output


def weights(directory: Path, epoch: int) -> dict[str, torch.Tensor]:
    return torch.load(directory / f"{epoch}epoch.pth", weights_only=True)


@pytest.fixture(scope="module")
def trained(data) -> Path:
    """Return the directory of three epochs without a break."""
    return run(data, "whole", "--max_epoch", "3", "--resume", "true")


def test_both_optimizers_and_schedulers_step(trained) -> None:
    before, after = weights(trained, 1), weights(trained, 3)
    moved = {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])}
    assert moved == {"generator", "discriminator", "updates"}
    assert int(after["updates"]) == 6
    checkpoint = torch.load(trained / "checkpoint.pth", weights_only=False)
    rates = [state["param_groups"][0]["lr"] for state in checkpoint["optimizers"]]
    assert rates == pytest.approx([1.0e-3 * 0.5**3, 1.0e-3 * 0.25**3])
    steps = [{int(s["step"]) for s in o["state"].values()} for o in checkpoint["optimizers"]]
    assert steps == [{6}, {6}]
    model = VocoderTask.build_model_from_file(None, trained / "3epoch.pth")[0]
    sizes = [len(group["state"]) for group in checkpoint["optimizers"]]
    assert sizes == [len(list(p.parameters())) for p in (model.generator, model.discriminator)]


def test_resumed_training_equals_undisturbed(data, trained) -> None:
    run(data, "broken", "--max_epoch", "1", "--resume", "true")
    (data / "broken/1epoch.pth").unlink()  # as a kill right after the checkpoint leaves it
    run(data, "broken", "--max_epoch", "3", "--resume", "true")
    whole, broken = weights(trained, 3), weights(data / "broken", 3)
    assert whole.keys() == broken.keys()
    for name in whole:
        assert torch.equal(whole[name], broken[name]), name


def test_a_speechbrain_generator_is_gone_on_with(data, tmp_path) -> None:
    """Without an update the sound is that of the vocoder it started from."""
    write_vocoder(tmp_path / "published", head="sample_rate: 16000\npretrained_path: none\n")
    options = ["--init_generator", tmp_path / "published", "--max_epoch", "1"]
    still = [word for name in ("optim", "optim2") for word in (f"--{name}_conf", "lr=0.0")]
    directory = run(data, "tuned", *options, *still)
    config = yaml.safe_load((directory / "config.yaml").read_text())
    assert (config["generator_edges"], config["init_generator"]) == ("reflect", None)
    mel = log_mel(0.3 * np.sin(np.arange(3000) * 0.1))
    published = build_vocoder(str(tmp_path / "published"))(mel)
    np.testing.assert_allclose(build_vocoder(str(directory))(mel), published, atol=1.0e-6)
    assert published.std() > 1.0e-5


def test_errors_name_the_option(data) -> None:
    with pytest.raises(ValueError, match="features_conf: not the mel of conversion: hop_length"):
        run(data, "bad", "--features_conf", "hop_length=200", "--max_epoch", "1")
    with pytest.raises(ValueError, match="in_channels must be 80"):
        run(data, "bad", "--generator_conf", "in_channels=40", "--max_epoch", "1")
