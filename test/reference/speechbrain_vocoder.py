"""A SpeechBrain HiFi-GAN of few and random weights in a directory."""

from pathlib import Path

import torch
from speechbrain.lobes.models.HifiGAN import HifiganGenerator

SETTINGS = {
    "in_channels": 80,
    "out_channels": 1,
    "resblock_type": "1",
    "resblock_dilation_sizes": [[1, 3, 5]],
    "resblock_kernel_sizes": [3],
    "upsample_kernel_sizes": [16, 16, 4, 4],
    "upsample_initial_channel": 16,
    "upsample_factors": [8, 8, 2, 2],
    "inference_padding": 5,
    "cond_channels": 0,
    "conv_post_bias": True,
}


def write_vocoder(folder: Path, head: str = "", **changes: object) -> HifiganGenerator:
    """Write a vocoder directory; return its generator, ready for inference."""
    folder.mkdir()
    torch.manual_seed(0)
    settings = {**SETTINGS, **changes}
    generator = HifiganGenerator(**settings)
    torch.save(generator.state_dict(), folder / "generator.ckpt")
    arguments = "\n".join(f"  {key}: {value!r}" for key, value in settings.items())
    paths = "\n  paths:\n    generator: !ref <pretrained_path>/generator.ckpt" if head else ""
    (folder / "hyperparams.yaml").write_text(
        f"{head}generator: !new:speechbrain.lobes.models.HifiGAN.HifiganGenerator\n{arguments}\n"
        "modules:\n  generator: !ref <generator>\n"
        "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n"
        f"  loadables:\n    generator: !ref <generator>{paths}\n"
    )
    generator.remove_weight_norm()
    return generator.eval()
