"""The manifest of recordings."""

from pathlib import Path

import pytest

from espnet2_ext.listening.manifest import (
    COLUMNS,
    EMOTION,
    SIMILARITY,
    Stimulus,
    answers_of,
    check_expected,
    read_manifest,
    write_manifest,
)

HEADER = "\t".join(COLUMNS)
LINE = "similarity\tours\tsad\ti1\ta.wav\tr.wav\t\t"


def test_what_is_written_is_read_with_paths_from_its_folder(tmp_path: Path) -> None:
    stimuli = [
        Stimulus(SIMILARITY, "ours", "sad", "i1", "a.wav", "wav/r.wav"),
        Stimulus(EMOTION, "ours", "sad", "i1", "/abs/a.wav", role="check", expected="sad,angry"),
        Stimulus(EMOTION, "ours", "sad", "i1", "/abs/a.wav"),
    ]
    write_manifest(tmp_path / "m.tsv", stimuli)
    first, second, third = read_manifest(tmp_path / "m.tsv")
    assert first == Stimulus(
        SIMILARITY, "ours", "sad", "i1", str(tmp_path / "a.wav"), str(tmp_path / "wav/r.wav")
    )
    assert [second, third] == stimuli[1:]


def test_role_may_be_left_out_columns_moved_and_lines_blank(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    # A byte order mark and \r\n, as a spreadsheet writes.
    path.write_bytes(
        b"\xef\xbb\xbfitem\tsystem\tkind\ttarget_emotion\treference\taudio\r\n"
        b"i1\tours\temotion\tsad\t\t/a.wav\r\n\r\n"
    )
    assert read_manifest(path) == [Stimulus(EMOTION, "ours", "sad", "i1", "/a.wav")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER.replace("audio\t", ""), LINE], r":1: columns missing: \['audio'\]"),
        ([HEADER + "\tmood", LINE], r":1: .* unknown or double: \['mood'\]"),
        ([HEADER + "\titem", LINE], r"unknown or double: \['item', 'item'\]"),
        ([], ":1: columns missing"),
        ([HEADER, LINE + "\tx"], ":2: 9 fields, the first line names 8"),
        ([HEADER, LINE.replace("similarity", "beauty")], ":2: kind 'beauty' is none of sim"),
        ([HEADER, LINE[:-1] + "tets\t"], ":2: role 'tets' is none of test, practice, check"),
        ([HEADER, LINE.replace("ours", " ")], ":2: system is empty"),
        ([HEADER, LINE.replace("r.wav", "")], ":2: a reference goes with similarity"),
        ([HEADER, LINE.replace("similarity", "emotion")], ":2: a reference goes with sim"),
        ([HEADER, LINE + "1"], ":2: expected answers go with role check"),
        ([HEADER, LINE[:-1] + "check\t"], ":2: expected answers go with role check"),
        ([HEADER, LINE, LINE], ":3: similarity test ours sad i1 stands twice"),
        ([HEADER], "holds no recordings to test"),
        ([HEADER, LINE[:-1] + "practice\t"], "holds no recordings to test"),
        (
            [HEADER, LINE, LINE.replace("ours", "theirs"), LINE.replace("i1", "i2")],
            "similarity, sad: i2 lacks theirs",
        ),
    ],
)
def test_refuses(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "m.tsv"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=message):
        read_manifest(path)


def test_an_emotion_may_have_fewer_systems_than_another(tmp_path: Path) -> None:
    lines = [LINE, LINE.replace("ours", "theirs"), LINE.replace("sad", "neutral")]
    path = tmp_path / "m.tsv"
    path.write_text("\n".join([HEADER, *lines]))
    assert [stimulus.target_emotion for stimulus in read_manifest(path)] == ["sad"] * 2 + [
        "neutral"
    ]


def test_choices() -> None:
    assert answers_of(SIMILARITY, ["sad"]) == ("-2", "-1", "0", "1", "2")
    assert answers_of(EMOTION, ["sad", "angry"]) == ("sad", "angry")


def test_refuses_an_emotion_that_is_no_choice_and_a_check_nobody_passes() -> None:
    stimulus = Stimulus(EMOTION, "ours", "happy", "i1", "a.wav")
    check_expected("m.tsv", [stimulus], ["happy", "sad"])
    with pytest.raises(ValueError, match="m.tsv: i1: happy is not among the choices angry, sad"):
        check_expected("m.tsv", [stimulus], ["angry", "sad"])
    check = Stimulus(SIMILARITY, "ours", "happy", "i1", "a", "r", "check", "2,3")
    with pytest.raises(ValueError, match="m.tsv: i1: expected answer '3' is none of -2"):
        check_expected("m.tsv", [check], ["happy"])
