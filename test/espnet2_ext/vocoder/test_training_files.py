"""Which texts name a vocoder training, and which of its files."""

from pathlib import Path

import pytest
from reference.tiny_vocoder import write_trained_vocoder

from espnet2_ext.vocoder.settings import find_vocoder_files, vocoder_fingerprint


def test_a_directory_stands_for_its_best_weights(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "voc")
    files = find_vocoder_files(str(directory))
    assert files is not None
    assert files.weights == directory / "valid.mel_loss.best.pth"
    (directory / "3epoch.pth").write_bytes(files.weights.read_bytes())
    other = find_vocoder_files(str(directory / "3epoch.pth"))
    assert other is not None
    assert (other.config, other.weights) == (files.config, directory / "3epoch.pth")


def test_other_vocoders_are_left_to_others(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "published")
    (directory / "hyperparams.yaml").write_text("generator: none\n")
    for source in ("griffin_lim", "owner/name", str(tmp_path), str(directory)):
        assert find_vocoder_files(source) is None
        assert vocoder_fingerprint(source) == ""


def test_the_fingerprint_is_of_the_weights(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "voc")
    before = vocoder_fingerprint(str(directory))
    assert before == vocoder_fingerprint(str(directory / "valid.mel_loss.best.pth"))
    (directory / "valid.mel_loss.best.pth").write_bytes(b"other")
    assert vocoder_fingerprint(str(directory)) != before


def test_unfinished_trainings_are_refused(tmp_path: Path) -> None:
    directory = write_trained_vocoder(tmp_path / "voc")
    (directory / "valid.mel_loss.best.pth").rename(directory / "1epoch.pth")
    with pytest.raises(FileNotFoundError, match="finish the training, or name another file"):
        find_vocoder_files(str(directory))
    (directory / "config.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.yaml: missing; copy it"):
        find_vocoder_files(str(directory / "1epoch.pth"))
