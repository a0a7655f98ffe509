"""The speech of RAVDESS arrives whole from a local server, in one run or in several."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference.acted_copies import wav_bytes
from reference.archives import tree, zip_bytes
from reference.file_server import FileServer, serve

from espnet2_ext.corpora import download as open_ravdess
from espnet2_ext.corpora.download import DownloadError, RemoteFile, download_corpus

SPEECH = {f"Actor_0{n}/03-01-01-01-01-01-0{n}.wav": wav_bytes(48000, 1, n) for n in (1, 2)}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server that has the archive, which is asked instead of the true one."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    archive = zip_bytes({**SPEECH, "../Actor_09/../../x.wav": b"", "readme.txt": b""})
    checksum = f"md5:{hashlib.md5(archive).hexdigest()}"
    with serve() as running:
        running.files["/r.zip"] = archive
        remote = RemoteFile(f"{running.url}/r.zip", len(archive), checksum, "REMEDY")
        monkeypatch.setattr(open_ravdess, "RAVDESS_ARCHIVE", remote)
        yield running


def test_ravdess(server: FileServer, tmp_path: Path):
    folder = tmp_path / "downloads/ravdess"
    for _ in range(2):
        assert download_corpus("ravdess", folder) == folder
        assert tree(tmp_path) == {f"downloads/ravdess/{k}": v for k, v in SPEECH.items()}
    assert len(server.asked) == 1


def test_goes_on_after_a_break(server: FileServer, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.breaks_after = [100, 0, 0, 0]
    with pytest.raises(DownloadError, match="broke after 100 of"):
        download_corpus("ravdess", tmp_path / "ravdess")
    assert list(tree(tmp_path)) == ["ravdess.part/speech.zip.part"]
    download_corpus("ravdess", tmp_path / "ravdess")
    assert server.asked[-1] == ("/r.zip", "bytes=100-")
    assert tree(tmp_path / "ravdess") == SPEECH


def test_archive_without_speech(server, tmp_path, monkeypatch):
    server.files["/r.zip"] = zip_bytes({"readme.txt": b""})
    monkeypatch.setattr(
        open_ravdess, "RAVDESS_ARCHIVE", RemoteFile(f"{server.url}/r.zip", remedy="REMEDY")
    )
    with pytest.raises(ValueError, match="holds no Actor_<number>/<name>.wav; removed, .* REMEDY"):
        download_corpus("ravdess", tmp_path / "ravdess")
    assert tree(tmp_path) == {}


def test_true_address():
    url = "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1"
    assert open_ravdess.RAVDESS_ARCHIVE.url == url
