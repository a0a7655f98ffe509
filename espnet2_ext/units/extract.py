"""Write the units and durations of a data directory; a killed run resumes.

Each part of the utterances is encoded by one process and written to a file in the hidden folder
``.units_<tag>.parts_<hash>``; when all are there they become the tables.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio
from espnet2_ext.data.formatting import Share
from espnet2_ext.data.parallel import atomic_open, one_thread, parallel_map
from espnet2_ext.data.tables import read_rejected, read_table, report_rejected, write_rejected
from espnet2_ext.units.centroids import Centroids, UnitEncoderPipeline, deduplicate
from espnet2_ext.units.features import FrameFeatures, build_frame_features

logger = logging.getLogger(__name__)

PART_UTTERANCES = 64
"""Utterances a kill may cost each worker; small corpora are split finer."""
REPORT_EVERY_S = 15.0
"""Often enough to see a slow disk or device, seldom enough for the log of a long run."""
DEFINITIONS = {
    "usage_entropy_bits": "entropy of the share of frames that each unit has",
    "perplexity": "2 to that power: as many equally used units have the same entropy",
    "unused_codes": "units that no frame has",
    "units_per_second": "units left after removing repeats, a second of audio",
    "inertia": "mean squared distance of a frame to its centre",
}

_features: FrameFeatures | None = None
_encoder: UnitEncoderPipeline | None = None
"""What a worker process has built once."""

FeaturesArguments = tuple[str, str | None, str]
"""Spec, checkpoint and device of ``build_frame_features``."""


@lru_cache(maxsize=1)
def built_features(spec: str, path_or_url: str | None, device: str) -> FrameFeatures:
    """Return the features; those asked for last are kept, as upstreams are large."""
    return build_frame_features(spec, path_or_url=path_or_url, device=device)


def start_worker(spec: str, path_or_url: str | None, device: str) -> None:
    """Build the features once a process (the initializer of ``parallel_map``)."""
    global _features
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)
    _features = built_features(spec, path_or_url, device)


def read_and_compute(wav: str) -> np.ndarray:
    """Return features (F, dim) of an audio file; ValueError if unreadable or too short."""
    if _features is None:
        raise RuntimeError("start_worker has not run in this process")
    return _features(read_audio(wav))


def read_wavs(data_dir: str | Path) -> dict[str, str]:
    """Return ``{utterance: audio file}`` of a data directory; raises as ``check_wavs``."""
    check_wavs(data_dir)
    return read_table(Path(data_dir) / "wav.scp")


def check_wavs(data_dir: str | Path) -> None:
    """Raise FileNotFoundError where there is no wav.scp, ValueError where it is empty."""
    path = Path(data_dir) / "wav.scp"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; run the data stages first")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: holds no utterances; check the data stages")


def data_signature(data_dir: str | Path) -> str:
    """Return a hash of the utterances of a directory and their lengths.

    It is that of ``utt2num_samples``, which holds no paths, or else of ``wav.scp``.
    """
    path = Path(data_dir) / "utt2num_samples"
    return _hash(path if path.is_file() else Path(data_dir) / "wav.scp")[:16]


def _hash(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class UnitStatistics:
    """Statistics of units over a whole set; none is a mean of means."""

    def __init__(self, num_clusters: int) -> None:
        self.frames_of_unit = np.zeros(num_clusters, np.int64)
        self.num_utterances = 0
        self.num_units = 0
        self.num_samples = 0
        self.squared_distance = 0.0

    def add(
        self,
        units: Sequence[int],
        run_lengths: Sequence[int],
        squared_distance: float,
        num_samples: int,
    ) -> None:
        """Add an utterance: units (U,), frames of each (U,), summed distance, samples."""
        np.add.at(self.frames_of_unit, units, run_lengths)
        self.num_utterances += 1
        self.num_units += len(units)
        self.num_samples += num_samples
        self.squared_distance += squared_distance

    def summary(self) -> dict[str, float | int]:
        """Return the numbers by name; ``DEFINITIONS`` explains those that are no counts."""
        num_frames = int(self.frames_of_unit.sum())
        if num_frames == 0:
            raise ValueError("no frames, so no statistics")
        used = self.frames_of_unit[self.frames_of_unit > 0] / num_frames
        entropy_bits = float(-(used * np.log2(used)).sum()) + 0.0  # no minus zero
        audio_s = self.num_samples / SAMPLE_RATE_HZ
        return {
            "utterances": self.num_utterances,
            "audio_s": round(audio_s, 3),
            "frames": num_frames,
            "units": self.num_units,
            "units_per_second": round(self.num_units / audio_s, 4),
            "usage_entropy_bits": round(entropy_bits, 4),
            "perplexity": round(2.0**entropy_bits, 3),
            "unused_codes": int((self.frames_of_unit == 0).sum()),
            "inertia": round(self.squared_distance / num_frames, 5),
        }


class RealTimeLog:
    """Adds up seconds of speech and logs their ratio to the seconds passed."""

    def __init__(self, description: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self.description = description
        self.audio_s = 0.0
        self._clock = clock
        self._start_s = self._reported_s = clock()

    def add(self, audio_s: float) -> None:
        """Count seconds of speech; logs if the last line is 15 s old."""
        self.audio_s += audio_s
        now_s = self._clock()
        if now_s - self._reported_s >= REPORT_EVERY_S:
            self._reported_s = now_s
            logger.info("%s: %.0f s of speech, %s", self.description, self.audio_s, self)

    def __str__(self) -> str:
        """Return ``312 x real time``, one digit after the point below 10."""
        ratio = self.audio_s / max(self._clock() - self._start_s, 1e-9)
        return f"{ratio:.{0 if ratio >= 10 else 1}f} x real time"


def extract_units(
    data_dir: str | Path,
    centroids_path: str | Path,
    *,
    path_or_url: str | None = None,
    num_workers: int = 1,
    device: str = "cpu",
    share: Share | None = None,
) -> dict[str, Any] | None:
    """Write ``units_<tag>``, ``unit_durations_<tag>`` and ``units_<tag>.json`` to ``data_dir``.

    The tables are ``text_int``: ids 0 to k - 1 without repeats, and their durations in frames.
    The json, whose content is returned, says what made them and holds the statistics and the
    rejected utterances, which the length filter has to leave out before training. What is
    complete is left as it is.

    Args:
        data_dir: directory with ``wav.scp``.
        centroids_path: written by ``learn_kmeans`` or ``import_kmeans``.
        path_or_url: checkpoint of the features, if it was moved since.
        num_workers: processes, one CPU thread each; results do not depend on it.
        device: torch device of an upstream.
        share: encode this share alone, and return None; a run without it writes the tables.

    Raises:
        FileNotFoundError: there is no ``wav.scp`` or no centroids file.
        ValueError: no utterance is usable, or the features are not those of the centroids.
    """
    data_dir, centroids = Path(data_dir), Centroids.load(centroids_path)
    check_wavs(data_dir)
    made_by = {"centroids": centroids.fingerprint, "data": data_signature(data_dir)}
    table = data_dir / f"units_{centroids.tag}"
    content = _complete(table, made_by)
    if content is not None:
        logger.info("%s: complete", table)
        return content
    progress = RealTimeLog(table.name + (f", share {share}" if share else ""))
    arguments = (centroids.features, path_or_url or centroids.path_or_url, device)
    parts = _encode_parts(table, made_by, centroids, arguments, num_workers, progress, share)
    if share is not None:
        return None
    content = _write_tables(table, made_by, parts, UnitStatistics(centroids.num_clusters))
    numbers = ", ".join(f"{name} {value}" for name, value in content["statistics"].items())
    logger.info("%s: %s; %s", table, numbers, progress)
    return content


def _complete(table: Path, made_by: dict[str, str]) -> dict[str, Any] | None:
    """Return the json of a complete extraction made by the same, else None."""
    report = table.with_name(f"{table.name}.json")
    if not report.is_file():
        return None
    content = json.loads(report.read_text(encoding="utf-8"))
    if content["made_by"] != made_by:
        logger.warning("%s: made by other centroids or of other data, made again", report)
        return None
    for name, digest in content["tables"].items():
        path = table.with_name(name)
        if not path.is_file() or _hash(path) != digest:
            logger.warning("%s: missing or changed, made again", path)
            return None
    return content


def _encode_parts(
    table: Path,
    made_by: dict[str, str],
    centroids: Centroids,
    arguments: FeaturesArguments,
    num_workers: int,
    progress: RealTimeLog,
    share: Share | None,
) -> list[Path]:
    """Encode what no earlier run has; return the files of all parts, in order."""
    centroids.check_features(built_features(*arguments))
    items = sorted(read_wavs(table.parent).items())
    # The split may not depend on num_workers: another run may have another number.
    size = max(1, min(PART_UTTERANCES, len(items) // 64))
    folder = _part_folder(table, {**made_by, "part_utterances": size})
    parts = [folder / f"part_{number:06d}.json" for number in range(-(-len(items) // size))]
    own = [number for number in range(len(parts)) if share is None or share.has(number)]
    pending = [number for number in own if not parts[number].is_file()]  # a file is a whole part
    if len(pending) < len(own):
        there = len(own) - len(pending)
        logger.info("%s: %d of %d parts are there", table.parent, there, len(own))
    with one_thread():
        for audio_s in parallel_map(
            _encode_part,
            ((items[part * size : (part + 1) * size], parts[part]) for part in pending),
            total=len(pending),
            description=f"{table.name} (x{size})",
            num_workers=num_workers,
            initializer=_start,
            initializer_arguments=(centroids, arguments),
            start_method="spawn",
        ):
            progress.add(audio_s)
    return parts


def _part_folder(table: Path, facts: dict[str, Any]) -> Path:
    """Return the folder of the parts; folders of parts made otherwise are removed.

    Its name holds a hash of what they depend on: several processes may open it at once.
    """
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    folder = table.with_name(f".{table.name}.parts_{digest}")
    for other in table.parent.glob(f".{table.name}.parts*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    return folder


def _write_tables(
    table: Path, made_by: dict[str, str], parts: Sequence[Path], totals: UnitStatistics
) -> dict[str, Any]:
    """Write tables, rejections and, last of all, the json that calls them complete."""
    paths = [table, table.with_name(table.name.replace("units_", "unit_durations_", 1))]
    report = table.with_name(f"{table.name}.json")
    report.unlink(missing_ok=True)
    rejected: dict[str, str] = {}
    with atomic_open(paths[0]) as units, atomic_open(paths[1]) as durations:
        for part in parts:
            for each in json.loads(part.read_text(encoding="utf-8")):
                name, reason = each.pop("utterance_id"), each.pop("reason")
                if reason:
                    rejected[name] = f"{table.name}: {reason}"
                    continue
                units.write(f"{name} {' '.join(map(str, each['units']))}\n")
                durations.write(f"{name} {' '.join(map(str, each['run_lengths']))}\n")
                totals.add(**each)
        if totals.num_utterances == 0:
            shutil.rmtree(parts[0].parent)  # a rerun reads the audio again
            name, reason = next(iter(rejected.items()))
            raise ValueError(f"{table.parent}: no utterance is usable, e.g. {name}: {reason}")
    _merge_rejected(table, rejected, len(rejected) + totals.num_utterances)
    content = {
        "made_by": made_by,
        "tables": {path.name: _hash(path) for path in paths},
        "statistics": {**totals.summary(), "rejected": len(rejected)},
        "definitions": DEFINITIONS,
        "rejected": rejected,
    }
    with atomic_open(report) as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    shutil.rmtree(parts[0].parent)
    return content


def _start(centroids: Centroids, arguments: FeaturesArguments) -> None:
    global _encoder
    start_worker(*arguments)
    _encoder = UnitEncoderPipeline(centroids, built_features(*arguments))


def _encode_part(item: tuple[list[tuple[str, str]], Path]) -> float:
    """Encode the utterances of one part and write it; return the seconds of speech."""
    chunk, path = item
    encoded = [_encode(utterance_id, wav) for utterance_id, wav in chunk]
    with atomic_open(path) as stream:
        json.dump(encoded, stream)
    return sum(each["num_samples"] for each in encoded) / SAMPLE_RATE_HZ


def _encode(utterance_id: str, wav: str) -> dict[str, Any]:
    """Return an utterance's units, or the reason why it has none."""
    assert _encoder is not None, "_start runs first in every process"
    units = run_lengths = np.zeros(0, np.int64)
    distance, num_samples, reason = 0.0, 0, ""
    try:
        waveform = read_audio(wav)
        assignments, distance = _encoder.assign(waveform)
        units, run_lengths = deduplicate(assignments)
        num_samples = len(waveform)
    except ValueError as error:
        reason = " ".join(str(error).split())
    return {
        "utterance_id": utterance_id,
        "units": units.tolist(),
        "run_lengths": run_lengths.tolist(),
        "squared_distance": distance,
        "num_samples": num_samples,
        "reason": reason,
    }


def _merge_rejected(table: Path, rejected: dict[str, str], total: int) -> None:
    """Add to ``rejected.tsv``, in place of what an earlier run said about this table."""
    earlier = read_rejected(table.parent)
    others = {k: v for k, v in earlier.items() if not v.startswith(f"{table.name}: ")}
    if rejected or others:
        write_rejected(table.parent, {**rejected, **others})
    report_rejected(table.parent, rejected, total)
