"""Memory of learning k-means from a stream of utterances, and what it costs in inertia."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from espnet2_ext.data.parallel import one_thread
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.features import FrameFeatures, MfccFeatures
from espnet2_ext.units.kmeans import Reservoir, fit_kmeans, refine

UTTERANCE_FRAMES = 500
REFINEMENT_PASSES = 20


@dataclass(frozen=True)
class Corpus:
    """Synthetic frames, made again at every reading so that reading takes no memory.

    Normal with variances that fall as those of speech features' principal components do:
    as in speech, there are no true clusters that would make k-means easy.

    Attributes:
        num_utterances: of 500 frames each.
        dim: width of a frame.
        num_clusters: k to learn.
    """

    num_utterances: int
    dim: int
    num_clusters: int

    @property
    def num_frames(self) -> int:
        """Return how many frames there are."""
        return self.num_utterances * UTTERANCE_FRAMES

    @property
    def num_bytes(self) -> int:
        """Return the size of all frames as float32."""
        return 4 * self.num_frames * self.dim

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield utterance id and frames (500, dim) float32."""
        scale = (np.arange(1, self.dim + 1) ** -0.5).astype(np.float32)
        for number in range(self.num_utterances):
            generator = np.random.default_rng([1, number])
            frames = generator.standard_normal((UTTERANCE_FRAMES, self.dim), np.float32)
            yield f"u-{number:06d}", frames * scale


@dataclass(frozen=True)
class Learnt:
    """What learning took and gave.

    Attributes:
        peak_bytes: highest resident memory of the process over that before learning.
        inertia: mean squared distance of all frames of the corpus to their centre.
    """

    peak_bytes: int
    inertia: float


def in_fresh_process(learn: Callable[..., Centroids], *arguments: Any) -> Learnt:
    """Return memory and inertia of ``learn(corpus, ...)``, run where nothing else runs."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        return executor.submit(_measured, learn, *arguments).result()


def from_stream(corpus: Corpus, max_frames: int, num_passes: int = REFINEMENT_PASSES) -> Centroids:
    """Return centroids learnt as ``learn_kmeans`` does: a sample kept while reading."""
    reservoir = Reservoir(max_frames)
    for utterance_id, frames in corpus:
        reservoir.add(utterance_id, frames)
    sample = reservoir.frames()
    centroids = fit_kmeans(
        sample, _features(corpus.dim), corpus.num_clusters, num_initialisations=5
    )
    return refine(centroids, sample, num_passes)


def from_all(corpus: Corpus) -> Centroids:
    """Return centroids of scikit-learn's k-means on all frames in one array."""
    from sklearn.cluster import KMeans

    everything = np.empty((corpus.num_frames, corpus.dim), np.float32)
    for number, (_, frames) in enumerate(corpus):
        everything[number * UTTERANCE_FRAMES : (number + 1) * UTTERANCE_FRAMES] = frames
    model = KMeans(corpus.num_clusters, n_init=1, max_iter=100, copy_x=False, random_state=0).fit(
        everything
    )
    return Centroids(model.cluster_centers_, "mfcc", 320, 0, float(model.inertia_))


def _measured(learn: Callable[..., Centroids], corpus: Corpus, *arguments: int) -> Learnt:
    with one_thread():
        # The first fit imports scikit-learn, whose code is not learning's memory.
        fit_kmeans(np.eye(20, 10, dtype=np.float32), _features(10), 2, num_initialisations=1)
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
        centroids = learn(corpus, *arguments)
        peak_bytes = _memory("VmHWM") - before
        total = 0.0
        for _, frames in corpus:
            assignments = centroids.assign(frames)
            total += float(centroids.squared_distances(frames, assignments).sum(dtype=float))
    return Learnt(peak_bytes, total / corpus.num_frames)


def _memory(name: str) -> int:
    """Return a size in bytes from Linux's account of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status: has no {name}")


def _features(dim: int) -> FrameFeatures:
    """Return features of another width, of which only the facts are used."""
    features = MfccFeatures()
    features.dim = dim
    return features
