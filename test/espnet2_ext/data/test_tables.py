import pytest

from espnet2_ext.data.tables import (
    normalise_sentence,
    read_csv,
    read_int_table,
    read_rejected,
    read_table,
    replace_rejected,
    write_rejected,
    write_table,
)


def test_write_sorts_by_bytes_and_read_returns_the_same(tmp_path):
    table = {"b-1": "zwei Wörter", "B-1": 3, "ä-1": "x", "b-10": "y"}
    write_table(tmp_path / "text", table)
    lines = (tmp_path / "text").read_text(encoding="utf-8").splitlines()
    assert lines == ["B-1 3", "b-1 zwei Wörter", "b-10 y", "ä-1 x"]
    assert read_table(tmp_path / "text") == {key: str(value) for key, value in table.items()}
    (tmp_path / "text").write_text("s-a Wörter\n", encoding="utf-8-sig")
    assert read_table(tmp_path / "text") == {"s-a": "Wörter"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a-0 x\na-1\n", "text:2: expected 'key value'"),
        (b"a-0 x\n a-1 x\n", "text:2: expected 'key value'"),
        (b"a-0 x\n\n", "text:2: expected 'key value'"),
        (b"a-0 x\na-0 y\n", "text: a-0 stands twice"),
        ("s-a 一\n".encode() + "s-b 你好\n".encode("gbk"), "text:2: not UTF-8 text; convert"),
        ("s-a x\n".encode("utf-16-le"), "text:1: not UTF-8 text; convert"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path, content, message):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "text")


def test_int_table(tmp_path):
    (tmp_path / "units_x").write_text("a-0 3 1 2\n")
    assert read_int_table(tmp_path / "units_x") == {"a-0": [3, 1, 2]}
    (tmp_path / "units_x").write_text("a-0 3 one\n")
    with pytest.raises(ValueError, match="units_x: a-0: not a list of integers: '3 one'"):
        read_int_table(tmp_path / "units_x")


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_csv(path, ["file", "emotion"], ["text"])

    return read


def test_rows_with_their_lines_and_what_spreadsheets_write(read):
    assert read("emotion, file\n sad ,a b.wav\n\nhappy,c.wav\n") == [
        (2, {"emotion": "sad", "file": "a b.wav"}),
        (4, {"emotion": "happy", "file": "c.wav"}),
    ]
    assert read(
        b'\xef\xbb\xbffile,emotion,text\r\na.wav,sad,"one, ""two""\r\nthree"\r\nb.wav,x,y\r\n'
    ) == [
        (2, {"file": "a.wav", "emotion": "sad", "text": 'one, "two"\r\nthree'}),
        (4, {"file": "b.wav", "emotion": "x", "text": "y"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "table.csv: holds no rows; give a line file,emotion and rows"),
        ("\nfile;emotion\n", "table.csv:2: unknown column 'file;emotion'; known: file"),
        ("file,emotion,age\na,b,c\n", "table.csv:1: unknown column 'age'"),
        ("file,emotion,file\na,b,c\n", "table.csv:1: column 'file' stands twice"),
        ("file\na\n", "table.csv:1: column 'emotion' is missing"),
        ("file,emotion\na,b\nc\n", "table.csv:3: 1 fields, the first line names 2 columns; check"),
        ("file,emotion\na, \n", "table.csv:2: emotion is empty; fill it in"),
        ("file,emotion,text\na,b,\n", "table.csv:2: text is empty"),
        ('file,emotion\na,"b"c\n', "table.csv:2: not a csv .*; check the quotes"),
        (b"file,emotion\n\xe4,b\n", "table.csv: is not UTF-8 text; save it in UTF-8"),
    ],
)  # fmt: skip
def test_one_line_for_every_fault(read, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_rejected(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.csv: no such file; give the path"):
        read_csv(tmp_path / "none.csv", ["file"])
    assert read_rejected(tmp_path) == {}
    write_rejected(tmp_path, {})
    assert (tmp_path / "rejected.tsv").read_text() == "" and read_rejected(tmp_path) == {}
    write_rejected(tmp_path, {"b-1": "too\nlong\tindeed", "a-1": "silent"})
    assert (tmp_path / "rejected.tsv").read_text() == "a-1\tsilent\nb-1\ttoo long indeed\n"
    replace_rejected(tmp_path, "units_x", {"a-2": "short", "c-1": "short"}, 9)
    replace_rejected(tmp_path, "units_x", {"a-2": "too short"}, 9)
    expected = {"a-1": "silent", "a-2": "units_x: too short", "b-1": "too long indeed"}
    assert read_rejected(tmp_path) == expected
    (tmp_path / "rejected.tsv").write_text("a-1 silent\n")
    with pytest.raises(ValueError, match="rejected.tsv:1: expected 'utterance<TAB>reason'"):
        read_rejected(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Don't   GO,\tnow! ", "dont go now"),
        ("Don\u2019t go - now.", "dont go now"),
        ("[LAUGHTER] Yes. <noise>", "yes"),
        ("\uff21\uff22\uff23 caf\u00e9", "abc caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"),
        # Vowel signs of Hindi are marks, not letters; they make another word.
        ("\u0915\u093f", "\u0915\u093f"),
        ("[BREATHING]", None),
        (" ... ", None),
    ],
)
def test_normalise_sentence(text, expected):
    assert normalise_sentence(text) == expected
