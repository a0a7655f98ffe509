"""Level, length and pitch of utterances, and trends along an intensity scale."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.audio import AudioError
from espnet2_ext.metrics.prosody import (
    measure_prosody,
    prosody_measures,
    speech_level_db,
    trend,
)


def test_constant_one_is_zero_db_and_a_tenth_is_minus_twenty() -> None:
    assert speech_level_db(np.ones(1600)) == pytest.approx(0.0)
    assert speech_level_db(np.full(1600, -0.1)) == pytest.approx(-20.0)
    assert speech_level_db(np.ones(5)) == pytest.approx(0.0)
    assert speech_level_db(np.zeros(1600)) == -100.0
    with pytest.raises(ValueError, match="empty"):
        speech_level_db(np.zeros(0))


def test_level_is_the_mean_power_of_active_frames() -> None:
    """Frames of 320 every 160: at 0 and 160 power 1, one half, then two at 0.01 (-20 dB)."""
    waveform = np.concatenate([np.ones(480), np.full(480, 0.1)])
    powers = [1.0, 1.0, 0.505, 0.01, 0.01]
    assert speech_level_db(waveform) == pytest.approx(10 * np.log10(np.mean(powers)))
    speech = np.full(3200, 0.5)
    with_pause = np.concatenate([speech, np.full(16000, 0.5 * 10 ** (-31 / 20))])
    assert speech_level_db(with_pause) == pytest.approx(speech_level_db(speech), abs=0.3)


def test_pulses_have_their_pitch_length_and_level(make_pulses: Callable[..., np.ndarray]) -> None:
    measures = prosody_measures(make_pulses(150, 0.5))
    assert measures.f0_mean_hz == pytest.approx(150, rel=0.02)
    assert measures.f0_range_semitones == pytest.approx(0.0, abs=0.3)
    assert measures.duration_s == 0.5
    quieter = prosody_measures(make_pulses(150, 0.5, amplitude=0.05))
    assert measures.level_db - quieter.level_db == pytest.approx(20.0, abs=0.1)


def test_range_and_deviation_are_over_voiced_frames(make_pulses: Callable[..., np.ndarray]) -> None:
    octave = prosody_measures(np.concatenate([make_pulses(110, 0.6), make_pulses(220, 0.6)]))
    assert octave.f0_range_semitones == pytest.approx(12.0, abs=0.5)
    low, high = make_pulses(150.0, 0.6), make_pulses(200.0, 0.6)
    spread = prosody_measures(np.concatenate([low, np.zeros(3200), high]))
    assert spread.f0_std_hz == pytest.approx(25.0, abs=2.0)  # Of two values 50 Hz apart.
    silence = prosody_measures(np.zeros(8000))
    assert (silence.f0_mean_hz, silence.f0_std_hz, silence.f0_range_semitones) == (None,) * 3
    with pytest.raises(ValueError, match="empty waveform"):
        prosody_measures(np.zeros(0))


def test_files_keep_their_order_in_processes(
    make_pulses: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    wavs = [str(tmp_path / f"{f0_hz}.wav") for f0_hz in (180, 120, 240)]
    for wav, f0_hz in zip(wavs, (180, 120, 240), strict=True):
        soundfile.write(wav, make_pulses(f0_hz, 0.3), 16000)
    # More than a chunk, so that there are two processes.
    measured = measure_prosody(4 * wavs, num_workers=2)
    assert [round(each.f0_mean_hz or 0.0, -1) for each in measured] == 4 * [180, 120, 240]
    with pytest.raises(AudioError, match="none.wav: no such file"):
        measure_prosody(["none.wav"])


@pytest.mark.parametrize(
    ("values", "target", "correlation", "right_steps"),
    [
        ({0.0: 100.0, 0.5: 120.0, 1.0: 150.0}, 160.0, 1.0, 1.0),
        ({0.0: 100.0, 0.5: 120.0, 1.0: 150.0}, 80.0, -1.0, 0.0),  # The target is lower.
        ({0.0: 100.0, 0.3: 101.0, 0.9: 300.0}, 160.0, 1.0, 1.0),  # Ranks ignore the shape.
        # Ranks 1 3 2 4: 1 - 6 x (0 + 1 + 1 + 0) / (4 x 15) = 0.8; two of three steps go up.
        ({1.0: 9.0, 0.0: 1.0, 0.25: 5.0, 0.5: 4.0}, 101.0, 0.8, 2 / 3),
        ({0.0: 2.0, 1.0: 2.0}, 101.0, 0.0, 0.0),  # What does not move has no trend.
    ],
)
def test_trend_by_hand(values: dict, target: float, correlation: float, right_steps: float) -> None:
    found = trend(values, source=100.0, target=target)
    assert found.correlation == pytest.approx(correlation)
    assert found.right_steps == pytest.approx(right_steps)


def test_what_has_no_trend_is_an_error() -> None:
    with pytest.raises(ValueError, match="no steps"):
        trend({0.0: 1.0}, 0.0, 1.0)
    with pytest.raises(ValueError, match="finite values"):
        trend({0.0: 1.0, 1.0: 1.0}, 0.0, float("inf"))
