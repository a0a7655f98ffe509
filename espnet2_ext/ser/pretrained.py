"""What recognisers take from pretrained models: a prosody encoder, vectors of a frozen upstream.

A folder of ``export_prosody_encoder`` has ``weights.pth`` (tensors ``prosody_encoder.*``),
``feats_stats.npz`` (statistics that normalise its mels) and ``config.yaml`` (options, source; of
the explicit prosody path what ``extract_contours`` needs, too).

A folder of ``cache_upstream_vectors`` has layer means, computed once for all folds and seeds:
``npy/<utterance>.npy`` (L, D), ``vectors.scp`` with their paths and ``vectors.json``, which
describes them; ``upstream.json`` names the upstream from the start.
"""

import hashlib
import json
import logging
import shutil
from contextlib import nullcontext
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import atomic_open, atomic_path, one_thread, spawn_map
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.data.weights import read_training_config, read_weights
from espnet2_ext.prosody2vec.contour_tables import ContourSettings
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


def export_prosody_encoder(
    model_file: str | Path, out_dir: str | Path, train_config: str | Path | None = None
) -> None:
    """Write the folder, unless it is up to date with the weights, such as ``valid.loss.best.pth``.

    ``train_config`` is the config.yaml beside them by default. FileNotFoundError where a file is
    missing; ValueError for no Prosody2Vec model, one without statistics of the mels, or one of the
    explicit prosody path whose encoder reads mels.
    """
    model_file, out_dir = Path(model_file), Path(out_dir)
    train_config = Path(train_config) if train_config else model_file.parent / "config.yaml"
    for path in (model_file, train_config):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; pretrain first (p2v.sh, stage 8)")
    digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
    config = read_training_config(train_config)
    settings: dict[str, Any] = {"source": str(model_file), "sha256": digest}
    settings |= {option: config.get(option) for option in OPTIONS}
    settings |= _explicit_settings(train_config, config)
    if (out_dir / CONFIG).is_file():
        found = read_training_config(out_dir / CONFIG)
        if all(found.get(key) == settings.get(key) for key in ("sha256", "prosody_path")):
            return
    state = read_weights(model_file)
    weights = {name: value for name, value in state.items() if name.startswith(PART)}
    if not weights:
        raise ValueError(f"{model_file}: holds no {PART}*; it is no Prosody2Vec model")
    stats_file = (config.get("normalize_conf") or {}).get("stats_file")
    if stats_file is None:
        raise ValueError(
            f"{train_config}: names no statistics of the mels; pretrain with normalize: global_mvn"
        )
    # Paths of a config.yaml start at its recipe, a folder above it. That goes before the current
    # folder, which may be a recipe with files of the same names.
    folders = [*train_config.resolve().parents, Path.cwd()]
    statistics = next((f / stats_file for f in folders if (f / stats_file).is_file()), None)
    if statistics is None:
        raise FileNotFoundError(
            f"{stats_file}: the statistics that {train_config} names are not there"
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / CONFIG).unlink(missing_ok=True)  # a folder that has it is whole
    with atomic_open(out_dir / WEIGHTS, "wb") as stream:
        torch.save(weights, stream)
    with atomic_path(out_dir / STATISTICS) as temporary:
        shutil.copyfile(statistics, temporary)
    with atomic_open(out_dir / CONFIG) as stream:
        yaml.safe_dump(settings, stream, sort_keys=False)


def _explicit_settings(train_config: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return what the folder of an explicit model has besides; ValueError if it reads mels."""
    if config.get("prosody_path") != "explicit":
        return {}
    read = (config.get("model_conf") or {}).get("prosody_input", "contour")
    if read != "contour":
        raise ValueError(
            f"{train_config}: prosody_input {read}: emotion recognition supports encoders of "
            "prosody_path implicit, and of explicit with prosody_input contour; pretrain such a one"
        )
    conf = {"f0_tracker": ContourSettings.of_config(config).tracker, "prosody_input": read}
    return {"prosody_path": "explicit", "model_conf": conf}


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
    options["prosody_path"] = config.get("prosody_path", "implicit")
    options["f0_tracker"] = ContourSettings.of_config(config).tracker
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
    ``path_or_url`` is a checkpoint. ValueError where the folder holds another upstream's vectors,
    the upstream cannot be loaded, or an utterance cannot be read or is too short.
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
    write = partial(_write_vector, (upstream, path_or_url, device))
    num_workers = num_workers if device == "cpu" else 1
    with one_thread() if device == "cpu" else nullcontext():
        spawn_map(write, missing, description=f"vectors of {upstream}", num_workers=num_workers)
    num_layers, dim = np.load(next(iter(paths.values())), mmap_mode="r").shape
    write_table(out_dir / TABLE, {name: str(path) for name, path in sorted(paths.items())})
    with atomic_open(description) as stream:
        json.dump({**named, "num_layers": num_layers, "dim": dim, "utterances": len(paths)}, stream)
    return description


@lru_cache(maxsize=1)
def _load_frozen(upstream: str, path_or_url: str | None, device: str) -> FineTunedUpstream:
    """Return the upstream, loaded once a process."""
    return FineTunedUpstream(upstream, path_or_url).to(device).eval().requires_grad_(False)


@torch.inference_mode()
def _write_vector(model: tuple[str, str | None, str], job: tuple[str, str, str]) -> None:
    """Write one utterance's layer means."""
    path, name, wav = job
    upstream, device = _load_frozen(*model), model[-1]
    try:
        speech = torch.from_numpy(np.array(read_audio(wav), dtype=np.float32))[None].to(device)
        means = upstream(speech, torch.tensor([speech.size(1)], device=device))
    except ValueError as error:
        raise ValueError(f"{wav}: {name}: {error}") from error
    with atomic_path(Path(path)) as temporary, open(temporary, "wb") as stream:
        np.save(stream, means[0].float().cpu().numpy())
