"""Write the units and durations of a data directory; a killed run resumes."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio
from espnet2_ext.data.parallel import Share, atomic_open, run_parts
from espnet2_ext.data.tables import read_table, replace_rejected
from espnet2_ext.units.centroids import Centroids, UnitEncoderPipeline, deduplicate
from espnet2_ext.units.features import FrameFeatures, build_frame_features

logger = logging.getLogger(__name__)

PART_UTTERANCES = 64
"""Utterances a kill may cost each worker; small corpora are split finer."""
DEFINITIONS = {
    "usage_entropy_bits": "entropy of the share of frames that each unit has",
    "perplexity": "2 to that power: as many equally used units have the same entropy",
    "unused_codes": "units that no frame has",
    "units_per_second": "units left after removing repeats, a second of audio",
    "inertia": "mean squared distance of a frame to its centre",
}

FeaturesArguments = tuple[str, str | None, str]
"""Spec, checkpoint and device of ``build_frame_features``."""


@lru_cache(maxsize=1)
def built_features(spec: str, path_or_url: str | None, device: str) -> FrameFeatures:
    """Return the features; those asked for last are kept, as upstreams are large."""
    return build_frame_features(spec, path_or_url=path_or_url, device=device)


def read_wavs(data_dir: str | Path) -> dict[str, str]:
    """Return ``{utterance: audio file}`` of a data directory.

    FileNotFoundError where there is no wav.scp, ValueError where it is empty.
    """
    path = Path(data_dir) / "wav.scp"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; run the data stages first")
    if not (wavs := read_table(path)):
        raise ValueError(f"{path}: holds no utterances; check the data stages")
    return wavs


def data_signature(data_dir: str | Path) -> str:
    """Return a hash of the utterances of a directory and their lengths.

    It is that of ``utt2num_samples``, which holds no paths, or else of ``wav.scp``.
    """
    path = Path(data_dir) / "utt2num_samples"
    return _hash(path if path.is_file() else Path(data_dir) / "wav.scp")[:16]


def _hash(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unit_statistics(frames_of_unit: np.ndarray, totals: Mapping[str, float]) -> dict[str, Any]:
    """Return statistics of units over a whole set; ``DEFINITIONS`` explains those of no counts.

    ``frames_of_unit`` is (k,); ``totals`` are of ``utterances units num_samples squared_distance``.
    """
    num_frames = int(frames_of_unit.sum())
    used = frames_of_unit[frames_of_unit > 0] / num_frames
    entropy_bits = float(-(used * np.log2(used)).sum()) + 0.0  # no minus zero
    audio_s = totals["num_samples"] / SAMPLE_RATE_HZ
    return {
        "utterances": totals["utterances"],
        "audio_s": round(audio_s, 3),
        "frames": num_frames,
        "units": totals["units"],
        "units_per_second": round(totals["units"] / audio_s, 4),
        "usage_entropy_bits": round(entropy_bits, 4),
        "perplexity": round(2.0**entropy_bits, 3),
        "unused_codes": int((frames_of_unit == 0).sum()),
        "inertia": round(totals["squared_distance"] / num_frames, 5),
    }


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

    Neither depends on ``num_workers``, processes of one CPU thread each. ``path_or_url`` is the
    checkpoint of the features, if it was moved since. With a ``share``, its utterances alone are
    encoded and None is returned; a run without it writes the tables.

    Raises:
        FileNotFoundError: there is no ``wav.scp`` or no centroids file.
        ValueError: no utterance is usable, or the features are not those of the centroids.
    """
    data_dir, centroids = Path(data_dir), Centroids.load(centroids_path)
    items = sorted(read_wavs(data_dir).items())
    made_by = {"centroids": centroids.fingerprint, "data": data_signature(data_dir)}
    table = data_dir / f"units_{centroids.tag}"
    content = _complete(table, made_by)
    if content is not None:
        logger.info("%s: complete", table)
        return content
    arguments = (centroids.features, path_or_url or centroids.path_or_url, device)
    centroids.check_features(built_features(*arguments))
    parts = run_parts(
        table.with_name(f".{table.name}.parts_"),
        made_by,
        partial(_encode_part, centroids, arguments),
        items,
        # The split may not depend on num_workers: another run may have another number.
        max(1, min(PART_UTTERANCES, len(items) // 64)),
        suffix=".json",
        share=share,
        num_workers=num_workers,
    )
    if share is not None:
        return None
    content = _write_tables(table, made_by, list(parts), centroids.num_clusters)
    numbers = ", ".join(f"{name} {value}" for name, value in content["statistics"].items())
    logger.info("%s: %s", table, numbers)
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


def _encode_part(
    centroids: Centroids,
    arguments: FeaturesArguments,
    part: tuple[Path, Sequence[tuple[str, str]]],
) -> None:
    """Write the units of each utterance of a part, or the reason why it has none."""
    path, chunk = part
    pipeline = UnitEncoderPipeline(centroids, built_features(*arguments))
    encoded = [{"utterance_id": name, **_encode(pipeline, wav)} for name, wav in chunk]
    with atomic_open(path) as stream:
        json.dump(encoded, stream)


def _encode(pipeline: UnitEncoderPipeline, wav: str) -> dict[str, Any]:
    """Return what is known of an utterance."""
    try:
        waveform = read_audio(wav)
        assignments, distance = pipeline.assign(waveform)
    except ValueError as error:
        return {"reason": " ".join(str(error).split())}
    units, durations = (each.tolist() for each in deduplicate(assignments))
    totals = {
        "utterances": 1,
        "units": len(units),
        "num_samples": len(waveform),
        "squared_distance": distance,
    }
    return {"units": units, "durations": durations, "totals": totals}


def _write_tables(
    table: Path, made_by: dict[str, str], parts: Sequence[Path], num_clusters: int
) -> dict[str, Any]:
    """Write tables, rejections and, last of all, the json that calls them complete."""
    paths = [table, table.with_name(table.name.replace("units_", "unit_durations_", 1))]
    report = table.with_name(f"{table.name}.json")
    report.unlink(missing_ok=True)
    rejected: dict[str, str] = {}
    frames_of_unit, totals = np.zeros(num_clusters, np.int64), Counter[str]()
    with atomic_open(paths[0]) as units, atomic_open(paths[1]) as durations:
        for part in parts:
            for each in json.loads(part.read_text(encoding="utf-8")):
                name = each["utterance_id"]
                if "reason" in each:
                    rejected[name] = each["reason"]
                    continue
                units.write(f"{name} {' '.join(map(str, each['units']))}\n")
                durations.write(f"{name} {' '.join(map(str, each['durations']))}\n")
                np.add.at(frames_of_unit, each["units"], each["durations"])
                totals.update(each["totals"])
        if not totals:
            shutil.rmtree(parts[0].parent)  # a rerun reads the audio again
            name, reason = next(iter(rejected.items()))
            raise ValueError(f"{table.parent}: no utterance is usable, e.g. {name}: {reason}")
    replace_rejected(table.parent, table.name, rejected, len(rejected) + totals["utterances"])
    content = {
        "made_by": made_by,
        "tables": {path.name: _hash(path) for path in paths},
        "statistics": {**unit_statistics(frames_of_unit, totals), "rejected": len(rejected)},
        "definitions": DEFINITIONS,
        "rejected": {name: f"{table.name}: {reason}" for name, reason in rejected.items()},
    }
    with atomic_open(report) as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    shutil.rmtree(parts[0].parent)
    return content
