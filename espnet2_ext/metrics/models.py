"""What models hear in an utterance: emotion, voice, words and quality."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.metrics.content import spoken_words, word_error_rate
from espnet2_ext.metrics.speaker import speaker_similarity

# ---------------------------------------------------------------- dnsmos
# DNSMOS: what listeners would think of the quality of speech, guessed by a network.

LOWEST = 1.0
"""The worst score there is."""


@dataclass(frozen=True)
class Dnsmos:
    """Mean opinion scores from 1 (bad) to 5 (excellent).

    Attributes:
        overall: of everything.
        signal: of the speech.
        background: of the noise.
        p808: overall by the network of the older recommendation P.808.
    """

    overall: float
    signal: float
    background: float
    p808: float


def load_dnsmos() -> ModuleType:
    """Return the package's module of the score.

    Raises:
        ValueError: the package is not installed.
    """
    try:
        from speechmos import dnsmos as package
    except ModuleNotFoundError as error:
        raise ValueError("DNSMOS needs another package; pip install speechmos onnxruntime") from (
            error
        )
    return package


def dnsmos(waveform: np.ndarray) -> Dnsmos:
    """Return the scores of a waveform (N,) at 16 kHz by the package speechmos.

    The package brings its networks along; nothing is downloaded. They were trained on
    noisy calls: compare conversions of one vocoder with each other and with its
    resynthesis, not with other papers. Louder than full scale is scaled down to it.

    Raises:
        ValueError: the package is not installed, or the waveform is empty or not finite.
    """
    waveform = np.asarray(waveform, dtype=np.float32)
    if waveform.ndim != 1 or len(waveform) == 0 or not np.isfinite(waveform).all():
        raise ValueError(f"DNSMOS needs a waveform of finite samples, got shape {waveform.shape}")
    # The package refuses what exceeds full scale.
    loudest = max(1.0, float(np.abs(waveform).max()))
    scores = load_dnsmos().run(waveform / loudest, SAMPLE_RATE_HZ)
    return Dnsmos(
        overall=float(scores["ovrl_mos"]),
        signal=float(scores["sig_mos"]),
        background=float(scores["bak_mos"]),
        p808=float(scores["p808_mos"]),
    )


# ---------------------------------------------------------------- heard


@dataclass(frozen=True)
class Heard:
    """Answers of models; None where not asked.

    Attributes:
        emotions: probability by emotion, of a recogniser.
        speaker_vector: (D,) of a speaker encoder.
        words: text of a speech recogniser; "" where it hears none.
        quality: as listeners would rate it.
    """

    emotions: Mapping[str, float] | None = None
    speaker_vector: np.ndarray | None = None
    words: str | None = None
    quality: Dnsmos | None = None


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


def own_fields(
    heard: Heard, target: Heard, emotion: str | None, text: str | None = None
) -> dict[str, float | None]:
    """Return the fields of a ``PairScore`` that models heard of an utterance alone.

    Speech too short to be heard counts as wrong, without words and of the worst quality:
    leaving it out would reward conversions that are hardly there.

    Args:
        heard: of the utterance.
        target: of the true target, which tells what was asked.
        emotion: that it should have.
        text: what it should say; needed where words were asked for.

    Raises:
        ValueError: see ``emotion_fields`` and ``word_error_rate``.
    """
    fields = emotion_fields(heard, emotion)
    if target.emotions is not None and not fields:
        fields = {"emotion_right": 0.0, "emotion_probability": 0.0}
    if target.words is not None:
        fields["word_error_rate"] = word_error_rate([text or ""], [heard.words or ""])
        fields["num_words"] = float(len(spoken_words(text or "")))
    if target.quality is not None:
        quality = heard.quality or Dnsmos(LOWEST, LOWEST, LOWEST, LOWEST)
        fields |= {
            "dnsmos": quality.overall,
            "dnsmos_signal": quality.signal,
            "dnsmos_background": quality.background,
            "dnsmos_p808": quality.p808,
        }
    return fields


def hearing_fields(
    heard: Heard, target: Heard, emotion: str | None, text: str | None = None
) -> dict[str, float | None]:
    """Return the fields of a ``PairScore`` that models heard of an utterance and its target.

    Beside ``own_fields`` the likeness of the voices; speech too short is like nobody's.

    Raises:
        ValueError: see ``own_fields`` and ``speaker_similarity``.
    """
    fields = own_fields(heard, target, emotion, text)
    if target.speaker_vector is not None:
        cosine = 0.0
        if heard.speaker_vector is not None:
            cosine = speaker_similarity(heard.speaker_vector, target.speaker_vector)
        fields["speaker_cosine"] = cosine
    return fields
