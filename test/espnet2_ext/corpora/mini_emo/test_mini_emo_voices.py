from statistics import mean, pstdev

import pytest

from espnet2_ext.corpora.mini_emo.speech import (
    EMOTIONS,
    ESD_FEMALE_VARIANTS,
    ESD_MALE_VARIANTS,
    FEMALE_VARIANTS,
    IEMOCAP_FEMALE_VARIANTS,
    IEMOCAP_MALE_VARIANTS,
    MALE_VARIANTS,
    SHIFTS,
    deliver,
    draw_voice,
    paired_voices,
    pretraining_voices,
)
from espnet2_ext.corpora.mini_emo.speech import ESPEAK_RATE_HZ as SAMPLE_RATE_HZ


def test_pretraining_voices_are_many_and_mixed():
    voices = pretraining_voices(60, seed=0)
    assert len({voice.speaker for voice in voices}) == 60
    assert len({(v.variant, v.accent, v.engine_rate_hz) for v in voices}) == 60
    assert sum(voice.gender == "f" for voice in voices) == 24
    assert len({voice.accent for voice in voices}) == 5


def test_first_voices_do_not_depend_on_how_many_are_asked():
    assert pretraining_voices(5, seed=0) == pretraining_voices(61, seed=0)[:5]
    assert pretraining_voices(5, seed=1) != pretraining_voices(5, seed=0)


@pytest.mark.parametrize("count", [1, 62])
def test_impossible_number_of_voices_is_an_error(count: int):
    with pytest.raises(ValueError, match=f"2 to 61 pretraining voices can be had, not {count}"):
        pretraining_voices(count, seed=0)


def test_no_variant_stands_in_two_parts():
    pretraining = {*FEMALE_VARIANTS, *MALE_VARIANTS}
    iemocap = {*IEMOCAP_FEMALE_VARIANTS, *IEMOCAP_MALE_VARIANTS}
    esd = {*ESD_FEMALE_VARIANTS, *ESD_MALE_VARIANTS}
    assert len(pretraining | iemocap | esd) == len(pretraining) + len(iemocap) + len(esd)
    names = " ".join(pretraining | iemocap | esd).lower()
    assert not any(word in names for word in ("robo", "whisper", "demon", "announcer", "caleb"))


def test_paired_voices_alternate_gender():
    voices = paired_voices("i", ("f2", "f5"), ("m2", "robert"), seed=0)
    assert [voice.speaker for voice in voices] == ["i1f", "i1m", "i2f", "i2m"]
    assert [voice.variant for voice in voices] == ["f2", "m2", "f5", "robert"]


def test_base_pitch_spreads_further_between_voices_than_emotions_move_it():
    voices = pretraining_voices(60, seed=0)
    octaves = {gender: [v.pitch_octaves for v in voices if v.gender == gender] for gender in "fm"}
    # The variants add about an octave between the genders to what is drawn.
    spread = pstdev(octaves["f"] + [value - 1.0 for value in octaves["m"]])
    assert spread > pstdev(shift.pitch_octaves for shift in SHIFTS.values())


def test_emotions_move_every_voice_as_they_should():
    for voice in pretraining_voices(8, seed=0):
        mean_of = {}
        for emotion in EMOTIONS:
            spoken = [deliver(voice, emotion, f"{voice.speaker}-{i}", 0) for i in range(40)]
            mean_of[emotion] = [
                mean(value)
                for value in zip(
                    *((d.engine.pitch, d.engine.rate_wpm, d.level_db) for d in spoken), strict=True
                )
            ]
            assert len({delivery.engine.pitch for delivery in spoken}) > 2
        pitch, rate, level = ({e: mean_of[e][i] for e in EMOTIONS} for i in range(3))
        assert pitch["sad"] < pitch["neutral"] < pitch["angry"] < pitch["happy"]
        assert rate["sad"] < rate["neutral"] < rate["happy"] < rate["angry"]
        assert level["sad"] < level["neutral"] < level["happy"] < level["angry"]


def test_vocal_tract_size_leaves_pitch_and_rate_as_drawn():
    large, small = (draw_voice("v", "m", "m3", "en", 0, tract) for tract in (0.0, 1.0))
    assert (large.engine_rate_hz, small.engine_rate_hz) == (20500, 23500)
    for attribute in ("pitch_octaves", "rate", "level_db", "strengths"):
        assert getattr(large, attribute) == getattr(small, attribute)
    spoken = [deliver(voice, "neutral", "v-1", 0) for voice in (large, small)]
    rates = [s.engine.rate_wpm * s.engine_rate_hz / SAMPLE_RATE_HZ for s in spoken]
    assert rates[0] == pytest.approx(rates[1], rel=0.01)
    pitches = [2 ** (s.engine.pitch / 50) * s.engine_rate_hz for s in spoken]
    assert pitches[0] == pytest.approx(pitches[1], rel=0.02)


def test_delivery_depends_on_the_utterance_and_the_seed():
    voice = draw_voice("v", "f", "f1", "en", 0)
    assert deliver(voice, "sad", "v-1", 0) == deliver(voice, "sad", "v-1", 0)
    assert deliver(voice, "sad", "v-1", 0) != deliver(voice, "sad", "v-2", 0)
    assert deliver(voice, "sad", "v-1", 0) != deliver(voice, "sad", "v-1", 1)
