import pytest

from espnet2_ext.data.parallel import atomic_open, atomic_path, remove_leftovers, temporary_path


def test_the_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "table"
    with atomic_open(target) as stream:
        stream.write("a b\n")
        assert not target.exists()
    assert target.read_bytes() == b"a b\n"
    assert [entry.name for entry in target.parent.iterdir()] == ["table"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "table"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="stop"):
        with atomic_open(target) as stream:
            stream.write("half")
            raise RuntimeError("stop")
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table"]


def test_binary_mode_and_suffix(tmp_path):
    with atomic_open(tmp_path / "x.npy", "wb") as stream:
        stream.write(b"\r\n")
    assert (tmp_path / "x.npy").read_bytes() == b"\r\n"
    with atomic_path(tmp_path / "y.flac") as temporary:
        assert temporary.suffix == ".flac"
        temporary.touch()


def test_leftovers_of_killed_writers_go_and_other_hidden_files_stay(tmp_path):
    folder = tmp_path / "audio" / "00"
    folder.mkdir(parents=True)
    temporary_path(folder / "utt.1.flac").touch()
    temporary_path(tmp_path / "text").touch()
    (tmp_path / ".hidden.1").touch()
    (folder / "utt.1.flac").touch()
    assert remove_leftovers(tmp_path) == 2
    assert sorted(entry.name for entry in tmp_path.rglob("*") if entry.is_file()) == [
        ".hidden.1",
        "utt.1.flac",
    ]
