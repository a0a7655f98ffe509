import dataclasses
import sys
from pathlib import Path
from statistics import mean, pstdev

import numpy as np
import pytest
import soundfile

from espnet2_ext.corpora.mini_emo import speech
from espnet2_ext.corpora.mini_emo.speech import (
    EMOTIONS,
    ESPEAK_RATE_HZ,
    FEMALE_VARIANTS,
    MALE_VARIANTS,
    MANIFEST,
    PAIRED_VARIANTS,
    SHIFTS,
    Delivery,
    EspeakError,
    EspeakSettings,
    SpeechJob,
    deliver,
    draw_voice,
    espeak_version,
    finish,
    paired_voices,
    pretraining_voices,
    speak_files,
    synthesize,
)

TEXT = "Seven geese slept."
PLAIN = EspeakSettings("en-us+m3", rate_wpm=165, pitch=50, pitch_range=50)
BREATHY = dataclasses.replace(PLAIN, voice="en+Alicia")


def test_samples_depend_neither_on_what_was_spoken_before_nor_on_the_folder(tmp_path, monkeypatch):
    # Alicia's voice uses the library's noise and flutter, which outlive a synthesis.
    first = synthesize(TEXT, BREATHY)
    synthesize("Another sentence altogether.", PLAIN)
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(synthesize(TEXT, BREATHY), first)
    assert Path.cwd() == tmp_path


def test_every_setting_reaches_the_library():
    plain = synthesize(TEXT, PLAIN)
    assert plain.dtype == np.int16 and 0.6 < len(plain) / ESPEAK_RATE_HZ < 3.0
    assert 300 < np.abs(plain).max() < 32767
    assert len(synthesize(TEXT, dataclasses.replace(PLAIN, rate_wpm=120))) > 1.2 * len(plain)
    loud = synthesize(TEXT, dataclasses.replace(PLAIN, volume=50))
    assert np.std(loud.astype(float)) == pytest.approx(2 * np.std(plain.astype(float)), rel=0.2)
    for change in ({"pitch": 70}, {"pitch_range": 0}, {"voice": "en+m3"}, {"voice": "en-us+f1"}):
        assert not np.array_equal(synthesize(TEXT, dataclasses.replace(PLAIN, **change)), plain)


@pytest.mark.parametrize(
    ("voice", "text", "message"),
    [
        *((voice, TEXT, "no such voice") for voice in ("en-us+nobody", "xx")),
        ("en-us", " ", "text is empty"),
    ],
)
def test_unknown_voice_and_empty_text(voice: str, text: str, message: str):
    with pytest.raises(EspeakError, match=f"'{voice.replace('+', '.')}'.*{message}"):
        synthesize(text, dataclasses.replace(PLAIN, voice=voice))


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (lambda *_: (0, b""), "nothing was spoken"),
        (lambda *_: (3, b""), "did not find its data"),
        (lambda *_: 1 / 0, "the synthesis failed"),
    ],
)
def test_failure_in_the_child(monkeypatch: pytest.MonkeyPatch, outcome, message: str):
    monkeypatch.setattr(speech, "_speak_in_engine", outcome)
    with pytest.raises(EspeakError, match=message):
        synthesize(TEXT, PLAIN)


def test_version_and_missing_package(monkeypatch: pytest.MonkeyPatch):
    assert espeak_version().startswith("1.")
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(EspeakError, match="pip install espeakng-loader"):
        espeak_version()


def test_pretraining_voices_are_many_and_mixed():
    voices = pretraining_voices(60, seed=0)
    assert len({voice.speaker for voice in voices}) == 60
    assert len({(v.variant, v.accent, v.engine_rate_hz) for v in voices}) == 60
    assert sum(voice.gender == "f" for voice in voices) == 24
    assert len({voice.accent for voice in voices}) == 5
    assert pretraining_voices(5, seed=0) == pretraining_voices(61, seed=0)[:5]
    assert pretraining_voices(5, seed=1) != pretraining_voices(5, seed=0)
    # Base pitch spreads further between voices than emotions move it; the variants add about an
    # octave between the genders to what is drawn.
    spread = pstdev(voice.pitch_octaves - (voice.gender == "m") for voice in voices)
    assert spread > pstdev(shift.pitch_octaves for shift in SHIFTS.values())
    for count in (1, 62):
        with pytest.raises(ValueError, match=f"2 to 61 pretraining voices can be had, not {count}"):
            pretraining_voices(count, seed=0)


def test_no_variant_stands_in_two_parts_and_genders_alternate():
    parts = (FEMALE_VARIANTS, MALE_VARIANTS, *PAIRED_VARIANTS["i"], *PAIRED_VARIANTS["e"])
    assert len(set().union(*parts)) == sum(map(len, parts))
    voices = [(voice.speaker, voice.variant) for voice in paired_voices("e", seed=0)]
    assert voices == [("e1f", "f4"), ("e1m", "m7"), ("e2f", "Alicia"), ("e2m", "benjamin")]


def test_emotions_move_every_voice_as_they_should():
    for voice in pretraining_voices(8, seed=0):
        pitch, rate, level = {}, {}, {}
        for emotion in EMOTIONS:
            spoken = [deliver(voice, emotion, f"{voice.speaker}-{i}", 0) for i in range(40)]
            pitch[emotion] = mean(delivery.engine.pitch for delivery in spoken)
            rate[emotion] = mean(delivery.engine.rate_wpm for delivery in spoken)
            level[emotion] = mean(delivery.level_db for delivery in spoken)
            assert len({delivery.engine.pitch for delivery in spoken}) > 2
        assert pitch["sad"] < pitch["neutral"] < pitch["angry"] < pitch["happy"]
        assert rate["sad"] < rate["neutral"] < rate["happy"] < rate["angry"]
        assert level["sad"] < level["neutral"] < level["happy"] < level["angry"]


def test_vocal_tract_size_leaves_pitch_and_rate_as_drawn_by_utterance_and_seed():
    large, small = (draw_voice("v", "m", "m3", "en", 0, tract) for tract in (0.0, 1.0))
    assert (large.engine_rate_hz, small.engine_rate_hz) == (20500, 23500)
    for attribute in ("pitch_octaves", "rate", "level_db", "strengths"):
        assert getattr(large, attribute) == getattr(small, attribute)
    spoken = [deliver(voice, "neutral", "v-1", 0) for voice in (large, small)]
    rates = [s.engine.rate_wpm * s.engine_rate_hz / ESPEAK_RATE_HZ for s in spoken]
    assert rates[0] == pytest.approx(rates[1], rel=0.01)
    pitches = [2 ** (s.engine.pitch / 50) * s.engine_rate_hz for s in spoken]
    assert pitches[0] == pytest.approx(pitches[1], rel=0.02)
    drawn = [
        deliver(large, "sad", *key) for key in (("v-1", 0), ("v-1", 0), ("v-2", 0), ("v-1", 1))
    ]
    assert drawn[0] == drawn[1] and drawn[1] != drawn[2] and drawn[1] != drawn[3]


def make_job(number: int, level_db: float = -25.0) -> SpeechJob:
    delivery = Delivery(PLAIN, engine_rate_hz=22000, level_db=level_db)
    return SpeechJob(f"wav/a/{number}.wav", f"Box number {number}.", delivery)


def test_finish_sets_rate_and_level():
    samples = np.round(3000 * np.sin(np.arange(22000) * 0.05)).astype(np.int16)
    waveform = finish(samples, make_job(1, level_db=-20.0))
    assert len(waveform) == 16000
    level = np.sqrt(np.mean((waveform / 32767.0) ** 2))
    assert 20 * np.log10(level) == pytest.approx(-20.0, abs=0.01)
    # and never clips
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
    speak = speech._speak
    monkeypatch.setattr(speech, "_speak", lambda job: spoken.append(job) or speak(job))
    louder = make_job(2, level_db=-22.0)
    lengths = speak_files(tmp_path, [make_job(1), louder, make_job(3)], num_workers=1)
    assert spoken == [louder, make_job(3)]
    for path, length in lengths.items():
        assert soundfile.info(tmp_path / path).frames == length
    assert len(lengths) == 3
    # A file without a row of the manifest is not trusted.
    wav = tmp_path / "wav/a/1.wav"
    expected = wav.read_bytes()
    wav.write_bytes(expected[:-2] + b"xx")
    (tmp_path / MANIFEST).unlink()
    speak_files(tmp_path, [make_job(1)], num_workers=1)
    assert wav.read_bytes() == expected


def test_interrupted_run_keeps_what_its_manifest_lists(tmp_path, monkeypatch: pytest.MonkeyPatch):
    speak = speech._speak

    def fail_at_third(job: SpeechJob) -> np.ndarray:
        if job == make_job(3):
            raise KeyboardInterrupt
        return speak(job)

    monkeypatch.setattr(speech, "MANIFEST_INTERVAL", 2)
    monkeypatch.setattr(speech, "_speak", fail_at_third)
    jobs = [make_job(number) for number in (1, 2, 3)]
    with pytest.raises(KeyboardInterrupt):
        speak_files(tmp_path, jobs, num_workers=1)
    written = (tmp_path / "wav/a/1.wav").stat().st_mtime_ns
    monkeypatch.setattr(speech, "_speak", speak)
    assert len(speak_files(tmp_path, jobs, num_workers=1)) == 3
    assert (tmp_path / "wav/a/1.wav").stat().st_mtime_ns == written
