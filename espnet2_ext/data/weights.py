"""Are these weights, and of this network? Read without running code, loaded whole or not at all.

ESPnet's own way in (``AbsTask.build_model_from_file``) unpickles whatever the file holds, which
can run any code, and keeps random values for tensors that the file lacks.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

_BESIDE_CHECKPOINT = "take the weights beside it, such as valid.loss.best.pth"


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """Return ``{name: tensor}`` of a weights file, on the CPU; nothing in it is run.

    ValueError: damaged, more than tensors, a training's checkpoint, or empty.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of weights")
    # ESPnet's checkpoint.pth holds NumPy values beside tensors, which are refused as well.
    remedy = _BESIDE_CHECKPOINT if path.name == "checkpoint.pth" else "copy it again, or train"
    content = load_without_code(path, remedy)
    if isinstance(content, Mapping) and {"model", "optimizers"} <= set(content):
        raise ValueError(f"{path}: a training's checkpoint, not weights; {_BESIDE_CHECKPOINT}")
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        raise ValueError(f"{path}: not weights, which are tensors by name; copy them again")
    if not content:
        raise ValueError(f"{path}: holds no weights at all; copy it again, or train")
    return dict(content)


def load_without_code(path: Path, remedy: str = "copy it again") -> Any:
    """Return what a file of torch holds, on the CPU; ValueError where that would run code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle, zip, runtime and end-of-file errors
        raise ValueError(
            f"{path}: damaged, or more than tensors, which is not loaded; {remedy}"
        ) from error


def load_weights(
    network: nn.Module, weights: Mapping[str, torch.Tensor], path: str | Path, config: str | Path
) -> None:
    """Load weights into a network: every tensor of it, and no other, else ValueError.

    ``path`` and ``config`` are the files that messages name.
    """
    expected = network.state_dict()
    missing = [name for name in expected if name not in weights]
    unknown = [name for name in weights if name not in expected]
    if missing and all(name.startswith("module.") for name in weights):
        raise ValueError(
            f"{path}: names begin with 'module.', as DistributedDataParallel saves them; take "
            "the weights that the training wrote, or take the prefix off"
        )
    if missing or unknown:
        parts = [f"lacks {_some(missing)}"] if missing else []
        parts += [f"has {_some(unknown)} besides"] if unknown else []
        raise ValueError(
            f"{path}: weights of another network or a part of one: it {' and '.join(parts)}, "
            f"where {config} has {len(expected)} tensors; name weights of that training"
        )
    for name, value in expected.items():
        if weights[name].shape != value.shape:
            raise ValueError(
                f"{path}: {name} is {tuple(weights[name].shape)}, where {config} makes "
                f"{tuple(value.shape)}; name weights of that training"
            )
    network.load_state_dict(dict(weights))


def _some(names: Sequence[str]) -> str:
    """Return how many they are and the first three of them."""
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} tensors ({shown})"


def read_training_config(path: str | Path) -> dict[str, Any]:
    """Return the options of a training from its config.yaml.

    FileNotFoundError where there is none, ValueError where it is no yaml or holds no options.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing; copy it from the training directory")
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not readable as yaml; copy it again") from error
    if not isinstance(options, dict):
        raise ValueError(f"{path}: not the config.yaml of a training; copy it again")
    return options


def recipe_directory(config_path: str | Path, options: Mapping[str, Any]) -> Path:
    """Return the directory that paths of a config.yaml are relative to: its own less output_dir.

    The current directory where the training has been moved out of its recipe.
    """
    own, output_dir = Path(config_path).absolute().parent, Path(options.get("output_dir") or "")
    count = len(output_dir.parts)
    if count and not output_dir.is_absolute() and own.parts[-count:] == output_dir.parts:
        return own.parents[count - 1]
    return Path.cwd()
