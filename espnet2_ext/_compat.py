"""The only file that knows two ESPnet versions: 202511 (Python 3.11) and 202611 (3.12+).

Everything else imports the names below. Where the two differ only in a module
path, the newer path is tried first.
"""

import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

import numpy as np


class _WithoutDownloads(MetaPathFinder):
    """Lets NLTK be imported as ever, but answers its downloads at once.

    ESPnet 202511 imports g2p_en, which asks the network for NLTK data in every process.
    No class used here reads that data. Importing NLTK here to say so would cost every
    process more than a second, so this waits until somebody else does.
    """

    def find_spec(self, name, path=None, target=None):
        if name != "nltk":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_answer(module: ModuleType) -> None:
                execute(module)
                _answer_downloads(module)

            # On this one loader, which nothing else imports with.
            spec.loader.exec_module = execute_and_answer
        return spec


def _answer_downloads(nltk: ModuleType) -> None:
    # A module's type knows no names of its own.
    nltk.download = lambda *arguments, **options: False  # type: ignore[attr-defined]


if not os.environ.get("ESPNET2_EXT_ALLOW_NLTK_DOWNLOAD"):
    if "nltk" in sys.modules:
        _answer_downloads(sys.modules["nltk"])
    else:
        sys.meta_path.insert(0, _WithoutDownloads())

try:
    from omniio import kaldi as _ark  # ESPnet 202611
except ImportError:
    import kaldiio as _ark  # ESPnet 202511

__all__ = [
    "load_ark_array",
    "load_ark_audio",
    "load_ark_scp",
    "tacotron2_classes",
    "write_ark_scp",
    "write_ark_scp_rows",
]


def tacotron2_classes() -> tuple[type, type]:
    """Return ESPnet's Tacotron 2 ``Decoder`` and ``AttLoc``; imported when asked for."""
    try:
        from espnet2.legacy.nets.pytorch_backend.rnn.attentions import AttLoc  # ESPnet 202611
        from espnet2.legacy.nets.pytorch_backend.tacotron2.decoder import Decoder
    except ImportError:
        from espnet.nets.pytorch_backend.rnn.attentions import AttLoc  # ESPnet 202511
        from espnet.nets.pytorch_backend.tacotron2.decoder import Decoder
    return Decoder, AttLoc


def load_ark_scp(path: str | Path) -> Mapping[str, np.ndarray]:
    """Return a lazy ``{key: array}`` over a Kaldi scp file."""
    return _ark.load_scp(str(path))


def load_ark_array(path: str, offset: int) -> np.ndarray:
    """Return the one array of a Kaldi ark that begins at this byte."""
    return _ark.load_mat(f"{path}:{offset}")


def load_ark_audio(path: str, offset: int) -> tuple[int, np.ndarray]:
    """Return sampling rate and samples (N, channels) float32 in [-1, 1] of audio in an ark."""
    rate_hz, samples = _ark.load_mat(f"{path}:{offset}")
    samples = np.asarray(samples).reshape(len(samples), -1)
    if samples.dtype == np.uint8:  # whose silence is 128
        samples = (samples - 128.0) / 128
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples / (np.iinfo(samples.dtype).max + 1)
    return rate_hz, samples.astype(np.float32)


def write_ark_scp(path: str | Path, vectors: Mapping[str, np.ndarray]) -> None:
    """Write ``path`` (an ``.scp``) and the ``.ark`` beside it, sorted by key.

    The ark is written in full and renamed before the scp that points into it, so
    an scp that exists is complete. The paths inside are as given, not absolute, as
    ESPnet's recipes run in one directory.
    """
    write_ark_scp_rows(path, ((key, vectors[key]) for key in sorted(vectors)))


def write_ark_scp_rows(path: str | Path, rows: Iterable[tuple[str, np.ndarray]]) -> None:
    """Write as ``write_ark_scp`` does what need not be in memory together, sorted by key."""
    from espnet2_ext.data.parallel import atomic_open

    scp_path, ark_path = Path(path), Path(path).with_suffix(".ark")
    with atomic_open(scp_path) as scp, atomic_open(ark_path, "wb") as ark:
        for key, vector in rows:
            ark.write(f"{key} ".encode())
            scp.write(f"{key} {ark_path}:{ark.tell()}\n")
            _write_vector(ark, vector)


def _write_vector(stream, vector: np.ndarray) -> None:
    """Append one float32 vector in Kaldi's binary form (both ark libraries read it)."""
    vector = np.asarray(vector, dtype="<f4")
    if vector.ndim != 1:
        raise ValueError(f"expected a vector, got shape {vector.shape}")
    stream.write(b"\0BFV \4" + np.int32(len(vector)).astype("<i4").tobytes() + vector.tobytes())
