"""How much two utterances sound like one speaker, for a frozen speaker encoder."""

import numpy as np


def speaker_similarity(vector: np.ndarray, other: np.ndarray) -> float:
    """Return the cosine (-1 to 1) of two speaker vectors (D,).

    Raises:
        ValueError: vectors of different shape, without length, or not finite.
    """
    vector, other = (np.asarray(one, dtype=np.float64) for one in (vector, other))
    if vector.ndim != 1 or vector.shape != other.shape:
        raise ValueError(
            f"expected two vectors of one size, got shapes {vector.shape} and {other.shape}; "
            "take both from one encoder"
        )
    length = float(np.linalg.norm(vector) * np.linalg.norm(other))
    if not np.isfinite(length) or length == 0.0:
        raise ValueError("a cosine needs vectors that are finite and not zero")
    return float(np.clip(vector @ other / length, -1.0, 1.0))
