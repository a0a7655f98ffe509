from dataclasses import dataclass
from pathlib import Path

import pytest

from espnet2_ext.data.formatting import Journal


@dataclass(frozen=True)
class Note:
    name: str
    number: int


@pytest.fixture
def journal(tmp_path: Path) -> Journal[Note]:
    return Journal(tmp_path / "folder/journal.jsonl", lambda note: note.name, lambda f: Note(**f))


def test_what_is_appended_is_on_disk_at_once_and_the_last_counts(journal):
    assert journal.read() == {}
    with journal.appending() as append:
        append(Note("a", 1))
        append(Note("ü", 2))
        assert journal.read() == {"a": Note("a", 1), "ü": Note("ü", 2)}
        append(Note("a", 3))
    assert journal.read() == {"a": Note("a", 3), "ü": Note("ü", 2)}


def test_a_line_cut_off_costs_itself_alone(journal):
    with journal.appending() as append:
        append(Note("a", 1))
        append(Note("b", 2))
    text = journal.path.read_bytes()
    journal.path.write_bytes(text[:-4])
    with journal.appending() as append:
        append(Note("c", 3))
    assert list(journal.read()) == ["a", "c"]


@pytest.mark.parametrize("line", ["[1]", "null", '{"name": "x"}', '{"name": "x", "other": 1}', "{"])
def test_lines_that_are_no_record_are_passed_over(journal, line):
    journal.replace([Note("a", 1)])
    with open(journal.path, "a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    assert journal.read() == {"a": Note("a", 1)}


def test_replaced_at_once(journal):
    with journal.appending() as append:
        append(Note("a", 1))

    def broken():
        yield Note("b", 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journal.replace(broken())
    assert list(journal.read()) == ["a"]
    journal.replace([Note("b", 2)])
    assert list(journal.read()) == ["b"]
    assert len(list(journal.path.parent.iterdir())) == 1
