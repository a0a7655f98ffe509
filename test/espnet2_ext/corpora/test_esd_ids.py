from collections import Counter

import pytest

from espnet2_ext.corpora.esd import (
    SPEAKERS,
    EsdId,
    choose_speakers,
    expected_ids,
    gender_of,
    language_of,
    parse_id,
)


@pytest.mark.parametrize(
    ("name", "emotion", "sentence", "split"),
    [
        ("0011_000001", "neutral", 1, "evaluation"),
        ("0011_000020", "neutral", 20, "evaluation"),
        ("0011_000021", "neutral", 21, "test"),
        ("0011_000350", "neutral", 350, "train"),
        # As in the published lists of speaker 0013: evaluation, test, train of angry.
        ("0013_000351", "angry", 1, "evaluation"),
        ("0013_000370", "angry", 20, "evaluation"),
        ("0013_000371", "angry", 21, "test"),
        ("0013_000400", "angry", 50, "test"),
        ("0013_000401", "angry", 51, "train"),
        ("0013_000700", "angry", 350, "train"),
        ("0001_000701", "happy", 1, "evaluation"),
        ("0001_001400", "sad", 350, "train"),
        ("0020_001401", "surprised", 1, "evaluation"),
        ("0020_001750", "surprised", 350, "train"),
    ],
)
def test_everything_is_in_the_id(name: str, emotion: str, sentence: int, split: str):
    key = parse_id(name)
    assert key is not None and (key.emotion, key.sentence, key.split) == (emotion, sentence, split)
    assert str(key) == name and key.utterance_id == f"{name[:4]}-{name}"


@pytest.mark.parametrize(
    "name",
    [
        *("0011_000000", "0011_001751", "0000_000001", "0021_000001", "0011_1", "0011_0000010"),
        *("x0011_000001", "0011-000001", "００１１_000001", ""),
    ],
)
def test_what_is_no_id(name: str):
    assert parse_id(name) is None


def test_partners_are_350_apart():
    key = EsdId("0013", 371)
    assert [str(key.in_emotion(e)) for e in ("neutral", "angry", "happy", "sad", "surprised")] == [
        *("0013_000021", "0013_000371", "0013_000721", "0013_001071", "0013_001421")
    ]


def test_all_ids():
    ids = expected_ids(SPEAKERS)
    assert len(set(ids)) == 35000 and ids == sorted(ids)
    assert Counter(key.split for key in ids) == {"train": 30000, "evaluation": 2000, "test": 3000}
    assert Counter(language_of(key.speaker) for key in ids) == {"mandarin": 17500, "english": 17500}
    assert set(Counter((key.speaker, key.emotion) for key in ids).values()) == {350}


def test_women_and_men_of_the_readme():
    women = [speaker for speaker in SPEAKERS if gender_of(speaker) == "f"]
    assert women == [
        *("0001", "0002", "0003", "0007", "0009", "0015", "0016", "0017", "0018", "0019")
    ]
    assert {gender_of(speaker) for speaker in SPEAKERS} == {"f", "m"}


def test_choice_of_speakers():
    assert choose_speakers("both", None) == SPEAKERS and len(SPEAKERS) == 20
    assert choose_speakers("mandarin", []) == SPEAKERS[:10]
    assert choose_speakers("english", None) == SPEAKERS[10:]
    assert choose_speakers("english", ["0020", "0013", "0013"]) == ("0013", "0020")
    assert choose_speakers("both", ["0013", "0001"]) == ("0001", "0013")


@pytest.mark.parametrize(
    ("language", "speakers", "message"),
    [
        ("French", None, "language is 'French'; give english, mandarin or both"),
        ("both", ["13"], "speaker '13': ESD has 0001 to 0020; give four digits"),
        ("english", ["0001"], "speaker 0001 speaks mandarin, not english; give language mandarin"),
    ],
)
def test_wrong_choice_is_one_line(language: str, speakers: list[str] | None, message: str):
    with pytest.raises(ValueError, match=message):
        choose_speakers(language, speakers)
