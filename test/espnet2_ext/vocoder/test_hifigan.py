"""HiFi-GAN through SpeechBrain, on a tiny local directory with random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from reference.speechbrain_vocoder import write_vocoder

from espnet2_ext.vocoder.hifigan import HifiGan


def test_cuts_the_padding_off_at_both_ends(tmp_path: Path) -> None:
    generator = write_vocoder(tmp_path / "vocoder")
    mel = np.random.default_rng(0).normal(-5, 1, (7, 80)).astype(np.float32)
    waveform = HifiGan(str(tmp_path / "vocoder"))(mel)
    assert waveform.shape == (256 * 7,)
    assert waveform.dtype == np.float32
    # Independent path: padding by repeating the edges is what the generator does itself.
    padded = torch.from_numpy(np.pad(mel, ((5, 5), (0, 0)), mode="edge")).T[None]
    with torch.no_grad():
        expected = generator(padded).flatten().numpy()[5 * 256 : 12 * 256]
    np.testing.assert_allclose(waveform, expected, atol=1.0e-5)


def test_a_directory_that_names_the_hub_is_still_read_from_disk(tmp_path: Path) -> None:
    write_vocoder(tmp_path / "vocoder", head="pretrained_path: nobody/nothing\n")
    assert len(HifiGan(str(tmp_path / "vocoder"))(np.full((1, 80), -5.0))) == 256


@pytest.mark.parametrize("name", ["hyperparams.yaml", "generator.ckpt"])
def test_names_the_file_that_is_missing(tmp_path: Path, name: str) -> None:
    write_vocoder(tmp_path / "vocoder")
    (tmp_path / "vocoder" / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        HifiGan(str(tmp_path / "vocoder"))


def test_refuses_a_vocoder_of_another_hop_before_it_is_loaded(tmp_path: Path) -> None:
    write_vocoder(
        tmp_path / "vocoder", upsample_factors=[8, 8, 2], upsample_kernel_sizes=[16, 16, 4]
    )
    with pytest.raises(ValueError, match=r"hop_length 128 \(the model: 256\)"):
        HifiGan(str(tmp_path / "vocoder"))


def test_refuses_a_vocoder_of_another_sampling_rate(tmp_path: Path) -> None:
    write_vocoder(tmp_path / "vocoder", head="sample_rate: 22050\npretrained_path: none\n")
    with pytest.raises(ValueError, match=r"sample_rate 22050 \(the model: 16000\)"):
        HifiGan(str(tmp_path / "vocoder"))


def test_refuses_a_vocoder_that_pads_otherwise(tmp_path: Path) -> None:
    write_vocoder(tmp_path / "vocoder", inference_padding=3)
    with pytest.raises(ValueError, match="not a HiFi-GAN of hop 256 padded by 5"):
        HifiGan(str(tmp_path / "vocoder"))(np.zeros((3, 80)))
