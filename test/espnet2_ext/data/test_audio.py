"""Any audio file, and what is none."""

import sys

import numpy as np
import pytest
import soundfile
import torch

from espnet2_ext.data.audio import (
    AudioError,
    read_any_audio,
    read_audio,
    resample,
    to_int16,
    write_flac,
)


def tone(frequency_hz, rate_hz, amplitude=0.25):
    """Return one second."""
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(rate_hz) / rate_hz)


def test_stereo_44100_is_mixed_and_resampled_and_16_khz_mono_is_read_as_it_is(tmp_path, make_wav):
    left = tone(440, 44100, 0.5)
    soundfile.write(tmp_path / "s.wav", np.stack([left, np.zeros_like(left)], 1), 44100)
    waveform = read_audio(tmp_path / "s.wav")
    assert waveform.shape == (16000,)
    assert np.abs(waveform - tone(440, 16000))[100:-100].max() < 2e-3
    path = make_wav("a.wav")
    assert read_audio(path).dtype == np.float32
    assert np.array_equal(read_audio(path), soundfile.read(path, dtype="float32")[0])


def test_what_is_written_to_a_pipe_does_not_say_how_long_it_is(make_wav):
    wav, flac = make_wav("pipe.wav"), make_wav("pipe.flac")
    expected, content = read_audio(flac), bytearray(wav.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    wav.write_bytes(content)
    assert read_audio(wav).shape == (4800,)
    content = bytearray(flac.read_bytes())
    content[21] &= 0xF0  # 36 bits of STREAMINFO: total samples, 0 where unknown
    content[22:26] = bytes(4)
    flac.write_bytes(content)
    assert soundfile.info(flac).frames == 2**63 - 1
    np.testing.assert_array_equal(read_audio(flac), expected)


@pytest.mark.parametrize("rate_hz", [44101, 15999])
def test_rates_without_a_common_divisor_need_no_kernel_for_every_phase(rate_hz, monkeypatch):
    monkeypatch.setattr("torchaudio.functional.resample", None)
    resampled = resample(tone(440, rate_hz), rate_hz, 16000)
    assert (resampled.dtype, resampled.shape) == (np.float32, (16000,))
    assert np.abs(resampled - tone(440, 16000))[100:-100].max() < 2e-3


def test_resampling_changes_length_and_pitch_but_no_threads_of_the_caller():
    before = torch.get_num_threads()
    changed = resample(tone(400, 16000, 1.0), 9, 10)
    assert changed.shape == (17778,) and torch.get_num_threads() == before
    spectrum = np.abs(np.fft.rfft(changed[:14400]))
    assert spectrum.argmax() * 16000 / 14400 == pytest.approx(360, abs=1.2)


def test_flac_keeps_every_sample(tmp_path):
    samples = to_int16(np.array([0.0, 0.5, -1.0, 1.0, 3.0, -3.0], np.float32))
    assert samples.tolist() == [0, 16384, -32768, 32767, 32767, -32768]
    write_flac(tmp_path / "a" / "x.flac", samples)
    stored, rate_hz = soundfile.read(tmp_path / "a" / "x.flac", dtype="int16")
    assert rate_hz == 16000 and stored.tolist() == samples.tolist()
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["x.flac"]


@pytest.fixture
def no_av(monkeypatch):
    """Make PyAV not installed."""
    monkeypatch.setitem(sys.modules, "av", None)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "misnamed.mp4"])
def test_soundfile_reads_what_it_knows_by_content(name, make_wav, no_av):
    path = make_wav("a.wav" if name == "misnamed.mp4" else name)
    path = path.rename(path.with_name(name))
    np.testing.assert_array_equal(read_any_audio(path), read_audio(path))


def test_a_low_rate_mp3_is_resampled_and_said_to_lack_its_highs(make_wav, caplog):
    waveform = read_any_audio(make_wav("low.mp3", rate_hz=8000, duration_s=1.0))
    assert len(waveform) == pytest.approx(16000, abs=1)
    spectrum = np.abs(np.fft.rfft(waveform[2000:14000] * np.hanning(12000)))
    # The tone falls from 200 to 100 Hz.
    assert 90 < spectrum.argmax() * 16000 / 12000 < 210
    assert "nothing above 4000 Hz" in caplog.text


@pytest.mark.parametrize("name", ["text.wav", "text.raw"])
def test_a_text_is_no_audio_and_the_line_names_file_and_remedy(name, tmp_path, no_av):
    (tmp_path / name).write_text("These are words.\n" * 100)
    with pytest.raises(AudioError) as error_info:
        read_any_audio(tmp_path / name)
    message = str(error_info.value)
    assert message.startswith(f"{tmp_path / name}: not readable as audio")
    assert "pip install av" in message and "\n" not in message
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(AudioError, match=r"text\..*: the file is empty; .* give a wav"):
        read_any_audio(tmp_path / name)
    with pytest.raises(AudioError, match=r"no\.wav: no such file"):
        read_any_audio(tmp_path / "no.wav")


def test_pyav_decodes_what_soundfile_does_not(tmp_path):
    av = pytest.importorskip("av")
    channel = tone(300, 44100, 0.4).astype(np.float32)
    path = tmp_path / "tone.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(np.stack([channel] * 2), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame) + stream.encode(None))
    waveform = read_any_audio(path)
    assert waveform.dtype == np.float32
    assert len(waveform) == pytest.approx(16000, abs=1600)  # AAC pads both ends
    middle = waveform[4000:12000]
    assert np.abs(np.fft.rfft(middle)).argmax() == 300 * 8000 // 16000
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.4 / np.sqrt(2), rel=0.05)


def test_pyav_names_what_it_cannot_decode_and_films_without_sound(tmp_path):
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
