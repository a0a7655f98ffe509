"""ESPnet's HiFi-GAN generator with a choice of what lies past the ends of its input."""

import warnings
from collections.abc import Mapping

import torch
from espnet2.gan_tts.hifigan import HiFiGANGenerator

from espnet2_ext.vocoder.mel import HOP_SAMPLES, MEL_DIM

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
