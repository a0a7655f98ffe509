"""HiFi-GAN generators on random weights: SpeechBrain's, ESPnet's, and the former as the latter."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from reference.speechbrain_vocoder import SETTINGS, write_vocoder
from reference.tiny_vocoder import GENERATOR, write_trained_vocoder
from speechbrain.lobes.models.HifiGAN import HifiganGenerator

from espnet2_ext.vocoder import build_vocoder
from espnet2_ext.vocoder.hifigan import (
    HifiGan,
    build_generator,
    convert_generator,
    load_speechbrain_generator,
)

MEL = np.random.default_rng(0).normal(-5, 1, (9, 80)).astype(np.float32)
PADDED = torch.from_numpy(np.pad(MEL, ((5, 5), (0, 0)), mode="edge").T[None])
SMALL = SETTINGS | {"resblock_dilation_sizes": [[1, 3, 5], [1, 2, 3]]}
SMALL |= {"resblock_kernel_sizes": [3, 7], "upsample_initial_channel": 32}
SECOND = {"resblock_type": "2", "resblock_dilation_sizes": [[1, 2], [2, 6]]}
SECOND |= {"upsample_factors": [8, 8, 4], "upsample_kernel_sizes": [16, 16, 8]}


def test_cuts_the_padding_off_at_both_ends(tmp_path: Path) -> None:
    """The generator pads by repeating the edges."""
    generator = write_vocoder(tmp_path / "vocoder")
    waveform = HifiGan(str(tmp_path / "vocoder"))(MEL)
    assert (waveform.shape, waveform.dtype) == ((256 * 9,), np.float32)
    with torch.no_grad():
        expected = generator(PADDED).flatten().numpy()[5 * 256 : 14 * 256]
    np.testing.assert_allclose(waveform, expected, atol=1.0e-5)
    write_vocoder(tmp_path / "of_hub", head="pretrained_path: nobody/nothing\n")
    assert len(HifiGan(str(tmp_path / "of_hub"))(MEL[:1])) == 256, "read from disk"


@pytest.mark.parametrize("load", [HifiGan, load_speechbrain_generator])
@pytest.mark.parametrize("name", ["hyperparams.yaml", "generator.ckpt"])
def test_names_the_file_that_is_missing(tmp_path: Path, name: str, load) -> None:
    write_vocoder(tmp_path / "vocoder")
    (tmp_path / "vocoder" / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        load(str(tmp_path / "vocoder"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"upsample_factors": [8, 8, 2], "upsample_kernel_sizes": [16, 16, 4]}, "hop_length 128"),
        ({"head": "sample_rate: 22050\npretrained_path: none\n"}, "sample_rate 22050"),
        ({"inference_padding": 3}, "not a HiFi-GAN of hop 256 padded by 5"),
    ],
)
def test_refuses_vocoders_of_another_mel_or_padding(tmp_path: Path, settings, message) -> None:
    write_vocoder(tmp_path / "vocoder", **settings)
    with pytest.raises(ValueError, match=message):
        HifiGan(str(tmp_path / "vocoder"))(np.zeros((3, 80)))


def test_a_training_or_its_weights_give_the_trained_generators_waveform(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "exp/voc_tiny")
    generator = build_generator(GENERATOR)
    weights = torch.load(directory / "valid.mel_loss.best.pth", weights_only=True)
    generator.load_state_dict(
        {name[10:]: value for name, value in weights.items() if name.startswith("generator.")}
    )
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


def test_training_files_that_are_missing_or_wrong_are_named(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "voc")
    config, weights = directory / "config.yaml", directory / "valid.mel_loss.best.pth"
    text = config.read_text()
    config.write_text(text.replace("features_conf: {}", "features_conf: {sample_rate_hz: 22050}"))
    with pytest.raises(ValueError, match=r"sample_rate 22050 \(the model: 16000\)"):
        build_vocoder(str(directory))
    config.write_text("features_conf: {}\n")
    with pytest.raises(ValueError, match="not the config.yaml of a vocoder training"):
        build_vocoder(str(directory))
    wider = yaml.safe_load(text)
    wider["generator_conf"]["channels"] = 16
    config.write_text(yaml.safe_dump(wider))
    with pytest.raises(ValueError, match="best.pth: .*config.yaml makes"):
        build_vocoder(str(directory))
    config.write_text(text)
    weights.write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"valid\.mel_loss\.best\.pth: damaged"):
        build_vocoder(str(directory))


@pytest.mark.parametrize(
    ("changes", "edges", "message"),
    [
        ({"upsample_scales": [8, 8, 2], "upsample_kernel_sizes": [16, 16, 4]}, "zeros", "128 sam"),
        ({"in_channels": 40}, "zeros", "of a frame of 40 bands"),
        ({"upsample_kernel_sizes": [16, 16, 16]}, "zeros", "of twice upsample_scales"),
        ({}, "replicate", "generator_edges 'replicate': expected one of zeros"),
    ],
)
def test_refuses_generators_of_another_mel_or_none(changes, edges, message) -> None:
    with pytest.raises(ValueError, match=message):
        build_generator({**GENERATOR, **changes}, edges)


def speechbrain_generator(**changes: object) -> HifiganGenerator:
    torch.manual_seed(0)
    generator = HifiganGenerator(**{**SMALL, **changes})
    for name, parameter in generator.named_parameters():
        if not name.endswith("original1"):
            torch.nn.init.uniform_(parameter, 0.3, 1.0)
    return generator.eval()


@pytest.mark.parametrize("changes", [{}, SECOND, {"conv_post_bias": False}])
def test_converted_generator_gives_the_same_waveform(changes) -> None:
    theirs = speechbrain_generator(**changes)
    settings, weights = convert_generator(theirs)
    ours = build_generator(settings, "reflect").eval()
    ours.load_state_dict(weights)
    mel = torch.randn(2, 80, 20, generator=torch.Generator().manual_seed(1)) - 5.0
    with torch.no_grad():
        expected = theirs(mel)
        assert expected.std() > 0.01
        torch.testing.assert_close(ours(mel), expected, atol=1.0e-5, rtol=1.0e-5)
        theirs.remove_weight_norm()
        ours.remove_weight_norm()
        torch.testing.assert_close(ours(mel), theirs(mel), atol=1.0e-5, rtol=1.0e-5)


def test_refuses_generators_that_cannot_be_converted() -> None:
    with pytest.raises(ValueError, match="cond_channels"):
        convert_generator(speechbrain_generator(cond_channels=4))
    bare = speechbrain_generator()
    bare.remove_weight_norm()
    with pytest.raises(ValueError, match="no weight norm"):
        convert_generator(bare)
