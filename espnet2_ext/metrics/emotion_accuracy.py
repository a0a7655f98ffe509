"""Emotion accuracy: how often a recogniser hears the emotion that was aimed at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Recogniser = Callable[[Sequence[np.ndarray]], Sequence[Mapping[str, float]]]
"""Probabilities by emotion of waveforms (N,) at 16 kHz; ``tasks.ser_inference`` has one."""


@dataclass(frozen=True)
class HeardEmotion:
    """What a recogniser says of one utterance.

    Attributes:
        heard: the most probable emotion; of equal ones the first in the alphabet.
        target: the one aimed at.
        target_probability: what the recogniser gives the one aimed at.
    """

    heard: str
    target: str
    target_probability: float

    @property
    def is_right(self) -> bool:
        """Return whether the emotion aimed at was heard."""
        return self.heard == self.target


def hear_emotions(
    waveforms: Sequence[np.ndarray],
    targets: Sequence[str],
    recognise: Recogniser,
    *,
    batch_size: int = 16,
) -> list[HeardEmotion]:
    """Return what a recogniser says of each waveform, in their order.

    The recogniser must not have heard the speakers it is asked about, and a
    recogniser trained on what the conversion model was trained on says less than one
    of other voices. Give the accuracy of the unconverted sources beside it.

    Args:
        waveforms: (n,) each (N,) at 16 kHz.
        targets: (n,) emotions aimed at.
        recognise: for instance ``EmotionRecogniser(model_file)``.
        batch_size: waveforms it is given at a time.

    Raises:
        ValueError: the lists differ in length or are empty, or an emotion is none of the
            recogniser's.
    """
    if len(waveforms) != len(targets) or not targets:
        raise ValueError(
            f"{len(waveforms)} waveforms and {len(targets)} emotions; give as many, at least one"
        )
    heard = []
    for start in range(0, len(targets), batch_size):
        batch = slice(start, start + batch_size)
        answers = recognise(waveforms[batch])
        for target, answer in zip(targets[batch], answers, strict=True):
            if target not in answer:
                raise ValueError(
                    f"emotion {target!r}: the recogniser knows {', '.join(sorted(answer))}; "
                    "take one that was trained with it, or leave its conversions out"
                )
            best = max(sorted(answer), key=lambda emotion: answer[emotion])
            heard.append(HeardEmotion(best, target, float(answer[target])))
    return heard


def emotion_accuracy(heard: Sequence[HeardEmotion]) -> float:
    """Return the share of utterances in which the emotion aimed at was heard.

    Raises:
        ValueError: there is no utterance.
    """
    if not heard:
        raise ValueError("no utterance to score; convert some first")
    return sum(one.is_right for one in heard) / len(heard)
