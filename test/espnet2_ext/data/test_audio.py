from fractions import Fraction

import numpy as np
import pytest
import soundfile

from espnet2_ext.data.audio import (
    AudioError,
    change_speed,
    read_audio,
    resample,
    to_int16,
    write_flac,
)


def test_sixteen_khz_mono_is_read_as_it_is(make_wav):
    path = make_wav("a.wav")
    waveform = read_audio(path)
    assert waveform.dtype == np.float32 and waveform.shape == (4800,)
    assert np.array_equal(waveform, soundfile.read(path, dtype="float32")[0])


def test_stereo_44100_is_mixed_and_resampled(tmp_path):
    time_s = np.arange(44100) / 44100
    left = 0.5 * np.sin(2 * np.pi * 440 * time_s)
    soundfile.write(tmp_path / "s.wav", np.stack([left, np.zeros_like(left)], 1), 44100)
    waveform = read_audio(tmp_path / "s.wav")
    assert waveform.shape == (16000,)
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(waveform - expected)[100:-100].max() < 2e-3


def test_missing_empty_and_garbage(tmp_path):
    with pytest.raises(AudioError, match="no.wav: no such file"):
        read_audio(tmp_path / "no.wav")
    (tmp_path / "zero.wav").touch()
    with pytest.raises(AudioError, match="zero.wav: not readable as audio"):
        read_audio(tmp_path / "zero.wav")
    (tmp_path / "text.wav").write_text("this is no audio" * 20)
    with pytest.raises(AudioError, match="text.wav: not readable as audio"):
        read_audio(tmp_path / "text.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    with pytest.raises(AudioError, match="empty.wav: holds no samples"):
        read_audio(tmp_path / "empty.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite(tmp_path, value):
    soundfile.write(tmp_path / "n.wav", np.array([0.1, value, 0.1]), 16000, subtype="FLOAT")
    with pytest.raises(AudioError, match="n.wav: holds values that are not finite"):
        read_audio(tmp_path / "n.wav")


def test_file_cut_in_half(make_wav):
    wav = make_wav("cut.wav")
    wav.write_bytes(wav.read_bytes()[: 44 + 4800])
    with pytest.raises(AudioError, match="cut.wav: cut short, 4800 of 9600 bytes"):
        read_audio(wav)
    flac = make_wav("cut.flac")
    flac.write_bytes(flac.read_bytes()[:3000])
    with pytest.raises(AudioError, match="cut.flac: not readable"):
        read_audio(flac)


def test_wav_written_to_a_pipe_promises_more_and_is_fine(make_wav):
    wav = make_wav("pipe.wav")
    content = bytearray(wav.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    wav.write_bytes(content)
    assert read_audio(wav).shape == (4800,)


def test_flac_written_to_a_pipe_does_not_say_how_long_it_is(make_wav):
    flac = make_wav("pipe.flac")
    expected = read_audio(flac)
    content = bytearray(flac.read_bytes())
    content[21] &= 0xF0  # 36 bits of STREAMINFO: total samples, 0 where unknown
    content[22:26] = bytes(4)
    flac.write_bytes(content)
    assert soundfile.info(flac).frames == 2**63 - 1
    np.testing.assert_array_equal(read_audio(flac), expected)


@pytest.mark.parametrize("rate_hz", [44101, 22049, 15999])
def test_rates_without_a_common_divisor_need_no_kernel_for_every_phase(rate_hz, monkeypatch):
    monkeypatch.setattr("torchaudio.functional.resample", None)
    waveform = 0.25 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)
    resampled = resample(waveform, rate_hz, 16000)
    assert (resampled.dtype, resampled.shape) == (np.float32, (16000,))
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(resampled - expected)[100:-100].max() < 2e-3


def test_resample_keeps_the_threads_of_the_caller():
    import torch

    before = torch.get_num_threads()
    assert resample(np.ones(441, np.float32), 44100, 16000).shape == (160,)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("factor", "length", "pitch_hz"), [("0.9", 17778, 360), ("1.1", 14546, 440)]
)
def test_speed_changes_length_and_pitch(factor, length, pitch_hz):
    tone = np.sin(2 * np.pi * 400 * np.arange(16000) / 16000).astype(np.float32)
    changed = change_speed(tone, Fraction(factor))
    assert changed.shape == (length,)
    spectrum = np.abs(np.fft.rfft(changed[:14400]))
    assert spectrum.argmax() * 16000 / 14400 == pytest.approx(pitch_hz, abs=1.2)


def test_flac_keeps_every_sample(tmp_path):
    samples = to_int16(np.array([0.0, 0.5, -1.0, 1.0, 3.0, -3.0], np.float32))
    assert samples.tolist() == [0, 16384, -32768, 32767, 32767, -32768]
    write_flac(tmp_path / "a" / "x.flac", samples)
    stored, rate_hz = soundfile.read(tmp_path / "a" / "x.flac", dtype="int16")
    assert rate_hz == 16000 and stored.tolist() == samples.tolist()
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["x.flac"]
