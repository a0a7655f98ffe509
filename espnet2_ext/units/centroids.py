"""Cluster centres and the features they were learnt on, kept without pickle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.units.frame_features import FrameFeatures
from espnet2_ext.units.switch_penalty import assign_with_switch_penalty

FORMAT = "espnet2_ext centroids 1"


@dataclass(frozen=True)
class Centroids:
    """K-means centres; what they belong to travels with them.

    Attributes:
        centers: (k, dim) float32.
        features: text of ``build_frame_features``, e.g. ``mfcc`` or ``hubert_base/6``.
        stride_samples: of those features.
        offset_samples: of those features.
        inertia: mean squared distance of a training frame to its centre; NaN if unknown.
        path_or_url: checkpoint of the features, if they need one.
        settings: ``FrameFeatures.settings``; empty accepts any (imported files).
        training: one line on how they were learnt, for reruns and readers.
        switch_penalty: price of a change of unit, see ``assign_with_switch_penalty``; 0
            takes the nearest centre, as HuBERT units do.
    """

    centers: np.ndarray
    features: str
    stride_samples: int
    offset_samples: int
    inertia: float
    path_or_url: str | None = None
    settings: str = ""
    training: str = ""
    switch_penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.centers.ndim != 2 or self.centers.dtype != np.float32:
            raise ValueError(
                f"centers must be (k, dim) float32, got {self.centers.shape} {self.centers.dtype}"
            )
        if not np.isfinite(self.centers).all():
            raise ValueError("centers hold values that are not finite")

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
        facts = (
            self.features,
            self.path_or_url,
            self.settings,
            self.stride_samples,
            self.switch_penalty,
        )
        digest.update(repr(facts).encode())
        return digest.hexdigest()

    @cached_property
    def _halved_squares(self) -> np.ndarray:
        return 0.5 * np.einsum("kd,kd->k", self.centers, self.centers)

    def assign(self, features: np.ndarray) -> np.ndarray:
        """Return the unit of each frame, (F, dim) -> (F,) int64: the nearest centre.

        Nearest in squared distance |x|^2 - 2 x.c + |c|^2: |x|^2 is the same for every
        centre, so one matrix product decides. Of equally near ones the first is taken.
        With a switch penalty the nearest are weighed against changes.

        Raises:
            ValueError: the features have another width than the centres.
        """
        if features.ndim != 2 or features.shape[1] != self.centers.shape[1]:
            raise ValueError(
                f"centroids {self.tag} expect frames of {self.centers.shape[1]} values, "
                f"got an array of shape {features.shape}"
            )
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
        texts = {
            "format": FORMAT,
            "features": self.features,
            "path_or_url": self.path_or_url or "",
            "settings": self.settings,
            "training": self.training,
        }
        numbers = {
            "stride_samples": self.stride_samples,
            "offset_samples": self.offset_samples,
            "inertia": float(self.inertia),
            "switch_penalty": float(self.switch_penalty),
        }
        with atomic_open(path, "wb") as stream:
            np.savez(stream, centers=self.centers, **texts, **numbers)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> Centroids:
        """Return centroids written by ``save``; nothing in the file is unpickled.

        Raises:
            FileNotFoundError: no such file.
            ValueError: the file is no .npz of this kind, or holds pickled objects.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such centroids; make them with learn_kmeans")
        try:
            with np.load(path, allow_pickle=False) as arrays:
                if str(arrays["format"]) != FORMAT:
                    raise ValueError(f"format {arrays['format']}")
                return cls(
                    centers=arrays["centers"],
                    features=str(arrays["features"]),
                    stride_samples=int(arrays["stride_samples"]),
                    offset_samples=int(arrays["offset_samples"]),
                    inertia=float(arrays["inertia"]),
                    path_or_url=str(arrays["path_or_url"]) or None,
                    settings=str(arrays["settings"]),
                    training=str(arrays["training"]),
                    switch_penalty=float(arrays["switch_penalty"]),
                )
        except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError) as error:
            raise ValueError(
                f"{path}: not centroids of this package ({error}); published k-means files "
                "go through import_kmeans"
            ) from error
