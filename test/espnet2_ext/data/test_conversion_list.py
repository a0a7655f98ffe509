from pathlib import Path

import pytest

from espnet2_ext.data.conversion_list import (
    ListedConversion,
    read_conversion_list,
    write_conversion_list,
)


@pytest.fixture(autouse=True)
def audio(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("s.wav", "p.wav", "v.wav"):
        Path(name).touch()


def test_what_is_written_is_read(tmp_path):
    listed = [
        ListedConversion("b", "singing", "s.wav", "p.wav", "v.wav", "Five geese, “slept”."),
        ListedConversion("a-1.x", "other", "s.wav", "p.wav"),
    ]
    write_conversion_list("deep/list.tsv", listed)
    assert read_conversion_list(tmp_path / "deep/list.tsv") == listed
    Path("l.tsv").write_text("\ufeffcondition\tname\tprosody\tsource\n\nc\tn\tp.wav\ts.wav\n\n")
    assert read_conversion_list("l.tsv") == [ListedConversion("n", "c", "s.wav", "p.wav")]
    assert [each.files for each in listed] == [["s.wav", "p.wav", "v.wav"], ["s.wav", "p.wav"]]


HEAD = "name\tcondition\tsource\tprosody\tspeaker\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\tsource\tprosody\n", r"l\.tsv:1: column 'condition' is missing"),
        (HEAD + "a\t\ts.wav\tp.wav\t\n", r"l\.tsv:2: condition is empty; fill it in"),
        (HEAD + "../a\tc\ts.wav\tp.wav\t\n", r"l\.tsv:2: the name '\.\./a' becomes a file's"),
        (HEAD + 2 * "a\tc\ts.wav\tp.wav\t\n", r"l\.tsv:3: a stands twice; rename one"),
        (HEAD + "a\tc\ts.wav\tq.wav\t\n", r"l\.tsv:2: a: q\.wav: no such file; correct the path"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text, message):
    Path("l.tsv").write_text(text)
    with pytest.raises(ValueError, match=message) as error_info:
        read_conversion_list("l.tsv")
    assert "\n" not in str(error_info.value)


def test_a_missing_list_and_a_tab_in_a_field():
    with pytest.raises(ValueError, match=r"l\.tsv: n: a field holds a tab"):
        write_conversion_list("l.tsv", [ListedConversion("n", "c", "s.wav", "p.wav", "", "a\tb")])
    with pytest.raises(FileNotFoundError, match=r"l\.tsv: no such file"):
        read_conversion_list("l.tsv")
