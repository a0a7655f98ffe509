"""What a model was pretrained on, so that a test on the same speech can be refused.

``p2v.sh`` keeps no list of utterances beside a checkpoint, but its ``config.yaml`` names the
data directories of training and validation, and ``init_param`` the weights that it started
from, whose own ``config.yaml`` does the same. Where one of them is not there any more,
nothing is known, and a result says so in its row.

Not followed: what HuBERT's or another upstream's makers trained on, and what units and
speaker vectors were learnt from beside the training set.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from espnet2_ext.ser.pretrained import CONFIG, WEIGHTS

SPEAKER_OPTIONS = ("train_speaker_dir", "valid_speaker_dir")
"""Of config.yaml: the data directories of a Prosody2Vec training."""
CHECKED, UNCHECKED = "checked", "not checked"


@dataclass(frozen=True)
class PretrainingData:
    """What can be compared with test and validation lists.

    Attributes:
        directories: data directories of training and validation, those that were found.
        unknown: why that is not all; empty where it is.
        sha256: of the weights; empty where they are not there.
    """

    directories: tuple[str, ...]
    unknown: str
    sha256: str


def find_pretraining_data(model_file: str | Path) -> PretrainingData:
    """Return the data of a model's pretraining, and of what that started from.

    Args:
        model_file: weights of bin/p2v_train, such as ``valid.loss.best.pth``; they need not
            be there yet.
    """
    model_file = Path(model_file)
    if not model_file.is_file():
        return PretrainingData((), f"{model_file} is not there", "")
    directories: dict[str, None] = {}
    unknown = _follow(model_file, directories, set())
    digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
    return PretrainingData(tuple(directories), "; ".join(unknown), digest)


def _follow(model_file: Path, directories: dict[str, None], seen: set[Path]) -> list[str]:
    """Add the data directories of a model and its ancestors; return what is not known."""
    path = Path(os.path.abspath(model_file)).parent / CONFIG
    if path in seen:  # fine-tuned in its own folder
        return []
    seen.add(path)
    shown = os.path.relpath(path)
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        named = [config.get(option) for option in SPEAKER_OPTIONS]
        ancestors = [str(entry).split(":")[0] for entry in config.get("init_param") or []]
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return [f"{shown} cannot be read"]
    if not all(named):
        return [f"{shown} names no data directories"]
    unknown = []
    for directory in named:
        found = _find_above(path, Path(directory) / "wav.scp")
        if found is None:
            unknown.append(f"{directory}, which {shown} names, is not there")
        else:
            directories[os.path.relpath(found.parent)] = None
    for ancestor in ancestors:
        found = _find_above(path, Path(ancestor))
        if found is None:
            unknown.append(f"{ancestor}, which {shown} started from, is not there")
        else:
            unknown += _follow(found, directories, seen)
    return unknown


def _find_above(config: Path, name: Path) -> Path | None:
    """Return a file that a configuration names from its recipe, a folder somewhere above it."""
    for parent in config.parents:
        if (parent / name).is_file():
            return parent / name
    return None


def pretraining_status(options: Mapping[str, Any], *, checked: bool, model_sha256: str) -> str:
    """Return what a row says of its pretraining data: none, checked or not checked.

    Args:
        options: of the trained system, as its config.yaml has them.
        checked: whether the lists were compared with all data of a pretraining.
        model_sha256: of the model whose pretraining that was; empty where directories were
            named without a model.
    """
    parts = {}
    encoder = options.get("prosody_encoder_dir")
    if options.get("use_prosody", True) and options.get("prosody_init") != "random":
        is_the_model = not model_sha256 or model_sha256 == _exported_sha256(encoder)
        parts["Prosody2Vec"] = CHECKED if checked and is_the_model else UNCHECKED
    sources = {str(entry).split(":")[0] for entry in options.get("init_param") or []}
    if sources - {str(Path(encoder or "") / WEIGHTS)}:
        parts["other weights"] = UNCHECKED
    if options.get("upstream") is not None:
        parts["upstream"] = UNCHECKED
    states = set(parts.values())
    if len(states) <= 1:
        return states.pop() if states else "none"
    return ", ".join(f"{part} {state}" for part, state in parts.items())


def _exported_sha256(encoder: str | None) -> str | None:
    """Return the sha256 of the model that a prosody encoder was exported from."""
    path = Path(encoder or "") / CONFIG
    if encoder is None or not path.is_file():
        return None
    return yaml.safe_load(path.read_text(encoding="utf-8")).get("sha256")
