"""Names of EmoV-DB."""

import pytest

from espnet2_ext.corpora.emov_db import EXPECTED, parse_folder, parse_name


@pytest.mark.parametrize(
    ("stem", "emotion", "sentence"),
    [
        ("amused_1-15_0001", "amused", 1),
        ("Neutral_57_84_0057", "neutral", 57),
        ("Disgust_561-593_0593", "disgusted", 593),
        ("anger_1-28_0002", "angry", 2),
        ("sleepiness_1-28_0003", "sleepy", 3),
    ],
)
def test_both_spellings(stem: str, emotion: str, sentence: int):
    name = parse_name("bea", stem)
    assert name is not None and str(name) == name.utterance_id == f"bea-{stem}"
    assert (name.speaker, name.emotion, name.sentence) == ("bea", emotion, sentence)


@pytest.mark.parametrize(
    "stem",
    [
        *("happy_1-28_0001", "amused_1_0001", "amused_1-28_001", "amused_1-28_0000"),
        *("amused_589-616_0594", "._amused_1-28_0001", "angry_1-28_0001"),
    ],
)
def test_names_that_are_none(stem: str):
    assert parse_name("bea", stem) is None


def test_folders():
    assert parse_folder("Sam_angry") == ("sam", "angry")
    for name in ("josh_Angry", "sam", "sam_Happy", "tom_Neutral", "sam_Angry_2"):
        assert parse_folder(name) is None


def test_expected_counts_are_those_of_the_six_that_are_said_twice():
    sentences = sum(number for name, number in EXPECTED.items() if name.startswith("sentences"))
    assert EXPECTED["utterances"] - sentences == 6893 - 6887
