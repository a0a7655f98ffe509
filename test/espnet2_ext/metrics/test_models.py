"""What models hear, as fields of a score."""

import numpy as np
import pytest

from espnet2_ext.metrics.models import Dnsmos, Heard, emotion_fields, hearing_fields, own_fields

SAD = Heard({"sad": 0.6, "angry": 0.4}, np.array([3.0, 4.0]))


def test_emotion_is_right_or_wrong_and_as_probable_as_heard() -> None:
    assert emotion_fields(SAD, "sad") == {"emotion_right": 1.0, "emotion_probability": 0.6}
    assert emotion_fields(SAD, "angry") == {"emotion_right": 0.0, "emotion_probability": 0.4}
    even = Heard({"sad": 0.5, "angry": 0.5})
    assert emotion_fields(even, "angry")["emotion_right"] == 1.0, "first in the alphabet"
    assert emotion_fields(Heard(), "sad") == {}


def test_voice_is_compared_with_the_target() -> None:
    target = Heard(None, np.array([4.0, 3.0]))
    assert hearing_fields(Heard(None, SAD.speaker_vector), target, None) == {
        "speaker_cosine": pytest.approx(24 / 25)
    }
    assert hearing_fields(SAD, SAD, "sad").keys() == {
        "emotion_right", "emotion_probability", "speaker_cosine"
    }  # fmt: skip


def test_words_and_quality_are_of_the_utterance_alone() -> None:
    asked = Heard(words="one two", quality=Dnsmos(1.5, 1.5, 1.5, 1.5))
    heard = Heard(words="One, three four", quality=Dnsmos(3.0, 3.5, 4.0, 3.25))
    expected = {
        "num_words": 2.0,
        "word_error_rate": 1.0,  # One of two words otherwise, one too many.
        "dnsmos": 3.0,
        "dnsmos_signal": 3.5,
        "dnsmos_background": 4.0,
        "dnsmos_p808": 3.25,
    }
    assert own_fields(heard, asked, None, "one two") == expected
    assert hearing_fields(heard, asked, None, "one two") == expected
    with pytest.raises(ValueError, match="at least one word"):
        own_fields(heard, asked, None)


def test_speech_too_short_has_no_words_and_the_worst_quality() -> None:
    asked = Heard(words="", quality=Dnsmos(3.0, 3.0, 3.0, 3.0))
    fields = own_fields(Heard(), asked, None, "one two")
    assert fields["word_error_rate"] == 1.0
    assert fields["dnsmos"] == fields["dnsmos_p808"] == 1.0


def test_nothing_asked_gives_nothing() -> None:
    assert hearing_fields(Heard(), Heard(), None) == {}


def test_speech_too_short_to_be_heard_is_wrong_and_not_left_out() -> None:
    assert hearing_fields(Heard(), SAD, "sad") == {
        "emotion_right": 0.0, "emotion_probability": 0.0, "speaker_cosine": 0.0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("emotion", "said"), [("fear", "emotion fear: the recogniser knows angry"), (None, "utt2emo")]
)
def test_an_emotion_that_the_recogniser_does_not_know_is_an_error(emotion, said) -> None:
    with pytest.raises(ValueError, match=said):
        emotion_fields(SAD, emotion)
