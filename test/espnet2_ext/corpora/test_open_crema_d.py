"""The clips of CREMA-D arrive from a local server, each as its note says."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference.acted_copies import wav_bytes
from reference.archives import tree, zip_bytes
from reference.file_server import FileServer, serve

from espnet2_ext.corpora import download as open_crema_d
from espnet2_ext.corpora.download import CREMA_D_ARCHIVE as ARCHIVE
from espnet2_ext.corpora.download import CREMA_D_CLIPS as CLIPS
from espnet2_ext.corpora.download import CREMA_D_REVISION as REVISION
from espnet2_ext.corpora.download import DownloadError, RemoteFile, download_corpus

SAID = {f"AudioWAV/{number}_DFA_ANG_XX.wav": wav_bytes(16000, 1, number) for number in (1001, 1002)}


def note(content: bytes) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    head = "version https://git-lfs.github.com/spec/v1\noid sha256"
    return f"{head}:{digest}\nsize {len(content)}\n".encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server that has the corpus, which is asked instead of the true ones."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    top = f"CREMA-D-{REVISION}"
    repository = {f"{top}/{name}": note(content) for name, content in SAID.items()}
    repository |= {f"{top}/VideoDemographics.csv": b"table", f"{top}/VideoFlash/a.flv": b"note"}
    with serve() as running:
        running.files["/c.zip"] = zip_bytes(repository)
        running.files |= {f"/clips/{name}": content for name, content in SAID.items()}
        monkeypatch.setattr(open_crema_d, "CREMA_D_ARCHIVE", RemoteFile(f"{running.url}/c.zip"))
        monkeypatch.setattr(open_crema_d, "CREMA_D_CLIPS", f"{running.url}/clips")
        yield running


def test_crema_d(server: FileServer, tmp_path: Path):
    download_corpus("crema_d", tmp_path / "crema_d")
    assert tree(tmp_path) == {
        **{f"crema_d/{name}": content for name, content in SAID.items()},
        "crema_d/VideoDemographics.csv": b"table",
    }


def test_only_what_is_missing_is_taken(server: FileServer, tmp_path: Path):
    missing = server.files.pop("/clips/AudioWAV/1002_DFA_ANG_XX.wav")
    with pytest.raises(DownloadError, match="1002_DFA_ANG_XX.wav: the server answers 404 .*clone"):
        download_corpus("crema_d", tmp_path / "crema_d", num_workers=1)
    assert not (tmp_path / "crema_d").exists()
    assert (tmp_path / "crema_d.part/AudioWAV/1001_DFA_ANG_XX.wav").exists()
    server.files["/clips/AudioWAV/1002_DFA_ANG_XX.wav"] = missing
    server.asked.clear()
    download_corpus("crema_d", tmp_path / "crema_d")
    assert server.asked == [("/clips/AudioWAV/1002_DFA_ANG_XX.wav", "")]
    assert (tmp_path / "crema_d/AudioWAV/1002_DFA_ANG_XX.wav").read_bytes() == missing


def test_clip_that_is_not_what_its_note_says(server: FileServer, tmp_path: Path):
    name = "/clips/AudioWAV/1001_DFA_ANG_XX.wav"
    server.files[name] = server.files[name][:-1] + b"x"
    with pytest.raises(DownloadError, match="1001_DFA_ANG_XX.wav: its sha256 is "):
        download_corpus("crema_d", tmp_path / "crema_d")
    assert not (tmp_path / "crema_d").exists()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x/README.md": b""}, "holds no AudioWAV/<clip>.wav; removed, .*, or clone https://gitl"),
        (
            {"x/AudioWAV/a.wav": b"RIFF"},
            "x/AudioWAV/a.wav is no note of Git LFS; .*, or clone http",
        ),
        (None, r"is damaged \(File is not a zip file\); removed, run it again, or clone http"),
    ],
)
def test_archive_that_cannot_be_used(server, tmp_path, members, message):
    server.files["/c.zip"] = b"<html>" if members is None else zip_bytes(members)
    with pytest.raises(ValueError, match=message):
        download_corpus("crema_d", tmp_path / "crema_d")
    assert not list(tmp_path.rglob("*.zip*")), "it would be wrong in the next run, too"


def test_true_addresses():
    assert ARCHIVE.url.endswith(f"/CREMA-D/zip/{REVISION}")
    assert CLIPS.endswith(f"/CheyneyComputerScience/CREMA-D/{REVISION}")
