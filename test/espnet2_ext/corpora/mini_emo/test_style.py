"""The style part: who says what in which style, and that the corpus itself stays as it is."""

import re
from pathlib import Path

import pytest
import soundfile

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.mini_emo import style as mini_emo_style
from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize, plan_sets
from espnet2_ext.corpora.mini_emo.speech import deliver, draw_voice, speak_files
from espnet2_ext.corpora.mini_emo.style import in_style, prepare_style, read_notes
from espnet2_ext.data.conversion_list import ListedConversion, read_conversion_list

CONDITIONS = ["cross_lingual", "speaking_style", "emotional_style", "singing"]


@pytest.fixture
def unspoken(monkeypatch: pytest.MonkeyPatch) -> list:
    """Speak and sing nothing; return the jobs that there were."""
    jobs: list = []
    monkeypatch.setattr(
        mini_emo_style, "speak_files", lambda root, spoken, num_workers: jobs.extend(spoken)
    )
    monkeypatch.setattr(mini_emo_style, "sing_file", lambda root, song: jobs.append(song))
    return jobs


def of_condition(conversions: list[ListedConversion], name: str) -> list[ListedConversion]:
    return [each for each in conversions if each.condition == name]


def read_names(list_file: Path) -> list[str]:
    return [line.split("\t")[0] for line in list_file.read_text().splitlines()[1:]]


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
            for e in of_condition(conversions, name)
        ]

    assert set(endings("cross_lingual")) == {
        ("neutral", emotion) for emotion in ("angry", "happy", "sad")
    }
    assert set(endings("speaking_style")) == {
        (emotion, f"{emotion}-{style}")
        for emotion in ("angry", "happy", "sad")
        for style in ("reading", "lively")
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
    conversions = prepare_style(tmp_path, tmp_path / "data", other_voice=True)
    assert read_names(tmp_path / "data/mini_emo_style_other_voice/list.tsv") == [
        each.name for each in conversions
    ]
    assert not (tmp_path / "data/mini_emo_style").exists()
    for each in conversions:
        assert speaker_of(each.prosody) != speaker_of(each.source) == speaker_of(each.speaker)


def test_more_pairs_than_voices_have_other_sentences(tmp_path: Path, unspoken: list):
    conversions = prepare_style(tmp_path, tmp_path / "data", pairs_per_condition=25)
    for name in CONDITIONS:
        sources = [each.source for each in of_condition(conversions, name)]
        assert len(set(sources)) == len(sources), name


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
    command = (
        f"--root {tmp_path}/wavs --data {tmp_path}/data --nj 1 --pairs_per_condition 1".split()
    )
    main(["mini_emo_style", *command])
    conversions = read_conversion_list(tmp_path / "data/mini_emo_style/list.tsv")
    assert [each.condition for each in conversions] == CONDITIONS
    files = sorted((tmp_path / "wavs").rglob("*.wav"))
    for file in files:
        info = soundfile.info(file)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
    notes = read_notes(Path(conversions[3].prosody).with_suffix(".tsv"))
    total_s = sum(note.duration_s for note in notes)
    assert soundfile.info(conversions[3].prosody).duration == pytest.approx(total_s)
    times = [file.stat().st_mtime_ns for file in files]
    main(["mini_emo_style", *command])
    assert [file.stat().st_mtime_ns for file in files] == times
    # The same file as the corpus has.
    [planned] = [
        u
        for u in plan_sets(MiniEmoSize(), 0)["mini_emo_test"]
        if u.utterance_id == Path(conversions[0].source).stem
    ]
    job = mini_emo_style.SpeechJob(
        "a.wav", planned.text, deliver(planned.voice, "neutral", planned.utterance_id, 0)
    )
    speak_files(tmp_path / "corpus", [job], num_workers=1)
    expected = (tmp_path / "corpus/a.wav").read_bytes()
    assert Path(conversions[0].source).read_bytes() == expected


def test_no_pairs_are_refused(tmp_path: Path):
    with pytest.raises(SystemExit, match="0 pairs a condition; ask for at least 1"):
        main(f"mini_emo_style --root {tmp_path} --data {tmp_path} --pairs_per_condition 0".split())
