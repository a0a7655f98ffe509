"""Recordings for the page."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.audio import AudioError
from espnet2_ext.listening.make import SoundFolder


def test_one_format_at_the_own_rate_with_the_same_samples(
    tmp_path: Path, make_wav: Callable[..., Path]
) -> None:
    path = make_wav("a.flac", rate_hz=24000, duration_s=0.1)
    sounds = SoundFolder(tmp_path / "out")
    name = sounds.add(str(path))
    info = soundfile.info(tmp_path / "out" / name)
    assert (info.format, info.subtype, info.samplerate) == ("WAV", "PCM_16", 24000)
    expected, _ = soundfile.read(path, dtype="int16")
    written, _ = soundfile.read(tmp_path / "out" / name, dtype="int16")
    np.testing.assert_array_equal(written, expected)
    assert sounds.rates_hz == {str(path): 24000}
    assert sounds.clipped == []


def test_the_same_sound_is_kept_once_whatever_its_name_and_format(
    tmp_path: Path, make_wav: Callable[..., Path]
) -> None:
    path = make_wav("a.wav")
    samples, rate_hz = soundfile.read(path, dtype="int16")
    soundfile.write(tmp_path / "b.flac", samples, rate_hz)
    sounds = SoundFolder(tmp_path / "out")
    name = sounds.add(str(path))
    assert sounds.add(str(tmp_path / "b.flac")) == name
    other = sounds.add(str(make_wav("c.wav", seed=1)))
    assert {file.name for file in (tmp_path / "out").iterdir()} == {name, other}


def test_tells_what_is_beyond_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.array([0.5, 1.5, -1.5]), 16000, subtype="FLOAT")
    sounds = SoundFolder(tmp_path / "out")
    name = sounds.add(str(path))
    assert sounds.clipped == [str(path)]
    written, _ = soundfile.read(tmp_path / "out" / name, dtype="int16")
    assert written.tolist() == [16384, 32767, -32768]


def test_refuses_what_is_no_audio(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("words")
    for name, message in (("a.wav", "not readable as audio"), ("b.wav", "no such file")):
        with pytest.raises(AudioError, match=f"{name}: {message}"):
            SoundFolder(tmp_path / "out").add(str(tmp_path / name))
