"""How much two utterances sound like one speaker, for a frozen speaker encoder."""

from collections.abc import Callable

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


def waveform_similarity(
    encoder: Callable[[np.ndarray], np.ndarray], waveform: np.ndarray, other: np.ndarray
) -> float:
    """Return the cosine of the vectors that an encoder gives two waveforms (N,) at 16 kHz.

    The encoder that conditioned the model is not independent of it: a conversion can
    please it without sounding like the speaker. Report a second one beside it.

    Args:
        encoder: ``speaker.encoder.build_speaker_encoder(...)`` or any like it.
        waveform: converted speech.
        other: of the speaker; the source, or another utterance.

    Raises:
        ValueError: see `speaker_similarity` and the encoder.
    """
    return speaker_similarity(encoder(waveform), encoder(other))
