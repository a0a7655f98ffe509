import pytest

from espnet2_ext.data.tables import iterate_table, read_int_table, read_table, write_table


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
