"""A HiFi-GAN of a few hundred weights: settings, and a finished training in a directory."""

from pathlib import Path

import torch
import yaml

from espnet2_ext.vocoder.hifigan import build_generator

GENERATOR = {
    "channels": 8,
    "upsample_scales": [8, 8, 4],
    "upsample_kernel_sizes": [16, 16, 8],
    "resblock_kernel_sizes": [3],
    "resblock_dilations": [[1, 2]],
    "use_additional_convs": False,
}
LAYER = {"in_channels": 1, "out_channels": 1, "nonlinear_activation": "LeakyReLU"}
LAYER |= {"nonlinear_activation_params": {"negative_slope": 0.1}, "bias": True}
DISCRIMINATOR = {
    "scales": 2,
    "scale_discriminator_params": LAYER
    | {"kernel_sizes": [15, 41, 5, 3], "channels": 4, "max_downsample_channels": 8}
    | {"max_groups": 4, "downsample_scales": [4, 4]},
    "periods": [2, 3],
    "period_discriminator_params": LAYER
    | {"kernel_sizes": [5, 3], "channels": 2, "max_downsample_channels": 8}
    | {"downsample_scales": [3, 3], "use_weight_norm": True, "use_spectral_norm": False},
}
CONFIG = {"generator_conf": GENERATOR, "discriminator_conf": DISCRIMINATOR}


def write_trained_vocoder(directory: Path, edges: str = "zeros", **changes: object) -> Path:
    """Write config.yaml and the best weights of a training; return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    generator = build_generator(GENERATOR, edges)
    for name, parameter in generator.named_parameters():  # as made by ESPnet it is all but silent
        if not name.endswith("weight_v"):
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    weights = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    weights["discriminator.bias"] = torch.zeros(1)
    torch.save(weights, directory / "valid.mel_loss.best.pth")
    config = {**CONFIG, "generator_edges": edges, "features_conf": {}, **changes}
    (directory / "config.yaml").write_text(yaml.safe_dump(config))
    return directory
