"""Texts of LRS3 and the cuts of long clips."""

from pathlib import Path

import pytest
from reference.lrs3_copy import clip_text, long_words

from espnet2_ext.corpora.lrs3 import (
    ClipText,
    Piece,
    Word,
    cut_at_pauses,
    parse_clip_text,
    read_clip_text,
)


def test_text_and_words():
    words = [("SOMETHING", 0.08, 0.51), ("{LG}", 0.6, 1.0), ("LEFT", 1.0, 1.4)]
    clip = parse_clip_text(clip_text("SOMETHING {LG} LEFT", words))
    assert clip == ClipText("SOMETHING LEFT", tuple(Word(*word) for word in words))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("A {NS} B", "A B"),
        ("{LG}", "{LG}"),
        ("WE {COUGH", "WE COUGH"),
        ("", None),
        ("  IT'S   TWO ", "IT'S TWO"),
    ],
)
def test_markers_are_taken_out_unless_nothing_else_is_there(text: str, kept: str | None):
    assert parse_clip_text(clip_text(text)).text == kept


def test_sections_may_be_missing_and_lines_may_end_as_on_other_systems():
    assert parse_clip_text(clip_text("A B", None)) == ClipText("A B")
    assert parse_clip_text(clip_text("A B", None, frames=False)) == ClipText("A B")
    assert parse_clip_text("") == ClipText(None)
    content = clip_text("A B", [("A", 0.1, 0.2), ("B", 0.3, 0.4)]).replace("\n", "\r\n")
    assert [word.text for word in parse_clip_text(content).words] == ["A", "B"]


def test_what_is_not_utf8_is_latin_1(tmp_path: Path):
    path = tmp_path / "00001.txt"
    path.write_bytes(clip_text("CAFÉ").encode("iso-8859-1"))
    assert read_clip_text(path).text == "CAFÉ"
    path.write_bytes(clip_text("CAFÉ").encode("utf-8-sig"))
    assert read_clip_text(path).text == "CAFÉ"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("WORD ONE 2.0", "is not word, start, end and score"),
        ("B 0.1 0.2 1.0", "goes back in time"),
        ("B 0.9 0.7 1.0", "goes back in time"),
    ],
)
def test_a_wrong_table_of_words_is_not_cut_by(line: str, fault: str):
    content = clip_text("A B", [("A", 0.5, 20.0)]) + line + "\n"
    clip = parse_clip_text(content)
    assert clip.words == () and fault in str(clip.fault)
    assert cut_at_pauses(clip) == [Piece(0.0, None, "A B")]


def clip_of(words: list[tuple[str, float, float]]) -> ClipText:
    return parse_clip_text(clip_text(" ".join(word[0] for word in words), words))


def test_short_clips_and_clips_without_times_stay_whole():
    for clip in (clip_of(long_words(14.9, {})), ClipText("A B"), ClipText(None)):
        assert cut_at_pauses(clip) == [Piece(0.0, None, clip.text)]


def test_a_long_clip_is_cut_in_the_middle_of_the_last_pause_in_time():
    # Pauses of 0.6 s before words 5 and 15, of 0.3 s before word 20.
    words = long_words(24.0, {5: 0.5, 15: 0.5, 20: 0.2})
    pieces = cut_at_pauses(clip_of(words))
    cut_s = (words[14][2] + words[15][1]) / 2
    assert [(piece.start_s, piece.stop_s) for piece in pieces] == [
        (0.0, pytest.approx(cut_s)),
        (pytest.approx(cut_s), None),
    ]
    assert pieces[0].text == " ".join(f"W{i}" for i in range(15))
    assert pieces[1].text == " ".join(f"W{i}" for i in range(15, len(words)))


def test_pieces_cover_the_clip_and_none_is_too_long():
    words = long_words(200.0, dict.fromkeys(range(7, 300, 11), 0.6))
    pieces = cut_at_pauses(clip_of(words))
    assert len(pieces) >= 14
    ends = [piece.stop_s for piece in pieces[:-1]] + [words[-1][2]]
    for piece, end_s in zip(pieces, ends, strict=True):
        assert 0 < end_s - piece.start_s <= 15.0
        assert all(piece.start_s <= a and b <= end_s for _, a, b in _within(words, piece, end_s))
    assert [piece.start_s for piece in pieces[1:]] == ends[:-1]
    assert " ".join(piece.text for piece in pieces) == " ".join(word[0] for word in words)


def _within(words, piece, end_s):
    return [word for word in words if piece.start_s < word[2] and word[1] < end_s]


def test_without_a_pause_the_widest_gap_is_cut():
    words = long_words(20.0, {9: 0.2})  # a gap of 0.3 s, all others 0.1 s
    first, second = cut_at_pauses(clip_of(words))
    assert first.stop_s == second.start_s == pytest.approx((words[8][2] + words[9][1]) / 2)


def test_a_word_longer_than_the_limit_is_not_cut():
    assert cut_at_pauses(clip_of([("A", 0.0, 40.0)])) == [Piece(0.0, None, "A")]
    words = [("A", 0.0, 40.0), ("B", 41.0, 42.0)]
    assert cut_at_pauses(clip_of(words)) == [Piece(0.0, 40.5, "A"), Piece(40.5, None, "B")]
