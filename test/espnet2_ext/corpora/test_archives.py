"""What is taken out of archives, and that a damaged one is removed with one clear line."""

import gzip
import re
from pathlib import Path

import pytest
from reference.archives import tar_bytes, tree, zip_bytes

from espnet2_ext.corpora.download import opened_zip, unpack_tar_wavs, unpack_zip, unusable

WAVS = {"a_1.wav": b"RIFF one", "below/a_2.WAV": b"RIFF two"}
CONTENT = bytes(range(256)) * 40


def unpack(archive: Path, content: bytes) -> int:
    archive.write_bytes(content)
    return unpack_tar_wavs(archive, archive.parent / "out", top="kind", remedy="REMEDY")


def test_error_of_an_archive(tmp_path: Path):
    archive = tmp_path / "a.zip"
    archive.touch()
    assert str(unusable(archive, "FAULT", "REMEDY")) == (
        f"{archive}: FAULT; removed, run it again, or REMEDY"
    )
    assert not archive.exists()


def test_zip(tmp_path: Path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zip_bytes({"x/a.wav": b"new", "x/b.wav": b"b", "../a.wav": b"", "c": b""}))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.wav").write_bytes(b"old")
    with opened_zip(archive, "REMEDY") as stream:
        assert unpack_zip(stream, re.compile(r"x/(\w+\.wav)"), tmp_path / "out") == 2
    assert tree(tmp_path / "out") == {"a.wav": b"old", "b.wav": b"b"}, "of this size: left alone"


@pytest.mark.parametrize("where", ["length", "head", "content"])
def test_damaged_zip(tmp_path: Path, where: str):
    whole = zip_bytes({"a.wav": CONTENT})
    middle = whole.index(b"a.wav") + 40
    damaged = {
        "length": whole[:-30],
        "head": b"<html>",
        "content": whole[:middle] + b"\xff" * 8 + whole[middle + 8 :],
    }
    archive = tmp_path / "a.zip"
    archive.write_bytes(damaged[where])
    with pytest.raises(ValueError, match=r"a.zip: is damaged \(.*\); removed, .*, or REMEDY$"):
        with opened_zip(archive, "REMEDY") as stream:
            unpack_zip(stream, re.compile(r"(a\.wav)"), tmp_path / "out")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("top", ["", "kind/", "./kind/", "./"])
def test_tar_with_and_without_its_own_folder(tmp_path: Path, top: str):
    members = {f"{top}{name}": content for name, content in WAVS.items()}
    members |= {f"{top}._a_1.wav": b"", f"{top}__MACOSX/b.wav": b"", f"{top}readme.txt": b""}
    archive = tmp_path / "kind.tar.gz"
    assert unpack(archive, tar_bytes(members, {f"{top}link.wav": "/etc/hostname"})) == 2
    assert tree(tmp_path / "out") == WAVS
    assert archive.exists()


def test_tar_is_not_written_again(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a_1.wav").write_bytes(b"RIFF old")
    (tmp_path / "out/a_3.wav").write_bytes(b"cut")
    members = WAVS | {"a_3.wav": b"RIFF three"}
    assert unpack(tmp_path / "kind.tar.gz", tar_bytes(members)) == 3
    assert tree(tmp_path / "out") == members | {"a_1.wav": b"RIFF old"}


@pytest.mark.parametrize("name", ["../a.wav", "kind/../../a.wav", "/tmp/a.wav", "../readme.txt"])
def test_tar_that_leads_out_of_the_folder(tmp_path: Path, name: str):
    with pytest.raises(ValueError) as caught:
        unpack(tmp_path / "kind.tar.gz", tar_bytes({name: b"x", "b.wav": b"y"}))
    assert str(caught.value) == (
        f"{tmp_path}/kind.tar.gz: its member {name} leads out of the folder; removed, run it "
        "again, or REMEDY"
    )
    assert tree(tmp_path) == {}


def damaged_tars() -> dict[str, bytes]:
    whole = tar_bytes({"a.wav": CONTENT})
    plain = gzip.decompress(whole)
    return {
        "no archive": b"<html>",
        "no tar": gzip.compress(b"<html>" * 200),
        "empty": b"",
        "cut in a file": whole[: len(whole) // 2],
        "cut in the sum": whole[:-4],
        "wrong sum": whole[:-8] + bytes(4) + whole[-4:],
        "wrong bits": whole[:60] + b"\xff" * 8 + whole[68:],
        "cut before it was packed": gzip.compress(plain[:2000]),
    }


@pytest.mark.parametrize("fault", damaged_tars())
def test_damaged_tar(tmp_path: Path, fault: str):
    with pytest.raises(ValueError, match=r"kind.tar.gz: is damaged \(.*\); removed, .*, or REMEDY"):
        unpack(tmp_path / "kind.tar.gz", damaged_tars()[fault])
    assert not (tmp_path / "kind.tar.gz").exists()
    assert set(tree(tmp_path / "out")) <= {"a.wav"}, "no file that was begun is left"
