from pathlib import Path

import pytest

from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.iemocap import (
    CLASSES,
    EXPECTED_TURNS,
    TURNS,
    Turn,
    count,
    expected_counts,
)

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


def part_of(counts: dict[str, int], what: str) -> dict[str, int]:
    """Return the counts of turns or of utterances by what stands behind the colon."""
    return {
        name.partition(": ")[2]: number for name, number in counts.items() if name.startswith(what)
    }


def test_table_adds_up_to_the_published_labels():
    counts = part_of(expected_counts(4), TURNS)
    assert counts[""] == 10039
    assert {label: counts[label] for label in PUBLISHED_LABELS} == PUBLISHED_LABELS
    # Splits of two public recipes: sessions 1 to 3 and dialogues of 4 together, and session 5.
    assert counts[""] - counts["Ses05"] == 6871 + 998 == 6468 + 1401
    assert counts["Ses05"] == 2170
    session = {
        label: counts[f"Ses05F/{label}"] + counts[f"Ses05M/{label}"] for label in CLASSES[10]
    }
    assert session == {
        **{"neu": 384, "fru": 381, "exc": 299, "sad": 245, "ang": 170, "hap": 143},
        **{"sur": 18, "fea": 10, "dis": 0, "oth": 0},
    }


def test_four_classes_add_up_to_the_published_sessions_and_speakers():
    counts = part_of(expected_counts(4), "utterances")
    assert counts[""] == 5531
    for name, (total, *rest) in {**PUBLISHED_SESSIONS, **PUBLISHED_SPEAKERS}.items():
        assert counts[name] == total == sum(rest)
        speakers = [name] if name in EXPECTED_TURNS else [f"{name}F", f"{name}M"]
        found = [sum(counts[f"{s}/{emotion}"] for s in speakers) for emotion in EMOTIONS]
        assert found == rest
    assert [counts[emotion] for emotion in EMOTIONS] == [1103, 1636, 1708, 1084]


def test_ten_classes_are_all_but_the_disagreement():
    counts = part_of(expected_counts(10), "utterances")
    assert counts[""] == 10039 - 2507
    assert (counts["happy"], counts["excited"], counts["frustrated"]) == (595, 1041, 1849)


def make_turns() -> list[Turn]:
    return [
        Turn(f"{speaker}_impro01_{speaker[-1]}{index % 1000:03d}", label)
        for speaker, counts in EXPECTED_TURNS.items()
        for label, number in counts.items()
        for index in range(number)
    ]


def check(turns: list[Turn], kept: list[Turn], classes: int = 4) -> None:
    found = count(turns, kept, classes)
    self_check(Path("release"), "IEMOCAP release", expected_counts(classes), found)


@pytest.mark.parametrize("classes", [4, 10])
def test_whole_release_passes_and_is_reported(classes: int, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    turns = make_turns()
    kept = [turn for turn in turns if turn.label in CLASSES[classes]]
    check(turns, kept, classes)
    lines = {" ".join(record.getMessage().split()) for record in caplog.records}
    assert {"labelled turns 10039 10039", "labelled turns: xxx 2507 2507"} <= lines
    assert f"utterances of {classes} classes {len(kept)} {len(kept)}" in lines
    assert "release: self-check passed" in lines


def test_every_difference_is_an_error_with_its_place():
    turns = make_turns()
    kept = [turn for turn in turns if turn.label in CLASSES[4]]
    sad = next(turn for turn in kept if turn.label == "sad")
    with pytest.raises(ValueError, match="^release: not a whole IEMOCAP release: 5530 of 5531 utt"):
        check(turns, [turn for turn in kept if turn is not sad])
    with pytest.raises(ValueError, match=r"5532 of 5531 .*, 79 of 78 utter.* Ses01F/sad, "):
        check(turns, [*kept, sad])
    unlabelled = [turn for turn in turns if turn.label != "dis"]
    with pytest.raises(ValueError, match=r": 0 of 1 labelled turns: Ses01M/dis, .*, 10037 of"):
        check(unlabelled, kept)
    # The right totals do not hide that two speakers were exchanged.
    swapped = [Turn(turn.turn_id[:-4] + "F" + turn.turn_id[-3:], turn.label) for turn in turns]
    with pytest.raises(ValueError, match=r": 229 of 147 labelled turns: Ses01F/ang, .* and \d+ m"):
        check(swapped, kept)
