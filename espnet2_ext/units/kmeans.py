"""Learn cluster centres on a sample of a corpus's frames."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from espnet2_ext.data.one_thread import one_thread
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.frame_features import FrameFeatures
from espnet2_ext.units.refine import refine
from espnet2_ext.units.reservoir import Reservoir, choose_utterances
from espnet2_ext.units.worker import (
    built_features,
    data_signature,
    read_and_compute,
    read_wavs,
    start_worker,
)

logger = logging.getLogger(__name__)

BATCH_FRAMES = 10_000
MAX_PASSES = 100
NUM_INITIALISATIONS = 20


def learn_kmeans(
    data_dir: str | Path,
    out_path: str | Path,
    *,
    features_spec: str,
    num_clusters: int,
    path_or_url: str | None = None,
    max_frames: int = 1_000_000,
    portion: float = 1.0,
    max_utterances: int | None = None,
    num_initialisations: int = NUM_INITIALISATIONS,
    refinement_passes: int = 0,
    switch_penalty: float = 0.0,
    seed: int = 0,
    num_workers: int = 1,
    device: str = "cpu",
) -> Centroids:
    """Return centroids learnt on a data directory, and write them to ``out_path``.

    A file that was learnt with the same settings on the same data is returned as it is.
    The same seed gives the same bytes, whatever the number of workers.

    Source: [P2V] III-A and IV-B, k-means with 50, 100 or 200 clusters on HuBERT features.
    Deviation: clusters are learnt on a uniform sample of frames, and by mini-batches; not
    in paper.

    Args:
        data_dir: directory with ``wav.scp``.
        out_path: ``centroids.npz``.
        features_spec: text of ``build_frame_features``.
        num_clusters: k.
        path_or_url: checkpoint of the features, if they need one.
        max_frames: frames sampled uniformly; a million of HuBERT base take 3.3 GB.
        portion: share of the utterances to look at at all; not in paper, at full scale 0.1
            saves hours.
        max_utterances: upper limit on the utterances to look at.
        num_initialisations: k-means++ starts of which the best is taken.
        refinement_passes: of full-batch k-means over the sample afterwards, see ``refine``.
        switch_penalty: kept with the centroids for extraction, see ``Centroids``.
        seed: of the utterances, the frames and k-means.
        num_workers: processes that compute features, one CPU thread each.
        device: torch device of an upstream.

    Raises:
        ValueError: ``out_path`` was learnt otherwise; no utterance is usable; or the
            sample has fewer frames than clusters.
    """
    wavs = read_wavs(data_dir)
    features = built_features(features_spec, path_or_url, device)
    settings: dict[str, Any] = {
        "data": data_signature(data_dir),
        "features": features_spec,
        "feature_settings": features.settings,
        "path_or_url": path_or_url,
        "num_clusters": num_clusters,
        "max_frames": max_frames,
        "portion": portion,
        "max_utterances": max_utterances,
        "num_initialisations": num_initialisations,
        "switch_penalty": switch_penalty,
        "seed": seed,
    }
    if refinement_passes:  # left out at 0: centroids of before it existed stay valid
        settings["refinement_passes"] = refinement_passes
    if Path(out_path).is_file():
        return _existing(Path(out_path), settings)
    chosen = choose_utterances(list(wavs), portion, max_utterances, seed)
    with one_thread():
        frames = _sample(
            {each: wavs[each] for each in chosen},
            Reservoir(max_frames, seed),
            (features_spec, path_or_url, device),
            num_workers,
        )
        centroids = _fit_and_refine(frames, features, settings)
    centroids.save(out_path)
    logger.info("%s: %d clusters, inertia %.4f a frame", out_path, num_clusters, centroids.inertia)
    return centroids


def fit_kmeans(
    frames: np.ndarray,
    features: FrameFeatures,
    num_clusters: int,
    *,
    seed: int = 0,
    num_initialisations: int = NUM_INITIALISATIONS,
    path_or_url: str | None = None,
    training: str = "",
) -> Centroids:
    """Return centroids of frames (F, dim), by scikit-learn's MiniBatchKMeans.

    Source: ESPnet's learn_kmeans.py: k-means++, batches of 10,000 frames, at most 100
    passes, stop after 100 batches without gain, 20 starts, no reassignment.

    Raises:
        ValueError: fewer frames than clusters.
    """
    from sklearn.cluster import MiniBatchKMeans

    if len(frames) < num_clusters:
        raise ValueError(
            f"{num_clusters} clusters need as many frames, the sample has {len(frames)}: "
            "lower num_clusters or raise max_frames, portion or max_utterances"
        )
    model = MiniBatchKMeans(
        num_clusters,
        init="k-means++",
        batch_size=BATCH_FRAMES,
        max_iter=MAX_PASSES,
        tol=0.0,
        max_no_improvement=100,
        n_init=num_initialisations,
        reassignment_ratio=0.0,
        random_state=seed,
    )
    with one_thread():
        model.fit(frames)
    return Centroids(
        centers=np.ascontiguousarray(model.cluster_centers_, dtype=np.float32),
        features=features.name,
        stride_samples=features.stride_samples,
        offset_samples=features.offset_samples,
        inertia=float(model.inertia_) / len(frames),
        path_or_url=path_or_url,
        settings=features.settings,
        training=training,
    )


def _fit_and_refine(
    frames: np.ndarray, features: FrameFeatures, settings: dict[str, Any]
) -> Centroids:
    """Return centroids of frames (F, dim) that know the settings they were learnt with."""
    centroids = fit_kmeans(
        frames,
        features,
        settings["num_clusters"],
        seed=settings["seed"],
        num_initialisations=settings["num_initialisations"],
        path_or_url=settings["path_or_url"],
        training=json.dumps(settings, sort_keys=True),
    )
    if "refinement_passes" in settings:
        centroids = refine(centroids, frames, settings["refinement_passes"])
    return replace(centroids, switch_penalty=settings["switch_penalty"])


_NAMES = {"data": "the training utterances", "feature_settings": "the settings of the features"}
"""Settings that are hashes or long, for messages."""


def _existing(path: Path, settings: dict[str, Any]) -> Centroids:
    """Return the centroids on disk, or raise ValueError if they were learnt otherwise."""
    centroids = Centroids.load(path)
    learnt = json.loads(centroids.training) if centroids.training else {}
    differing = sorted(key for key in settings | learnt if learnt.get(key) != settings.get(key))
    if differing:
        changes = ", ".join(
            _NAMES.get(key) or f"{key} ({learnt.get(key)!r}, now {settings.get(key)!r})"
            for key in differing
        )
        raise ValueError(
            f"{path}: was learnt otherwise, what differs is {changes}; give another --expdir (of "
            f"learn_kmeans: --out_path), or remove {path.parent} to learn it anew"
        )
    logger.info("%s: complete, inertia %.4f a frame", path, centroids.inertia)
    return centroids


def _sample(
    wavs: dict[str, str],
    reservoir: Reservoir,
    features_arguments: tuple[str, str | None, str],
    num_workers: int,
) -> np.ndarray:
    """Return frames (at most ``max_frames``, dim) of all utterances.

    Raises:
        ValueError: not one utterance is usable.
    """
    results = parallel_map(
        _features_or_reason,
        list(wavs.values()),
        description="k-means frames",
        num_workers=num_workers,
        chunk_size=8,
        initializer=start_worker,
        initializer_arguments=features_arguments,
        start_method="spawn",
    )
    reasons = []
    for utterance_id, result in zip(wavs, results, strict=True):
        if isinstance(result, str):
            reasons.append(f"{utterance_id}: {result}")
        else:
            reservoir.add(utterance_id, result)
    if len(reasons) == len(wavs):
        raise ValueError(f"no utterance is usable for k-means, for example {reasons[0]}")
    for reason in reasons:
        logger.warning("not used for k-means (%d in all): %s", len(reasons), reason)
    frames = reservoir.frames()
    logger.info("clustering %d of %d frames", len(frames), reservoir.num_seen)
    return frames


def _features_or_reason(wav: str) -> np.ndarray | str:
    try:
        return read_and_compute(wav)[0]
    except ValueError as error:
        return str(error)
