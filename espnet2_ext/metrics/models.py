"""Evaluation models: predicted emotion, voice, words and quality of an utterance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.metrics.content import word_error_rate
from espnet2_ext.metrics.speaker import speaker_similarity

DNSMOS = {
    "dnsmos": "ovrl_mos",
    "dnsmos_signal": "sig_mos",
    "dnsmos_background": "bak_mos",
    "dnsmos_p808": "p808_mos",
}
"""Fields of a ``PairScore``, and what the package calls these mean opinion scores from 1 to 5."""


def load_dnsmos() -> ModuleType:
    """Return ``speechmos.dnsmos``; ValueError if it is not installed."""
    try:
        from speechmos import dnsmos as package
    except ModuleNotFoundError as error:
        message = "DNSMOS needs another package; pip install speechmos onnxruntime"
        raise ValueError(message) from error
    return package


def dnsmos(waveform: np.ndarray) -> dict[str, float]:
    """Return the fields `DNSMOS` of a waveform (N,) at 16 kHz by the package speechmos.

    Its networks were trained on noisy calls: compare conversions of one vocoder with its copy
    synthesis, not with other papers. Waveforms above full scale are scaled down to it.
    """
    waveform = np.asarray(waveform, dtype=np.float32)
    loudest = max(1.0, float(np.abs(waveform).max()))
    scores = load_dnsmos().run(waveform / loudest, SAMPLE_RATE_HZ)
    return {field: float(scores[name]) for field, name in DNSMOS.items()}


@dataclass(frozen=True)
class Predictions:
    """Model predictions for an utterance; None where a model was not asked.

    ``emotions`` are probabilities of a recogniser, ``speaker_vector`` (D,) is of a speaker
    encoder, ``words`` of a speech recogniser ("" for none), ``quality`` of `dnsmos`.
    """

    emotions: Mapping[str, float] | None = None
    speaker_vector: np.ndarray | None = None
    words: str | None = None
    quality: Mapping[str, float] | None = None


Predict = Callable[[np.ndarray], Predictions]
"""Of a waveform (N,) at 16 kHz; see ``EvaluationModels.predictor``."""


def prediction_fields(
    predictions: Predictions,
    target: Predictions,
    emotion: str | None,
    text: str | None = None,
    *,
    with_speaker: bool = True,
) -> dict[str, float | None]:
    """Return the fields of a ``PairScore`` that come from models.

    Speech too short for the models counts as the wrong emotion, no words, the worst quality and a
    cosine of 0. ``target`` is of the ground-truth target and tells which models were asked;
    ``emotion`` and ``text`` are what the utterance should have; ValueError where one lacks.
    """
    fields: dict[str, float | None] = {}
    if predictions.emotions is not None:
        if emotion is None or emotion not in predictions.emotions:
            raise ValueError(
                f"emotion {emotion or 'not known (no utt2emo)'}: the recogniser knows "
                f"{', '.join(sorted(predictions.emotions))}; take one that was trained with it"
            )
        # Of equally probable ones the first in the alphabet.
        best = max(sorted(predictions.emotions), key=predictions.emotions.__getitem__)
        fields["emotion_right"] = float(best == emotion)
        fields["emotion_probability"] = predictions.emotions[emotion]
    elif target.emotions is not None:
        fields |= {"emotion_right": 0.0, "emotion_probability": 0.0}
    if target.words is not None:
        rate, num_words = word_error_rate(text or "", predictions.words or "")
        fields |= {"word_error_rate": rate, "num_words": float(num_words)}
    if target.quality is not None:
        fields |= predictions.quality or dict.fromkeys(DNSMOS, 1.0)
    if with_speaker and target.speaker_vector is not None:
        vector = predictions.speaker_vector
        fields["speaker_cosine"] = (
            0.0 if vector is None else speaker_similarity(vector, target.speaker_vector)
        )
    return fields
