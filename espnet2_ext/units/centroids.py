"""From a waveform to units: cluster centres, kept without pickle, and what is done with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.units.features import FrameFeatures, S3prlFeatures, build_frame_features

FORMAT = "espnet2_ext centroids 1"
_FACTS: dict[str, type] = {
    "features": str,
    "path_or_url": str,
    "settings": str,
    "training": str,
    "stride_samples": int,
    "offset_samples": int,
    "inertia": float,
    "switch_penalty": float,
}
"""What a file holds beside the centres, in its order; no checkpoint is an empty text."""


def assign_with_switch_penalty(distances: np.ndarray, penalty: float) -> np.ndarray:
    """Return the clusters (F,) int64 of least total distance plus ``penalty`` a change.

    Nearest centres alone flicker: MFCC units change 34 times a second at 50 frames, more often
    than a decoder steps. Solved exactly by dynamic programming; of equal paths the one that stays
    is taken. ``distances`` (F, k) are squared, up to a number that depends on the frame alone.

    Source: the duration-penalised segmentation of Kamper and van Niekerk (2021).
    Deviation: not in paper; 0 there, which is the nearest centre.
    """
    if penalty < 0:
        raise ValueError(f"switch penalty must not be negative: {penalty}")
    if penalty == 0:
        return distances.argmin(axis=1)
    num_frames, num_clusters = distances.shape
    clusters = np.arange(num_clusters)
    came_from = np.empty((num_frames, num_clusters), np.int64)
    cost = distances[0].astype(np.float64)
    for frame in range(1, num_frames):
        best = cost.argmin()
        stays = cost <= cost[best] + penalty
        came_from[frame] = np.where(stays, clusters, best)
        cost = np.where(stays, cost, cost[best] + penalty) + distances[frame]
    path = np.empty(num_frames, np.int64)
    path[-1] = cost.argmin()
    for frame in range(num_frames - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


@dataclass(frozen=True)
class Centroids:
    """K-means centres (k, dim) float32, and what they belong to."""

    centers: np.ndarray
    features: str  # text of ``build_frame_features``, e.g. ``mfcc`` or ``hubert_base/6``
    stride_samples: int
    offset_samples: int
    inertia: float  # mean squared distance of a training frame to its centre; NaN if unknown
    path_or_url: str | None = None  # checkpoint of the features, if they need one
    settings: str = ""  # ``FrameFeatures.settings``; empty accepts any (imported files)
    training: str = ""  # one line on how they were learnt, for reruns and readers
    switch_penalty: float = 0.0  # see ``assign_with_switch_penalty``; 0 takes the nearest centre

    def __post_init__(self) -> None:
        shape, dtype = self.centers.shape, self.centers.dtype
        if len(shape) != 2 or dtype != np.float32 or not np.isfinite(self.centers).all():
            raise ValueError(f"centers must be (k, dim) float32 and finite, got {shape} {dtype}")

    @property
    def num_clusters(self) -> int:
        """Return k."""
        return len(self.centers)

    @property
    def tag(self) -> str:
        """Return the name of units made with them: ``mfcc_100``, ``hubert_base_6_100``."""
        return f"{self.features.replace('/', '_')}_{self.num_clusters}"

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash of all that units depend on: the centres and the features' settings."""
        digest = hashlib.sha256(np.ascontiguousarray(self.centers).tobytes())
        facts = (self.features, self.path_or_url, self.settings, self.stride_samples)
        digest.update(repr((*facts, self.switch_penalty)).encode())
        return digest.hexdigest()

    @cached_property
    def _halved_squares(self) -> np.ndarray:
        return 0.5 * np.einsum("kd,kd->k", self.centers, self.centers)

    def assign(self, features: np.ndarray) -> np.ndarray:
        """Return the unit of each frame, (F, dim) -> (F,) int64: the nearest centre.

        Of |x|^2 - 2 x.c + |c|^2 the first term is the same for all centres, so one matrix product
        decides; of equally near ones the first is taken. A switch penalty weighs against changes.
        """
        halved_distances = self._halved_squares - features @ self.centers.T
        return assign_with_switch_penalty(halved_distances, 0.5 * self.switch_penalty)

    def squared_distances(self, features: np.ndarray, assignments: np.ndarray) -> np.ndarray:
        """Return the squared distance (F,) of each frame to its assigned centre."""
        difference = features - self.centers[assignments]
        return np.einsum("fd,fd->f", difference, difference)

    def check_features(self, frame_features: FrameFeatures) -> None:
        """Raise ValueError unless these features are the ones the centres were learnt on."""
        facts = {
            "name": (self.features, frame_features.name),
            "width": (self.centers.shape[1], frame_features.dim),
            "stride": (self.stride_samples, frame_features.stride_samples),
            "settings": (self.settings or frame_features.settings, frame_features.settings),
        }
        for fact, (learnt, given) in facts.items():
            if learnt != given:
                raise ValueError(
                    f"centroids {self.tag} were learnt on features of {fact} {learnt!r}, "
                    f"these have {given!r}: learn the centroids again"
                )

    def save(self, path: str | Path) -> None:
        """Write an .npz that ``load`` reads; the same centroids give the same bytes."""
        facts = {name: kind(getattr(self, name) or kind()) for name, kind in _FACTS.items()}
        with atomic_open(path, "wb") as stream:
            np.savez(stream, centers=self.centers, format=FORMAT, **facts)

    @classmethod
    def load(cls, path: str | Path) -> Centroids:
        """Return centroids written by ``save``; nothing in the file is unpickled.

        FileNotFoundError where there is no file, ValueError where it is another kind of file.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such centroids; make them with learn_kmeans")
        try:
            with np.load(path, allow_pickle=False) as arrays:
                if str(arrays["format"]) != FORMAT:
                    raise ValueError(f"format {arrays['format']}")
                facts = {name: kind(arrays[name]) for name, kind in _FACTS.items()}
                facts["path_or_url"] = facts["path_or_url"] or None
                return cls(centers=arrays["centers"], **facts)
        except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError) as error:
            raise ValueError(
                f"{path}: not centroids of this package ({error}); published k-means files "
                "go through import_kmeans"
            ) from error


class CentroidsOnDevice:
    """Centres that torch holds on a device."""

    def __init__(self, centroids: Centroids, device: str) -> None:
        self.switch_penalty = centroids.switch_penalty
        self.centers = torch.tensor(centroids.centers, device=device)
        self.halved_squares = 0.5 * self.centers.square().sum(dim=1)

    @torch.inference_mode()
    def assign(self, states: torch.Tensor) -> tuple[np.ndarray, float]:
        """Return units (F,) int64 of states (F, dim), and the summed squared distance.

        As ``Centroids.assign``, up to rounding.
        """
        halved_distances = torch.addmm(self.halved_squares, states, self.centers.T, alpha=-1)
        if self.switch_penalty:
            distances = halved_distances.cpu().numpy()
            assignments = assign_with_switch_penalty(distances, 0.5 * self.switch_penalty)
            chosen = torch.from_numpy(assignments).to(states.device)
        else:
            chosen = halved_distances.argmin(dim=1)
            assignments = chosen.cpu().numpy()
        squared_distance = (states - self.centers[chosen]).square().sum(dtype=torch.float64)
        return assignments, float(squared_distance)


def deduplicate(assignments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the units (U,) without repeats, and how many frames (U,) each stood for, both int64.

    Source: [P2V] III-A, repeated units are removed. The durations are kept here because
    they give the alignment of units and mel frames without a search.
    """
    assignments = np.asarray(assignments, dtype=np.int64)
    if len(assignments) == 0:
        return assignments, assignments.copy()
    starts = np.flatnonzero(np.r_[True, assignments[1:] != assignments[:-1]])
    return assignments[starts], np.diff(np.r_[starts, len(assignments)])


def expand(units: np.ndarray, run_lengths: np.ndarray) -> np.ndarray:
    """Return one unit a frame (F,), the inverse of ``deduplicate``.

    ValueError: other numbers of units and durations, or one below 1.
    """
    units, run_lengths = np.asarray(units, np.int64), np.asarray(run_lengths, np.int64)
    if units.shape != run_lengths.shape:
        raise ValueError(f"{units.shape} units but {run_lengths.shape} durations")
    if (run_lengths < 1).any():
        raise ValueError(f"durations must be at least 1, got {run_lengths.min()}")
    return np.repeat(units, run_lengths)


class UnitEncoderPipeline:
    """Waveform to units: frame features, nearest centre, repeats removed.

    Features of an upstream on a GPU stay there: only the number of the nearest centre leaves it
    (with a switch penalty, the distance of every centre). ValueError where the features are not
    those of the centroids.
    """

    def __init__(self, centroids: Centroids, frame_features: FrameFeatures) -> None:
        centroids.check_features(frame_features)
        self.centroids = centroids
        self.frame_features = frame_features
        self._on_device: CentroidsOnDevice | None = None
        if isinstance(frame_features, S3prlFeatures) and frame_features.device != "cpu":
            self._on_device = CentroidsOnDevice(centroids, frame_features.device)

    @classmethod
    def from_file(cls, path: str | Path, *, device: str = "cpu") -> UnitEncoderPipeline:
        """Return the pipeline of a centroids file, with the features it names."""
        centroids = Centroids.load(path)
        features = build_frame_features(
            centroids.features, path_or_url=centroids.path_or_url, device=device
        )
        return cls(centroids, features)

    def assign(self, waveform: np.ndarray) -> tuple[np.ndarray, float]:
        """Return centres (F,) int64 of a waveform (N,), and the summed squared distance to them.

        ValueError where the waveform is too short for one frame.
        """
        if self._on_device is not None:
            assert isinstance(self.frame_features, S3prlFeatures)
            return self._on_device.assign(self.frame_features.states(waveform))
        features = self.frame_features(waveform)
        assignments = self.centroids.assign(features)
        distances = self.centroids.squared_distances(features, assignments)
        return assignments, float(distances.sum(dtype=float))

    def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return units (U,) int64 and durations (U,) int64 in frames; raises as ``assign``."""
        return deduplicate(self.assign(waveform)[0])
