"""Find the files that belong to a trained model, and take them over for fine-tuning.

A training directory keeps its options in config.yaml, with paths relative to the recipe it
ran in. A model that was copied elsewhere can have the same files beside its weights:
``centroids.npz``, ``feats_stats.npz`` and the directory ``speaker_encoder``.
"""

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.weights import read_training_config, read_weights, recipe_directory
from espnet2_ext.speaker.encoder import find_model_directory, model_fingerprint
from espnet2_ext.units.centroids import Centroids


@dataclass(frozen=True)
class TrainedFiles:
    """A trained model and what belongs to it."""

    model_file: Path
    config: dict[str, Any]  # content of config.yaml, with absolute paths for building the model
    centroids: Path
    speaker_encoder: str  # directory or hub name
    compensation: Path | None  # see compensation.py; None where it was not measured


def find_trained_files(
    model_file: str | Path,
    train_config: str | Path | None = None,
    *,
    centroids: str | Path | None = None,
    speaker_encoder: str | None = None,
) -> TrainedFiles:
    """Return the files of a trained model, of which ``model_file`` holds the weights.

    What is not given is taken from beside the weights or from where the training had it: its
    config.yaml, its centroids, and the encoder whose speaker vectors it read. The message of a
    FileNotFoundError says which option gives it; a ValueError says that config.yaml is not a
    training's, or that the speaker encoder has changed since.
    """
    model_file = Path(model_file)
    if not model_file.is_file():
        raise FileNotFoundError(f"{model_file}: no such model; train one first (p2v.sh, stage 8)")
    config_path = Path(train_config) if train_config else model_file.parent / "config.yaml"
    config = read_training_config(config_path)
    if "prosody_encoder_conf" not in config:
        raise ValueError(f"{config_path}: not the config.yaml of a Prosody2Vec training")
    folders = [model_file.parent.absolute(), recipe_directory(config_path, config)]
    statistics = (config.get("normalize_conf") or {}).get("stats_file")
    if statistics is not None:
        found = _find(folders, statistics, f"named in {config_path}; copy it beside the weights")
        config["normalize_conf"] = {**config["normalize_conf"], "stats_file": str(found)}
    if centroids is None and not config.get("centroids"):
        raise FileNotFoundError(f"{config_path}: names no centroids; give --centroids")
    compensation = model_file.with_suffix(".contrast.json")
    return TrainedFiles(
        model_file,
        config,
        Path(centroids or _find(folders, config["centroids"], "give --centroids")),
        speaker_encoder or _find_speaker_encoder(folders, config_path, config),
        compensation if compensation.is_file() else None,
    )


def _find(folders: Sequence[Path], name: str, remedy: str) -> Path:
    """Return a file of the training: beside the weights, or where the training read it."""
    beside, recipe = folders
    candidates = (beside / Path(name).name, recipe / name)
    for path in candidates:
        if path.exists():
            return path
    raise FileNotFoundError(f"{candidates[-1]}: missing; {remedy}")


def _find_speaker_encoder(
    folders: Sequence[Path], config_path: Path, config: dict[str, Any]
) -> str:
    """Return the encoder that made the training's vectors, unchanged since."""
    beside, recipe = folders
    if (beside / "speaker_encoder").is_dir():
        return str(beside / "speaker_encoder")
    directory = recipe / (config.get("train_speaker_dir") or "")
    # The length filter copies the vectors, not the record of what made them.
    unfiltered = directory.parent.parent / "org" / directory.name
    for record in (directory / "spk_embed.json", unfiltered / "spk_embed.json"):
        if not record.is_file():
            continue
        made_by = json.loads(record.read_text(encoding="utf-8"))
        local = recipe / made_by["source"]
        if made_by["model"] == made_by["source"]:  # a hub name
            return str(made_by["source"])
        if not local.is_dir():
            raise FileNotFoundError(
                f"{local}: the speaker encoder of the training is missing; give --speaker_encoder"
            )
        if model_fingerprint(find_model_directory(str(local))) != made_by["model"]:
            raise ValueError(
                f"{local}: not the speaker encoder whose vectors the model was trained on "
                f"({record}); give that one with --speaker_encoder"
            )
        return str(local)
    raise FileNotFoundError(
        f"{config_path}: no spk_embed.json says which speaker encoder the model was trained "
        "with; give --speaker_encoder"
    )


# ---------------------------------------------------------------- fine-tuning

MODEL_KEYS = (
    *("features", "features_conf", "normalize", "specaug", "specaug_conf", "speaker_dim"),
    *("unit_encoder", "unit_encoder_conf", "prosody_encoder", "prosody_encoder_conf"),
    *("decoder", "decoder_conf", "model_conf", "prosody_path", "bottleneck", "bottleneck_conf"),
    *("predictor_conf", "unit_prosody_conf", "speaker_classifier_conf"),
)
"""Of config.yaml; everything else is of the training."""
FIXED_KEYS = (
    *("features", "features_conf", "normalize", "normalize_conf", "speaker_dim"),
    *("prosody_path", "unit_prosody_conf"),
)
"""What fine-tuning cannot change without changing what the weights mean."""


CLASSIFIER = "speaker_classifier."
"""Of the explicit path: how its weights are named."""


def prepare_fine_tuning(
    model_file: str | Path, config: str | Path, out_dir: str | Path
) -> TrainedFiles:
    """Gather in one folder what fine-tuning takes over, and return the pretrained model's files.

    The model's sizes, mel normalisation, k-means and speaker encoder are those of pretraining,
    whatever corpus is fine-tuned on. The folder holds

    * ``model.pth`` and ``config.yaml``: the pretrained model, to convert with as it is (without
      the speaker classifier of the explicit path, which conversion does not use);
    * ``train.yaml``: its configuration of the model, overridden key by key by ``config``;
    * ``p2v_options.sh``: options with which ``p2v.sh`` prepares data and trains.

    Source: [P2V] IV-D (fine-tuning on ESD of the model pretrained on other corpora).
    ValueError where the configuration changes what is fixed, or a path holds a blank.
    """
    out_dir = Path(out_dir)
    files = find_trained_files(model_file)
    own = yaml.safe_load(Path(config).read_text(encoding="utf-8")) or {}
    for key in FIXED_KEYS:
        if key in own:
            raise ValueError(f"{config}: {key} is the pretrained model's; leave it out")
    merged = dict(own)
    for key in MODEL_KEYS:
        pretrained, changed = files.config.get(key), own.get(key)
        if isinstance(pretrained, dict) and isinstance(changed, dict):
            merged[key] = {**pretrained, **changed}
        elif key in files.config or key in own:
            merged[key] = pretrained if changed is None else changed
    out_dir.mkdir(parents=True, exist_ok=True)
    config_as_it_is = dict(files.config)
    weights = out_dir / "model.pth"
    weights.unlink(missing_ok=True)
    if (files.config.get("model_conf") or {}).get("classifier_weight"):
        # The speaker classifier knows the speakers of pretraining alone.
        kept = read_weights(files.model_file)
        kept = {name: each for name, each in kept.items() if not name.startswith(CLASSIFIER)}
        with atomic_open(weights, "wb") as stream:
            torch.save(kept, stream)
        for conf in (config_as_it_is, merged):
            conf["model_conf"] = {**conf["model_conf"], "classifier_weight": 0.0}
    else:
        weights.symlink_to(files.model_file.resolve())
    for name, content in (("config.yaml", config_as_it_is), ("train.yaml", merged)):
        with atomic_open(out_dir / name) as stream:
            yaml.safe_dump(content, stream, sort_keys=False)
    with atomic_open(out_dir / "p2v_options.sh") as stream:
        for name, value in p2v_options(files, out_dir).items():
            stream.write(f"{name}={shlex.quote(value)}\n")
    return files


def p2v_options(files: TrainedFiles, out_dir: Path) -> dict[str, str]:
    """Return the options of ``p2v.sh`` that the pretrained model determines; relative paths."""
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
