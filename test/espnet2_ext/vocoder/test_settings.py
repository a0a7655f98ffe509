"""The files of a vocoder training, and whether a vocoder was made for the model's mel."""

from pathlib import Path

import pytest
from reference.tiny_vocoder import write_trained_vocoder

from espnet2_ext.vocoder.settings import (
    MelSettings,
    check_vocoder_mel,
    find_vocoder_files,
    stated_settings,
    vocoder_fingerprint,
)

# In the manner of SpeechBrain's published files: the generator refers to the keys above it.
PUBLISHED = """
# comment
in_channels: 80
upsample_factors: [8, 8, 2, 2]
generator: !new:speechbrain.lobes.models.HifiGAN.HifiganGenerator
  in_channels: !ref <in_channels>
  upsample_factors: !ref <upsample_factors>
modules:
  generator: !ref <generator>
"""
RIGHT = """
sample_rate: 16000
n_fft: 1024
win_length: 1024
hop_length: 256
n_mel_channels: 80
mel_fmin: 0.0
mel_fmax: 8000
norm: "slaney"
mel_scale: slaney
power: 1
dynamic_range_compression: True
mel_normalized: null
"""


@pytest.fixture
def write(tmp_path: Path):
    """Return a function that writes a vocoder's hyperparams.yaml and returns the folder."""

    def write(text: str) -> str:
        (tmp_path / "hyperparams.yaml").write_text(text)
        return str(tmp_path)

    return write


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("sample_rate: 16000", "sample_rate: 22050", "sample_rate 22050 (the model: 16000)"),
        ("[8, 8, 2, 2]", "[8, 5, 5]", "hop_length 200 (the model: 256)"),
        ("in_channels: 80\n", "in_channels: 128\n", "n_mel_channels 128 (the model: 80)"),
        ("mel_fmax: 8000", "mel_fmax: 7600", "mel_fmax 7600 (the model: 8000.0)"),
        ('"slaney"', "null", "norm None (the model: slaney)"),
        ("compression: True", "compression: False", "compression False (the model: True)"),
        ("normalized: null", "normalized: True", "mel_normalized True (the model: False)"),
    ],
)
def test_each_difference_is_one_line(write, right: str, wrong: str, said: str) -> None:
    text = PUBLISHED + RIGHT
    assert right in text
    with pytest.raises(ValueError) as error_info:
        check_vocoder_mel(write(text.replace(right, wrong)))
    message = str(error_info.value)
    assert said in message and message.count("(the model:") == 1
    assert "\n" not in message and "take speechbrain/tts-hifigan-libritts-16kHz" in message


def test_what_a_file_does_not_state_is_said(write, caplog) -> None:
    check_vocoder_mel(write(PUBLISHED + RIGHT))
    assert caplog.text == "", "all is stated, and right"
    check_vocoder_mel(write(PUBLISHED))
    assert "does not say its sampling rate, 16000 Hz is assumed; add" in caplog.text
    assert stated_settings(Path(write(PUBLISHED)) / "hyperparams.yaml") == {
        "hop_length": 256,
        "n_mel_channels": 80,
    }


def test_published_rates_and_griffin_lims_mel_are_known() -> None:
    check_vocoder_mel("speechbrain/tts-hifigan-libritts-16kHz@4d32c6f")
    with pytest.raises(ValueError, match="ljspeech: .* sample_rate 22050"):
        check_vocoder_mel("speechbrain/tts-hifigan-ljspeech")
    check_vocoder_mel("griffin_lim", MelSettings.of_model({"mel_dim": 80, "max_hz": 8000}))
    other = MelSettings.of_model(
        {"sample_rate_hz": 16000, "n_fft": 512, "hop_length": 160, "mel_dim": 64, "min_hz": 20}
    )
    with pytest.raises(ValueError, match=r"n_fft 1024 \(the model: 512\), win_length 1024"):
        check_vocoder_mel("griffin_lim", other)


def test_the_mel_of_a_training_is_that_of_its_configuration(tmp_path: Path) -> None:
    right = str(write_trained_vocoder(tmp_path / "right"))
    check_vocoder_mel(right)
    with pytest.raises(ValueError, match=r"hop_length 256 \(the model: 200\)"):
        check_vocoder_mel(right, MelSettings(hop_length=200))
    path = tmp_path / "config.yaml"
    path.write_text("features_conf:\n  n_fft: 512\nother: 1\n")
    assert MelSettings.of_training(path) == MelSettings(n_fft=512, win_length=512)
    for text, said in (("a: [1", "not readable as yaml"), ("a: 1", "has no features_conf")):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"config\.yaml: {said}"):
            MelSettings.of_training(path)


def test_nothing_in_the_file_is_run_and_a_broken_one_is_named(write, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    text = f"sample_rate: !apply:pathlib.Path.touch [!apply:pathlib.Path [{touched}]]\n"
    with pytest.raises(ValueError, match="sample_rate"):
        check_vocoder_mel(write(text))
    assert not touched.exists()
    with pytest.raises(ValueError, match=r"hyperparams\.yaml: not readable as yaml"):
        check_vocoder_mel(write("a: [1"))
    (tmp_path / "hyperparams.yaml").unlink()
    with pytest.raises(FileNotFoundError, match="copy the whole vocoder there"):
        check_vocoder_mel(str(tmp_path))


def test_a_directory_stands_for_its_best_weights(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "voc")
    files = find_vocoder_files(str(directory))
    assert files is not None
    assert files.weights == directory / "valid.mel_loss.best.pth"
    (directory / "3epoch.pth").write_bytes(files.weights.read_bytes())
    other = find_vocoder_files(str(directory / "3epoch.pth"))
    assert other is not None
    assert (other.config, other.weights) == (files.config, directory / "3epoch.pth")
    before = vocoder_fingerprint(str(directory))
    assert before == vocoder_fingerprint(str(directory / "3epoch.pth"))
    files.weights.write_bytes(b"other")
    assert vocoder_fingerprint(str(directory)) != before
    files.weights.unlink()
    with pytest.raises(FileNotFoundError, match="finish the training, or name another file"):
        find_vocoder_files(str(directory))
    (directory / "hyperparams.yaml").write_text("generator: none\n")  # SpeechBrain's
    for source in ("griffin_lim", "owner/name", str(tmp_path), str(directory)):
        assert find_vocoder_files(source) is None and vocoder_fingerprint(source) == ""
    (directory / "config.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.yaml: missing; copy it"):
        find_vocoder_files(str(directory / "3epoch.pth"))
