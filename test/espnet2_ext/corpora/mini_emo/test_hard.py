"""Cues and habits, what is done to the speech, and a tiny corpus through the command."""

import dataclasses
import hashlib
import math
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.mini_emo.hard import (
    EMOTION_MEANS,
    FRAME_S,
    SPREAD,
    Manner,
    accent_bump,
    accented_word,
    breath_power,
    draw_cues,
    expected_cues,
    intoned,
    plan_job,
    read_parameters,
    shape,
    write_parameters,
)
from espnet2_ext.corpora.mini_emo.prepare import MiniEmoSize, plan_sets, prepare
from espnet2_ext.corpora.mini_emo.speech import (
    EMOTIONS,
    EspeakError,
    espeak_version,
    pretraining_voices,
)
from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_table

VOICES = pretraining_voices(10, 0)
TEXT = "The tall farmer sold nine yellow pears by the river."
PLAIN = Manner(1.0, 0.0, -60.0, 0.0, 0.0, 0.0, 0.0, 0.5, "0")
RATE_HZ = 16000


# ---------------------------------------------------------------- cues


def test_neutral_is_the_voice_and_an_emotion_lacks_three_cues():
    for voice in VOICES:
        neutral = expected_cues(voice, "neutral", 0)
        assert neutral.pitch_octaves == voice.pitch_octaves
        assert math.exp(neutral.log_rate) == pytest.approx(voice.rate)
        sad = np.subtract(expected_cues(voice, "sad", 0), neutral)[:10]
        sizes = sad / np.array(EMOTION_MEANS["sad"])[:10]
        assert ((sizes <= 0.3) | (sizes >= 0.75)).all() and 2 <= (sizes <= 0.3).sum() <= 3
    assert expected_cues(VOICES[0], "sad", 0) != expected_cues(VOICES[0], "sad", 1)


def test_draws_spread_around_the_expected_cues():
    drawn = np.array([draw_cues(VOICES[0], "happy", f"u{i}", 0) for i in range(2000)])
    assert len(np.unique(drawn, axis=0)) == 2000
    errors = (drawn.mean(axis=0) - expected_cues(VOICES[0], "happy", 0)) / SPREAD
    assert np.abs(errors).max() < 4 / math.sqrt(2000)
    np.testing.assert_allclose(drawn.std(axis=0), SPREAD, rtol=0.1)


def test_speakers_realise_an_emotion_by_other_cues():
    moves = [
        np.subtract(expected_cues(voice, "angry", 0), expected_cues(voice, "neutral", 0))
        for voice in VOICES
    ]
    weak = [tuple(np.abs(move) <= 0.3 * np.abs(EMOTION_MEANS["angry"])) for move in moves]
    assert len(set(weak)) > 5


@pytest.mark.parametrize(
    ("place", "word", "share"),
    # Syllables: the 1, tall 1, far-mer 2, sold 1, nine 1, yel-low 2, pears 1, by 1, the 1, ri-ver 2
    [(0.0, "tall", 1.5 / 13), (0.5, "yellow", 7 / 13), (2.0, "river", 12 / 13)],
)
def test_accent_is_on_a_content_word(place: float, word: str, share: float):
    assert accented_word(TEXT, place) == (word, pytest.approx(share))


def test_sentence_without_a_content_word_is_accented_somewhere():
    assert accented_word("I am.", 0.9) == ("am", 0.75)


def test_job_tells_engine_and_manner_what_was_drawn():
    voice = dataclasses.replace(VOICES[1], engine_rate_hz=22050)
    job = plan_job("a.wav", TEXT, voice, "angry", "u", 0)
    assert job.delivery.engine.rate_wpm == round(165 * math.exp(job.cues.log_rate))
    assert job.delivery.engine.pitch == round(50 + 50 * job.cues.pitch_octaves)
    assert job.delivery.level_db == pytest.approx(-27 + job.cues.level_db)
    assert job.manner.range_factor == pytest.approx(math.exp(job.cues.log_range))
    jobs = [plan_job("a.wav", TEXT, voice, "sad", f"u{i}", 0) for i in range(100)]
    for drawn, manner in ((each.cues, each.manner) for each in jobs):
        assert manner.jitter_percent == pytest.approx(min(math.exp(drawn.log_jitter), 5.0))
        assert manner.shimmer_db == pytest.approx(min(math.exp(drawn.log_shimmer), 4.0))
        assert manner.breath_db == pytest.approx(min(-8 + drawn.breath_db, 4.0))
    assert max(each.manner.breath_db for each in jobs) == 4.0
    assert accented_word(TEXT, job.cues.accent_place)[1] == job.manner.accent_share


def test_parameters_are_read_back(tmp_path: Path):
    job = plan_job("a.wav", TEXT, VOICES[0], "sad", "u", 0)
    path = tmp_path / "utt2parameters"
    write_parameters(path, {"b-u": job, "a-u": job})
    lines = path.read_text().splitlines()
    assert lines[0].split("\t")[0] == "a-u" and lines[1].endswith(f"\taccented={job.accented}")
    np.testing.assert_allclose(read_parameters(path)["b-u"], job.cues, atol=5e-5)
    path.write_text("a-u\ttilt_db=1.0\n")
    with pytest.raises(ValueError, match="utt2parameters: a-u: no number for 'pitch_octaves'"):
        read_parameters(path)


# ---------------------------------------------------------------- audio


def test_f0_has_range_final_movement_and_accent():
    f0_hz = np.tile([100.0, 0.0, 200.0], 100)
    none = np.zeros(300)
    middle = math.sqrt(100 * 200)
    np.testing.assert_allclose(intoned(f0_hz, none, none, PLAIN), f0_hz)
    flat = intoned(f0_hz, none, none, PLAIN._replace(range_factor=0.0))
    np.testing.assert_allclose(flat, np.where(f0_hz > 0, middle, 0.0))
    risen = intoned(f0_hz, none, none, PLAIN._replace(final_semitones=12.0))
    np.testing.assert_allclose(risen[:229], f0_hz[:229])  # 70 frames before the end
    assert risen[299] == pytest.approx(400.0)
    assert risen[264] == pytest.approx(math.sqrt(2) * f0_hz[264])  # half of the 70 frames
    accent = np.where(np.arange(300) == 3, 1.0, 0.0)
    accented = intoned(f0_hz, accent, none, PLAIN._replace(accent_semitones=-12.0))
    assert accented[3] == pytest.approx(60.0) and accented[6] == pytest.approx(100.0)  # the limit
    noise = np.ones(300)
    jittered = intoned(f0_hz, none, noise, PLAIN._replace(jitter_percent=2.0))
    np.testing.assert_allclose(jittered, f0_hz * math.exp(0.02))


def test_accent_is_on_the_loudest_voiced_frame_near_its_share():
    voiced = np.ones(400, dtype=bool)
    voiced[:100] = voiced[215] = False  # from frame 100 to 399: the middle is 249.5
    power = np.ones(400)
    power[[215, 230, 300]] = 9.0, 2.0, 9.0  # unvoiced, within 24 frames, too far
    bump = accent_bump(power, voiced, PLAIN)
    assert bump.argmax() == 230 and bump.max() == 1.0
    assert bump[230 + round(0.08 / FRAME_S)] == pytest.approx(math.exp(-0.5))


def test_aspiration_noise_is_in_high_bands():
    power = breath_power(np.array([0.0, 600.0, math.sqrt(600 * 3000), 3000.0, 8000.0]), -10.0)
    np.testing.assert_allclose(power, [0.0, 0.0, 0.05, 0.1, 0.1])


def pulses() -> np.ndarray:
    """Return a second of a voice at 125 Hz, with formants."""
    waveform = np.zeros(RATE_HZ)
    waveform[::128] = 1.0
    time_s = np.arange(400) / RATE_HZ
    return np.convolve(waveform, np.exp(-300 * time_s) * np.cos(2 * np.pi * 700 * time_s))[:RATE_HZ]


def band_db(waveform: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(waveform[4000:12000])) ** 2
    hz = np.fft.rfftfreq(8000, 1 / RATE_HZ)
    return float(10 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].sum()))


def test_tilt_moves_octaves_apart():
    plain = shape(pulses(), RATE_HZ, PLAIN)
    tilted = shape(pulses(), RATE_HZ, PLAIN._replace(tilt_db=3.0))
    assert len(plain) == RATE_HZ
    moved = [band_db(tilted, hz, 1.1 * hz) - band_db(plain, hz, 1.1 * hz) for hz in (480, 1920)]
    assert moved[1] - moved[0] == pytest.approx(6.0, abs=0.7)


def off_harmonics_db(waveform: np.ndarray, low_hz: float) -> float:
    """Return the power halfway between the harmonics of 125 Hz over that on them."""
    power = np.abs(np.fft.rfft(waveform[4000:12000] * np.hanning(8000))) ** 2
    on = np.arange(low_hz, low_hz + 1500, 125) * 8000 / RATE_HZ
    return float(10 * np.log10(power[(on + 31).astype(int)].sum() / power[on.astype(int)].sum()))


@pytest.mark.parametrize("change", [{"breath_db": 3.0}, {"jitter_percent": 3.0}])
def test_noise_between_the_harmonics(change: dict):
    plain = off_harmonics_db(shape(pulses(), RATE_HZ, PLAIN), 3000)
    assert off_harmonics_db(shape(pulses(), RATE_HZ, PLAIN._replace(**change)), 3000) > plain + 8


def test_shimmer_varies_the_level_from_frame_to_frame():
    def unsteadiness(shimmer_db: float) -> float:
        spoken = shape(pulses(), RATE_HZ, PLAIN._replace(shimmer_db=shimmer_db))[3968:12160]
        return float(np.log(np.abs(spoken.reshape(-1, 128)).max(axis=1)).std())

    assert unsteadiness(2.0) > 3 * unsteadiness(0.0)


def test_speech_without_voice_is_an_error():
    noise = 1e-3 * np.random.default_rng(0).standard_normal(RATE_HZ)
    with pytest.raises(EspeakError, match="no voice found"):
        shape(noise * 0, RATE_HZ, PLAIN)


# ---------------------------------------------------------------- corpus

GOLDEN = {
    "p01f-0004-neutral": "aaca0bac4df5b5f50344fcb14fa658a0",
    "p02m-0006-angry": "ab01e5e6dfd38ec2a8fc1870732415a1",
    "p02m-0007-sad": "dca21de2a08278c265384752916d65bb",
}
"""md5 of files by eSpeak NG 1.52.0 and pyworld 0.3.5."""
GOLDEN_PARAMETERS = "7769ff9a8cdabbe45331935663345a86"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a test set of 16 files in ``downloads`` and ``data``."""
    folder = tmp_path_factory.mktemp("mini_emo_hard")
    sets = plan_sets(MiniEmoSize(2, 1, 2, 2, 1, (1, 1, 2)), 0)
    only = {"mini_emo_test": sets["mini_emo_test"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("espnet2_ext.corpora.mini_emo.prepare.plan_sets", lambda *_: only)
        main(f"mini_emo --root {folder}/downloads --data {folder}/data --difficulty hard".split())
    return folder


def test_set_has_its_own_name_folder_and_parameters(corpus: Path):
    assert [path.name for path in (corpus / "data").iterdir()] == ["mini_emo_hard_test"]
    assert [path.name for path in (corpus / "downloads").iterdir()] == ["hard"]
    folder = corpus / "data/mini_emo_hard_test"
    assert validate_data_directory(folder, check_audio=True) == 16
    emotions, parameters = (
        read_table(folder / "utt2emo"),
        read_parameters(folder / "utt2parameters"),
    )
    voices = {voice.speaker: voice for voice in pretraining_voices(2, 0)}
    for key, emotion in emotions.items():
        drawn = draw_cues(voices[key[:4]], emotion, key, 0)
        np.testing.assert_allclose(parameters[key], drawn, atol=5e-5)
    assert sorted(path.name for path in (folder / "pairs").iterdir()) == [
        "other_voice",
        "same_voice",
    ]


def test_bytes_are_those_of_the_seed(corpus: Path):
    table = corpus / "data/mini_emo_hard_test/utt2parameters"
    assert hashlib.md5(table.read_bytes()).hexdigest() == GOLDEN_PARAMETERS
    if espeak_version() != "1.52.0" or version("pyworld") != "0.3.5":
        pytest.skip("the files are those of eSpeak NG 1.52.0 and pyworld 0.3.5")
    wavs = read_table(corpus / "data/mini_emo_hard_test/wav.scp")
    found = {key: hashlib.md5(Path(wavs[key]).read_bytes()).hexdigest() for key in GOLDEN}
    assert found == GOLDEN


def test_level_and_length_are_those_drawn(corpus: Path):
    folder = corpus / "data/mini_emo_hard_test"
    wavs, parameters = read_table(folder / "wav.scp"), read_parameters(folder / "utt2parameters")
    for key, cues in parameters.items():
        waveform, _ = soundfile.read(wavs[key])
        level_db = 20 * math.log10(np.sqrt(np.mean(waveform**2)))
        at_most = np.abs(waveform).max() > 0.975  # where a peak would be cut, the level is lower
        assert level_db < cues.level_db - 26.9 if at_most else True
        assert level_db == pytest.approx(-27 + cues.level_db, abs=0.05) or at_most
    for sentence in {key.rsplit("-", 1)[0] for key in wavs}:
        rates = [parameters[f"{sentence}-{emotion}"].log_rate for emotion in EMOTIONS]
        lengths = [len(soundfile.read(wavs[f"{sentence}-{emotion}"])[0]) for emotion in EMOTIONS]
        assert lengths[int(np.argmax(rates))] == min(lengths)


def test_unknown_difficulty(tmp_path: Path):
    with pytest.raises(ValueError, match="difficulty is 'easy'; it must be plain or hard"):
        prepare(tmp_path, tmp_path, difficulty="easy")
