"""Arithmetic on prosody vectors: average of references, a way between two, an intensity.

Not in paper: [P2V] IV-D and V take the vector of one reference as it is. Vectors of the
same encoder share a space in which the decoder was trained on points only, so what lies
between or beyond them is a guess that scores have to confirm.
"""

from collections.abc import Sequence

import numpy as np

MAX_INTENSITY = 3.0
"""Not in paper. With the demo's model speech is overdriven from 3 on and noise at 8."""


def average_prosody(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean (P,) float32 of n prosody vectors (P,).

    What a single sentence adds to its emotion or style is averaged out.

    Raises:
        ValueError: no vectors, or vectors of different widths.
    """
    if not len(vectors):
        raise ValueError("an average of no prosody vectors is not defined: give a reference")
    checked = np.stack([_checked(vector, vectors[0]) for vector in vectors])
    return checked.mean(axis=0).astype(np.float32)


def weighted_prosody(vectors: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return the weighted sum (P,) float32 of n prosody vectors (P,).

    Weights 1/n give the average, ``1 - a`` and ``a`` an intensity of ``a``.

    Raises:
        ValueError: no vectors, another number of weights, a weight that is not finite, or
            vectors of different widths.
    """
    if not len(vectors) or len(vectors) != len(weights):
        raise ValueError(f"{len(vectors)} prosody vectors, {len(weights)} weights: give as many")
    if not np.isfinite(weights).all():
        raise ValueError(f"weights {list(weights)}: must be finite numbers")
    checked = np.stack([_checked(vector, vectors[0]) for vector in vectors])
    return (np.asarray(weights, dtype=np.float64) @ checked).astype(np.float32)


def interpolate_prosody(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Return the vector (P,) float32 that lies ``share`` of the way from start to end.

    Args:
        start: (P,), what a share of 0 gives.
        end: (P,), what a share of 1 gives.
        share: 0 to 1; ``scale_intensity`` goes further.

    Raises:
        ValueError: the share lies outside 0 to 1, or the widths differ.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share {share}: must lie in 0 to 1; scale_intensity goes beyond the ends")
    return scale_intensity(start, end, share)


def scale_intensity(neutral: np.ndarray, target: np.ndarray, intensity: float) -> np.ndarray:
    """Return neutral + intensity * (target - neutral), (P,) float32.

    Args:
        neutral: (P,), prosody without the emotion or style.
        target: (P,), prosody with it.
        intensity: 0 gives neutral, 1 the target, more than 1 exaggerates and less than 0
            goes the other way.

    Raises:
        ValueError: the intensity lies outside -3 to 3, or the widths differ.
    """
    if not abs(intensity) <= MAX_INTENSITY:
        raise ValueError(
            f"intensity {intensity:g}: must lie in {-MAX_INTENSITY:g} to {MAX_INTENSITY:g}; "
            "further out no speech is left"
        )
    start, end = _checked(neutral, neutral), _checked(target, neutral)
    # In this form 0 and 1 give the two vectors to the bit.
    return ((1.0 - intensity) * start + intensity * end).astype(np.float32)


def _checked(vector: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return a vector (P,) in double precision, of the same width as another."""
    vector = np.asarray(vector, dtype=np.float64)
    if vector.ndim != 1 or vector.shape != np.shape(like):
        raise ValueError(
            f"prosody vectors of shapes {np.shape(like)} and {vector.shape} cannot be mixed: "
            "they must be one-dimensional and of one model"
        )
    return vector
