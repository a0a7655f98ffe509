"""Downloads from a local server: files, archives, and the folders of the open corpora."""

import gzip
import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference.acted_copies import NUM_SENTENCES, stem_of, wav_bytes, write_prompts
from reference.archives import tar_bytes, tree, zip_bytes
from reference.file_server import FileServer, serve

from espnet2_ext.corpora import download as module
from espnet2_ext.corpora import emov_db
from espnet2_ext.corpora.catalogue import CORPORA
from espnet2_ext.corpora.download import (
    ARCHIVES,
    OPEN_CORPORA,
    DownloadError,
    RemoteFile,
    download,
    download_corpus,
    unpack,
)

CONTENT = bytes(range(256)) * 3000
SIZE = len(CONTENT)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server of one file, reached without a proxy and asked again at once."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with serve() as running:
        running.files["/a.bin"] = CONTENT
        yield running


def remote(server: FileServer, path: str = "/a.bin", **known: object) -> RemoteFile:
    return RemoteFile(f"{server.url}{path}", remedy="REMEDY", **known)


@pytest.mark.parametrize("checksum", [SHA256, MD5, None])
@pytest.mark.parametrize("size_bytes", [SIZE, None])
@pytest.mark.parametrize("sends_length", [True, False])
def test_whole_file_once(server, tmp_path, checksum, size_bytes, sends_length, capfd):
    server.sends_length = sends_length
    wanted = remote(server, size_bytes=size_bytes, checksum=checksum)
    path = tmp_path / "below/a.bin"
    for _ in range(2):
        assert download(wanted, path) == path
        assert tree(tmp_path) == {"below/a.bin": CONTENT}
    assert server.asked == [("/a.bin", "")]
    assert "a.bin: 100%" in capfd.readouterr().err or not (size_bytes or sends_length)
    download(wanted, tmp_path / "b.bin", show=False)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ability", ["sends_length", "sends_parts", ""])
def test_broken_connection_goes_on_by_itself(server, tmp_path, ability: str, caplog):
    setattr(server, ability or "none", False)
    server.breaks_after = [300_000, 100]
    path = download(remote(server, size_bytes=SIZE, checksum=SHA256), tmp_path / "a.bin")
    assert path.read_bytes() == CONTENT
    second = 100 if ability == "sends_parts" else 300_100
    assert [part for _, part in server.asked] == ["", "bytes=300000-", f"bytes={second}-"]
    assert "the connection broke after 300000 of 768000 bytes; trying again in 1 s" in caplog.text


def test_broken_connection_goes_on_in_the_next_run(server, tmp_path):
    server.breaks_after = [1000, 2000, 4000, 100]
    wanted, path = remote(server, size_bytes=SIZE), tmp_path / "a.bin"
    with pytest.raises(DownloadError, match="broke after 7100 of 768000 bytes; run it again, it g"):
        download(wanted, path)
    assert tree(tmp_path) == {"a.bin.part": CONTENT[:7100]}
    assert download(wanted, path).read_bytes() == CONTENT
    assert server.asked[-1] == ("/a.bin", "bytes=7100-")


@pytest.mark.parametrize(
    ("part", "known", "asked"),
    [
        (b"of another file", {}, [""]),  # a mixture would not be noticed
        (CONTENT, {"size_bytes": SIZE, "checksum": SHA256}, []),
        (CONTENT + b"x", {"size_bytes": SIZE}, [""]),
        (CONTENT + b"x", {"checksum": SHA256}, [f"bytes={SIZE + 1}-", ""]),
    ],
)
def test_part_that_is_there(server, tmp_path, part: bytes, known: dict, asked: list[str]):
    (tmp_path / "a.bin.part").write_bytes(part)
    assert download(remote(server, **known), tmp_path / "a.bin").read_bytes() == CONTENT
    assert [start for _, start in server.asked] == asked


def test_what_is_wrong_is_removed_and_told(server, tmp_path):
    path = tmp_path / "a.bin"
    (tmp_path / "a.bin.part").write_bytes(b"of another file")
    wanted = remote(server, size_bytes=SIZE, checksum=SHA256)
    with pytest.raises(DownloadError, match="its sha256 is [0-9a-f]{64}, .* is expected") as caught:
        download(wanted, path)
    assert str(caught.value).startswith(f"{server.url}/a.bin: ") and "\n" not in str(caught.value)
    assert str(caught.value).endswith("removed, run it again for another attempt, or REMEDY")
    with pytest.raises(DownloadError, match="768000 bytes arrived, 1000 are expected"):
        download(remote(server, size_bytes=1000), path)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"of another size")
    assert download(wanted, path).read_bytes() == CONTENT


def test_server_that_is_busy_and_servers_that_are_not_there(server, tmp_path, caplog):
    server.statuses = [503, 429]
    assert download(remote(server), tmp_path / "a.bin").read_bytes() == CONTENT
    assert "the server answers 503 Service Unavailable; trying again" in caplog.text
    server.asked.clear()
    with pytest.raises(DownloadError, match=r"/b.bin: the server answers 404 Not Found; REMEDY$"):
        download(remote(server, "/b.bin"), tmp_path / "b.bin")
    assert len(server.asked) == 1
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/c.bin"
        with pytest.raises(DownloadError, match=rf"^{url}: cannot be reached \(.* or REMEDY$"):
            download(RemoteFile(url, remedy="REMEDY"), tmp_path / "c.bin")
    assert list(tree(tmp_path)) == ["a.bin"]


WAVS = {"a_1.wav": b"RIFF one", "below/a_2.WAV": b"RIFF two"}
KINDS = {"zip": zip_bytes, "tar.gz": tar_bytes}


def unpacked(archive: Path, content: bytes) -> dict[str, bytes]:
    """Return what is in the folder of an archive afterwards."""
    archive.parent.mkdir(exist_ok=True)
    archive.write_bytes(content)
    unpack(archive, r"(?:kind/)?(.+\.(?i:wav))", archive.parent / "out", "REMEDY")
    return tree(archive.parent)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("top", ["", "kind/", "./kind/", "./"])
def test_wanted_files_with_and_without_a_folder_of_their_own(tmp_path: Path, kind: str, top: str):
    members = {f"{top}{name}": content for name, content in WAVS.items()}
    members |= {f"{top}._a_1.wav": b"", f"{top}__MACOSX/b.wav": b"", f"{top}readme.txt": b""}
    links = ({f"{top}link.wav": "/etc/hostname"},) if kind == "tar.gz" else ()
    content = KINDS[kind](members, *links)
    wanted = {f"out/{name}": WAVS[name] for name in WAVS} | {f"kind.{kind}": content}
    assert unpacked(tmp_path / f"kind.{kind}", content) == wanted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["../a.wav", "kind/../../a.wav", "/a.wav"])
def test_nothing_is_written_outside_the_folder(tmp_path: Path, kind: str, name: str):
    try:
        unpacked(tmp_path / f"x/kind.{kind}", KINDS[kind]({name: b"x", "b.wav": b"y"}))
    except ValueError as error:
        assert "is damaged" in str(error) and kind == "tar.gz"
    assert {path.split("/")[0] for path in tree(tmp_path)} <= {"x"}
    assert set(tree(tmp_path)) <= {
        f"x/{name}" for name in ("out/a.wav", "out/b.wav", f"kind.{kind}")
    }
    assert not Path("/a.wav").exists()


def damaged() -> dict[str, bytes]:
    content = {"a.wav": bytes(range(256)) * 40}
    whole, zipped = tar_bytes(content), zip_bytes(content)
    middle = zipped.index(b"a.wav") + 40
    plain = gzip.decompress(whole)
    return {
        "length.zip": zipped[:-30],
        "content.zip": zipped[:middle] + b"\xff" * 8 + zipped[middle + 8 :],
        "no tar.tar.gz": gzip.compress(b"<html>" * 200),
        "empty.tar.gz": b"",
        "cut in a file.tar.gz": whole[: len(whole) // 2],
        "cut in the sum.tar.gz": whole[:-4],
        "wrong sum.tar.gz": whole[:-8] + bytes(4) + whole[-4:],
        "cut before it was packed.tar.gz": gzip.compress(plain[:2000]),
    }


@pytest.mark.parametrize("name", damaged())
def test_damaged_archive(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match=rf"{name}: is damaged \(.*\); removed, .*, or REMEDY"):
        unpacked(tmp_path / name, damaged()[name])
    assert list(tmp_path.iterdir()) == []


AROUND = {"silb/03a01Fa.silb": b"", "wav/._03a01Fa.wav": b"", "x/y.wav": b"", "readme.md": b""}
EMODB = {
    **{"wav/03a01Fa.wav": b"RIFF one", "wav/16b10Wb.wav": b"RIFF two"},
    "erklaerung.txt": b"Erkl\xe4rung",
}
SPEECH = {f"Actor_0{n}/03-01-01-01-01-01-0{n}.wav": wav_bytes(48000, 1, n) for n in (1, 2)}
CLIPS = {f"AudioWAV/{n}_DFA_ANG_XX.wav": wav_bytes(16000, 1, n) for n in (1001, 1002)}
FIRST, SECOND = (f"/clips/{name}" for name in CLIPS)
EMOV_DB = [f"{speaker}_{emotion}" for speaker, kinds in NUM_SENTENCES.items() for emotion in kinds]
WHOLE = {
    "crema_d": CLIPS | {"VideoDemographics.csv": b"table"},
    "emodb": EMODB,
    "emov_db": {f"{kind}/{stem_of(*kind.split('_'), 1)}.wav": kind.encode() for kind in EMOV_DB},
    "ravdess": SPEECH,
}


def pointer(content: bytes) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    head = "version https://git-lfs.github.com/spec/v1\noid sha256"
    return f"{head}:{digest}\nsize {len(content)}\n".encode()


@pytest.fixture
def corpora(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """Have the open corpora on the server; every other archive of EmoV-DB holds its folder."""
    for corpus, (_, wanted) in ARCHIVES.items():
        content = server.files[f"/{corpus}.zip"] = zip_bytes(WHOLE[corpus] | AROUND)
        checksum = f"md5:{hashlib.md5(content).hexdigest()}" if corpus == "ravdess" else None
        local = remote(server, f"/{corpus}.zip", checksum=checksum)
        monkeypatch.setitem(ARCHIVES, corpus, (local, wanted))
    repository = {f"CREMA-D-1/{name}": pointer(content) for name, content in CLIPS.items()}
    repository |= {"CREMA-D-1/VideoDemographics.csv": b"table", "CREMA-D-1/VideoFlash/a.flv": b""}
    server.files["/c.zip"] = zip_bytes(repository)
    server.files |= {f"/clips/{name}": content for name, content in CLIPS.items()}
    words = write_prompts(tmp_path / "words").read_bytes()
    (tmp_path / "words").unlink()
    server.files["/words"] = words
    for number, (name, content) in enumerate(WHOLE["emov_db"].items()):
        kind, _, file = name.partition("/")
        server.files[f"/115/{kind}.tar.gz"] = tar_bytes({name if number % 2 else file: content})
    monkeypatch.setitem(WHOLE, "emov_db", WHOLE["emov_db"] | {"cmuarctic.data": words})
    for name, path in (
        *(("CREMA_D_ARCHIVE", "c.zip"), ("CREMA_D_CLIPS", "clips")),
        *(("EMOV_DB_ARCHIVES", "115"), ("EMOV_DB_PROMPTS", "words")),
    ):
        monkeypatch.setattr(module, name, f"{server.url}/{path}")
    return server


@pytest.mark.parametrize("corpus", WHOLE)
def test_corpus_comes_once(corpora: FileServer, tmp_path: Path, corpus: str):
    for _ in range(2):
        assert download_corpus(corpus, tmp_path / corpus) == tmp_path / corpus
        assert tree(tmp_path) == {f"{corpus}/{name}": WHOLE[corpus][name] for name in WHOLE[corpus]}
    assert len(corpora.asked) == len(set(corpora.asked))


@pytest.mark.parametrize("corpus", ARCHIVES)
def test_archive_goes_on_after_a_break(corpora: FileServer, tmp_path: Path, corpus: str):
    corpora.breaks_after = [100, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"broke after \d+ of .* REMEDY$"):
        download_corpus(corpus, tmp_path / corpus)
    assert list(tree(tmp_path)) == [f"{corpus}.part/{corpus}.zip.part"]
    download_corpus(corpus, tmp_path / corpus)
    assert corpora.asked[-1][1] == ("bytes=100-" if corpus == "ravdess" else "")
    assert tree(tmp_path / corpus) == WHOLE[corpus]


JENIE_ANGRY = [f"/115/{kind}.tar.gz" for kind in EMOV_DB[EMOV_DB.index("jenie_Angry") :]]


@pytest.mark.parametrize(
    ("corpus", "missing", "message"),
    [
        ("crema_d", [SECOND], "1002_DFA_ANG_XX.wav: the server answers 404 .*clone"),
        ("emov_db", JENIE_ANGRY, "404 .*; get jenie_Angry.tar.gz from .*emov_db.part"),
    ],
)
def test_only_what_is_missing_is_asked_for(
    corpora: FileServer, tmp_path: Path, corpus: str, missing: list[str], message: str
):
    content = corpora.files.pop(missing[0])
    with pytest.raises(DownloadError, match=message):
        download_corpus(corpus, tmp_path / corpus, num_workers=1)
    assert not (tmp_path / corpus).exists()
    corpora.files[missing[0]] = content
    corpora.asked.clear()
    download_corpus(corpus, tmp_path / corpus)
    assert [path for path, _ in corpora.asked] == missing
    assert tree(tmp_path / corpus) == WHOLE[corpus]


JOSH = "/115/josh_Sleepy.tar.gz"


@pytest.mark.parametrize(
    ("corpus", "path", "content", "message"),
    [
        ("emodb", "/emodb.zip", zip_bytes({"erklaerung.txt": b"x"}), "holds no wav.*, or REMEDY"),
        ("crema_d", "/c.zip", zip_bytes({"x/README.md": b""}), "holds no wav of.*, or clone http"),
        (
            *("crema_d", "/c.zip", zip_bytes({"x/AudioWAV/a.wav": b"R"})),
            "AudioWAV/a.wav is no pointer of Git LFS; removed, run it again, or clone http",
        ),
        ("emov_db", JOSH, b"<html>", r"josh_Sleepy.tar.gz: is damaged .*get josh_Sleepy.tar.gz f"),
        ("emov_db", JOSH, tar_bytes({"a.txt": b"x"}), "holds no wav .*get josh_Sleepy.tar.gz f"),
    ],
    # The bytes of a tar.gz hold the time at which they were made: no name for a test.
    ids=lambda value: "archive" if isinstance(value, bytes) else None,
)
def test_archive_that_cannot_be_used_is_removed(corpora, tmp_path, corpus, path, content, message):
    whole, corpora.files[path] = corpora.files[path], content
    with pytest.raises(ValueError, match=message):
        download_corpus(corpus, tmp_path / corpus)
    assert not list(tmp_path.rglob(f"{Path(path).name}*")) and not list(tmp_path.rglob("*.zip*"))
    corpora.files[path] = whole
    download_corpus(corpus, tmp_path / corpus)
    assert tree(tmp_path / corpus) == WHOLE[corpus]


def test_clip_that_is_not_what_its_pointer_says(corpora: FileServer, tmp_path: Path):
    corpora.files[FIRST] = corpora.files[FIRST][:-1] + b"x"
    with pytest.raises(DownloadError, match="1001_DFA_ANG_XX.wav: its sha256 is "):
        download_corpus("crema_d", tmp_path / "crema_d")
    assert not (tmp_path / "crema_d").exists()


def test_archives_put_there_by_hand_or_left_by_a_killed_run(corpora: FileServer, tmp_path: Path):
    part = tmp_path / "emov_db.part"
    (part / "bea_Amused").mkdir(parents=True)
    (part / "sam_Angry.tar.gz").write_bytes(corpora.files.pop("/115/sam_Angry.tar.gz"))
    name = next(name for name in WHOLE["emov_db"] if name.startswith("bea_Amused"))
    (part / name).write_bytes(WHOLE["emov_db"][name])
    (part / "bea_Amused.tar.gz").write_bytes(b"whatever")
    download_corpus("emov_db", tmp_path / "emov_db")
    assert tree(tmp_path / "emov_db") == WHOLE["emov_db"]
    assert ("/115/bea_Amused.tar.gz", "") not in corpora.asked


def test_prompts_that_are_not_there(corpora: FileServer, tmp_path: Path):
    put = re.escape(f"cmuarctic.data of CMU ARCTIC, put it into {tmp_path}/emov_db.part and run it")
    words = corpora.files["/words"]
    corpora.files["/words"] = b"<html>"
    with pytest.raises(ValueError, match=f"all sentences of set A; removed, .*, or get {put}"):
        download_corpus("emov_db", tmp_path / "emov_db")
    del corpora.files["/words"]
    with pytest.raises(DownloadError, match=f"the server answers 404 Not Found; get {put}"):
        download_corpus("emov_db", tmp_path / "emov_db")
    (tmp_path / "emov_db.part/cmuarctic.data").write_bytes(words)
    download_corpus("emov_db", tmp_path / "emov_db")
    assert (tmp_path / "emov_db/cmuarctic.data").read_bytes() == words


def test_corpora_and_their_addresses(tmp_path: Path):
    with pytest.raises(ValueError, match="corpus 'x': not known; give one of crema_d, emodb, emo"):
        download_corpus("x", tmp_path / "x")
    said = {name for name, each in CORPORA.items() if "bin/prepare download" in each.how_to_get}
    assert said == set(OPEN_CORPORA)
    assert module.CREMA_D_ARCHIVE.endswith(f"/CREMA-D/zip/{module.CREMA_D_REVISION}")
    assert module.CREMA_D_CLIPS.endswith(f"/CREMA-D/{module.CREMA_D_REVISION}")
    assert list(emov_db.KINDS) == EMOV_DB
