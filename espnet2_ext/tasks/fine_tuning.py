"""What fine-tuning takes over from a pretrained model, gathered in one folder of the recipe.

The model's sizes, mel normalisation, k-means and speaker encoder are those of pretraining,
whatever corpus is fine-tuned on: other units or other statistics would be another input.
The folder holds

* ``model.pth`` and ``config.yaml``: the pretrained model, to convert with as it is;
* ``train.yaml``: its configuration of the model with that of the fine-tuning laid over it;
* ``p2v_options.sh``: options with which ``p2v.sh`` prepares data and trains.

Source: [P2V] IV-D (fine-tuning on ESD of the model pretrained on other corpora).
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.tasks.trained_files import TrainedFiles, find_trained_files
from espnet2_ext.units.centroids import Centroids

MODEL_KEYS = (
    "features_conf",
    "normalize",
    "specaug",
    "specaug_conf",
    "unit_encoder_conf",
    "speaker_dim",
    "prosody_encoder_conf",
    "decoder_conf",
    "model_conf",
)
"""Of config.yaml; everything else of it is of the training."""
FIXED_KEYS = ("features_conf", "normalize", "normalize_conf", "speaker_dim")
"""What fine-tuning cannot change without changing what the weights mean."""


def prepare_fine_tuning(
    model_file: str | Path, config: str | Path, out_dir: str | Path
) -> TrainedFiles:
    """Write the folder and return where the pretrained model's files are.

    Args:
        model_file: weights, for instance ``../p2v1/exp/p2v_<tag>/valid.loss.best.pth``.
        config: of the fine-tuning; what it says of the model goes before what the
            pretrained model's says, key by key.
        out_dir: gets the files.

    Raises:
        FileNotFoundError: see ``find_trained_files``.
        ValueError: see there; or the configuration changes what is fixed, or a path of the
            pretrained model holds a blank.
    """
    out_dir = Path(out_dir)
    files = find_trained_files(model_file)
    own = yaml.safe_load(Path(config).read_text(encoding="utf-8")) or {}
    for key in FIXED_KEYS:
        if key in own:
            raise ValueError(f"{config}: {key} is the pretrained model's; leave it out")
    merged = {**own, **{key: _merge(files.config.get(key), own.get(key)) for key in MODEL_KEYS}}
    out_dir.mkdir(parents=True, exist_ok=True)
    link = out_dir / "model.pth"
    link.unlink(missing_ok=True)
    link.symlink_to(files.model_file.resolve())
    for name, content in (("config.yaml", files.config), ("train.yaml", merged)):
        with atomic_open(out_dir / name) as stream:
            yaml.safe_dump(content, stream, sort_keys=False)
    with atomic_open(out_dir / "p2v_options.sh") as stream:
        for name, value in p2v_options(files, out_dir).items():
            stream.write(f"{name}={shlex.quote(value)}\n")
    return files


def p2v_options(files: TrainedFiles, out_dir: Path) -> dict[str, str]:
    """Return the options of ``p2v.sh`` that the pretrained model determines, paths from here.

    Raises:
        ValueError: a path holds a blank, which ``p2v_args`` would be split at.
    """
    centroids = Centroids.load(files.centroids)
    source = Path(files.speaker_encoder)
    options = {
        "kmeans_feature": centroids.features,
        "nclusters": str(centroids.num_clusters),
        "kmeans_path_or_url": centroids.path_or_url or "",
        "kmeans_centroids": os.path.relpath(files.centroids),
        "speaker_encoder": os.path.relpath(source) if source.is_dir() else str(source),
        "p2v_config": str(out_dir / "train.yaml"),
        "pretrained_model": str(out_dir / "model.pth"),
        "p2v_args": "",
    }
    statistics = (files.config.get("normalize_conf") or {}).get("stats_file")
    if statistics is not None:
        statistics = os.path.relpath(statistics)
        if len(statistics.split()) != 1:
            raise ValueError(f"{statistics}: move the pretrained model to a path without blanks")
        # p2v.sh gives its options of the training first and these last.
        options["p2v_args"] = f"--normalize_conf stats_file={statistics}"
    return options


def _merge(pretrained: Any, own: Any) -> Any:
    """Return the pretrained model's value with the fine-tuning's laid over it, key by key."""
    if own is None:
        return pretrained
    if isinstance(pretrained, Mapping) and isinstance(own, Mapping):
        return {**pretrained, **own}
    return own
