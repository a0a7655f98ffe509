import numpy as np
import pytest
import soundfile

from espnet2_ext.corpora.mini_emo import speech as mini_emo_audio
from espnet2_ext.corpora.mini_emo.speech import (
    MANIFEST,
    Delivery,
    EspeakError,
    EspeakSettings,
    SpeechJob,
    finish,
    speak_files,
)

ENGINE = EspeakSettings("en-us+m3", 165, 50, 50)


def make_job(number: int, level_db: float = -25.0) -> SpeechJob:
    delivery = Delivery(ENGINE, engine_rate_hz=22000, level_db=level_db)
    return SpeechJob(f"wav/a/{number}.wav", f"Box number {number}.", delivery)


def test_finish_sets_rate_and_level():
    samples = np.round(3000 * np.sin(np.arange(22000) * 0.05)).astype(np.int16)
    waveform = finish(samples, make_job(1, level_db=-20.0))
    assert len(waveform) == 16000
    level = np.sqrt(np.mean((waveform / 32767.0) ** 2))
    assert 20 * np.log10(level) == pytest.approx(-20.0, abs=0.01)


def test_finish_never_clips():
    samples = np.ones(22000, dtype=np.int16)
    samples[5000:5100] = 20000
    waveform = finish(samples, make_job(1, level_db=0.0))
    assert np.abs(waveform.astype(int)).max() == round(0.98 * 32767)


@pytest.mark.parametrize("samples", [np.ones(9000), np.zeros(22000), np.zeros(0)])
def test_finish_refuses_what_is_short_or_silent(samples: np.ndarray):
    with pytest.raises(EspeakError, match=r"wav/a/1\.wav.*change the sentence or voice"):
        finish(samples.astype(np.int16), make_job(1))


def test_only_what_changed_is_spoken_again(tmp_path, monkeypatch: pytest.MonkeyPatch):
    speak_files(tmp_path, [make_job(1), make_job(2)], num_workers=1)
    spoken = []
    speak = mini_emo_audio._speak
    monkeypatch.setattr(mini_emo_audio, "_speak", lambda job: spoken.append(job) or speak(job))
    louder = make_job(2, level_db=-22.0)
    lengths = speak_files(tmp_path, [make_job(1), louder, make_job(3)], num_workers=1)
    assert spoken == [louder, make_job(3)]
    for path, length in lengths.items():
        assert soundfile.info(tmp_path / path).frames == length
    assert len(lengths) == 3


def test_file_without_a_manifest_row_is_not_trusted(tmp_path):
    speak_files(tmp_path, [make_job(1)], num_workers=1)
    expected = (tmp_path / "wav/a/1.wav").read_bytes()
    (tmp_path / "wav/a/1.wav").write_bytes(expected[:-2] + b"xx")
    (tmp_path / MANIFEST).unlink()
    speak_files(tmp_path, [make_job(1)], num_workers=1)
    assert (tmp_path / "wav/a/1.wav").read_bytes() == expected


def test_interrupted_run_keeps_what_its_manifest_lists(tmp_path, monkeypatch: pytest.MonkeyPatch):
    speak = mini_emo_audio._speak

    def fail_at_third(job: SpeechJob) -> np.ndarray:
        if job == make_job(3):
            raise KeyboardInterrupt
        return speak(job)

    monkeypatch.setattr(mini_emo_audio, "MANIFEST_INTERVAL", 2)
    monkeypatch.setattr(mini_emo_audio, "_speak", fail_at_third)
    jobs = [make_job(number) for number in (1, 2, 3)]
    with pytest.raises(KeyboardInterrupt):
        speak_files(tmp_path, jobs, num_workers=1)
    written = (tmp_path / "wav/a/1.wav").stat().st_mtime_ns
    monkeypatch.setattr(mini_emo_audio, "_speak", speak)
    assert len(speak_files(tmp_path, jobs, num_workers=1)) == 3
    assert (tmp_path / "wav/a/1.wav").stat().st_mtime_ns == written
