"""A HiFi-GAN that was trained here, behind the interface of every vocoder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from espnet2_ext.data.weights import read_weights
from espnet2_ext.vocoder.generator import build_generator
from espnet2_ext.vocoder.interface import check_mel
from espnet2_ext.vocoder.mel import HOP_SAMPLES
from espnet2_ext.vocoder.mel_settings import check_vocoder_mel
from espnet2_ext.vocoder.training_files import VocoderFiles, find_vocoder_files

REFLECTED_FRAMES = 5
"""Repeated at either end for a generator that mirrors its input, as SpeechBrain's does it."""


class TrainedHifiGan:
    """The generator of bin/vocoder_train behind the interface of ``Vocoder``.

    Args:
        source: directory of the training, or one of its files of weights.
        device: ``cpu`` or ``cuda``.

    Raises:
        FileNotFoundError: weights or config.yaml are missing.
        ValueError: it was trained on another mel, or the files are no vocoder training's.
    """

    def __init__(self, source: str, device: str = "cpu") -> None:
        files = find_vocoder_files(source)
        if files is None:
            raise FileNotFoundError(f"{source}: neither weights nor a directory with config.yaml")
        check_vocoder_mel(source)
        config = _read_config(files.config)
        edges = config["generator_edges"]
        generator = build_generator(config["generator_conf"], edges)
        _load_weights(generator, files)
        generator.remove_weight_norm()
        self.name = source
        self.device = device
        self.padding_frames = REFLECTED_FRAMES if edges == "reflect" else 0
        self.generator = generator.eval().to(device)

    @torch.no_grad()
    def __call__(self, mel: np.ndarray) -> np.ndarray:
        """Return the waveform (256 * T,) float32 of a mel (T, 80); see ``Vocoder``."""
        mel = check_mel(mel)
        padding = self.padding_frames
        batch = np.pad(mel, ((padding, padding), (0, 0)), mode="edge").T[None]
        waveform = self.generator(torch.from_numpy(batch).to(self.device)).flatten().cpu().numpy()
        start = HOP_SAMPLES * padding
        return waveform[start : start + HOP_SAMPLES * len(mel)]


def _read_config(path: Path) -> dict[str, Any]:
    """Return the options of a vocoder training."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not readable as yaml; copy it again") from error
    if not isinstance(config, dict) or not {"generator_conf", "generator_edges"} <= set(config):
        raise ValueError(f"{path}: not the config.yaml of a vocoder training (voc.sh, stage 4)")
    return config


def _load_weights(generator: torch.nn.Module, files: VocoderFiles) -> None:
    """Load the generator's part of a file of weights."""
    prefix = "generator."
    everything = read_weights(files.weights)
    weights = {
        name.removeprefix(prefix): value
        for name, value in everything.items()
        if name.startswith(prefix)
    }
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{files.weights}: not weights of the generator of {files.config}; name those of "
            "the same training"
        ) from error
