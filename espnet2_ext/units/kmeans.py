"""Learn cluster centres on a sample of a corpus's frames, or import published ones."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import one_thread, parallel_map, use_one_thread
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.extract import FeaturesArguments, built_features, data_signature, read_wavs
from espnet2_ext.units.features import FrameFeatures

logger = logging.getLogger(__name__)

BATCH_FRAMES = 10_000
NUM_INITIALISATIONS = 20
SLACK = 1.05
"""Rows held over rows kept: pruning now and then is cheaper than at every utterance."""
GROWTH = 1.25
"""New rows over old where room is made; rows grown in vain are memory."""
COLUMNS_AT_ONCE = 16
"""Columns that are put in order together, so that order costs no second copy of all."""
_NAMES = {"data": "the training utterances", "feature_settings": "the settings of the features"}
"""Settings that are hashes or long, for messages."""


class Reservoir:
    """Keeps a uniform sample of at most ``max_frames`` frames of a corpus.

    Each frame gets a random key drawn from the seed and its utterance's id; the frames with the
    smallest keys stay, whatever the order of the utterances or the number of workers.
    """

    def __init__(self, max_frames: int, seed: int = 0) -> None:
        if max_frames < 1:
            raise ValueError(f"max_frames must be at least 1, got {max_frames}")
        self.max_frames = max_frames
        self.seed = seed
        self.num_seen = 0
        self._num_held = 0
        self._keys = np.empty(0)
        self._frames = np.empty((0, 0), np.float32)

    def add(self, utterance_id: str, features: np.ndarray) -> None:
        """Offer all frames (F, dim) of an utterance; each utterance once."""
        keys = utterance_generator(self.seed, utterance_id).random(len(features))
        self.num_seen += len(features)
        if self._num_held >= self.max_frames:
            below = keys < self._keys[: self._num_held].max()
            keys, features = keys[below], features[below]
        self._reserve(len(keys), features.shape[1])
        end = self._num_held + len(keys)
        self._keys[self._num_held : end] = keys
        self._frames[self._num_held : end] = features
        self._num_held = end
        if end > self.max_frames * SLACK:
            self._prune()

    def frames(self) -> np.ndarray:
        """Return the sample (min(max_frames, frames seen), dim) float32, in order of keys.

        It is sorted in place, as it may fill the memory; nothing can be added afterwards.
        """
        order = np.argsort(self._keys[: self._num_held], kind="stable")[: self.max_frames]
        for start in range(0, self._frames.shape[1], COLUMNS_AT_ONCE):
            columns = self._frames[:, start : start + COLUMNS_AT_ONCE]
            columns[: len(order)] = columns[order]
        frames = self._frames[: len(order)]
        self._frames, self._keys, self._num_held = np.empty((0, 0), np.float32), np.empty(0), 0
        return frames

    def _reserve(self, count: int, dim: int) -> None:
        """Make room for ``count`` more rows."""
        needed = self._num_held + count
        if needed > len(self._keys):
            grown = min(int(GROWTH * len(self._keys)), int(self.max_frames * SLACK) + 1)
            # In place: where memory is remapped, no second copy exists even for a moment.
            self._keys.resize(max(needed, grown), refcheck=False)
            self._frames.resize((max(needed, grown), dim), refcheck=False)

    def _prune(self) -> None:
        """Keep the smallest keys, moving kept rows of the tail into the holes before it."""
        kept = np.argpartition(self._keys[: self._num_held], self.max_frames)[: self.max_frames]
        is_kept = np.zeros(self._num_held, bool)
        is_kept[kept] = True
        holes = np.flatnonzero(~is_kept[: self.max_frames])
        movers = np.flatnonzero(is_kept[self.max_frames :]) + self.max_frames
        self._keys[holes] = self._keys[movers]
        self._frames[holes] = self._frames[movers]
        self._num_held = self.max_frames


def utterance_generator(seed: int, utterance_id: str) -> np.random.Generator:
    """Return a random generator that belongs to one utterance under one seed."""
    digest = hashlib.sha256(f"{seed} {utterance_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _choose_utterances(
    utterance_ids: list[str], portion: float, max_utterances: int | None, seed: int
) -> list[str]:
    """Return a random share of the utterances, sorted; ValueError where nothing is left."""
    if not 0 < portion <= 1:
        raise ValueError(f"portion must be above 0 and at most 1, got {portion}")
    count = max(1, round(portion * len(utterance_ids)))
    if max_utterances is not None:
        if max_utterances < 1:
            raise ValueError(f"max_utterances must be at least 1, got {max_utterances}")
        count = min(count, max_utterances)
    by_key = sorted(utterance_ids, key=lambda each: utterance_generator(seed, each).random())
    return sorted(by_key[:count])


def refine(centroids: Centroids, frames: np.ndarray, num_passes: int) -> Centroids:
    """Return centres moved to the mean of their frames (F, dim), ``num_passes`` times (Lloyd).

    Mini-batches stop 1.1 to 1.5 % above the inertia of scikit-learn's full-batch k-means (MFCC of
    mini_emo, k = 50 and 100), twenty passes later it is 0.3 to 0.4 %, at a tenth of the time. A
    centre without frames stays where it is; when none moves, it ends. ``centroids`` have no switch
    penalty.
    """
    if num_passes < 0:
        raise ValueError(f"refinement passes must not be negative: {num_passes}")
    for _ in range(num_passes):
        sums = np.zeros(centroids.centers.shape)
        counts = np.zeros(centroids.num_clusters)
        for batch, assignments in _assigned(centroids, frames):
            ones, where = np.ones(len(batch), np.float32), (assignments, np.arange(len(batch)))
            sums += csr_matrix((ones, where), (len(counts), len(batch))) @ batch
            counts += np.bincount(assignments, minlength=len(counts))
        has_frames = counts > 0
        centers = centroids.centers.copy()
        centers[has_frames] = sums[has_frames] / counts[has_frames, None]
        if np.array_equal(centers, centroids.centers):
            break
        centroids = replace(centroids, centers=centers)
    squared_distance = sum(
        float(centroids.squared_distances(*each).sum(dtype=float))
        for each in _assigned(centroids, frames)
    )
    return replace(centroids, inertia=squared_distance / len(frames))


def _assigned(centroids: Centroids, frames: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield frames and their nearest centres, a batch at a time."""
    for start in range(0, len(frames), BATCH_FRAMES):
        batch = frames[start : start + BATCH_FRAMES]
        yield batch, centroids.assign(batch)


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

    A file learnt with the same settings on the same data is returned as it is. The same seed
    gives the same bytes, whatever the number of workers.

    Source: [P2V] III-A and IV-B, k-means with 50, 100 or 200 clusters on HuBERT features.
    Deviation: learnt on a uniform sample of frames, and by mini-batches; not in paper.

    ``features_spec``, ``path_or_url`` and ``device`` are those of ``build_frame_features``. A
    sample of a million frames of HuBERT base takes 3.3 GB; ``portion`` and ``max_utterances`` look
    at a random share of the utterances (not in paper). ``switch_penalty`` is kept for extraction.

    Raises:
        ValueError: ``out_path`` was learnt otherwise, no utterance is usable, or the sample has
            fewer frames than clusters.
    """
    wavs = read_wavs(data_dir)
    arguments = (features_spec, path_or_url, device)
    features = built_features(*arguments)
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
    chosen = _choose_utterances(list(wavs), portion, max_utterances, seed)
    reservoir = Reservoir(max_frames, seed)
    with one_thread():
        frames = _sample({each: wavs[each] for each in chosen}, reservoir, arguments, num_workers)
        centroids = fit_kmeans(
            frames,
            features,
            num_clusters,
            seed=seed,
            num_initialisations=num_initialisations,
        )
        if refinement_passes:
            centroids = refine(centroids, frames, refinement_passes)
    training = json.dumps(settings, sort_keys=True)
    centroids = replace(
        centroids, path_or_url=path_or_url, training=training, switch_penalty=switch_penalty
    )
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
) -> Centroids:
    """Return centroids of frames (F, dim), by scikit-learn's MiniBatchKMeans.

    Source: ESPnet's learn_kmeans.py: k-means++, batches of 10,000 frames, at most 100
    passes, stop after 100 batches without gain, 20 starts, no reassignment.
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
        max_iter=100,
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
        settings=features.settings,
    )


def _existing(path: Path, settings: dict[str, Any]) -> Centroids:
    """Return the centroids on disk; raise ValueError if they were learnt otherwise."""
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
    wavs: dict[str, str], reservoir: Reservoir, arguments: FeaturesArguments, num_workers: int
) -> np.ndarray:
    """Return frames (at most ``max_frames``, dim); ValueError where no utterance is usable."""
    results = parallel_map(
        partial(_features_or_reason, arguments),
        list(wavs.values()),
        description="k-means frames",
        num_workers=num_workers,
        chunk_size=8,
        initializer=use_one_thread,
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


def _features_or_reason(arguments: FeaturesArguments, wav: str) -> np.ndarray | str:
    try:
        return built_features(*arguments)(read_audio(wav))
    except ValueError as error:
        return str(error)


def import_kmeans(
    kmeans_path: str | Path,
    out_path: str | Path,
    *,
    features_spec: str,
    i_trust_this_file: bool,
    path_or_url: str | None = None,
    stride_samples: int = 320,
    offset_samples: int = 200,
) -> Centroids:
    """Return the centroids of a joblib file of scikit-learn's k-means, written to ``out_path``.

    fairseq and textless publish such files (``km.bin``), ESPnet's perform_kmeans.sh writes them
    (``km_<k>.mdl``). joblib unpickles, which runs whatever code the file's maker put into it;
    nothing else in this package does so. The features of an S3PRL upstream, its layer, checkpoint,
    stride and offset (see ``FrameFeatures``) are not in the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not trusted, not such a file, or ``features_spec`` is ``mfcc``.
    """
    if not i_trust_this_file:
        raise ValueError(
            f"{kmeans_path}: reading it unpickles, which runs any code its maker put in; "
            "add --i_trust_this_file if you know where it comes from"
        )
    if "/" not in features_spec:
        raise ValueError(
            f"features {features_spec!r}: name the S3PRL upstream and layer, e.g. "
            "'hubert_base/6'; other toolkits' MFCC are not ours"
        )
    if not Path(kmeans_path).is_file():
        raise FileNotFoundError(f"{kmeans_path}: no such file")
    import joblib

    try:
        model: Any = joblib.load(kmeans_path)
    except Exception as error:  # a pickle may raise anything
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{kmeans_path}: joblib cannot read it ({type(error).__name__}: {reason})"
        ) from error
    centers = getattr(model, "cluster_centers_", None)
    if centers is None:
        raise ValueError(f"{kmeans_path}: holds a {type(model).__name__}, not a fitted k-means")
    centroids = Centroids(
        centers=np.ascontiguousarray(centers, dtype=np.float32),
        features=features_spec,
        stride_samples=stride_samples,
        offset_samples=offset_samples,
        inertia=float("nan"),
        path_or_url=path_or_url,
        training=f'{{"imported_from": "{Path(kmeans_path).name}"}}',
    )
    centroids.save(out_path)
    logger.info("%s: %d clusters of %s", out_path, centroids.num_clusters, features_spec)
    return centroids
