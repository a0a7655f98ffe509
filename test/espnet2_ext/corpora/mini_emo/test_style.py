"""The style part: who says what in which style, songs, and that the corpus stays as it is.

The notes of a song are known, so they are the oracle for what is sung.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.mini_emo import speech, style
from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize, plan_sets
from espnet2_ext.corpora.mini_emo.speech import EspeakError, deliver, draw_voice
from espnet2_ext.corpora.mini_emo.style import (
    MELODIES,
    WORDS,
    Note,
    SongJob,
    draw_words,
    in_style,
    prepare_style,
    sing,
    sing_file,
)
from espnet2_ext.data.conversion_list import read_conversion_list
from espnet2_ext.metrics.pitch import f0_contour

FEMALE = deliver(draw_voice("p01f", "f", "f1", "en-us", 0), "neutral", "song", 0)
MALE = deliver(draw_voice("p02m", "m", "m3", "en", 0), "neutral", "song", 0)
QUARTER_SEMITONE = 0.25
"""What the F0 of a note may differ by, its vibrato of 0.2 semitones included."""
EDGE_S = 0.03
"""The tracker's window sees the neighbouring note here."""


def read_notes(path: Path) -> list[Note]:
    rows = [line.split("\t") for line in path.read_text().splitlines()[2:]]
    return [Note(row[0], int(row[1]), float(row[3]), float(row[4])) for row in rows]


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
    assert [Note("a", midi, 0.0, 1.0).f0_hz for midi in (69, 57)] == [440.0, 220.0]
    assert all(first != second for first, second in zip(words, words[1:], strict=False))
    assert len(notes) == len(MELODIES["fall"]) and set(words) <= set(WORDS)


def test_a_word_without_voice_is_an_error(monkeypatch: pytest.MonkeyPatch):
    noise = np.random.default_rng(0).integers(-5, 5, 11025).astype(np.int16)
    monkeypatch.setattr(speech, "synthesize", lambda text, settings: noise)
    monkeypatch.setattr("pyworld.harvest", lambda *_: (np.zeros(101), np.arange(101) * 0.005))
    with pytest.raises(EspeakError, match="'moon' has no voiced frame in en-us"):
        sing("fall", ["moon"] * 6, FEMALE)


def test_files_are_made_once_and_again_when_the_job_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sung = []

    notes = [Note("moon", 60, 0.0, 0.3), Note("sea", 62, 0.3, 1)]

    def fake(melody, words, delivery):
        sung.append(melody)
        return np.arange(1600, dtype=np.int16), notes

    monkeypatch.setattr(style, "sing", fake)
    job = SongJob("wav/a.wav", "rise", ("moon", "sea"), FEMALE)
    for _ in range(2):
        sing_file(tmp_path, job)
    assert sung == ["rise"] and read_notes(tmp_path / "wav/a.tsv") == notes
    for _ in range(2):
        sing_file(tmp_path, SongJob("wav/a.wav", "fall", ("moon", "sea"), FEMALE))
        (tmp_path / "wav/a.wav").unlink()
    assert sung == ["rise", "fall", "fall"]


CONDITIONS = ["cross_lingual", "speaking_style", "emotional_style", "singing"]


@pytest.fixture
def unspoken(monkeypatch: pytest.MonkeyPatch) -> list:
    """Speak and sing nothing; return the jobs that there were."""
    jobs: list = []
    monkeypatch.setattr(
        speech, "speak_files", lambda root, spoken, num_workers: jobs.extend(spoken)
    )
    monkeypatch.setattr(style, "sing_file", lambda root, song: jobs.append(song))
    return jobs


def speaker_of(wav: str) -> str:
    return Path(wav).name.split("-")[0]


def test_what_each_condition_takes(tmp_path: Path, unspoken: list):
    conversions = prepare_style(tmp_path, tmp_path / "data")
    assert list(dict.fromkeys(each.condition for each in conversions)) == CONDITIONS
    assert len({each.name for each in conversions}) == len(conversions) == 48
    texts = {(tmp_path / job.path).name: job.text for job in unspoken if hasattr(job, "text")}
    for each in conversions:
        assert speaker_of(each.source) == speaker_of(each.prosody) == speaker_of(each.speaker)
        assert each.speaker.endswith("-neutral.wav") and each.speaker != each.source
        assert each.text == texts[Path(each.source).name]
        assert texts.get(Path(each.prosody).name) != each.text, "the reference says the same"

    def endings(name: str) -> list[tuple[str, str]]:
        return [
            tuple(re.search(r"-\w+-(\w+(-\w+)?)\.wav", wav)[1] for wav in (e.source, e.prosody))
            for e in conversions
            if e.condition == name
        ]

    targets = ("angry", "happy", "sad")
    assert set(endings("cross_lingual")) == {("neutral", emotion) for emotion in targets}
    assert set(endings("speaking_style")) == {
        (emotion, f"{emotion}-{style}") for emotion in targets for style in ("reading", "lively")
    }
    assert set(endings("emotional_style")) == {("angry", "happy"), ("angry", "sad")}
    assert {source for source, _ in endings("singing")} == {"neutral"}
    assert len({melody for _, melody in endings("singing")}) == 6
    german = [job for job in unspoken if hasattr(job, "text") and "-de0" in job.path]
    assert all(job.delivery.engine.voice.startswith("de+") for job in german)


def test_sources_are_those_of_the_test_set(tmp_path: Path, unspoken: list):
    """What is spoken is what the corpus' own parts say, so that bytes are the same."""
    prepare_style(tmp_path, tmp_path / "data", pairs_per_condition=3)
    planned = plan_sets(MiniEmoSize(), 0)["mini_emo_test"]
    deliveries = {
        u.utterance_id: (u.text, deliver(u.voice, u.emotion, u.utterance_id, 0)) for u in planned
    }
    spoken = {Path(job.path).stem: job for job in unspoken if hasattr(job, "text")}
    common = spoken.keys() & deliveries.keys()
    assert len(common) >= 10
    for name in common:
        assert (spoken[name].text, spoken[name].delivery) == deliveries[name]


def test_references_by_another_voice(tmp_path: Path, unspoken: list):
    """With more pairs than voices the sources are other sentences."""
    options = dict(other_voice=True, pairs_per_condition=25)
    conversions = prepare_style(tmp_path, tmp_path / "data", **options)
    lines = (tmp_path / "data/mini_emo_style_other_voice/list.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[0] for line in lines] == [each.name for each in conversions]
    assert not (tmp_path / "data/mini_emo_style").exists()
    for each in conversions:
        assert speaker_of(each.prosody) != speaker_of(each.source) == speaker_of(each.speaker)
    for name in CONDITIONS:
        assert len({each.source for each in conversions if each.condition == name}) == 25


def test_styles_move_rate_range_and_level_apart():
    neutral = deliver(draw_voice("v", "m", "m3", "en", 0), "angry", "v-1", 0)
    reading, lively = in_style(neutral, "reading"), in_style(neutral, "lively")
    for value in (
        lambda each: each.engine.rate_wpm,
        lambda each: each.engine.pitch,
        lambda each: each.engine.pitch_range,
        lambda each: each.level_db,
    ):
        assert value(reading) < value(neutral) < value(lively)
    assert reading.engine.rate_wpm == pytest.approx(0.8 * neutral.engine.rate_wpm, abs=0.51)
    assert reading.level_db == pytest.approx(neutral.level_db - 2.0)


def test_the_command_speaks_and_sings_once(tmp_path: Path):
    command = f"--root {tmp_path}/w --data {tmp_path}/data --nj 1 --pairs_per_condition 1".split()
    main(["mini_emo_style", *command])
    conversions = read_conversion_list(tmp_path / "data/mini_emo_style/list.tsv")
    assert [each.condition for each in conversions] == CONDITIONS
    files = sorted((tmp_path / "w").rglob("*.wav"))
    for file in files:
        info = soundfile.info(file)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
    notes = read_notes(Path(conversions[3].prosody).with_suffix(".tsv"))
    total_s = sum(note.duration_s for note in notes)
    assert soundfile.info(conversions[3].prosody).duration == pytest.approx(total_s)
    times = [file.stat().st_mtime_ns for file in files]
    main(["mini_emo_style", *command])
    assert [file.stat().st_mtime_ns for file in files] == times
    with pytest.raises(SystemExit, match="0 pairs a condition; ask for at least 1"):
        main(["mini_emo_style", *command[:-1], "0"])
