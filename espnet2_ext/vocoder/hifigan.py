"""HiFi-GAN generators: SpeechBrain's, ESPnet's trained here, and the former as the latter.

Source: Kong, Kim and Bae, 2020; published weights are SpeechBrain's, layers to train ESPnet's.
Deviation: [P2V] names no vocoder.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from espnet2.gan_tts.hifigan import HiFiGANGenerator

from espnet2_ext.data.weights import load_weights, read_training_config, read_weights
from espnet2_ext.vocoder.mel import HOP_SAMPLES, MEL_DIM, check_mel
from espnet2_ext.vocoder.settings import check_vocoder_mel, find_vocoder_files

EDGES = ("zeros", "reflect")
"""What convolutions see past the ends: zeros as published, or the input mirrored."""
PADDING_FRAMES = 5
"""Edge frames that SpeechBrain repeats at either end and does not cut off again."""


class HifiGan:
    """SpeechBrain's 16 kHz HiFi-GAN behind the interface of ``Vocoder``.

    ``source`` is a hub name, which is downloaded once, or a directory with hyperparams.yaml and
    generator.ckpt.
    """

    def __init__(self, source: str, device: str = "cpu") -> None:
        self.name = source
        self.device = device
        self._vocoder = _load_speechbrain(source, device)

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


class TrainedHifiGan:
    """A generator of bin/vocoder_train, by directory or file of weights, as a ``Vocoder``."""

    def __init__(self, source: str, device: str = "cpu") -> None:
        files = find_vocoder_files(source)
        if files is None:
            raise FileNotFoundError(f"{source}: neither weights nor a directory with config.yaml")
        check_vocoder_mel(source)
        config = read_training_config(files.config)
        if not {"generator_conf", "generator_edges"} <= config.keys():
            raise ValueError(
                f"{files.config}: not the config.yaml of a vocoder training (voc.sh, stage 4)"
            )
        edges = config["generator_edges"]
        generator = build_generator(config["generator_conf"], edges)
        prefix = "generator."
        weights = {
            name.removeprefix(prefix): value
            for name, value in read_weights(files.weights).items()
            if name.startswith(prefix)
        }
        load_weights(generator, weights, files.weights, files.config)
        generator.remove_weight_norm()
        self.name = source
        self.device = device
        self.padding_frames = PADDING_FRAMES if edges == "reflect" else 0
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


def _load_speechbrain(source: str, device: str, **options: object) -> Any:
    """Return SpeechBrain's vocoder, from the hub or a directory; its library has no types."""
    # Its import takes seconds, which users of Griffin-Lim need not wait.
    from speechbrain.inference.vocoders import HIFIGAN

    overrides = {}
    directory = Path(source)
    check_vocoder_mel(source)
    if directory.is_dir():
        if not (directory / "generator.ckpt").is_file():
            raise FileNotFoundError(f"{directory}/generator.ckpt: missing; copy the whole vocoder")
        # Where the published file names the hub, its weights would be downloaded from there.
        lines = (directory / "hyperparams.yaml").read_text(encoding="utf-8").splitlines()
        if any(line.startswith("pretrained_path:") for line in lines):
            overrides = {"pretrained_path": str(directory)}
    return HIFIGAN.from_hparams(
        source=source, overrides=overrides, run_opts={"device": device}, **options
    )


def build_generator(settings: Mapping[str, object], edges: str = "zeros") -> HiFiGANGenerator:
    """Return a generator (B, 80, T) -> (B, 1, 256 * T), random and with weight norm.

    Deviation: ``reflect`` is SpeechBrain's, for generators that started from one of its.
    """
    if edges not in EDGES:
        raise ValueError(f"generator_edges {edges!r}: expected one of {', '.join(EDGES)}")
    try:
        with warnings.catch_warnings():
            # ESPnet uses the form of weight norm whose weights stand in its published files.
            warnings.filterwarnings("ignore", message=".*weight_norm.*", category=FutureWarning)
            generator = HiFiGANGenerator(**settings)
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


# ---------------------------------------------------------------- SpeechBrain's as ESPnet's

NAMES = (
    (r"^conv_pre\.conv\.", "input_conv."),
    (r"^ups\.(\d+)\.conv\.", r"upsamples.\1.1."),
    (r"^resblocks\.(\d+)\.convs([12]?)\.(\d+)\.conv\.", r"blocks.\1.convs\2.\3.1."),
    (r"\.convs\.", ".convs1."),  # blocks without additional convolutions
    (r"^conv_post\.conv\.", "output_conv.1."),
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
)
"""SpeechBrain's names of tensors and ESPnet's, applied one after another."""


def load_speechbrain_generator(source: str) -> tuple[dict[str, object], dict[str, torch.Tensor]]:
    """Return keywords and state, with weight norm, of ESPnet's form of a SpeechBrain HiFi-GAN."""
    return convert_generator(_load_speechbrain(source, "cpu", freeze_params=False).mods.generator)


def convert_generator(generator: Any) -> tuple[dict[str, object], dict[str, torch.Tensor]]:
    """Return what makes ESPnet's generator, with edges ``reflect``, equal SpeechBrain's."""
    if hasattr(generator, "cond_layer"):
        raise ValueError("a generator with cond_channels cannot be taken over")
    weights = {}
    for name, value in generator.state_dict().items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        weights[name] = value.detach().clone()
    if "input_conv.weight_g" not in weights:
        raise ValueError("the generator has no weight norm; take the weights before its removal")
    first, last = generator.conv_pre.conv, generator.conv_post.conv
    upsamples = [layer.conv for layer in generator.ups]
    blocks = list(generator.resblocks)[: generator.num_kernels]
    has_second = hasattr(blocks[0], "convs2")
    convolutions = [
        [layer.conv for layer in (block.convs1 if has_second else block.convs)] for block in blocks
    ]
    settings: dict[str, object] = {
        "in_channels": first.in_channels,
        "out_channels": last.out_channels,
        "channels": first.out_channels,
        "kernel_size": first.kernel_size[0],
        "upsample_scales": [layer.stride[0] for layer in upsamples],
        "upsample_kernel_sizes": [layer.kernel_size[0] for layer in upsamples],
        "resblock_kernel_sizes": [layers[0].kernel_size[0] for layers in convolutions],
        "resblock_dilations": [[layer.dilation[0] for layer in layers] for layers in convolutions],
        "use_additional_convs": has_second,
    }
    return settings, {"output_conv.1.bias": torch.zeros(last.out_channels), **weights}
