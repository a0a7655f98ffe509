import logging
from pathlib import Path

import pytest

from espnet2_ext.corpora.iemocap import (
    CLASSES,
    EXPECTED_TURNS,
    Faults,
    Turn,
    expected_turns,
    expected_utterances,
    self_check,
    tally,
)

NO_FAULTS = Faults([], [], [], [])

PUBLISHED_LABELS = {
    "neu": 1708,
    "fru": 1849,
    "ang": 1103,
    "sad": 1084,
    "exc": 1041,
    "hap": 595,
    "sur": 107,
    "fea": 40,
    "oth": 3,
    "dis": 2,
    "xxx": 2507,
}
PUBLISHED_SESSIONS = {  # sum, angry, happy, neutral, sad
    "Ses01": (1085, 229, 278, 384, 194),
    "Ses02": (1023, 137, 327, 362, 197),
    "Ses03": (1151, 240, 286, 320, 305),
    "Ses04": (1031, 327, 303, 258, 143),
    "Ses05": (1241, 170, 442, 384, 245),
}
PUBLISHED_SPEAKERS = {  # sum, angry, happy, neutral, sad
    "Ses01F": (528, 147, 132, 171, 78),
    "Ses01M": (557, 82, 146, 213, 116),
    "Ses02F": (481, 67, 166, 135, 113),
    "Ses02M": (542, 70, 161, 227, 84),
    "Ses03F": (522, 92, 128, 130, 172),
    "Ses03M": (629, 148, 158, 190, 133),
    "Ses04F": (528, 205, 185, 76, 62),
    "Ses04M": (503, 122, 118, 182, 81),
    "Ses05F": (590, 78, 159, 221, 132),
    "Ses05M": (651, 92, 283, 163, 113),
}
EMOTIONS = ("angry", "happy", "neutral", "sad")


def test_table_adds_up_to_the_published_labels():
    counts = expected_turns()
    assert counts["all"] == 10039
    assert {label: counts[label] for label in PUBLISHED_LABELS} == PUBLISHED_LABELS
    # Splits of two public recipes: sessions 1 to 3 and dialogues of 4 together, and session 5.
    assert counts["all"] - counts["Ses05"] == 6871 + 998 == 6468 + 1401
    assert counts["Ses05"] == 2170
    session = {
        label: counts[f"Ses05F {label}"] + counts[f"Ses05M {label}"] for label in CLASSES[10]
    }
    assert session == {
        **{"neu": 384, "fru": 381, "exc": 299, "sad": 245, "ang": 170, "hap": 143},
        **{"sur": 18, "fea": 10, "dis": 0, "oth": 0},
    }


def test_four_classes_add_up_to_the_published_sessions_and_speakers():
    counts = expected_utterances(4)
    assert counts["all"] == 5531
    for name, (total, *rest) in {**PUBLISHED_SESSIONS, **PUBLISHED_SPEAKERS}.items():
        assert counts[name] == total == sum(rest)
        speakers = [name] if name in EXPECTED_TURNS else [f"{name}F", f"{name}M"]
        found = [sum(counts[f"{s} {emotion}"] for s in speakers) for emotion in EMOTIONS]
        assert found == rest
    assert [counts[emotion] for emotion in EMOTIONS] == [1103, 1636, 1708, 1084]


def test_ten_classes_are_all_but_the_disagreement():
    counts = expected_utterances(10)
    assert counts["all"] == 10039 - 2507
    assert (counts["happy"], counts["excited"], counts["frustrated"]) == (595, 1041, 1849)


def test_tally():
    assert tally([("Ses01F", "sad", 2), ("Ses01M", "sad", 1), ("Ses02M", "neu", 1)]) == {
        **{"all": 4, "Ses01": 3, "Ses02": 1, "Ses01F": 2, "Ses01M": 1, "Ses02M": 1},
        **{"sad": 3, "neu": 1, "Ses01F sad": 2, "Ses01M sad": 1, "Ses02M neu": 1},
    }


def make_turns() -> list[Turn]:
    return [
        Turn(f"{speaker}_impro01_{speaker[-1]}{index % 1000:03d}", label)
        for speaker, counts in EXPECTED_TURNS.items()
        for label, number in counts.items()
        for index in range(number)
    ]


def check(turns: list[Turn], kept: list[Turn], faults: Faults = NO_FAULTS, **options) -> None:
    self_check(
        Path("release"), turns, kept, faults, **{"classes": 4, "allow_incomplete": False, **options}
    )


@pytest.mark.parametrize("classes", [4, 10])
def test_whole_release_passes_and_is_reported(classes: int, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    turns = make_turns()
    kept = [turn for turn in turns if turn.label in CLASSES[classes]]
    check(turns, kept, classes=classes)
    lines = [" ".join(record.getMessage().split()) for record in caplog.records]
    assert lines[0] == "self-check: labelled turns expected found"
    assert {"all 10039 10039", "xxx 2507 2507", "Ses03M 1088 1088"} <= set(lines)
    assert f"all {len(kept)} {len(kept)}" in lines
    assert lines[-1] == "release: self-check passed"


def test_every_difference_is_an_error_with_its_place():
    turns = make_turns()
    kept = [turn for turn in turns if turn.label in CLASSES[4]]
    sad = next(turn for turn in kept if turn.label == "sad")
    with pytest.raises(ValueError, match="^release: not a whole IEMOCAP release: 5530 of 5531 utt"):
        check(turns, [turn for turn in kept if turn is not sad])
    with pytest.raises(ValueError, match=r"5532 of 5531 utterances .*\(Ses01F sad 79 of 78\); rem"):
        check(turns, [*kept, sad])
    unlabelled = [turn for turn in turns if turn.label != "dis"]
    with pytest.raises(ValueError, match=r"10037 of 10039 labelled turns \(Ses01M dis 0 of 1, Ses"):
        check(unlabelled, kept)
    # The right totals do not hide that two speakers were exchanged.
    swapped = [Turn(turn.turn_id[:-4] + "F" + turn.turn_id[-3:], turn.label) for turn in turns]
    with pytest.raises(ValueError, match=r"10039 of 10039 .*\(Ses01F ang 229 of 147, .* and \d+ m"):
        check(swapped, kept)


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (
            Faults(["Session4/sentences/wav"], [], [], []),
            "1 expected folders not there, first Session4/sentences/wav",
        ),
        (Faults([], ["a.wav", "b.wav"], [], []), "2 wavs missing, first a.wav"),
        (Faults([], [], ["a.wav (why)"], []), r"1 wavs unreadable, first a.wav \(why\)"),
        (Faults([], [], [], ["a"]), "1 turns without words in dialog/transcriptions, first a"),
    ],
)
def test_every_fault_is_an_error_or_on_request_a_warning(faults, message: str, caplog):
    turns = make_turns()
    kept = [turn for turn in turns if turn.label in CLASSES[4]]
    with pytest.raises(
        ValueError, match=f"{message}; remove the folder and unpack the release aga"
    ):
        check(turns, kept, faults)
    check(turns, kept, faults, allow_incomplete=True)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage().endswith("going on with what is there")
