"""The notes are known, so they are the oracle for what is sung."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.corpora.mini_emo import style as mini_emo_song
from espnet2_ext.corpora.mini_emo import style as mini_emo_song_file
from espnet2_ext.corpora.mini_emo.speech import EspeakError, deliver, draw_voice
from espnet2_ext.corpora.mini_emo.style import (
    MELODIES,
    WORDS,
    Note,
    SongJob,
    draw_words,
    read_notes,
    sing,
    sing_file,
)
from espnet2_ext.metrics.pitch import f0_contour

FEMALE = deliver(draw_voice("p01f", "f", "f1", "en-us", 0), "neutral", "song", 0)
MALE = deliver(draw_voice("p02m", "m", "m3", "en", 0), "neutral", "song", 0)
QUARTER_SEMITONE = 0.25
"""What the F0 of a note may differ by, its vibrato of 0.2 semitones included."""
EDGE_S = 0.03
"""The tracker's window sees the neighbouring note here."""


@pytest.mark.parametrize(
    ("melody", "delivery"), [("rise", FEMALE), ("leaps", MALE)], ids=["female", "male"]
)
def test_every_note_has_its_pitch_and_place(melody, delivery):
    words = draw_words(melody, "test")
    samples, notes = sing(melody, words, delivery)
    assert [note.word for note in notes] == words
    lowest = notes[0].midi - MELODIES[melody][0][0]
    assert [(note.midi - lowest, note.duration_s / 0.3) for note in notes] == [
        (semitones, pytest.approx(beats)) for semitones, beats in MELODIES[melody]
    ]
    assert len(samples) / 16000 == pytest.approx(notes[-1].start_s + notes[-1].duration_s)
    contour = f0_contour(samples / 32768, "harvest")
    for note in notes:
        inside = contour.f0_hz[
            (contour.times_s > note.start_s + EDGE_S)
            & (contour.times_s < note.start_s + note.duration_s - EDGE_S)
            & (contour.f0_hz > 0)
        ]
        assert len(inside) > 0.4 * note.duration_s / 0.005, f"{note}: hardly voiced"
        assert abs(12 * np.log2(np.median(inside) / note.f0_hz)) < QUARTER_SEMITONE, note


def test_a_song_is_the_same_every_time_and_has_the_voices_level():
    words = draw_words("fall", "x")
    samples, notes = sing("fall", words, FEMALE)
    again, _ = sing("fall", words, FEMALE)
    np.testing.assert_array_equal(samples, again)
    level_db = 20 * np.log10(np.sqrt(np.mean((samples / 32767.0) ** 2)))
    assert level_db == pytest.approx(FEMALE.level_db, abs=0.01)
    assert draw_words("fall", "x") != draw_words("fall", "y")
    assert all(first != second for first, second in zip(words, words[1:], strict=False))
    assert len(notes) == len(MELODIES["fall"]) and set(words) <= set(WORDS)


def test_note_pitch_by_hand():
    assert Note("a", 69, 0.0, 1.0).f0_hz == 440.0
    assert Note("a", 57, 0.0, 1.0).f0_hz == 220.0
    assert Note("a", 60, 0.0, 1.0).f0_hz == pytest.approx(261.63, abs=0.01)


def test_a_word_without_voice_is_an_error(monkeypatch: pytest.MonkeyPatch):
    noise = np.random.default_rng(0).integers(-5, 5, 11025).astype(np.int16)
    monkeypatch.setattr(mini_emo_song, "synthesize", lambda text, settings: noise)
    monkeypatch.setattr("pyworld.harvest", lambda *_: (np.zeros(101), np.arange(101) * 0.005))
    with pytest.raises(EspeakError, match="'moon' has no voiced frame in en-us"):
        sing("fall", ["moon"] * 6, FEMALE)


def test_files_are_made_once_and_again_when_the_job_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sung = []

    def fake(melody, words, delivery):
        sung.append(melody)
        return np.arange(1600, dtype=np.int16), [
            Note("moon", 60, 0.0, 0.3),
            Note("sea", 62, 0.3, 1),
        ]

    monkeypatch.setattr(mini_emo_song_file, "sing", fake)
    job = SongJob("wav/a.wav", "rise", ("moon", "sea"), FEMALE)
    for _ in range(2):
        sing_file(tmp_path, job)
    assert sung == ["rise"]
    assert read_notes(tmp_path / "wav/a.tsv") == fake("", (), FEMALE)[1]
    assert soundfile.info(tmp_path / "wav/a.wav").frames == 1600
    sing_file(tmp_path, SongJob("wav/a.wav", "fall", ("moon", "sea"), FEMALE))
    (tmp_path / "wav/a.wav").unlink()
    sing_file(tmp_path, SongJob("wav/a.wav", "fall", ("moon", "sea"), FEMALE))
    assert sung == ["rise", "", "fall", "fall"]
