"""What a process needs to turn utterances of a data directory into frame features."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.table import read_table
from espnet2_ext.units.frame_features import FrameFeatures, build_frame_features

_features: FrameFeatures | None = None


@lru_cache(maxsize=1)
def built_features(spec: str, path_or_url: str | None, device: str) -> FrameFeatures:
    """Return the features, the last ones again if asked for the same: upstreams are large."""
    return build_frame_features(spec, path_or_url=path_or_url, device=device)


def start_worker(spec: str, path_or_url: str | None, device: str) -> None:
    """Build the features once a process (the initializer of ``parallel_map``)."""
    global _features
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)
    _features = built_features(spec, path_or_url, device)


def read_and_compute(wav: str) -> tuple[np.ndarray, int]:
    """Return features (F, dim) of an audio file, and its samples at 16 kHz.

    Raises:
        ValueError: the file is not readable as audio (``AudioError``), or too short.
    """
    if _features is None:
        raise RuntimeError("start_worker has not run in this process")
    waveform = read_audio(wav)
    return _features(waveform), len(waveform)


def read_wavs(data_dir: str | Path) -> dict[str, str]:
    """Return ``{utterance: audio file}`` of a data directory.

    Raises:
        FileNotFoundError: there is no wav.scp.
        ValueError: it is empty.
    """
    check_wavs(data_dir)
    return read_table(Path(data_dir) / "wav.scp")


def check_wavs(data_dir: str | Path) -> None:
    """Check that there are utterances; raises as ``read_wavs`` does."""
    path = Path(data_dir) / "wav.scp"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; run the data stages first")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: holds no utterances; check the data stages")


def data_signature(data_dir: str | Path) -> str:
    """Return a hash of which utterances a directory has and how long they are.

    ``utt2num_samples`` says both and holds no paths, so a moved directory stays the
    same; ``wav.scp`` stands in where it is missing.
    """
    path = Path(data_dir) / "utt2num_samples"
    path = path if path.is_file() else Path(data_dir) / "wav.scp"
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
