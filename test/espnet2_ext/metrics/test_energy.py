"""Level of active speech."""

import numpy as np
import pytest

from espnet2_ext.metrics.prosody import speech_level_db


def test_constant_one_is_zero_db_and_a_tenth_is_minus_twenty() -> None:
    assert speech_level_db(np.ones(1600)) == pytest.approx(0.0)
    assert speech_level_db(np.full(1600, -0.1)) == pytest.approx(-20.0)


def test_is_the_mean_power_of_frames() -> None:
    """Frames of 320 every 160: at 0 and 160 power 1, one half, then two at 0.01 (-20 dB)."""
    waveform = np.concatenate([np.ones(480), np.full(480, 0.1)])
    powers = [1.0, 1.0, 0.505, 0.01, 0.01]
    assert speech_level_db(waveform) == pytest.approx(10 * np.log10(np.mean(powers)))


def test_pauses_do_not_count() -> None:
    speech = np.full(3200, 0.5)
    with_pause = np.concatenate([speech, np.full(16000, 0.5 * 10 ** (-31 / 20))])
    alone = speech_level_db(speech)
    assert speech_level_db(with_pause) == pytest.approx(alone, abs=0.3)


def test_short_and_silent_waveforms_have_a_level() -> None:
    assert speech_level_db(np.ones(5)) == pytest.approx(0.0)
    assert speech_level_db(np.zeros(1600)) == -100.0


def test_refuses_an_empty_waveform() -> None:
    with pytest.raises(ValueError, match="empty"):
        speech_level_db(np.zeros(0))
