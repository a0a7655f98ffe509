"""Layer means of a frozen upstream, computed once for all folds and seeds.

``vectors.json`` describes them (upstream, layers, width), ``vectors.scp`` finds them:
one ``.npy`` (L, D) an utterance; ``upstream.json`` says whose they are while they are
being made. Training a fold then never runs the upstream.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from espnet2_ext.data.atomic import atomic_open, atomic_path
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.data.table import read_table, write_table
from espnet2_ext.ser.upstream import FineTunedUpstream

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
