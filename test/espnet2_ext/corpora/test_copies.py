"""A copy of a corpus: its folder is found, its counts compared; wavs are in test_acted.py."""

import logging
from collections import Counter
from pathlib import Path

import pytest
from reference.acted_copies import NOTE, wav_bytes

from espnet2_ext.corpora.copies import (
    child,
    find_release_folder,
    parse_pointer,
    read_any_text,
    refuse_pointers,
    self_check,
    visible,
)


def find(root: Path) -> Path:
    return find_release_folder(root, "Tiny", lambda path: (path / "mark").is_file(), "a mark")


def mark(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mark").touch()


def test_the_highest_folder_here_or_below(tmp_path: Path):
    folder = tmp_path / "a/b/c"
    mark(folder)
    assert [find(root) for root in (folder, *list(folder.parents)[:3])] == [folder] * 4
    with pytest.raises(ValueError, match="no Tiny here or up to 3 folders below; expected a mark"):
        find(tmp_path.parent)
    mark(tmp_path / "a/b", tmp_path / ".hidden", tmp_path / "__MACOSX")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert find(tmp_path) == tmp_path / "a/b", "two that are one"
    mark(tmp_path / "a/d")
    with pytest.raises(ValueError, match="2 copies of Tiny, such as .*/a/b and .*/a/d; give the"):
        find(tmp_path)


def test_a_folder_is_listed_in_order_without_hidden_names(tmp_path: Path):
    for name in ("b.wav", "a.wav", "C.txt", "._a.wav", "__MACOSX"):
        (tmp_path / name).touch()
    left_out: Counter[str] = Counter()
    assert [entry.name for entry in visible(tmp_path, left_out)] == ["C.txt", "a.wav", "b.wav"]
    assert left_out == {"hidden files and folders": 2}
    assert list(visible(tmp_path / "nowhere")) == []
    assert child(tmp_path, "x", "c.TXT") == tmp_path / "C.txt" and child(tmp_path, "x") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_texts_of_any_encoding(encoding: str, tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes("Café".encode(encoding))
    assert read_any_text(path) == "Café"
    path.write_bytes(b"\x81")
    assert read_any_text(path, "cp1252") == "\ufffd"
    with pytest.raises(ValueError, match="a.txt: is not text in utf-8-sig or cp1252; save it as"):
        read_any_text(path, "cp1252", errors="strict")


def test_every_difference_is_named_in_one_line(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    expected = {"utterances": 5, "angry": 3, "sad": 2, "happy": 1, "other": 0}
    self_check("db", "Corpus", expected, {**expected, "more": 9}, {"wavs missing": []})
    assert "db: self-check passed" in caplog.text and "differs" not in caplog.text
    found = {"utterances": 4, "angry": 2}
    faults = {"wavs missing": ["a.wav"], "wavs unreadable": {"b.wav": "empty"}, "odd": {}}
    with pytest.raises(ValueError) as caught:
        self_check("db", "Corpus", expected, found, faults)
    message = (
        "db: not a whole Corpus: 4 of 5 utterances, 2 of 3 angry, 0 of 2 sad and 1 more counts; "
        "1 wavs missing, first a.wav; 1 wavs unreadable, first b.wav (empty)"
    )
    assert str(caught.value) == (
        f"{message}; get the missing part again, or say --allow_incomplete to go on without it"
    )
    self_check("db", "Corpus", expected, found, faults, allow_incomplete=True)
    assert f"{message}; going on with what is there" in caplog.text
    cells = {"all": 2, "happy": 1, "a/happy": 1}
    with pytest.raises(ValueError, match="Corpus: 0 of 2 all, 0 of 1 a/happy, 0 of 1 happy; get"):
        self_check("db", "Corpus", cells, {})


def test_pointers_of_git_lfs(tmp_path: Path):
    sha256 = NOTE.split("sha256:")[1].split()[0]
    for name, content, expected in (
        ("a.wav", NOTE.encode(), (sha256, 72862)),
        ("b.wav", NOTE.replace("oid", "ext-0-foo sha256:ab\noid", 1).encode(), (sha256, 72862)),
        ("c.wav", wav_bytes(16000), None),
        ("d.wav", NOTE[:-20].encode(), None),
        ("e.wav", NOTE.encode() + bytes(1024), None),
        ("f.wav", b"", None),
    ):
        (tmp_path / name).write_bytes(content)
        assert parse_pointer(tmp_path / name) == expected
    refuse_pointers(tmp_path, ["c.wav", "e.wav"], "remedy")
    with pytest.raises(ValueError, match="2 files are notes of Git LFS .* first a.wav; remedy$"):
        refuse_pointers(tmp_path, ["b.wav", "c.wav", "a.wav"], "remedy")
