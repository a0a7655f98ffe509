"""Any audio file, and what is none."""

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from espnet2_ext.data import audio as any_audio
from espnet2_ext.data.audio import AudioError, read_any_audio, read_audio


@pytest.fixture
def no_av(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make PyAV not installed."""
    monkeypatch.setitem(sys.modules, "av", None)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "misnamed.mp4"])
def test_soundfile_reads_what_it_knows_by_content(
    name: str, make_wav: Callable[..., Path], no_av: None
) -> None:
    path = make_wav("a.wav" if name == "misnamed.mp4" else name)
    path = path.rename(path.with_name(name))
    np.testing.assert_array_equal(read_any_audio(path), read_audio(path))


def test_a_low_rate_mp3_is_resampled_and_said_to_lack_its_highs(
    make_wav: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = make_wav("low.mp3", rate_hz=8000, duration_s=1.0)
    waveform = read_any_audio(path)
    assert (waveform.dtype, waveform.ndim) == (np.float32, 1)
    assert len(waveform) == pytest.approx(16000, abs=1)
    spectrum = np.abs(np.fft.rfft(waveform[2000:14000] * np.hanning(12000)))
    # The tone falls from 200 to 100 Hz.
    assert 90 < spectrum.argmax() * 16000 / 12000 < 210
    assert "nothing above 4000 Hz" in caplog.text


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path) -> None:
    channels = np.stack([np.full(2000, 0.5), np.full(2000, -0.25)], axis=1)
    soundfile.write(tmp_path / "s.wav", channels, 16000, "FLOAT")
    np.testing.assert_array_equal(read_any_audio(tmp_path / "s.wav"), np.full(2000, 0.125))


def test_says_what_is_missing_or_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match=r"empty\.wav: the file is empty; .* give a wav"):
        read_any_audio(tmp_path / "empty.wav")
    with pytest.raises(AudioError, match=r"no\.wav: no such file"):
        read_any_audio(tmp_path / "no.wav")


@pytest.mark.parametrize("name", ["text.wav", "text.mp3", "text.raw"])
def test_a_text_is_no_audio_and_the_line_names_file_and_remedy(
    name: str, tmp_path: Path, no_av: None
) -> None:
    (tmp_path / name).write_text("These are words.\n" * 100)
    with pytest.raises(AudioError) as error_info:
        read_any_audio(tmp_path / name)
    message = str(error_info.value)
    assert message.startswith(f"{tmp_path / name}: not readable as audio")
    assert "pip install av" in message and "\n" not in message


def test_pyav_decodes_what_soundfile_does_not(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    time_s = np.arange(44100) / 44100
    tone = (0.4 * np.sin(2 * np.pi * 300 * time_s)).astype(np.float32)
    path = tmp_path / "tone.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame) + stream.encode(None))
    waveform = read_any_audio(path)
    assert waveform.dtype == np.float32
    assert len(waveform) == pytest.approx(16000, abs=1600)  # AAC pads both ends
    middle = waveform[4000:12000]
    assert np.abs(np.fft.rfft(middle)).argmax() == 300 * 8000 // 16000
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.4 / np.sqrt(2), rel=0.05)


def test_pyav_names_what_it_cannot_decode_and_films_without_sound(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    (tmp_path / "text.mp4").write_text("These are words.\n" * 100)
    with pytest.raises(AudioError, match=r"text\.mp4: not readable as audio \(.*give a wav"):
        read_any_audio(tmp_path / "text.mp4")
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(picture) + stream.encode(None))
    with pytest.raises(AudioError, match=r"film\.mp4: holds no sound"):
        read_any_audio(tmp_path / "film.mp4")


@pytest.mark.parametrize(
    ("kind", "stated", "kept"),
    [
        ("mov,mp4,m4a", 16000, 16000),  # 300 samples fill the last coded frame
        ("mov,mp4,m4a", 16400, 16300),
        ("mov,mp4,m4a", 12000, 16300),  # too much for a frame: the table is wrong
        ("mov,mp4,m4a", None, 16300),
        ("aac", 16000, 16300),  # guessed from the bit rate
    ],
)
def test_only_the_padding_of_the_last_frame_is_cut(
    kind: str, stated: int | None, kept: int
) -> None:
    container = SimpleNamespace(format=SimpleNamespace(name=kind))
    stream = SimpleNamespace(duration=stated, time_base=Fraction(1, 16000), rate=16000)
    assert any_audio._samples_to_keep(container, stream, 16300) == kept
