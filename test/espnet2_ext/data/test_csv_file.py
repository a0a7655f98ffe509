import pytest

from espnet2_ext.data.tables import read_csv


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
