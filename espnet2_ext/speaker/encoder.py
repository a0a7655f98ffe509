"""One interface to a frozen speaker encoder, and the SpeechBrain encoder behind it."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.speaker.model_files import (
    SpeakerModelError,
    check_hyperparams,
    find_model_directory,
)

MIN_SAMPLES = 800
"""Shortest waveform (0.05 s): ECAPA-TDNN pads by reflection and needs 5 feature frames."""


class SpeakerEncoder(Protocol):
    """A waveform in, one vector out.

    The vector has length sqrt(dim), that is a root mean square of 1: encoders differ
    by orders of magnitude in scale, and the decoder's memory holds the vector beside
    parts of that size. Cosines are unchanged. Deviation: [P2V] does not say.
    """

    name: str
    dim: int

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Return (dim,) float32 for a 16 kHz waveform (N,)."""
        ...


class SpeechBrainSpeakerEncoder:
    """A frozen SpeechBrain ``EncoderClassifier`` (ECAPA-TDNN or any of that format).

    Utterances go through one at a time: its convolutions do not mask padding, so a
    batch would make a vector depend on its neighbours.

    Source: [P2V] III-B, the 192-d output of the last layer of a pretrained ECAPA-TDNN.
    Deviation: the paper does not say whose. SpeechBrain's published one was trained on
    VoxCeleb 1 and 2, the paper's on VoxCeleb2; see ProsodyEncoder for its width.
    """

    def __init__(self, directory: str | Path, name: str, device: str = "cpu") -> None:
        """Load the directory's model; nothing is fetched, linked or written.

        Raises:
            SpeakerModelError: the files are damaged, or would run code on loading.
        """
        self.name = name
        self.classifier = _load_classifier(Path(directory), device)
        self.dim = len(self._embed(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)))

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """Return the speaker vector (dim,) float32 of length sqrt(dim).

        Raises:
            ValueError: the waveform is not one-dimensional, is shorter than 0.05 s, or
                the encoder gives no finite vector for it.
        """
        if waveform.ndim != 1 or len(waveform) < MIN_SAMPLES:
            raise ValueError(
                f"speaker encoder needs a mono waveform of at least {MIN_SAMPLES} samples "
                f"({MIN_SAMPLES / SAMPLE_RATE_HZ:.2f} s), got shape {waveform.shape}"
            )
        vector = self._embed(waveform)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise ValueError(f"speaker encoder {self.name} gave no finite vector")
        return vector * np.float32(np.sqrt(self.dim) / length)

    def _embed(self, waveform: np.ndarray) -> np.ndarray:
        """Return the network's own output (dim,)."""
        batch = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32)).unsqueeze(0)
        with torch.inference_mode():
            return self.classifier.encode_batch(batch).reshape(-1).float().cpu().numpy()


def build_speaker_encoder(source: str, device: str = "cpu") -> SpeakerEncoder:
    """Return the encoder of a hub name or of a local SpeechBrain directory.

    Args:
        source: ``speechbrain/spkrec-ecapa-voxceleb``, another hub name, optionally
            ``@revision``, or a directory.
        device: ``cpu``, ``cuda`` or ``cuda:<index>``.

    Raises:
        SpeakerModelError: see `find_model_directory` and `SpeechBrainSpeakerEncoder`.
    """
    return SpeechBrainSpeakerEncoder(find_model_directory(source), source, device)


def _load_classifier(directory: Path, device: str):
    """Return the frozen ``EncoderClassifier``, its files checked before SpeechBrain reads them."""
    from speechbrain.inference.classifiers import EncoderClassifier
    from speechbrain.utils.fetching import FetchConfig

    keys = check_hyperparams(directory / "hyperparams.yaml")
    weights = _read_weights(directory / "embedding_model.ckpt")
    for name in ("classifier.ckpt", "mean_var_norm_emb.ckpt"):
        _read_weights(directory / name)
    # The published yaml names the hub in `pretrained_path`: a local copy would go online.
    overrides = {"pretrained_path": str(directory)} if "pretrained_path" in keys else {}
    try:
        classifier = EncoderClassifier.from_hparams(
            source=str(directory),
            overrides=overrides,
            savedir=None,
            fetch_config=FetchConfig(allow_network=False),
            run_opts={"device": "cuda:0" if device == "cuda" else device},
        )
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).replace("\n", " ")[:200]
        raise SpeakerModelError(f"{directory}: SpeechBrain cannot load it ({reason})") from error
    # SpeechBrain only warns of weights that do not fit, and keeps random ones.
    if set(weights) != set(classifier.mods["embedding_model"].state_dict()):
        raise SpeakerModelError(
            f"{directory}: embedding_model.ckpt does not fit the network of hyperparams.yaml; "
            "take both from the same model"
        )
    return classifier.eval()


def _read_weights(path: Path) -> dict:
    """Return the content of a weights file, read without running any code of it.

    SpeechBrain reads it again with torch's default, which an environment variable can
    turn unsafe; a file that passes here holds tensors and plain values only.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle, zip, runtime and end-of-file errors
        reason = str(error).strip().split("\n")[0][:120]
        raise SpeakerModelError(
            f"{path}: damaged, or more than tensors, which is not loaded ({reason}); copy it again"
        ) from error
