import io
import logging
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet2_ext.corpora import iemocap as iemocap_archive
from espnet2_ext.corpora.iemocap import find_release, is_archive, read_release, unpack

FOLDER = "IEMOCAP_full_release"
DIALOGUE = "Session1/sentences/wav/Ses01F_impro01"


def add_file(stream: tarfile.TarFile, name: str, content: bytes = b"bad") -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    stream.addfile(member, io.BytesIO(content))


@pytest.fixture
def archive(make_release: Callable[..., Path], tmp_path: Path) -> Path:
    """Return an archive of a small release, with what must not be unpacked."""
    release = make_release(*["neu"] * 40)
    path = tmp_path / f"{FOLDER}_withoutVideos.tar.gz"
    # The made-up wavs are hard links of one file; a release holds files.
    with tarfile.open(path, "w:gz", dereference=True) as stream:
        add_file(stream, f"./._{FOLDER}")
        stream.add(release, FOLDER)
        add_file(stream, f"{FOLDER}/Session1/dialog/avi/DivX/Ses01F_impro01.avi")
        add_file(stream, f"{FOLDER}/Session1/sentences/MOCAP_head/Ses01F_impro01/a.txt")
        add_file(stream, f"{FOLDER}/Session1/sentences/wav/../../../../../evil.wav")
        add_file(stream, "../Session1/sentences/wav/evil/evil.wav")
        add_file(stream, f"/{FOLDER}/Session1/sentences/wav/evil/evil.wav")
        link = tarfile.TarInfo(f"{FOLDER}/{DIALOGUE}/evil.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        stream.addfile(link)
    return path


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def test_only_needed_files_are_unpacked(archive: Path, tmp_path: Path, caplog):
    assert is_archive(archive) and not is_archive(archive.parent)
    folder = unpack(archive, tmp_path / "out")
    turns = [f"{DIALOGUE}/Ses01F_impro01_{who}{i:03d}.wav" for who in "FM" for i in range(20)]
    texts = [
        f"Session1/dialog/{name}/Ses01F_impro01.txt" for name in ("EmoEvaluation", "transcriptions")
    ]
    assert folder == tmp_path / "out" / FOLDER
    assert files(tmp_path / "out") == {f"{FOLDER}/{name}" for name in (*turns, *texts, ".unpacked")}
    source = tmp_path / "corpora" / FOLDER
    for name in (*turns, *texts):
        assert (folder / name).read_bytes() == (source / name).read_bytes()
    assert not list(tmp_path.rglob("evil*"))
    assert f"1 links in place of files passed over, first {FOLDER}/{DIALOGUE}/evil" in caplog.text
    assert read_release(find_release(archive, tmp_path / "out")).turns == read_release(source).turns


def test_rerun_reads_nothing_and_restores_what_is_gone(archive: Path, tmp_path: Path, caplog):
    caplog.set_level(logging.INFO)
    folder = unpack(archive, tmp_path)
    wavs = sorted(folder.rglob("*.wav"))
    times = {wav: wav.stat().st_mtime_ns for wav in wavs}
    unpack(archive, tmp_path)
    assert "unpacked before, not read again" in caplog.text
    wavs[0].unlink()
    unpack(archive, tmp_path)
    assert "1 files written, 41 were there" in caplog.text
    assert wavs[0].is_file() and all(w.stat().st_mtime_ns == times[w] for w in wavs[1:])


def test_killed_run_is_taken_up(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy, calls = iemocap_archive.shutil.copyfileobj, []

    def copy_until_killed(source, output):
        calls.append(output.name)
        if len(calls) == 10:
            output.write(source.read(10))
            raise KeyboardInterrupt
        copy(source, output)

    monkeypatch.setattr(iemocap_archive.shutil, "copyfileobj", copy_until_killed)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "out")
    assert len(files(tmp_path / "out")) == 9
    unpack(archive, tmp_path / "out")
    assert len(calls) == 10 + 42 - 9
    assert len(files(tmp_path / "out")) == 43


def test_cut_archive_is_an_error_and_goes_on_when_whole(archive: Path, tmp_path: Path):
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ValueError, match=r"cut short after \d+ of the needed .*fetch it again"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out" / FOLDER / ".unpacked").exists()
    archive.write_bytes(whole)
    assert len(files(unpack(archive, tmp_path / "out"))) == 43


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x1f\x8b" + bytes(20)])
def test_what_is_no_archive_is_an_error(tmp_path: Path, content: bytes):
    path = tmp_path / "iemocap.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="iemocap.tar.gz: damaged or cut short after 0 of"):
        unpack(path, tmp_path / "out")


def test_archive_of_something_else_is_an_error(tmp_path: Path):
    path = tmp_path / "other.tgz"
    with tarfile.open(path, "w:gz") as stream:
        add_file(stream, "README.txt")
    with pytest.raises(ValueError, match="expected members such as IEMOCAP_full_release/Session1"):
        unpack(path, tmp_path / "out")
