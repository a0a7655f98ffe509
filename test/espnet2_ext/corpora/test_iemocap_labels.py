from collections import Counter
from pathlib import Path

import pytest

from espnet2_ext.corpora.iemocap import Turn, is_dialogue, read_labels, read_transcriptions

LINE = "[12.3400 - 15.6700]\tSes02F_impro04_M011\tfru\t[2.0000, 3.5000, 3.0000]"


def write(path: Path, *lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("turn_id", "session", "dialogue", "speaker"),
    [
        ("Ses01F_impro01_M000", "Ses01", "Ses01F_impro01", "Ses01M"),
        ("Ses01M_impro01_F007", "Ses01", "Ses01M_impro01", "Ses01F"),
        ("Ses03M_impro05a_F012", "Ses03", "Ses03M_impro05a", "Ses03F"),
        ("Ses05M_script01_1b_F003", "Ses05", "Ses05M_script01_1b", "Ses05F"),
    ],
)
def test_everything_is_in_the_id_of_a_turn(turn_id, session, dialogue, speaker):
    turn = Turn(turn_id, "neu")
    assert (turn.session, turn.dialogue, turn.speaker) == (session, dialogue, speaker)
    assert turn.utterance_id == f"{speaker}-{turn_id}"
    assert turn.wav == f"Session{session[-1]}/sentences/wav/{dialogue}/{turn_id}.wav"


def test_names_of_dialogues():
    assert is_dialogue("Ses04F_script03_2") and is_dialogue("Ses03M_impro08b")
    assert not any(
        is_dialogue(name)
        for name in ("._Ses04F_script03_2", "Ses06F_impro01", "Ses01F_impro01 copy", "Attribute")
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_labels_of_a_file(tmp_path: Path, end: str, encoding: str):
    header = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
    ratings = ["C-E2:\tFrustration; Anger;\t(annoyé)", "A-F1:\tval 2; act 4; dom  3;\t()"]
    spaced = "[1.0 - 2.0]  Ses02F_impro04_F000  neu  [2.5, 2.5, 2.5]"
    lines = [header, "", LINE, *ratings, "", spaced, "stray", "[a remark]"]
    path = write(tmp_path / "a.txt", *lines, encoding=encoding, end=end)
    turns, left_out = read_labels([path])
    assert turns == {
        turn.turn_id: turn
        for turn in (Turn("Ses02F_impro04_M011", "fru"), Turn("Ses02F_impro04_F000", "neu"))
    }
    assert left_out == {"lines of EmoEvaluation that are neither turns nor ratings": 2}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LINE.replace("\tfru", ""), r"a\.txt:2: expected '\[start - end\]<TAB>turn"),
        (LINE[:-3], r"a\.txt:2: expected '\[start"),
        (LINE.replace("_M011", "_MXX1"), r"a\.txt:2: 'Ses02F_impro04_MXX1' is no turn"),
        (LINE.replace("Ses02F", "Ses06F"), r"a\.txt:2: 'Ses06F_impro04_M011' is no turn"),
        (LINE.replace("fru", "frustrated"), r"a\.txt:2: .*_M011 has the label 'frustrated'"),
        (LINE.replace("fru", "XXX"), "has the label 'XXX', expected one of ang hap .* xxx"),
    ],
)
def test_broken_label_line_is_an_error(tmp_path: Path, line: str, message: str):
    path = write(tmp_path / "a.txt", "% header", line)
    with pytest.raises(ValueError, match=message + "(.|\n)*restore the file from the release"):
        read_labels([path])


def test_two_labels_of_one_turn_are_an_error_and_the_same_twice_is_counted(tmp_path: Path):
    first = write(tmp_path / "a.txt", LINE, LINE)
    second = write(tmp_path / "b.txt", "", LINE.replace("fru", "ang"))
    turns, left_out = read_labels([first])
    assert list(turns) == ["Ses02F_impro04_M011"]
    assert left_out == {"turns labelled twice, the same way": 1}
    with pytest.raises(
        ValueError, match=r"b\.txt:2: .*M011 is labelled 'ang', but 'fru' in .*a\.txt:1; restore"
    ):
        read_labels([first, second])


def test_transcriptions(tmp_path: Path):
    path = write(
        tmp_path / "a.txt",
        "Ses02F_impro04_FXX0 [000.0000-000.1000]: Mm-hm.",
        "Ses02F_impro04_M011 [012.3400-015.6700]:  I said:\ttoo  [LAUGHTER] late. ",
        "Ses05M_script01_1b_F003 [012.3400-015.6700]: Yes.",
        "Ses05M_script01_1b_F003 [012.3400-015.6700]: No.",
        "Ses02F_impro04_M012 [012.3400-015.6700]: ",
        "M: [BREATHING]",
        "Ses02F_impro04_M013 without times",
        "",
        end="\r\n",
    )
    texts, left_out = read_transcriptions([path])
    assert texts == {
        "Ses02F_impro04_M011": "I said: too [LAUGHTER] late.",
        "Ses05M_script01_1b_F003": "Yes.",
    }
    assert left_out == Counter(
        {
            "transcribed turns XX0, XX1, ... that have no wav": 1,
            "lines of transcriptions without a turn": 2,
            "turns transcribed twice, the first is kept": 1,
            "turns transcribed by no words": 1,
        }
    )
