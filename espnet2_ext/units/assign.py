"""From a waveform to the centre of each frame, where the features are."""

from __future__ import annotations

import numpy as np
import torch

from espnet2_ext.units.centroids import Centroids
from espnet2_ext.units.frame_features import FrameFeatures
from espnet2_ext.units.s3prl_features import S3prlFeatures
from espnet2_ext.units.switch_penalty import assign_with_switch_penalty


class FrameAssigner:
    """Assigns the frames of waveforms to centres.

    Features of an upstream on a GPU stay there: one matrix product with the centres, and
    only the number of the nearest leaves it, 8 bytes a frame in place of 3 kB (with a
    switch penalty, a distance for every centre). On the CPU it is ``Centroids.assign``.

    Args:
        centroids: the cluster centres.
        frame_features: the features they were learnt on.

    Raises:
        ValueError: the features are not those of the centroids.
    """

    def __init__(self, centroids: Centroids, frame_features: FrameFeatures) -> None:
        centroids.check_features(frame_features)
        self.centroids = centroids
        self.frame_features = frame_features
        self._on_device: CentroidsOnDevice | None = None
        if isinstance(frame_features, S3prlFeatures) and frame_features.device != "cpu":
            self._on_device = CentroidsOnDevice(centroids, frame_features.device)

    def assign(self, waveform: np.ndarray) -> tuple[np.ndarray, float]:
        """Return centres (F,) int64 of a waveform (N,), and the summed squared distance to them.

        Raises:
            ValueError: the waveform is too short for one frame.
        """
        if self._on_device is not None:
            assert isinstance(self.frame_features, S3prlFeatures)
            return self._on_device.assign(self.frame_features.states(waveform))
        features = self.frame_features(waveform)
        assignments = self.centroids.assign(features)
        distances = self.centroids.squared_distances(features, assignments)
        return assignments, float(distances.sum(dtype=float))


class CentroidsOnDevice:
    """Centres that torch holds on a device.

    Args:
        centroids: the cluster centres.
        device: torch device.
    """

    def __init__(self, centroids: Centroids, device: str) -> None:
        self.switch_penalty = centroids.switch_penalty
        self.centers = torch.tensor(centroids.centers, device=device)
        self.halved_squares = 0.5 * self.centers.square().sum(dim=1)

    @torch.inference_mode()
    def assign(self, states: torch.Tensor) -> tuple[np.ndarray, float]:
        """Return centres (F,) int64 of states (F, dim), and the summed squared distance.

        As ``Centroids.assign``, up to rounding; of equally near centres the first is taken.
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
