"""Figures of an utterance."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.audio import AudioError
from espnet2_ext.metrics.prosody import measure_prosody, prosody_measures


def test_pulses_have_their_pitch_length_and_level(make_pulses: Callable[..., np.ndarray]) -> None:
    measures = prosody_measures(make_pulses(150, 0.5))
    assert measures.f0_mean_hz == pytest.approx(150, rel=0.02)
    assert measures.f0_range_semitones == pytest.approx(0.0, abs=0.3)
    assert measures.duration_s == 0.5
    quieter = prosody_measures(make_pulses(150, 0.5, amplitude=0.05))
    assert measures.level_db - quieter.level_db == pytest.approx(20.0, abs=0.1)


def test_range_of_an_octave(make_pulses: Callable[..., np.ndarray]) -> None:
    waveform = np.concatenate([make_pulses(110, 0.6), make_pulses(220, 0.6)])
    assert prosody_measures(waveform).f0_range_semitones == pytest.approx(12.0, abs=0.5)


def test_silence_has_no_pitch() -> None:
    measures = prosody_measures(np.zeros(8000, dtype=np.float32))
    assert measures.f0_mean_hz is None and measures.f0_range_semitones is None
    with pytest.raises(ValueError, match="empty waveform"):
        prosody_measures(np.zeros(0, dtype=np.float32))


def test_files_keep_their_order_in_processes(
    make_pulses: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    wavs = []
    for f0_hz in (180, 120, 240):
        wavs.append(str(tmp_path / f"{f0_hz}.wav"))
        soundfile.write(wavs[-1], make_pulses(f0_hz, 0.3), 16000)
    alone = measure_prosody(wavs)
    assert [round(m.f0_mean_hz or 0.0, -1) for m in alone] == [180, 120, 240]
    # More than a chunk, so that there are two processes.
    assert measure_prosody(4 * wavs, num_workers=2) == 4 * alone


def test_names_a_file_that_is_not_there() -> None:
    with pytest.raises(AudioError, match="none.wav: no such file"):
        measure_prosody(["none.wav"])
