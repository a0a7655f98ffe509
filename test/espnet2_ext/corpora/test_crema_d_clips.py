"""Names of CREMA-D: the plan gives the published counts."""

from collections import Counter

from reference.acted_copies import crema_d_names

from espnet2_ext.corpora.crema_d import EXPECTED, expected_clips, parse_clip, tally


def test_plan_and_published_counts():
    names = crema_d_names()
    assert len(names) == 7442 and set(names) == expected_clips()
    clips = [parse_clip(f"{name}.wav") for name in names]
    assert {key: tally(clips)[key] for key in EXPECTED} == EXPECTED
    counts = Counter(clip.actor for clip in clips)
    fewer = {actor: number for actor, number in counts.items() if number != 82}
    assert fewer == {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 81}


def test_what_a_name_says():
    clip = parse_clip("1001_IEO_DIS_HI.wav")
    assert (clip.actor, clip.sentence) == ("1001", "IEO")
    assert (clip.emotion, clip.level) == ("disgusted", "high level")
    assert clip.utterance_id == "1001-1001_IEO_DIS_HI"
    for file in ("1001_IEO_DIS_HI.mp3", "2001_IEO_DIS_HI.wav", "1001_IEO_DIS.wav", "x.wav"):
        assert parse_clip(file) is None
