"""Assign frames to clusters at a price for every change of cluster."""

import numpy as np


def assign_with_switch_penalty(distances: np.ndarray, penalty: float) -> np.ndarray:
    """Return the clusters (F,) int64 of least total distance plus penalty a change.

    Nearest centres alone flicker: at 50 frames a second MFCC units change 34 times a
    second, so that a decoder reads more than one unit a step and cannot learn that the
    same units may last longer. Solved exactly by dynamic programming; of equal paths the
    one that stays is taken.

    Source: the duration-penalised segmentation of Kamper and van Niekerk (2021).
    Deviation: not in paper; 0 there, which is the nearest centre.

    Args:
        distances: (F, k) squared distance of each frame to each centre, or that less
            any number that depends on the frame alone.
        penalty: price of a change, in units of squared distance.

    Raises:
        ValueError: the penalty is negative.
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
