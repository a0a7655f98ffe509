"""Open corpora arrive whole from a local server, in one run or in several."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference.acted_copies import wav_bytes
from reference.file_server import FileServer, serve

from espnet2_ext.corpora import open_corpora
from espnet2_ext.corpora.open_corpora import CREMA_D_CLIPS, CREMA_D_REVISION, download_corpus
from espnet2_ext.data.download import DownloadError, RemoteFile

CLIPS = {
    f"AudioWAV/{number}_DFA_ANG_XX.wav": wav_bytes(16000, 1, number) for number in (1001, 1002)
}
SPEECH = {f"Actor_0{n}/03-01-01-01-01-01-0{n}.wav": wav_bytes(48000, 1, n) for n in (1, 2)}


def zip_bytes(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def note(content: bytes) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    head = "version https://git-lfs.github.com/spec/v1\noid sha256"
    return f"{head}:{digest}\nsize {len(content)}\n".encode()


def tree(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server that has both corpora, which the module asks instead of the true ones."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    top = f"CREMA-D-{CREMA_D_REVISION}"
    repository = {f"{top}/{name}": note(content) for name, content in CLIPS.items()}
    repository |= {f"{top}/VideoDemographics.csv": b"table", f"{top}/VideoFlash/a.flv": b"note"}
    speech = {**SPEECH, "../Actor_09/../../x.wav": b"", "readme.txt": b""}
    with serve() as running:
        running.files |= {"/c.zip": zip_bytes(repository), "/r.zip": zip_bytes(speech)}
        running.files |= {f"/clips/{name}": content for name, content in CLIPS.items()}
        archive = running.files["/r.zip"]
        checksum = f"md5:{hashlib.md5(archive).hexdigest()}"
        ravdess = RemoteFile(f"{running.url}/r.zip", len(archive), checksum, "REMEDY")
        monkeypatch.setattr(open_corpora, "RAVDESS", ravdess)
        monkeypatch.setattr(open_corpora, "CREMA_D", RemoteFile(f"{running.url}/c.zip"))
        monkeypatch.setattr(open_corpora, "CREMA_D_CLIPS", f"{running.url}/clips")
        yield running


def test_ravdess(server: FileServer, tmp_path: Path):
    folder = tmp_path / "downloads/ravdess"
    for _ in range(2):
        assert download_corpus("ravdess", folder) == folder
        assert tree(tmp_path) == {f"downloads/ravdess/{k}": v for k, v in SPEECH.items()}
    assert len(server.asked) == 1


def test_ravdess_goes_on_after_a_break(server: FileServer, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.breaks_after = [100, 0, 0, 0]
    with pytest.raises(DownloadError, match="broke after 100 of"):
        download_corpus("ravdess", tmp_path / "ravdess")
    assert list(tree(tmp_path)) == ["ravdess.part/speech.zip.part"]
    download_corpus("ravdess", tmp_path / "ravdess")
    assert server.asked[-1] == ("/r.zip", "bytes=100-")
    assert tree(tmp_path / "ravdess") == SPEECH


def test_crema_d(server: FileServer, tmp_path: Path):
    download_corpus("crema_d", tmp_path / "crema_d")
    assert tree(tmp_path) == {
        **{f"crema_d/{name}": content for name, content in CLIPS.items()},
        "crema_d/VideoDemographics.csv": b"table",
    }


def test_crema_d_takes_only_what_is_missing(server: FileServer, tmp_path: Path):
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
        ({"x/README.md": b""}, "holds no AudioWAV/<clip>.wav; clone https://gitlab.com"),
        ({"x/AudioWAV/a.wav": b"RIFF"}, "x/AudioWAV/a.wav is no note; clone https://gitlab.com"),
        (None, r"damaged \(File is not a zip file\) and removed; run it again, or fetch it by"),
    ],
)
def test_archive_of_crema_d_that_cannot_be_used(server, tmp_path, members, message):
    server.files["/c.zip"] = b"<html>" if members is None else zip_bytes(members)
    with pytest.raises(ValueError, match=message):
        download_corpus("crema_d", tmp_path / "crema_d")
    assert not list(tmp_path.rglob("*.zip*")), "it would be wrong in the next run, too"


def test_archive_of_ravdess_without_speech(server, tmp_path, monkeypatch):
    server.files["/r.zip"] = zip_bytes({"readme.txt": b""})
    monkeypatch.setattr(open_corpora, "RAVDESS", RemoteFile(f"{server.url}/r.zip", remedy="REMEDY"))
    with pytest.raises(ValueError, match="holds no Actor_<number>/<name>.wav; REMEDY"):
        download_corpus("ravdess", tmp_path / "ravdess")
    assert tree(tmp_path) == {}


def test_unknown_corpus(tmp_path: Path):
    with pytest.raises(ValueError, match="corpus 'x': not known; give one of crema_d, ravdess"):
        download_corpus("x", tmp_path / "x")


def test_true_addresses():
    assert open_corpora.RAVDESS.url.startswith("https://zenodo.org/records/1188976/files/Audio_Sp")
    assert open_corpora.CREMA_D.url.endswith(f"/CREMA-D/zip/{CREMA_D_REVISION}")
    assert CREMA_D_CLIPS.endswith(f"/CheyneyComputerScience/CREMA-D/{CREMA_D_REVISION}")
