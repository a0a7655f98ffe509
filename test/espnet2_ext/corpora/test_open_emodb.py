"""EmoDB arrives from a local server as its parser reads it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from reference.archives import tree, zip_bytes
from reference.emodb_copy import write_emodb
from reference.file_server import FileServer, serve

from espnet2_ext.corpora import download as open_emodb
from espnet2_ext.corpora.download import DownloadError, RemoteFile, download_corpus
from espnet2_ext.corpora.emodb import read_copy

WAVS = {"wav/03a01Fa.wav": b"RIFF one", "wav/16b10Wb.wav": b"RIFF two"}
TEXT = {"erklaerung.txt": b"Erkl\xe4rung"}
AROUND = {"silb/03a01Fa.silb": b"", "lablaut/a.lab": b"", "wav/._03a01Fa.wav": b"", "x/y.wav": b""}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server that has the archive, which is asked instead of the true one."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with serve() as running:
        running.files["/download.zip"] = zip_bytes(WAVS | TEXT | AROUND | {"../wav/../a.wav": b""})
        remote = RemoteFile(f"{running.url}/download.zip", remedy=open_emodb.EMODB_ARCHIVE.remedy)
        monkeypatch.setattr(open_emodb, "EMODB_ARCHIVE", remote)
        yield running


def test_wavs_and_the_terms_are_kept(server: FileServer, tmp_path: Path):
    for _ in range(2):
        assert download_corpus("emodb", tmp_path / "emodb") == tmp_path / "emodb"
        assert tree(tmp_path) == {f"emodb/{k}": v for k, v in (WAVS | TEXT).items()}
    assert server.asked == [("/download.zip", "")]


@pytest.mark.parametrize("top", ["", "emodb/"])
def test_the_parser_reads_what_arrived(server: FileServer, tmp_path: Path, top: str):
    copy = tree(write_emodb(tmp_path / "copy"))
    server.files["/download.zip"] = zip_bytes({f"{top}{name}": copy[name] for name in copy})
    assert len(read_copy(download_corpus("emodb", tmp_path / "emodb")).utterances) == 535


def test_goes_on_after_a_break(server: FileServer, tmp_path: Path):
    server.breaks_after = [100, 100, 0, 0]
    with pytest.raises(DownloadError) as caught:
        download_corpus("emodb", tmp_path / "emodb")
    [line] = str(caught.value).splitlines()
    assert "/download.zip: the connection broke after 0 of " in line
    assert line.endswith(
        "or get the archive of version 1 from http://emodb.bilderbar.info, unpack "
        "it and give the folder that holds wav by --db"
    )
    download_corpus("emodb", tmp_path / "emodb")
    assert tree(tmp_path / "emodb") == WAVS | TEXT


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with serve() as running:
        url = f"{running.url}/download.zip"
    monkeypatch.setattr(open_emodb, "EMODB_ARCHIVE", RemoteFile(url, remedy="REMEDY"))
    with pytest.raises(DownloadError, match=r"cannot be reached \(.*\); is there a netw.* REMEDY$"):
        download_corpus("emodb", tmp_path / "emodb")


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (
            zip_bytes(TEXT | AROUND),
            "holds no wav/<name>.wav; removed, run it again, or get the arc",
        ),
        (
            zip_bytes(WAVS)[:-40],
            r"is damaged \(.*\); removed, run it again, or get the archive of v",
        ),
        (b"<html>", r"is damaged \(File is not a zip file\); removed, run it again, or get the"),
    ],
)
def test_archive_that_cannot_be_used(server, tmp_path, archive: bytes, message: str):
    whole = server.files["/download.zip"]
    server.files["/download.zip"] = archive
    with pytest.raises(ValueError, match=message):
        download_corpus("emodb", tmp_path / "emodb")
    assert not list(tmp_path.rglob("*.zip*"))
    server.files["/download.zip"] = whole
    download_corpus("emodb", tmp_path / "emodb")
    assert tree(tmp_path / "emodb") == WAVS | TEXT


def test_true_address():
    assert open_emodb.EMODB_ARCHIVE.url == "http://emodb.bilderbar.info/download/download.zip"
    assert open_emodb.EMODB_ARCHIVE.checksum is None, "none is known"
