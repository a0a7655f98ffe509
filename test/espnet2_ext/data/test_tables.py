import logging

import pytest

from espnet2_ext.data.tables import (
    iterate_table,
    read_csv,
    read_int_table,
    read_rejected,
    read_table,
    report_rejected,
    write_rejected,
    write_table,
)


def test_write_sorts_by_bytes_and_read_returns_the_same(tmp_path):
    table = {"b-1": "zwei Wörter", "B-1": 3, "ä-1": "x", "b-10": "y"}
    write_table(tmp_path / "text", table)
    lines = (tmp_path / "text").read_text(encoding="utf-8").splitlines()
    assert lines == ["B-1 3", "b-1 zwei Wörter", "b-10 y", "ä-1 x"]
    assert read_table(tmp_path / "text") == {key: str(value) for key, value in table.items()}


@pytest.mark.parametrize("line", ["a-1", "a-1 ", " a-1 x", ""])
def test_malformed_line_is_named(tmp_path, line):
    (tmp_path / "text").write_text(f"a-0 x\n{line}\n")
    with pytest.raises(ValueError, match=r"text:2: expected 'key value'"):
        list(iterate_table(tmp_path / "text"))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("s-a 一\n".encode() + "s-b 你好\n".encode("gbk"), 2),
        ("s-a x\ns-b y\n".encode("utf-16"), 1),
        ("s-a x\n".encode("utf-16-le"), 1),
    ],
)
def test_a_line_that_is_not_utf8_is_named(tmp_path, content, line):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(ValueError, match=rf"text:{line}: not UTF-8 text; convert the table"):
        read_table(tmp_path / "text")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "text").write_text("s-a Wörter\ns-b y\n", encoding="utf-8-sig")
    assert read_table(tmp_path / "text") == {"s-a": "Wörter", "s-b": "y"}


def test_key_that_stands_twice(tmp_path):
    (tmp_path / "text").write_text("a-0 x\na-0 y\n")
    with pytest.raises(ValueError, match="text: a-0 stands twice"):
        read_table(tmp_path / "text")


def test_missing_table(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "text")


def test_int_table(tmp_path):
    (tmp_path / "units_x").write_text("a-0 3 1 2\n")
    assert read_int_table(tmp_path / "units_x") == {"a-0": [3, 1, 2]}
    (tmp_path / "units_x").write_text("a-0 3 one\n")
    with pytest.raises(ValueError, match="units_x: a-0: not a list of integers: '3 one'"):
        read_int_table(tmp_path / "units_x")


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path):
    return read_csv(path, ["file", "emotion"], ["text"])


def test_rows_with_their_lines(write):
    path = write("emotion, file\n sad ,a b.wav\n\nhappy,c.wav\n")
    assert read(path) == [
        (2, {"emotion": "sad", "file": "a b.wav"}),
        (4, {"emotion": "happy", "file": "c.wav"}),
    ]


def test_what_spreadsheets_write(write):
    path = write(
        b'\xef\xbb\xbffile,emotion,text\r\na.wav,sad,"one, ""two""\r\nthree"\r\nb.wav,x,y\r\n'
    )
    assert read(path) == [
        (2, {"file": "a.wav", "emotion": "sad", "text": 'one, "two"\r\nthree'}),
        (4, {"file": "b.wav", "emotion": "x", "text": "y"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "table.csv: holds no rows; give a line file,emotion and rows"),
        ("file,emotion\n", "table.csv: holds no rows"),
        ("\nfile;emotion\n", "table.csv:2: unknown column 'file;emotion'; known, with"),
        ("file,emotion,\na,b,c\n", "table.csv:1: unknown column ''"),
        ("file,emotion,age\na,b,c\n", "table.csv:1: unknown column 'age'"),
        ("file,emotion,file\na,b,c\n", "table.csv:1: column 'file' stands twice"),
        ("file\na\n", "table.csv:1: column 'emotion' is missing"),
        ("file,emotion\na,b\nc\n", "table.csv:3: 1 fields, the first line names 2 columns; quote"),
        ("file,emotion\na,b,c\n", "table.csv:2: 3 fields"),
        ("file,emotion\na, \n", "table.csv:2: emotion is empty; fill it in"),
        ("file,emotion,text\na,b,\n", "table.csv:2: text is empty"),
        (",\n", "table.csv:1: unknown column ''"),
        ('file,emotion\na,"b"c\n', "table.csv:2: not a csv .*; check the quotes"),
        (b"file,emotion\n\xe4,b\n", "table.csv: is not UTF-8 text; save it as csv in UTF-8"),
    ],
)  # fmt: skip
def test_one_line_for_every_fault(write, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(write(content))
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.csv: no such file; give the path of a csv"):
        read(tmp_path / "none.csv")


def test_round_trip_sorted_and_on_one_line(tmp_path):
    write_rejected(tmp_path, {"b-1": "too\nlong\tindeed", "a-1": "silent"})
    assert (tmp_path / "rejected.tsv").read_text() == "a-1\tsilent\nb-1\ttoo long indeed\n"
    assert read_rejected(tmp_path) == {"a-1": "silent", "b-1": "too long indeed"}


def test_no_list_and_empty_list(tmp_path):
    assert read_rejected(tmp_path) == {}
    write_rejected(tmp_path, {})
    assert (tmp_path / "rejected.tsv").read_text() == ""
    assert read_rejected(tmp_path) == {}


def test_malformed_line(tmp_path):
    (tmp_path / "rejected.tsv").write_text("a-1 silent\n")
    with pytest.raises(ValueError, match="rejected.tsv:1: expected 'utterance<TAB>reason'"):
        read_rejected(tmp_path)


def test_report_counts_in_one_line(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        report_rejected(tmp_path, {"b-1": "x", "a-1": "silent"}, 9)
        report_rejected(tmp_path, {}, 9)
    assert "2 of 9 utterances rejected" in caplog.messages[0]
    assert caplog.messages[0].endswith("for example a-1: silent")
    assert caplog.messages[1].endswith("all 9 utterances kept")
