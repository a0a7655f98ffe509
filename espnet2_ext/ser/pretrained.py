"""The prosody encoder of a pretrained Prosody2Vec, in a folder of its own.

``weights.pth`` holds its tensors (``prosody_encoder.*``), ``feats_stats.npz`` the
statistics that its mels are normalised by, ``config.yaml`` the sizes of both and where
they come from. A recogniser needs nothing else of the model.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import atomic_open, atomic_path, parallel_map
from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.data.weights import read_weights
from espnet2_ext.ser.model import FineTunedUpstream

# ---------------------------------------------------------------- pretrained

WEIGHTS = "weights.pth"
STATISTICS = "feats_stats.npz"
CONFIG = "config.yaml"
PART = "prosody_encoder."


@dataclass(frozen=True)
class ProsodyEncoderSettings:
    """What ``config.yaml`` of such a folder says.

    Attributes:
        features: name of the class; None, the default, in folders from before the choice.
        features_conf: its arguments.
        prosody_encoder: as ``features``.
        prosody_encoder_conf: its arguments.
        stats_file: path of the statistics.
        source: of the weights.
    """

    features: str | None
    features_conf: dict[str, Any]
    prosody_encoder: str | None
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
        "features": config.get("features"),
        "features_conf": config["features_conf"],
        "prosody_encoder": config.get("prosody_encoder"),
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
        features=config.get("features"),
        features_conf=config["features_conf"],
        prosody_encoder=config.get("prosody_encoder"),
        prosody_encoder_conf=config["prosody_encoder_conf"],
        stats_file=str(directory / STATISTICS),
        source=config["source"],
    )


# ---------------------------------------------------------------- upstream vectors
# Layer means of a frozen upstream, computed once for all folds and seeds.
#
# ``vectors.json`` describes them (upstream, layers, width), ``vectors.scp`` finds them:
# one ``.npy`` (L, D) an utterance; ``upstream.json`` says whose they are while they are
# being made. Training a fold then never runs the upstream.

logger = logging.getLogger(__name__)

DESCRIPTION = "vectors.json"
TABLE = "vectors.scp"
BEGUN = "upstream.json"

_upstream: FineTunedUpstream | None = None


def cache_upstream_vectors(
    data_dir: str | Path,
    out_dir: str | Path,
    upstream: str,
    *,
    path_or_url: str | None = None,
    num_workers: int = 1,
    device: str = "cpu",
) -> Path:
    """Write the vectors of a data directory; those that are there already are kept.

    Utterances go one by one, so that no value depends on a neighbour.

    Args:
        data_dir: with wav.scp.
        out_dir: gets ``vectors.json``, ``vectors.scp`` and ``npy/``.
        upstream: name in S3PRL's hub.
        path_or_url: checkpoint, for upstreams that want one.
        num_workers: processes on a CPU; results do not depend on it.
        device: torch device.

    Returns:
        The path of ``vectors.json``.

    Raises:
        ValueError: the folder holds another upstream's vectors, the upstream cannot be
            loaded, or an utterance cannot be read or is too short.
    """
    wavs = read_table(Path(data_dir) / "wav.scp")
    out_dir = Path(out_dir)
    description = out_dir / DESCRIPTION
    named = {"upstream": upstream, "path_or_url": path_or_url}
    _refuse_other_vectors((out_dir / BEGUN, description), named)
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


def _refuse_other_vectors(records: Sequence[Path], named: Mapping[str, str | None]) -> None:
    """Raise ValueError where a record of the folder names another upstream."""
    for path in records:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else named
        if {name: found.get(name) for name in named} != named:
            raise ValueError(
                f"{path}: vectors of {found.get('upstream')}"
                f" ({found.get('path_or_url') or 'of the hub'}); choose another folder"
            )


def _start(upstream: str, path_or_url: str | None, device: str) -> None:
    """Load the upstream once a process."""
    global _upstream
    if device == "cpu":
        torch.set_num_threads(1)
    _upstream = FineTunedUpstream(upstream, path_or_url).to(device).eval().requires_grad_(False)


@torch.inference_mode()
def _write_vector(job: tuple[str, str, str]) -> None:
    """Write one utterance's layer means.

    Raises:
        ValueError: it cannot be read or is too short.
    """
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
