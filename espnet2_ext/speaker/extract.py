"""Speaker vectors of a data directory ([P2V] III-B): ``spk_embed.scp``, ``spk_embed.ark``."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from espnet2_ext._compat import write_ark_scp_rows
from espnet2_ext.data.atomic import atomic_open, atomic_path
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.one_thread import one_thread
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.data.rejected import read_rejected, report_rejected, write_rejected
from espnet2_ext.data.share import Share
from espnet2_ext.data.table import read_table
from espnet2_ext.speaker.encoder import SpeakerEncoder, SpeechBrainSpeakerEncoder
from espnet2_ext.speaker.model_files import find_model_directory, model_fingerprint

logger = logging.getLogger(__name__)

CHUNK_UTTERANCES = 100
"""Utterances a part file holds: what is lost when a run is killed."""

_REASON_PREFIX = "spk_embed.scp: "

_encoder: SpeakerEncoder | None = None
"""The encoder of this process, loaded once by `_load_encoder`."""


def extract_speaker_vectors(
    data_dir: str | Path,
    source: str,
    *,
    num_workers: int = 1,
    device: str = "cpu",
    share: Share | None = None,
) -> int:
    """Write the speaker vector of every utterance and return how many there are.

    ``spk_embed.json`` beside them says which encoder and which audio they come from; a
    rerun with the same two does nothing, one that was killed goes on where it was.
    Utterances that cannot be embedded are listed in ``rejected.tsv``. The vectors do
    not depend on ``num_workers`` (every process computes with one thread).

    Args:
        data_dir: needs ``wav.scp``, 16 kHz or whatever can be resampled to it.
        source: see `build_speaker_encoder`.
        num_workers: processes, each with the encoder in its own memory.
        device: ``cpu``, ``cuda`` or ``cuda:<index>``.
        share: embed only the utterances of this share and write no tables; a run without
            it then goes on from there.

    Raises:
        ValueError: there is no ``wav.scp``, the encoder cannot be had (see
            `SpeakerModelError`), or no utterance at all could be embedded.
    """
    data_dir = Path(data_dir)
    if not (data_dir / "wav.scp").is_file():
        raise ValueError(f"{data_dir}: has no wav.scp; prepare the data directory first")
    origin = _origin(data_dir, source)
    scp, record = data_dir / "spk_embed.scp", data_dir / "spk_embed.json"
    if scp.is_file() and scp.with_suffix(".ark").is_file() and record.is_file():
        done = json.loads(record.read_text(encoding="utf-8"))
        if origin.items() <= done.items():
            logger.info("%s is complete (%d vectors), nothing to do", scp, done["vectors"])
            return done["vectors"]
    record.unlink(missing_ok=True)  # from here to the end the scp is not to be trusted
    scp.unlink(missing_ok=True)
    parts = _parts_directory(data_dir, origin)
    wavs = sorted(read_table(data_dir / "wav.scp").items())
    paths = [parts / f"{index:06d}.npz" for index in range(-(-len(wavs) // CHUNK_UTTERANCES))]
    _compute_parts(paths, wavs, source, num_workers, device, share)
    if share is not None:
        return sum(len(_chunk(wavs, i)) for i in range(len(paths)) if share.has(i))
    rejected = _reasons(paths, wavs)
    _list_rejected(data_dir, rejected, len(wavs))
    if len(rejected) == len(wavs):
        shutil.rmtree(parts, ignore_errors=True)  # a rerun reads the audio again
        reason = next(iter(rejected.values()), "wav.scp is empty")
        raise ValueError(f"{data_dir}: no utterance could be embedded ({reason})")
    write_ark_scp_rows(scp, _vectors(paths, wavs))
    with np.load(paths[0]) as part, atomic_open(record) as stream:
        number, dim = len(wavs) - len(rejected), part["vectors"].shape[1]
        json.dump({**origin, "vectors": number, "dim": dim}, stream, indent=2)
    shutil.rmtree(parts)
    return number


def _origin(data_dir: Path, source: str) -> dict[str, str]:
    """Return what the vectors depend on; a hub name stands for its content, read offline."""
    inputs = hashlib.sha256()
    for table in (data_dir / "wav.scp", data_dir / "utt2num_samples"):
        if table.is_file():
            with open(table, "rb") as stream:
                hashlib.file_digest(stream, lambda: inputs)
    is_local = Path(source).is_dir()
    return {
        "source": str(source),
        "model": model_fingerprint(find_model_directory(source)) if is_local else str(source),
        "inputs": inputs.hexdigest()[:16],
        "scale": "length sqrt(dim)",
    }


def _parts_directory(data_dir: Path, origin: dict[str, str]) -> Path:
    """Return where the parts of this encoder and audio lie; remove those of any other."""
    parts = data_dir / f".spk_embed_parts_{_digest(json.dumps(origin, sort_keys=True))}"
    for other in data_dir.glob(".spk_embed_parts_*"):
        if other != parts:
            shutil.rmtree(other, ignore_errors=True)  # another share may be at it
    return parts


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _chunk(wavs: Sequence[tuple[str, str]], index: int) -> Sequence[tuple[str, str]]:
    """Return the utterances of a part."""
    return wavs[index * CHUNK_UTTERANCES : (index + 1) * CHUNK_UTTERANCES]


def _compute_parts(
    paths: list[Path],
    wavs: Sequence[tuple[str, str]],
    source: str,
    num_workers: int,
    device: str,
    share: Share | None,
) -> None:
    """Write the parts of the share that are not there."""
    waiting = [
        index
        for index, path in enumerate(paths)
        if (share is None or share.has(index)) and not path.is_file()
    ]
    if not waiting:
        return
    with one_thread():
        for _ in parallel_map(
            _embed_chunk,
            ((paths[index], _chunk(wavs, index)) for index in waiting),
            total=len(waiting),
            description=f"speaker vectors of {paths[0].parents[1].name} (x{CHUNK_UTTERANCES})",
            num_workers=num_workers,
            initializer=_load_encoder,
            initializer_arguments=(find_model_directory(source), source, device),
            start_method="spawn",  # torch's threads do not survive a fork
        ):
            pass


def _load_encoder(directory: Path, name: str, device: str) -> None:
    """Load the encoder of this process, which computes with one thread."""
    global _encoder
    torch.set_num_threads(1)
    _encoder = SpeechBrainSpeakerEncoder(directory, name, device)


def _embed_chunk(job: tuple[Path, Sequence[tuple[str, str]]]) -> None:
    """Write one part: vectors (n, dim), and per utterance the reason it has none, or ""."""
    path, chunk = job
    if _encoder is None:
        raise RuntimeError("_load_encoder has not run in this process")
    vectors = np.zeros((len(chunk), _encoder.dim), dtype=np.float32)
    reasons = [""] * len(chunk)
    for row, (_, wav) in enumerate(chunk):
        try:
            vectors[row] = _encoder(read_audio(wav))
        except ValueError as error:  # AudioError among them
            reasons[row] = str(error)
    with atomic_path(path) as temporary:
        np.savez(temporary, vectors=vectors, reasons=np.array(reasons))


def _reasons(paths: list[Path], wavs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return ``{utterance: why it has no vector}`` over all parts."""
    rejected = {}
    for index, path in enumerate(paths):
        with np.load(path, allow_pickle=False) as part:
            for (utterance, _), reason in zip(_chunk(wavs, index), part["reasons"], strict=True):
                if reason:
                    rejected[utterance] = str(reason)
    return rejected


def _vectors(
    paths: list[Path], wavs: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield ``(utterance, vector)`` of those that have one, a part in memory at a time."""
    for index, path in enumerate(paths):
        with np.load(path, allow_pickle=False) as part:
            rows = zip(_chunk(wavs, index), part["vectors"], part["reasons"], strict=True)
            for (utterance, _), vector, reason in rows:
                if not reason:
                    yield utterance, vector


def _list_rejected(data_dir: Path, rejected: dict[str, str], total: int) -> None:
    """Replace this stage's lines of ``rejected.tsv``, keep those of other stages, log both."""
    own = {utterance: _REASON_PREFIX + reason for utterance, reason in rejected.items()}
    others = {
        utterance: reason
        for utterance, reason in read_rejected(data_dir).items()
        if not reason.startswith(_REASON_PREFIX)
    }
    write_rejected(data_dir, others | own)
    report_rejected(data_dir, own, total)
