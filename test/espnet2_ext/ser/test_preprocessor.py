import numpy as np
import pytest

from espnet2_ext.ser.task import EmotionPreprocessor


def test_class_is_the_place_among_the_emotions():
    speech = np.zeros(3)
    data = EmotionPreprocessor(["neutral", "sad"])("u", {"emotion": "sad", "speech": speech})
    assert data["emotion"].tolist() == [1]
    assert data["emotion"].dtype == np.int64
    assert data["speech"] is speech


def test_without_emotion_nothing_happens():
    assert EmotionPreprocessor(["sad"])("u", {}) == {}


def test_an_emotion_that_is_no_class():
    message = "utt2emo: u-1: 'fear' is none of neutral, sad; give --emotions"
    with pytest.raises(ValueError, match=message):
        EmotionPreprocessor(["neutral", "sad"])("u-1", {"emotion": "fear"})
