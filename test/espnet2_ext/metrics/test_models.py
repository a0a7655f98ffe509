"""Model predictions as fields of a score, and DNSMOS by a package that need not be there."""

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from espnet2_ext.metrics.models import DNSMOS, Predictions, dnsmos, prediction_fields

SAD = Predictions({"sad": 0.6, "angry": 0.4}, np.array([3.0, 4.0]))
QUALITY = dict(zip(DNSMOS, (3.0, 3.5, 4.0, 3.25), strict=True))
EMOTIONS = replace(SAD, speaker_vector=None)


def test_emotion_is_right_or_wrong_and_as_probable_as_predicted() -> None:
    right = {"emotion_right": 1.0, "emotion_probability": 0.6}
    assert prediction_fields(EMOTIONS, EMOTIONS, "sad") == right
    wrong = {"emotion_right": 0.0, "emotion_probability": 0.4}
    assert prediction_fields(EMOTIONS, EMOTIONS, "angry") == wrong
    even = Predictions({"sad": 0.5, "angry": 0.5})
    assert prediction_fields(even, even, "angry")["emotion_right"] == 1.0, "first in the alphabet"
    assert prediction_fields(Predictions(), Predictions(), "sad") == {}


def test_voice_is_compared_with_the_target() -> None:
    target = Predictions(None, np.array([4.0, 3.0]))
    voice = replace(SAD, emotions=None)
    cosine = {"speaker_cosine": pytest.approx(24 / 25)}
    assert prediction_fields(voice, target, None) == cosine
    assert prediction_fields(voice, target, None, with_speaker=False) == {}


def test_words_and_quality_are_of_the_utterance_alone() -> None:
    asked = Predictions(words="one two", quality=dict.fromkeys(DNSMOS, 1.5))
    predictions = Predictions(words="One, three four", quality=QUALITY)
    assert prediction_fields(predictions, asked, None, "one two") == {
        "num_words": 2.0,
        "word_error_rate": 1.0,  # One of two words otherwise, one too many.
        **QUALITY,
    }
    with pytest.raises(ValueError, match="at least one word"):
        prediction_fields(predictions, asked, None)


def test_speech_too_short_for_the_models_is_wrong_and_not_left_out() -> None:
    asked = replace(SAD, words="", quality=QUALITY)
    assert prediction_fields(Predictions(), asked, "sad", "one two") == {
        "emotion_right": 0.0,
        "emotion_probability": 0.0,
        "speaker_cosine": 0.0,
        "word_error_rate": 1.0,
        "num_words": 2.0,
        **dict.fromkeys(QUALITY, 1.0),
    }


def test_an_emotion_that_the_recogniser_does_not_know_is_an_error() -> None:
    for emotion, word in (("fear", "knows angry"), (None, "utt2emo")):
        with pytest.raises(ValueError, match=word):
            prediction_fields(SAD, SAD, emotion)


def test_dnsmos_scales_down_to_full_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def run(waveform: np.ndarray, rate_hz: int) -> dict[str, float]:
        given.append((float(np.abs(waveform).max()), rate_hz))
        return {name: QUALITY[field] for field, name in DNSMOS.items()}

    package = ModuleType("speechmos")
    package.dnsmos = SimpleNamespace(run=run)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "speechmos", package)
    assert dnsmos(np.full(100, 0.5)) == QUALITY
    dnsmos(np.full(100, -2.0))
    assert given == [(0.5, 16000), (1.0, 16000)]
    monkeypatch.setitem(sys.modules, "speechmos", None)
    with pytest.raises(ValueError, match="pip install speechmos"):
        dnsmos(np.ones(100))
