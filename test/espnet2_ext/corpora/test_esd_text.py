"""Transcripts of ESD in every encoding and with every defect known of them."""

from collections import Counter
from pathlib import Path

import pytest

from espnet2_ext.corpora.esd import (
    KNOWN_DEFECTS,
    EsdId,
    Transcript,
    borrow_words,
    decode,
    read_transcript,
)

CHINESE, ENGLISH = (
    "0004_000702\t今天天气很好。\t快乐\r\n",
    "0016_000351\tThe café’s “clock”.\tAngry\r\n",
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb2312"),
        (CHINESE, "gb18030"),
        (CHINESE, "utf-8"),
        (CHINESE, "utf-8-sig"),
        (CHINESE, "utf-16"),
        (ENGLISH, "cp1252"),
        (ENGLISH, "utf-8"),
        (ENGLISH, "utf-8-sig"),
        (ENGLISH, "utf-16"),
        ("0011_000001\tPlain.\tNeutral\n", "ascii"),
    ],
)
def test_every_encoding_gives_the_same_text(text: str, encoding: str):
    assert decode(text.encode(encoding), text[:4]) == text


@pytest.mark.parametrize("mark", ["\ufeff".encode("utf-16-le"), "\ufeff".encode("utf-16-be")])
def test_both_byte_orders(mark: bytes):
    encoding = "utf-16-le" if mark[0] == 0xFF else "utf-16-be"
    assert decode(mark + ENGLISH.encode(encoding), "0016") == ENGLISH


@pytest.mark.parametrize(
    ("content", "speaker", "tried"),
    [
        (ENGLISH.encode("utf-16-le")[:-1] + b"\x81", "0016", "utf-8-sig or cp1252"),
        ("0011_000001\tPlain.\tNeutral".encode("utf-16-le"), "0011", "utf-8-sig or cp1252"),
        (b"0004_000702\t\xff\xff\xff", "0004", "utf-8-sig or gb18030"),
        (b"\xff\xfe0", "0013", "utf-16"),
    ],
)
def test_what_is_no_text_is_one_line_with_file_and_remedy(
    content: bytes, speaker: str, tried: str, tmp_path: Path
):
    path = tmp_path / f"{speaker}.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path}: is not text in {tried}; save it as UTF-8"):
        read_transcript(path, speaker)


def read(tmp_path: Path, speaker: str, *lines: str, end: str = "\n") -> Transcript:
    """Return what is read of a UTF-8 transcript of these lines."""
    path = tmp_path / f"{speaker}.txt"
    path.write_bytes(end.join(lines).encode())
    return read_transcript(path, speaker)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_whole_lines(end: str, tmp_path: Path):
    lines = ["0011_000351\tThe  clock\u00a0stopped. \tAngry", "", " 0011_000002\tNo!\tNeutral"]
    transcript = read(tmp_path, "0011", *lines, end=end)
    assert transcript == Transcript(
        {EsdId("0011", 351): "The clock stopped.", EsdId("0011", 2): "No!"}, {}, Counter()
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0012_001355 They see George every day. Sad", "They see George every day."),
        ("0012_001355\tThey see George every day. Sad", "They see George every day."),
        ("0012_001355 They see George every day.\tSad", "They see George every day."),
        ("0012_001355\tThey see George every day.Sad", "They see George every day."),
        ("0012_001355They see George every day.", "They see George every day."),
        ("0012_001355\tThey see\tGeorge every day.\tSad", "They see George every day."),
        ("0012_001355\tThey are Sad  people\tSad", "They are Sad people"),
        ("0012_001355\tIt made George\tglad\tor sad", "It made George glad or sad"),
        ("0012_001355\tIt made George\tglad", "It made George glad"),
        ("0012_001355\tHe is UnSad", "He is UnSad"),
    ],
)
def test_words_of_lines_without_tabs(line: str, words: str, tmp_path: Path):
    transcript = read(tmp_path, "0012", line)
    assert transcript.texts == {EsdId("0012", 1355): words}
    whole = line.count("\t") == 2 and line.endswith("\tSad")
    assert len(transcript.repairs) == (0 if whole else 1)


def test_chinese_label_without_tab_goes_and_the_same_word_at_the_end_stays(tmp_path: Path):
    lines = ("0004_000702\t今天很好。快乐", "0004_000703\t今天很快乐", "0004_000704 今天很好 快乐")
    assert list(read(tmp_path, "0004", *lines).texts.values()) == [
        *("今天很好。", "今天很快乐", "今天很好")
    ]


def test_repairs_tell_known_defects_from_others(tmp_path: Path):
    transcript = read(tmp_path, "0015", "0015_000137 Let it be. Neutral", "0015_000139 So. Neutral")
    assert {str(key): how[-21:] for key, how in transcript.repairs.items()} == {
        "0015_000137": "tabs (a known defect)",
        "0015_000139": "s (not a known defect)"[-21:],
    }
    assert len(KNOWN_DEFECTS) == 15


def test_every_line_passed_over_is_counted(tmp_path: Path):
    transcript = read(
        tmp_path,
        "0011",
        "id text label",
        "0012_000001\tAnother speaker's.\tNeutral",
        "0011_001751\tOne too many.\tSurprise",
        "0011_0000011\tA digit too many.\tNeutral",
        "0011_000001\tFirst.\tNeutral",
        "0011_000001\tSecond.\tNeutral",
        "0011_000002\t\tNeutral",
        "0011_000003",
        "0011_000004\tThe label lies.\tHappy",
    )
    assert list(transcript.texts.values()) == ["First.", "The label lies."]
    assert transcript.left_out == {
        "lines of transcripts that name no utterance of the speaker": 4,
        "lines of transcripts for an utterance that had one": 1,
        "lines of transcripts without words": 2,
        "labels of transcripts that contradict the id": 1,
    }
    assert not transcript.repairs


def test_words_are_borrowed_from_most_readings_of_the_sentence():
    ids = [EsdId("0013", 350 * block + 7) for block in range(5)]
    transcript = Transcript({ids[0]: "A.", ids[2]: "B.", ids[3]: "B."})
    assert borrow_words(transcript, [*ids, EsdId("0013", 8)]) == [EsdId("0013", 8)]
    assert [transcript.texts[key] for key in ids] == ["A.", "B.", "B.", "B.", "B."]
    assert transcript.repairs.keys() == {ids[1], ids[4]}
    assert set(transcript.repairs.values()) == {
        "no line of its own; the words of 0013_000707, the same sentence"
    }


def test_of_equally_frequent_words_the_first_are_borrowed():
    transcript = Transcript({EsdId("0013", 707): "Happy's.", EsdId("0013", 7): "Neutral's."})
    assert borrow_words(transcript, [EsdId("0013", 357)]) == []
    assert transcript.texts[EsdId("0013", 357)] == "Neutral's."
