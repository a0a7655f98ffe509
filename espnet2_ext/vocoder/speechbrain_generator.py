"""A generator of SpeechBrain's HiFi-GAN as one of ESPnet's: the layers are the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from espnet2_ext.vocoder.mel_settings import check_vocoder_mel

NAMES = (
    (r"^conv_pre\.conv\.", "input_conv."),
    (r"^ups\.(\d+)\.conv\.", r"upsamples.\1.1."),
    (r"^resblocks\.(\d+)\.convs([12]?)\.(\d+)\.conv\.", r"blocks.\1.convs\2.\3.1."),
    (r"\.convs\.", ".convs1."),  # blocks without additional convolutions
    (r"^conv_post\.conv\.", "output_conv.1."),
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
)
"""SpeechBrain's names and ESPnet's, applied one after another."""


@dataclass(frozen=True)
class ConvertedGenerator:
    """What makes ESPnet's generator equal one of SpeechBrain's, with edges ``reflect``.

    Attributes:
        settings: keyword arguments of ESPnet's ``HiFiGANGenerator``.
        weights: its state dictionary, with weight norm.
    """

    settings: dict[str, object]
    weights: dict[str, torch.Tensor]


def load_speechbrain_generator(source: str) -> ConvertedGenerator:
    """Return the generator of a SpeechBrain HiFi-GAN.

    Args:
        source: hub name or directory, as of ``HifiGan``.

    Raises:
        FileNotFoundError: a local directory lacks one of its files.
        ValueError: it was made for another mel, or ESPnet has no such generator.
    """
    from speechbrain.inference.vocoders import HIFIGAN

    from espnet2_ext.vocoder.hifigan import local_overrides

    overrides = local_overrides(Path(source)) if Path(source).is_dir() else {}
    check_vocoder_mel(source)
    vocoder = HIFIGAN.from_hparams(
        source=source, overrides=overrides, run_opts={"device": "cpu"}, freeze_params=False
    )
    try:
        return convert_generator(vocoder.mods.generator)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def convert_generator(generator: Any) -> ConvertedGenerator:
    """Return settings and weights for ESPnet of a SpeechBrain generator with weight norm.

    Args:
        generator: a ``HifiganGenerator``; its library has no types.

    Raises:
        ValueError: it is conditioned, or has no weight norm any more.
    """
    if hasattr(generator, "cond_layer"):
        raise ValueError("a generator with cond_channels cannot be taken over")
    weights = rename(generator.state_dict())
    if "input_conv.weight_g" not in weights:
        raise ValueError("the generator has no weight norm; take the weights before its removal")
    bias = torch.zeros(generator.conv_post.conv.out_channels)
    return ConvertedGenerator(_settings(generator), {"output_conv.1.bias": bias, **weights})


def rename(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dictionary of SpeechBrain's generator under ESPnet's names."""
    renamed = {}
    for name, value in weights.items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value.detach().clone()
    return renamed


def _settings(generator: Any) -> dict[str, object]:
    """Return the keyword arguments of ESPnet's generator, read off the layers."""
    first, upsamples = generator.conv_pre.conv, [layer.conv for layer in generator.ups]
    blocks = list(generator.resblocks)[: generator.num_kernels]
    convolutions: list[list[Any]] = [
        [layer.conv for layer in _first_convolutions(block)] for block in blocks
    ]
    return {
        "in_channels": first.in_channels,
        "out_channels": generator.conv_post.conv.out_channels,
        "channels": first.out_channels,
        "kernel_size": first.kernel_size[0],
        "upsample_scales": [layer.stride[0] for layer in upsamples],
        "upsample_kernel_sizes": [layer.kernel_size[0] for layer in upsamples],
        "resblock_kernel_sizes": [layers[0].kernel_size[0] for layers in convolutions],
        "resblock_dilations": [[layer.dilation[0] for layer in layers] for layers in convolutions],
        "use_additional_convs": hasattr(blocks[0], "convs2"),
    }


def _first_convolutions(block: Any) -> torch.nn.ModuleList:
    return block.convs1 if hasattr(block, "convs1") else block.convs
