"""HiFi-GAN of SpeechBrain, from the hub or from a local directory."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from espnet2.gan_tts.hifigan import HiFiGANGenerator

from espnet2_ext.data.weights import read_weights
from espnet2_ext.vocoder.mel import HOP_SAMPLES, MEL_DIM, check_mel
from espnet2_ext.vocoder.settings import VocoderFiles, check_vocoder_mel, find_vocoder_files

# ---------------------------------------------------------------- hifigan

PUBLISHED = "speechbrain/tts-hifigan-libritts-16kHz"
"""The vocoder whose mel the model predicts."""
PADDING_FRAMES = 5
"""Frames that the generator adds at either end and does not take off again."""


class HifiGan:
    """The 16 kHz HiFi-GAN behind the interface of ``Vocoder``.

    Source: Kong, Kim and Bae, 2020; the published weights are SpeechBrain's.
    Deviation: [P2V] names no vocoder.

    Args:
        source: hub name such as ``speechbrain/tts-hifigan-libritts-16kHz``, which is
            downloaded once, or a directory with hyperparams.yaml and generator.ckpt.
        device: ``cpu`` or ``cuda``.

    Raises:
        FileNotFoundError: a local directory lacks one of its files.
        ValueError: it says that it was made for another mel, see check_vocoder_mel.
    """

    def __init__(self, source: str = PUBLISHED, device: str = "cpu") -> None:
        # SpeechBrain's import takes seconds that Griffin-Lim's users need not wait.
        from speechbrain.inference.vocoders import HIFIGAN

        self.name = source
        self.device = device
        overrides = local_overrides(Path(source)) if Path(source).is_dir() else {}
        check_vocoder_mel(source)
        self._vocoder = HIFIGAN.from_hparams(
            source=source, overrides=overrides, run_opts={"device": device}
        )

    @torch.no_grad()
    def __call__(self, mel: np.ndarray) -> np.ndarray:
        """Return the waveform (256 * T,) float32 of a mel (T, 80); see ``Vocoder``."""
        mel = check_mel(mel)
        batch = torch.from_numpy(mel).T[None].to(self.device)
        waveform = self._vocoder.decode_batch(batch).flatten().cpu().numpy()
        start = HOP_SAMPLES * PADDING_FRAMES
        stop = start + HOP_SAMPLES * len(mel)
        if len(waveform) != stop + start:
            raise ValueError(
                f"{self.name}: gave {len(waveform)} samples for {len(mel)} frames; it is not a "
                f"HiFi-GAN of hop {HOP_SAMPLES} padded by {PADDING_FRAMES} frames"
            )
        return waveform[start:stop]


def local_overrides(directory: Path) -> dict[str, str]:
    """Return what keeps SpeechBrain from the hub when everything lies in a directory."""
    for name in ("hyperparams.yaml", "generator.ckpt"):
        if not (directory / name).is_file():
            raise FileNotFoundError(f"{directory / name}: missing; copy the whole vocoder there")
    # Where the published file names the hub, its weights would be fetched from there.
    lines = (directory / "hyperparams.yaml").read_text(encoding="utf-8").splitlines()
    names_hub = any(line.startswith("pretrained_path:") for line in lines)
    return {"pretrained_path": str(directory)} if names_hub else {}


# ---------------------------------------------------------------- generator
# ESPnet's HiFi-GAN generator with a choice of what lies past the ends of its input.

EDGES = ("zeros", "reflect")
"""What its convolutions see past the ends: zeros as published, or the input mirrored."""


def build_generator(settings: Mapping[str, object], edges: str = "zeros") -> HiFiGANGenerator:
    """Return a generator (B, 80, T) -> (B, 1, 256 * T), random and with weight norm.

    Source: Kong, Kim and Bae, 2020; the layers are ESPnet's.
    Deviation: ``reflect`` is SpeechBrain's, for generators that started from one of its.

    Args:
        settings: keyword arguments of ESPnet's ``HiFiGANGenerator``.
        edges: ``zeros`` or ``reflect``.

    Raises:
        ValueError: it takes other mels or makes another number of samples a frame, or the
            edges are neither.
    """
    if edges not in EDGES:
        raise ValueError(f"generator_edges {edges!r}: expected one of {', '.join(EDGES)}")
    try:
        with warnings.catch_warnings():
            # ESPnet uses the form of weight norm whose weights stand in its published files.
            warnings.filterwarnings("ignore", message=".*weight_norm.*", category=FutureWarning)
            generator = HiFiGANGenerator(**settings)  # type: ignore[arg-type]  # of a config
    except AssertionError as error:
        raise ValueError(
            f"generator_conf {dict(settings)}: ESPnet takes odd kernel_size, upsample_kernel_sizes "
            "of twice upsample_scales, and as many resblock_dilations as resblock_kernel_sizes"
        ) from error
    bands = generator.input_conv.in_channels
    if (bands, generator.upsample_factor) != (MEL_DIM, HOP_SAMPLES):
        raise ValueError(
            f"generator_conf: makes {generator.upsample_factor} samples of a frame of {bands} "
            f"bands; in_channels must be {MEL_DIM}, the product of upsample_scales {HOP_SAMPLES}"
        )
    for module in generator.modules():
        if isinstance(module, torch.nn.Conv1d):
            module.padding_mode = edges  # type: ignore[assignment]  # one of its literals
    return generator


# ---------------------------------------------------------------- trained hifigan
# A HiFi-GAN that was trained here, behind the interface of every vocoder.

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
