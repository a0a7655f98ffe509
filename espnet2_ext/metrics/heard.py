"""What models hear in an utterance: emotion and voice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from espnet2_ext.metrics.speaker_similarity import speaker_similarity


@dataclass(frozen=True)
class Heard:
    """Answers of a recogniser of emotion and of a speaker encoder; None where not asked.

    Attributes:
        emotions: probability by emotion.
        speaker_vector: (D,).
    """

    emotions: Mapping[str, float] | None = None
    speaker_vector: np.ndarray | None = None


Listen = Callable[[np.ndarray], Heard]
"""Of a waveform (N,) at 16 kHz; ``tasks.hearing`` has one that can be sent to processes."""


def emotion_fields(heard: Heard, emotion: str | None) -> dict[str, float | None]:
    """Return the fields of a ``PairScore`` that say whether an emotion is heard.

    Args:
        heard: of an utterance; one without answers gives nothing.
        emotion: that it should have.

    Raises:
        ValueError: the emotion is not known, or none of the recogniser's.
    """
    if heard.emotions is None:
        return {}
    if emotion is None or emotion not in heard.emotions:
        raise ValueError(
            f"emotion {emotion or 'not known (no utt2emo)'}: the recogniser knows "
            f"{', '.join(sorted(heard.emotions))}; take one that was trained with it"
        )
    probabilities = heard.emotions
    # Of equally probable ones the first in the alphabet.
    best = max(sorted(probabilities), key=lambda name: probabilities[name])
    return {
        "emotion_right": float(best == emotion),
        "emotion_probability": heard.emotions[emotion],
    }


def hearing_fields(heard: Heard, target: Heard, emotion: str | None) -> dict[str, float | None]:
    """Return the fields of a ``PairScore`` that models heard of an utterance and its target.

    Speech too short to be heard counts as wrong and like nobody: leaving it out would
    reward conversions that are hardly there.

    Raises:
        ValueError: see ``emotion_fields`` and ``speaker_similarity``.
    """
    fields = emotion_fields(heard, emotion)
    if target.emotions is not None and not fields:
        fields = {"emotion_right": 0.0, "emotion_probability": 0.0}
    if target.speaker_vector is not None:
        cosine = 0.0
        if heard.speaker_vector is not None:
            cosine = speaker_similarity(heard.speaker_vector, target.speaker_vector)
        fields["speaker_cosine"] = cosine
    return fields
