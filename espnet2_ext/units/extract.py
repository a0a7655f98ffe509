"""Write the units and run lengths of a data directory; a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio
from espnet2_ext.data.one_thread import one_thread
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.data.rejected import read_rejected, report_rejected, write_rejected
from espnet2_ext.data.share import Share
from espnet2_ext.units.assign import FrameAssigner
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.deduplicate import deduplicate
from espnet2_ext.units.real_time import RealTimeLog
from espnet2_ext.units.statistics import DEFINITIONS, UnitStatistics
from espnet2_ext.units.unit_parts import EncodedUtterance, UnitParts, write_part
from espnet2_ext.units.worker import (
    built_features,
    check_wavs,
    data_signature,
    read_wavs,
    start_worker,
)

logger = logging.getLogger(__name__)

PART_UTTERANCES = 64
"""Utterances a kill may cost each worker; small corpora are split finer."""

_assigner: FrameAssigner | None = None


@dataclass(frozen=True)
class Extraction:
    """What ``extract_units`` did.

    Attributes:
        tag: the tables are ``units_<tag>`` and ``unit_durations_<tag>``.
        statistics: ``UnitStatistics.summary()`` and the number rejected.
        rejected: utterance to reason. These are in ``wav.scp`` but not in the tables: the
            length filter, or another ``subset_data_directory`` into a new directory,
            has to leave them out before training reads it.
        was_complete: nothing had to be done.
    """

    tag: str
    statistics: dict[str, Any]
    rejected: dict[str, str]
    was_complete: bool


def extract_units(
    data_dir: str | Path,
    centroids_path: str | Path,
    *,
    path_or_url: str | None = None,
    num_workers: int = 1,
    device: str = "cpu",
) -> Extraction:
    """Write ``units_<tag>``, ``unit_durations_<tag>`` and ``units_<tag>.json`` to ``data_dir``.

    The tables are ``text_int``, ids 0 to k - 1 without repeats, run lengths in upstream
    frames. The json says what made them, and holds the statistics; tables that it
    describes are left alone. Work in progress lies in ``.units_<tag>.parts``.

    Args:
        data_dir: directory with ``wav.scp``.
        centroids_path: written by ``learn_kmeans`` or ``import_kmeans``.
        path_or_url: checkpoint of the features where it lies elsewhere than the
            centroids say.
        num_workers: processes, one CPU thread each; results do not depend on it.
        device: torch device of an upstream.

    Raises:
        FileNotFoundError: there is no ``wav.scp`` or no centroids file.
        ValueError: no utterance is usable, or the features are not those of the centroids.
    """
    data_dir, centroids, made_by = _inputs(data_dir, centroids_path)
    done = _complete(data_dir, centroids.tag, made_by)
    if done is not None:
        logger.info("%s: complete", data_dir / f"units_{centroids.tag}")
        return Extraction(centroids.tag, done["statistics"], done["rejected"], True)
    progress = RealTimeLog(f"units_{centroids.tag}")
    features_arguments = (centroids.features, path_or_url or centroids.path_or_url, device)
    parts, num_parts = _encode_all(
        data_dir, centroids, made_by, features_arguments, num_workers, progress
    )
    statistics, rejected = _write_tables(data_dir, centroids, parts, num_parts, made_by)
    logger.info(
        "%s: %s; %s",
        data_dir / f"units_{centroids.tag}",
        ", ".join(f"{name} {value}" for name, value in statistics.items()),
        progress,
    )
    return Extraction(centroids.tag, statistics, rejected, False)


def encode_share(
    data_dir: str | Path,
    centroids_path: str | Path,
    share: Share,
    *,
    path_or_url: str | None = None,
    num_workers: int = 1,
    device: str = "cpu",
) -> None:
    """Encode one share of the utterances; ``extract_units`` then goes on from there.

    Arguments and errors are those of ``extract_units``. Tables are not written.
    """
    data_dir, centroids, made_by = _inputs(data_dir, centroids_path)
    if _complete(data_dir, centroids.tag, made_by) is None:
        progress = RealTimeLog(f"units_{centroids.tag}, share {share}")
        features_arguments = (centroids.features, path_or_url or centroids.path_or_url, device)
        _encode_all(data_dir, centroids, made_by, features_arguments, num_workers, progress, share)


def _inputs(
    data_dir: str | Path, centroids_path: str | Path
) -> tuple[Path, Centroids, dict[str, str | int]]:
    """Return the directory, the centroids and what says that tables are made of the two."""
    data_dir, centroids = Path(data_dir), Centroids.load(centroids_path)
    check_wavs(data_dir)
    return (
        data_dir,
        centroids,
        {"centroids": centroids.fingerprint, "data": data_signature(data_dir)},
    )


def _encode_all(
    data_dir: Path,
    centroids: Centroids,
    made_by: dict[str, str | int],
    features_arguments: tuple[str, str | None, str],
    num_workers: int,
    progress: RealTimeLog,
    share: Share | None = None,
) -> tuple[UnitParts, int]:
    """Encode what no earlier run has; return the parts and how many there are."""
    centroids.check_features(built_features(*features_arguments))
    items = sorted(read_wavs(data_dir).items())
    # The split may not depend on num_workers: another run may have another number.
    size = max(1, min(PART_UTTERANCES, len(items) // 64))
    num_parts = -(-len(items) // size)
    parts = UnitParts(data_dir, centroids.tag, {**made_by, "part_utterances": size})
    own = [number for number in range(num_parts) if share is None or share.has(number)]
    pending = [number for number in own if not parts.path(number).is_file()]
    if len(pending) < len(own):
        logger.info("%s: %d of %d parts are there", data_dir, len(own) - len(pending), len(own))
    with one_thread():
        for audio_s in parallel_map(
            _encode_part,
            ((items[part * size : (part + 1) * size], parts.path(part)) for part in pending),
            total=len(pending),
            description=f"units_{centroids.tag} (x{size})",
            num_workers=num_workers,
            initializer=_start,
            initializer_arguments=(centroids, features_arguments),
            start_method="spawn",
        ):
            progress.add(audio_s)
    return parts, num_parts


def _start(centroids: Centroids, features_arguments: tuple[str, str | None, str]) -> None:
    global _assigner
    start_worker(*features_arguments)
    _assigner = FrameAssigner(centroids, built_features(*features_arguments))


def _encode_part(item: tuple[list[tuple[str, str]], Path]) -> float:
    """Encode the utterances of one part and write it; return the seconds of speech."""
    chunk, path = item
    encoded = [_encode(utterance_id, wav) for utterance_id, wav in chunk]
    write_part(path, encoded)
    return sum(each.num_samples for each in encoded) / SAMPLE_RATE_HZ


def _encode(utterance_id: str, wav: str) -> EncodedUtterance:
    """Return an utterance's units, or with the reason why it has none."""
    assert _assigner is not None, "_start runs first in every process"
    try:
        waveform = read_audio(wav)
        assignments, distance = _assigner.assign(waveform)
    except ValueError as error:
        return EncodedUtterance(utterance_id, [], [], 0.0, 0, " ".join(str(error).split()))
    units, run_lengths = deduplicate(assignments)
    return EncodedUtterance(
        utterance_id, units.tolist(), run_lengths.tolist(), distance, len(waveform)
    )


def _write_tables(
    data_dir: Path,
    centroids: Centroids,
    parts: UnitParts,
    num_parts: int,
    made_by: dict[str, str | int],
) -> tuple[dict[str, Any], dict[str, str]]:
    """Write tables, rejections and, last of all, the json that calls them complete."""
    tag = centroids.tag
    names = (f"units_{tag}", f"unit_durations_{tag}")
    report = data_dir / f"units_{tag}.json"
    report.unlink(missing_ok=True)
    totals = UnitStatistics(centroids.num_clusters, SAMPLE_RATE_HZ)
    rejected: dict[str, str] = {}
    with atomic_open(data_dir / names[0]) as units, atomic_open(data_dir / names[1]) as durations:
        for each in parts.read(num_parts):
            if each.reason:
                rejected[each.utterance_id] = f"{names[0]}: {each.reason}"
                continue
            units.write(f"{each.utterance_id} {' '.join(map(str, each.units))}\n")
            durations.write(f"{each.utterance_id} {' '.join(map(str, each.run_lengths))}\n")
            totals.add(each.units, each.run_lengths, each.squared_distance, each.num_samples)
        if totals.num_utterances == 0:
            parts.remove()  # a rerun reads the audio again
            utterance_id, reason = next(iter(rejected.items()))
            raise ValueError(f"{data_dir}: no utterance is usable, e.g. {utterance_id}: {reason}")
    _merge_rejected(data_dir, names[0], rejected, len(rejected) + totals.num_utterances)
    statistics = {**totals.summary(), "rejected": len(rejected)}
    content = {
        "made_by": made_by,
        "tables": {name: _hash(data_dir / name) for name in names},
        "statistics": statistics,
        "definitions": DEFINITIONS,
        "rejected": rejected,
    }
    with atomic_open(report) as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    parts.remove()
    return statistics, rejected


def _merge_rejected(data_dir: Path, table: str, rejected: dict[str, str], total: int) -> None:
    """Add to ``rejected.tsv``, in place of what an earlier run said about this table."""
    others = {
        utterance_id: reason
        for utterance_id, reason in read_rejected(data_dir).items()
        if not reason.startswith(f"{table}: ")
    }
    if rejected or others:
        write_rejected(data_dir, {**rejected, **others})
    report_rejected(data_dir, rejected, total)


def _complete(data_dir: Path, tag: str, made_by: dict[str, str | int]) -> dict[str, Any] | None:
    """Return the json of an extraction that is whole and was made by the same, else None."""
    report = data_dir / f"units_{tag}.json"
    if not report.is_file():
        return None
    content = json.loads(report.read_text(encoding="utf-8"))
    if content["made_by"] != made_by:
        logger.warning("%s: made by other centroids or of other data, made again", report)
        return None
    for name, digest in content["tables"].items():
        if not (data_dir / name).is_file() or _hash(data_dir / name) != digest:
            logger.warning("%s: missing or changed, made again", data_dir / name)
            return None
    return content


def _hash(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
