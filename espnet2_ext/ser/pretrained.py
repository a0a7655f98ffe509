"""The prosody encoder of a pretrained Prosody2Vec, in a folder of its own.

``weights.pth`` holds its tensors (``prosody_encoder.*``), ``feats_stats.npz`` the
statistics that its mels are normalised by, ``config.yaml`` the sizes of both and where
they come from. A recogniser needs nothing else of the model.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from espnet2_ext.data.atomic import atomic_open, atomic_path
from espnet2_ext.data.weights import read_weights

WEIGHTS = "weights.pth"
STATISTICS = "feats_stats.npz"
CONFIG = "config.yaml"
PART = "prosody_encoder."


@dataclass(frozen=True)
class ProsodyEncoderSettings:
    """What ``config.yaml`` of such a folder says.

    Attributes:
        features_conf: of HifiGanMel.
        prosody_encoder_conf: of ProsodyEncoder.
        stats_file: path of the statistics.
        source: of the weights.
    """

    features_conf: dict[str, Any]
    prosody_encoder_conf: dict[str, Any]
    stats_file: str
    source: str


def export_prosody_encoder(
    model_file: str | Path, out_dir: str | Path, train_config: str | Path | None = None
) -> None:
    """Write the folder; one that is there already and of the same weights is left alone.

    Args:
        model_file: weights of a Prosody2Vec model, such as ``valid.loss.best.pth``.
        out_dir: the folder.
        train_config: ESPnet's config.yaml; None for the one beside the weights.

    Raises:
        FileNotFoundError: no weights, configuration or statistics.
        ValueError: the weights are no Prosody2Vec model's, or it was pretrained without
            statistics of the mels.
    """
    model_file, out_dir = Path(model_file), Path(out_dir)
    train_config = Path(train_config) if train_config else model_file.parent / "config.yaml"
    for path in (model_file, train_config):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; pretrain first (p2v.sh, stage 8)")
    digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
    if (out_dir / CONFIG).is_file():
        if yaml.safe_load((out_dir / CONFIG).read_text(encoding="utf-8"))["sha256"] == digest:
            return
    state = read_weights(model_file)
    weights = {name: value for name, value in state.items() if name.startswith(PART)}
    if not weights:
        raise ValueError(f"{model_file}: holds no {PART}*; it is no Prosody2Vec model")
    config = yaml.safe_load(train_config.read_text(encoding="utf-8"))
    stats_file = (config.get("normalize_conf") or {}).get("stats_file")
    if stats_file is None:
        raise ValueError(
            f"{train_config}: names no statistics of the mels; pretrain with normalize: global_mvn"
        )
    statistics = _statistics(Path(stats_file), train_config)
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / CONFIG).unlink(missing_ok=True)  # a folder that has it is whole
    with atomic_open(out_dir / WEIGHTS, "wb") as stream:
        torch.save(weights, stream)
    with atomic_path(out_dir / STATISTICS) as temporary:
        shutil.copyfile(statistics, temporary)
    settings = {
        "source": str(model_file),
        "sha256": digest,
        "features_conf": config["features_conf"],
        "prosody_encoder_conf": config["prosody_encoder_conf"],
    }
    with atomic_open(out_dir / CONFIG) as stream:
        yaml.safe_dump(settings, stream, sort_keys=False)


def _statistics(path: Path, train_config: Path) -> Path:
    """Return the path of the statistics, which the configuration names from its recipe.

    Raises:
        FileNotFoundError: they are not there.
    """
    # exp/<tag>/config.yaml of a recipe; its paths start where run.sh was called. That goes
    # before this folder, which may be a recipe with files of the same names.
    for candidate in (*(parent / path for parent in train_config.resolve().parents), path):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{path}: the statistics that {train_config} names are not there")


def read_settings(directory: str | Path) -> ProsodyEncoderSettings:
    """Return what a folder of ``export_prosody_encoder`` says.

    Raises:
        FileNotFoundError: it is not one.
    """
    directory = Path(directory)
    for name in (CONFIG, WEIGHTS, STATISTICS):
        if not (directory / name).is_file():
            raise FileNotFoundError(
                f"{directory / name}: no such file; run bin/export_prosody_encoder first"
            )
    config = yaml.safe_load((directory / CONFIG).read_text(encoding="utf-8"))
    return ProsodyEncoderSettings(
        features_conf=config["features_conf"],
        prosody_encoder_conf=config["prosody_encoder_conf"],
        stats_file=str(directory / STATISTICS),
        source=config["source"],
    )
