"""From a waveform to de-duplicated units."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from espnet2_ext.units.assign import FrameAssigner
from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.deduplicate import deduplicate
from espnet2_ext.units.frame_features import FrameFeatures, build_frame_features


class UnitEncoderPipeline:
    """Waveform to units: frame features, nearest centre, repeats removed.

    Args:
        centroids: the cluster centres.
        frame_features: the features they were learnt on.

    Raises:
        ValueError: the features are not those of the centroids.

    Example:
        >>> pipeline = UnitEncoderPipeline.from_file("centroids.npz")  # doctest: +SKIP
        >>> units, run_lengths = pipeline.encode(waveform)  # doctest: +SKIP
    """

    def __init__(self, centroids: Centroids, frame_features: FrameFeatures) -> None:
        self.centroids = centroids
        self.frame_features = frame_features
        self._assigner = FrameAssigner(centroids, frame_features)

    @classmethod
    def from_file(cls, path: str | Path, *, device: str = "cpu") -> UnitEncoderPipeline:
        """Return the pipeline of a centroids file, with the features it names."""
        centroids = Centroids.load(path)
        features = build_frame_features(
            centroids.features, path_or_url=centroids.path_or_url, device=device
        )
        return cls(centroids, features)

    def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return units (U,) int64 and run lengths (U,) int64 in frames of a waveform (N,).

        Raises:
            ValueError: the waveform is too short for one frame.
        """
        return deduplicate(self._assigner.assign(waveform)[0])
