"""Which files of a vocoder training stand behind a text such as ``exp/voc_train_vocoder``."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

CONFIG = "config.yaml"
BEST_WEIGHTS = "valid.mel_loss.best.pth"
"""Taken where a directory is named."""


@dataclass(frozen=True)
class VocoderFiles:
    """A trained vocoder.

    Attributes:
        config: options of the training.
        weights: of generator and discriminators.
    """

    config: Path
    weights: Path


def find_vocoder_files(source: str) -> VocoderFiles | None:
    """Return the files of a training; None if the text names something else.

    Args:
        source: directory with config.yaml, whose best weights are taken, or a file of
            weights beside which config.yaml lies.

    Raises:
        FileNotFoundError: a file of weights without config.yaml, or a directory without
            the best weights.
    """
    path = Path(source)
    if path.is_file():
        if not (path.parent / CONFIG).is_file():
            raise FileNotFoundError(f"{path.parent / CONFIG}: missing; copy it from the training")
        return VocoderFiles(path.parent / CONFIG, path)
    if not (path / CONFIG).is_file() or (path / "hyperparams.yaml").is_file():
        return None  # the latter is SpeechBrain's
    if not (path / BEST_WEIGHTS).is_file():
        raise FileNotFoundError(
            f"{path / BEST_WEIGHTS}: missing; finish the training, or name another file of weights"
        )
    return VocoderFiles(path / CONFIG, path / BEST_WEIGHTS)


def vocoder_fingerprint(source: str) -> str:
    """Return a hash of the weights of a training; "" for any other vocoder.

    A directory of the same name holds other weights after further training.

    Raises:
        FileNotFoundError: see ``find_vocoder_files``.
    """
    files = find_vocoder_files(source)
    if files is None:
        return ""
    with open(files.weights, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
