"""The folder of a corpus is found at the path given and below it, the highest one."""

from pathlib import Path

import pytest

from espnet2_ext.corpora.copies import find_release_folder


def find(root: Path) -> Path:
    return find_release_folder(root, "Tiny", lambda path: (path / "mark").is_file(), "a mark")


def mark(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mark").touch()
    return folder


def test_here_and_below(tmp_path: Path):
    folder = mark(tmp_path / "a/b/c")
    for root in (folder, *list(folder.parents)[:3]):
        assert find(root) == folder
    assert find(tmp_path) == folder
    with pytest.raises(ValueError, match="no Tiny here or up to 3 folders below; expected a mark"):
        find(tmp_path.parent)


def test_the_highest_wins(tmp_path: Path):
    folder = mark(tmp_path / "a")
    mark(folder / "b")
    mark(tmp_path / ".hidden")
    mark(tmp_path / "__MACOSX")
    assert find(tmp_path) == folder


def test_two_that_are_one(tmp_path: Path):
    folder = mark(tmp_path / "a")
    (tmp_path / "link").symlink_to(folder)
    assert find(tmp_path) == folder


def test_faults(tmp_path: Path):
    mark(tmp_path / "a")
    mark(tmp_path / "b")
    with pytest.raises(ValueError, match="holds 2 copies of Tiny, such as .*/a and .*/b; give the"):
        find(tmp_path)
    with pytest.raises(ValueError, match="mark: is not a folder; unpack it; expected a mark"):
        find(tmp_path / "a/mark")
    with pytest.raises(ValueError, match="nowhere: is not there; expected a mark"):
        find(tmp_path / "nowhere")
