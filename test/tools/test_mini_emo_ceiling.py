"""The ceiling of mini_emo: every reader on values that it must, or cannot, read."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.corpora.mini_emo import hard
from espnet2_ext.corpora.mini_emo.speech import EMOTIONS, pretraining_voices
from espnet2_ext.data.directory import Utterance, write_data_directory
from tools.bench import mini_emo_ceiling as ceiling

VOICES = pretraining_voices(3, 0)
LABELS = np.array(EMOTIONS * 30)
GROUPS = np.array([f"s{i // 24}" for i in range(120)])


@pytest.mark.parametrize("read", [ceiling.linear, ceiling.boosted])
def test_readers_read_what_is_there_and_nothing_else(read):
    codes = np.unique(LABELS, return_inverse=True)[1]
    noise = np.random.default_rng(0).standard_normal((120, 2))
    assert read(np.eye(4)[codes] + 0.01 * noise[:, :1], LABELS, GROUPS) == 1.0
    assert read(noise, LABELS, GROUPS) < 0.45


def test_boosting_reads_what_is_not_linear():
    values = np.random.default_rng(0).uniform(-1, 1, (120, 2))
    labels = np.where(values[:, 0] * values[:, 1] > 0, "sad", "happy")
    assert ceiling.boosted(values, labels, GROUPS) > 0.85 > ceiling.linear(values, labels, GROUPS)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_likeliest_emotion_is_that_of_its_means(emotion: str):
    assert ceiling.likeliest(hard.expected_cues(VOICES[0], emotion, 0), VOICES[0], 0) == emotion


def test_relative_to_the_speaker():
    values = np.array([[1.0], [3.0], [10.0]])
    found = ceiling.relative(values, np.array(["a", "a", "b"]))
    np.testing.assert_array_equal(found, [[-1.0], [1.0], [0.0]])


def test_four_figures_and_an_utterance_without_pitch():
    first = np.array([[5.0, 1, -2], [6.0, 1, -2], [0.0, 0, -2]])
    silent = np.array([[0.0, 0.0, -3.0]])
    found = ceiling.four_figures([first, silent])
    np.testing.assert_allclose(found, [[5.5, 0.5, -2, np.log(3)], [5.5, 0.5, -3, 0]], atol=1e-9)


def test_untrained_encoder_hears_the_speakers_other_utterances():
    contours = [np.full((40, 3), level, dtype=np.float32) for level in (1.0, 1.2, 1.2)]
    for each in contours:
        each[:, 1] = 1.0
    figures = np.array([[1.0, 0, 1.0, 0], [1.2, 0, 1.2, 0], [1.2, 0, 1.2, 0]])
    vectors = ceiling.untrained_vectors(contours, figures, np.array(["a", "b", "b"]), 0)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)  # each at its speaker's mean
    together = ceiling.untrained_vectors(contours, figures, np.array(["a", "a", "b"]), 0)
    assert not np.allclose(together[0], together[1], atol=1e-3)
    assert not np.allclose(vectors, ceiling.untrained_vectors(contours, figures, GROUPS[:3], 1))


def test_page_of_two_sets(tmp_path: Path):
    """Pitch and level give the emotion away; one of the sets has no table of parameters."""
    jobs, utterances = {}, []
    for voice in VOICES:
        for index, emotion in enumerate(EMOTIONS * 3):
            key = f"{voice.speaker}-{index}-{emotion}"
            jobs[key] = hard.plan_job("a.wav", "Nine pears.", voice, emotion, key, 0)
            hz, gain = (120, 0.1) if emotion in ("sad", "neutral") else (180, 0.1)
            gain *= 1 + (emotion in ("angry", "neutral"))
            time_s = np.arange(8000 + 10 * index) / 16000
            harmonics = sum(np.sin(2 * np.pi * hz * k * time_s) / k for k in range(1, 8))
            soundfile.write(tmp_path / f"{key}.wav", gain * harmonics, 16000)
            wav = str(tmp_path / f"{key}.wav")
            utterances.append(Utterance(key, voice.speaker, wav, f"text {index}", emotion))
    for name in ("hard", "plain"):
        write_data_directory(tmp_path / name, utterances)
    hard.write_parameters(tmp_path / "hard/utt2parameters", jobs)
    page = tmp_path / "page.md"
    given = ["--data", f"{tmp_path}/hard", f"{tmp_path}/plain", "--voices", "2"]
    ceiling.main([*given, "--page", str(page)])
    text = page.read_text()
    assert "- hard: 24 utterances of 2 voices" in text
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if "| " in line][1:]
    assert [row[0] for row in rows].count("hard") == 11 and len(rows) == 15
    right = [
        ceiling.likeliest(jobs[u.utterance_id].cues, v, 0) == u.emotion
        for v in VOICES[:2]
        for u in utterances
        if u.speaker == v.speaker
    ]
    assert rows[0][3].startswith("densities") and rows[0][4] == f"{100 * np.mean(right):.1f}"
    figures = [row[1:] for row in rows if row[1] == "pitch, range, level, length"]
    assert figures[:3] == figures[3:], "the same audio"
    assert figures[0][1:3] == ["yes", "linear probe"] and float(figures[0][3]) > 85
