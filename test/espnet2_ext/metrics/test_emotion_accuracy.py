"""What a recogniser hears in conversions."""

from collections.abc import Sequence

import numpy as np
import pytest

from espnet2_ext.metrics.emotion_accuracy import (
    HeardEmotion,
    emotion_accuracy,
    hear_emotions,
)


def recognise(waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
    """Hear the probability of happy in the first sample."""
    return [{"sad": 1.0 - wave[0], "happy": float(wave[0])} for wave in waveforms]


def test_share_of_emotions_that_were_aimed_at() -> None:
    waveforms = [np.array([value]) for value in (0.75, 0.25, 1.0)]
    heard = hear_emotions(waveforms, ["happy", "happy", "sad"], recognise)
    assert heard == [
        HeardEmotion("happy", "happy", 0.75),
        HeardEmotion("sad", "happy", 0.25),
        HeardEmotion("happy", "sad", 0.0),
    ]
    assert emotion_accuracy(heard) == pytest.approx(1.0 / 3.0)


def test_of_equal_emotions_the_first_in_the_alphabet_is_heard() -> None:
    assert hear_emotions([np.array([0.5])], ["sad"], recognise)[0].heard == "happy"


def test_goes_in_batches_and_keeps_the_order() -> None:
    sizes = []

    def count(waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        sizes.append(len(waveforms))
        return recognise(waveforms)

    values = [0.0, 0.25, 0.5, 0.75, 1.0]
    heard = hear_emotions([np.array([v]) for v in values], 5 * ["happy"], count, batch_size=2)
    assert sizes == [2, 2, 1]
    assert [one.target_probability for one in heard] == values


def test_refuses_lists_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="1 waveforms and 2 emotions"):
        hear_emotions([np.ones(1)], ["sad", "sad"], recognise)
    with pytest.raises(ValueError, match="at least one"):
        hear_emotions([], [], recognise)
    with pytest.raises(ValueError, match="no utterance to score"):
        emotion_accuracy([])


def test_refuses_an_emotion_the_recogniser_does_not_know() -> None:
    with pytest.raises(ValueError, match="'angry': the recogniser knows happy, sad"):
        hear_emotions([np.ones(1)], ["angry"], recognise)
