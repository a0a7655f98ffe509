"""What recognisers take from pretrained models: a prosody encoder, vectors of a frozen upstream.

A folder of ``export_prosody_encoder`` is all that a recogniser needs of a Prosody2Vec model:
``weights.pth`` (tensors ``prosody_encoder.*``), ``feats_stats.npz`` (statistics that normalise
its mels) and ``config.yaml`` (its options and source).

A folder of ``cache_upstream_vectors`` holds layer means of a frozen upstream, computed once for
all folds and seeds: ``npy/<utterance>.npy`` (L, D), ``vectors.scp`` with their paths and
``vectors.json``, which describes them; ``upstream.json`` names the upstream from the start.
"""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import atomic_open, atomic_path, parallel_map
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.data.weights import read_training_config, read_weights
from espnet2_ext.ser.model import FineTunedUpstream

logger = logging.getLogger(__name__)

WEIGHTS = "weights.pth"
STATISTICS = "feats_stats.npz"
CONFIG = "config.yaml"
PART = "prosody_encoder."
OPTIONS = ("features", "features_conf", "prosody_encoder", "prosody_encoder_conf")
"""Options of the pretraining that ``config.yaml`` keeps; folders from before the parts were
chosen by name have no ``features`` and ``prosody_encoder``, which then are the default."""

DESCRIPTION = "vectors.json"
TABLE = "vectors.scp"
BEGUN = "upstream.json"

_upstream: FineTunedUpstream | None = None


def export_prosody_encoder(
    model_file: str | Path, out_dir: str | Path, train_config: str | Path | None = None
) -> None:
    """Write the folder, unless it is up to date with the weights.

    Args:
        model_file: weights of a Prosody2Vec model, such as ``valid.loss.best.pth``.
        train_config: None for the config.yaml beside the weights.

    Raises:
        FileNotFoundError: no weights, configuration or statistics.
        ValueError: no Prosody2Vec model, or one pretrained without statistics of the mels.
    """
    model_file, out_dir = Path(model_file), Path(out_dir)
    train_config = Path(train_config) if train_config else model_file.parent / "config.yaml"
    for path in (model_file, train_config):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; pretrain first (p2v.sh, stage 8)")
    digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
    if (out_dir / CONFIG).is_file():
        if read_training_config(out_dir / CONFIG)["sha256"] == digest:
            return
    state = read_weights(model_file)
    weights = {name: value for name, value in state.items() if name.startswith(PART)}
    if not weights:
        raise ValueError(f"{model_file}: holds no {PART}*; it is no Prosody2Vec model")
    config = read_training_config(train_config)
    stats_file = (config.get("normalize_conf") or {}).get("stats_file")
    if stats_file is None:
        raise ValueError(
            f"{train_config}: names no statistics of the mels; pretrain with normalize: global_mvn"
        )
    # Paths of a config.yaml start at its recipe, a folder above it. That goes before the current
    # folder, which may be a recipe with files of the same names.
    folders = [*train_config.resolve().parents, Path.cwd()]
    candidates = [folder / stats_file for folder in folders if (folder / stats_file).is_file()]
    if not candidates:
        raise FileNotFoundError(
            f"{stats_file}: the statistics that {train_config} names are not there"
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / CONFIG).unlink(missing_ok=True)  # a folder that has it is whole
    with atomic_open(out_dir / WEIGHTS, "wb") as stream:
        torch.save(weights, stream)
    with atomic_path(out_dir / STATISTICS) as temporary:
        shutil.copyfile(candidates[0], temporary)
    settings: dict[str, Any] = {"source": str(model_file), "sha256": digest}
    settings |= {option: config.get(option) for option in OPTIONS}
    with atomic_open(out_dir / CONFIG) as stream:
        yaml.safe_dump(settings, stream, sort_keys=False)


def read_settings(directory: str | Path) -> dict[str, Any]:
    """Return the task options that a folder determines; or a FileNotFoundError."""
    directory = Path(directory)
    for name in (CONFIG, WEIGHTS, STATISTICS):
        if not (directory / name).is_file():
            raise FileNotFoundError(
                f"{directory / name}: no such file; run bin/export_prosody_encoder first"
            )
    config = read_training_config(directory / CONFIG)
    options = {option: config.get(option) for option in OPTIONS}
    return {**options, "normalize_conf": {"stats_file": str(directory / STATISTICS)}}


def cache_upstream_vectors(
    data_dir: str | Path,
    out_dir: str | Path,
    upstream: str,
    *,
    path_or_url: str | None = None,
    num_workers: int = 1,
    device: str = "cpu",
) -> Path:
    """Write the vectors of a data directory; existing ones are kept. Return ``vectors.json``.

    Utterances go one by one, so that no value depends on a neighbour or on ``num_workers``.

    Args:
        upstream: name in S3PRL's hub.
        path_or_url: checkpoint, for upstreams that want one.

    Raises:
        ValueError: the folder holds another upstream's vectors, the upstream cannot be loaded, or
            an utterance cannot be read or is too short.
    """
    wavs = read_table(Path(data_dir) / "wav.scp")
    out_dir = Path(out_dir)
    description = out_dir / DESCRIPTION
    named = {"upstream": upstream, "path_or_url": path_or_url}
    for path in (out_dir / BEGUN, description):
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else named
        if {name: found.get(name) for name in named} != named:
            raise ValueError(
                f"{path}: vectors of {found.get('upstream')}"
                f" ({found.get('path_or_url') or 'of the hub'}); choose another folder"
            )
    (out_dir / "npy").mkdir(parents=True, exist_ok=True)
    with atomic_open(out_dir / BEGUN) as stream:  # before the first vector, in case of a kill
        json.dump(named, stream)
    paths = {utterance: out_dir / "npy" / f"{utterance}.npy" for utterance in wavs}
    missing = [
        (str(paths[name]), name, wav) for name, wav in wavs.items() if not paths[name].exists()
    ]
    for _ in parallel_map(
        _write_vector,
        missing,
        description=f"vectors of {upstream}",
        num_workers=num_workers if device == "cpu" else 1,
        initializer=_start if missing else None,
        initializer_arguments=(upstream, path_or_url, device),
        start_method="spawn",
    ):
        pass
    num_layers, dim = np.load(next(iter(paths.values())), mmap_mode="r").shape
    write_table(out_dir / TABLE, {name: str(path) for name, path in sorted(paths.items())})
    with atomic_open(description) as stream:
        json.dump({**named, "num_layers": num_layers, "dim": dim, "utterances": len(paths)}, stream)
    return description


def _start(upstream: str, path_or_url: str | None, device: str) -> None:
    """Load the upstream once a process."""
    global _upstream
    if device == "cpu":
        torch.set_num_threads(1)
    _upstream = FineTunedUpstream(upstream, path_or_url).to(device).eval().requires_grad_(False)


@torch.inference_mode()
def _write_vector(job: tuple[str, str, str]) -> None:
    """Write one utterance's layer means."""
    path, name, wav = job
    assert _upstream is not None, "start of the process"
    device = next(_upstream.parameters()).device
    try:
        speech = torch.from_numpy(np.array(read_audio(wav), dtype=np.float32))[None].to(device)
        means = _upstream(speech, torch.tensor([speech.size(1)], device=device))
    except ValueError as error:
        raise ValueError(f"{wav}: {name}: {error}") from error
    with atomic_path(Path(path)) as temporary, open(temporary, "wb") as stream:
        np.save(stream, means[0].float().cpu().numpy())
