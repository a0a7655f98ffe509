"""Downloads from a local server: files, archives, and the folders of the open corpora."""

import gzip
import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference.acted_copies import (
    NUM_SENTENCES,
    stem_of,
    wav_bytes,
    write_emodb,
    write_emov_db,
    write_prompts,
)
from reference.archives import tar_bytes, tree, zip_bytes
from reference.file_server import FileServer, serve

from espnet2_ext.corpora import download as module
from espnet2_ext.corpora import emodb, emov_db
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
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
NO_WAIT = (0.0, 0.0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server of one file, reached without a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with serve() as running:
        running.files["/a.bin"] = CONTENT
        yield running


def remote(server: FileServer, path: str = "/a.bin", **known: object) -> RemoteFile:
    return RemoteFile(f"{server.url}{path}", remedy="REMEDY", **known)


def part_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


@pytest.mark.parametrize("checksum", [SHA256, MD5, None])
@pytest.mark.parametrize("size_bytes", [len(CONTENT), None])
@pytest.mark.parametrize("sends_length", [True, False])
def test_whole_file_once(server, tmp_path, checksum, size_bytes, sends_length, capfd):
    server.sends_length = sends_length
    wanted = remote(server, size_bytes=size_bytes, checksum=checksum)
    path = tmp_path / "below/a.bin"
    for _ in range(2):
        assert download(wanted, path) == path
        assert path.read_bytes() == CONTENT and not part_of(path).exists()
    assert server.asked == [("/a.bin", "")]
    assert "a.bin: 100%" in capfd.readouterr().err or not (size_bytes or sends_length)


def test_no_bar_where_none_is_wanted(server, tmp_path, capfd):
    download(remote(server), tmp_path / "a.bin", show=False)
    assert capfd.readouterr().err == ""


def test_broken_connection_goes_on_by_itself(server, tmp_path, caplog):
    server.breaks_after = [300_000, 100]
    path = download(remote(server, checksum=SHA256), tmp_path / "a.bin", wait_s=NO_WAIT)
    assert path.read_bytes() == CONTENT
    assert [part for _, part in server.asked] == ["", "bytes=300000-", "bytes=300100-"]
    assert "the connection broke after 300000 of 768000 bytes; trying again in 0 s" in caplog.text


def test_broken_connection_goes_on_in_the_next_run(server, tmp_path):
    server.breaks_after = [1000, 2000, 4000]
    wanted, path = remote(server, size_bytes=len(CONTENT)), tmp_path / "a.bin"
    with pytest.raises(DownloadError, match="broke after 7000 of 768000 bytes; run it again, it g"):
        download(wanted, path, wait_s=NO_WAIT)
    assert part_of(path).stat().st_size == 7000 and not path.exists()
    assert download(wanted, path, wait_s=()).read_bytes() == CONTENT
    assert server.asked[-1] == ("/a.bin", "bytes=7000-")


@pytest.mark.parametrize("ability", ["sends_length", "sends_parts"])
def test_break_of_a_server_without_lengths_or_parts(server, tmp_path, ability: str):
    setattr(server, ability, False)
    server.breaks_after = [5000]
    wanted = remote(server, size_bytes=len(CONTENT))
    assert download(wanted, tmp_path / "a.bin", wait_s=NO_WAIT).read_bytes() == CONTENT
    assert [part for _, part in server.asked] == ["", "bytes=5000-"]


@pytest.mark.parametrize(
    ("part", "known", "asked"),
    [
        (b"of another file", {}, [""]),  # a mixture would not be noticed
        (CONTENT, {"size_bytes": len(CONTENT), "checksum": SHA256}, []),
        (CONTENT + b"x", {"size_bytes": len(CONTENT)}, [""]),
        (CONTENT + b"x", {"checksum": SHA256}, [f"bytes={len(CONTENT) + 1}-", ""]),
    ],
)
def test_part_that_is_there(server, tmp_path, part: bytes, known: dict, asked: list[str]):
    path = tmp_path / "a.bin"
    part_of(path).write_bytes(part)
    assert download(remote(server, **known), path, wait_s=NO_WAIT).read_bytes() == CONTENT
    assert [start for _, start in server.asked] == asked


def test_wrong_checksum_is_removed_and_told(server, tmp_path):
    path = tmp_path / "a.bin"
    part_of(path).write_bytes(b"of another file")
    wanted = remote(server, size_bytes=len(CONTENT), checksum=SHA256)
    with pytest.raises(DownloadError, match="its sha256 is [0-9a-f]{64}, .* is expected") as caught:
        download(wanted, path)
    assert str(caught.value).startswith(f"{server.url}/a.bin: ") and "\n" not in str(caught.value)
    assert str(caught.value).endswith("removed, run it again for another attempt, or REMEDY")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DownloadError, match="768000 bytes arrived, 1000 are expected"):
        download(remote(server, size_bytes=1000), path)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"of another size")
    assert download(wanted, path).read_bytes() == CONTENT


def test_busy_server_is_asked_again(server, tmp_path, caplog):
    server.statuses = [503, 429]
    assert download(remote(server), tmp_path / "a.bin", wait_s=NO_WAIT).read_bytes() == CONTENT
    assert "the server answers 503 Service Unavailable; trying again" in caplog.text


def test_missing_file_is_told_at_once(server, tmp_path):
    with pytest.raises(DownloadError, match=r"/b.bin: the server answers 404 Not Found; REMEDY$"):
        download(remote(server, "/b.bin"), tmp_path / "b.bin", wait_s=NO_WAIT)
    assert len(server.asked) == 1 and list(tmp_path.iterdir()) == []


def test_offline_is_one_line_with_url_and_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.bin"
        with pytest.raises(DownloadError) as caught:
            download(RemoteFile(url, remedy="REMEDY"), tmp_path / "a.bin", wait_s=NO_WAIT)
    message = str(caught.value)
    assert message.startswith(f"{url}: cannot be reached (") and message.endswith("or REMEDY")


WAVS = {"a_1.wav": b"RIFF one", "below/a_2.WAV": b"RIFF two"}
KINDS = {"zip": zip_bytes, "tar.gz": tar_bytes}
WANTED = r"(?:kind/)?(.+\.(?i:wav))"


def unpacked(archive: Path, content: bytes) -> int:
    archive.write_bytes(content)
    return unpack(archive, WANTED, archive.parent / "out", "REMEDY")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("top", ["", "kind/", "./kind/", "./"])
def test_wanted_files_with_and_without_a_folder_of_their_own(tmp_path: Path, kind: str, top: str):
    members = {f"{top}{name}": content for name, content in WAVS.items()}
    members |= {f"{top}._a_1.wav": b"", f"{top}__MACOSX/b.wav": b"", f"{top}readme.txt": b""}
    links = ({f"{top}link.wav": "/etc/hostname"},) if kind == "tar.gz" else ()
    assert unpacked(tmp_path / f"kind.{kind}", KINDS[kind](members, *links)) == 2
    assert tree(tmp_path / "out") == WAVS
    assert (tmp_path / f"kind.{kind}").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_the_right_size_are_not_written_again(tmp_path: Path, kind: str):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a_1.wav").write_bytes(b"RIFF old")
    (tmp_path / "out/a_3.wav").write_bytes(b"cut")
    members = WAVS | {"a_3.wav": b"RIFF three"}
    assert unpacked(tmp_path / f"kind.{kind}", KINDS[kind](members)) == 3
    assert tree(tmp_path / "out") == members | {"a_1.wav": b"RIFF old"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["../a.wav", "kind/../../a.wav", "/tmp/a.wav", "../readme.txt"])
def test_archive_that_leads_out_of_the_folder(tmp_path: Path, kind: str, name: str):
    with pytest.raises(ValueError, match=f"kind.{kind}: its member {name} leads out of the folder"):
        unpacked(tmp_path / f"kind.{kind}", KINDS[kind]({name: b"x", "b.wav": b"y"}))
    assert tree(tmp_path) == {}


def damaged() -> dict[str, bytes]:
    content = {"a.wav": bytes(range(256)) * 40}
    whole, zipped = tar_bytes(content), zip_bytes(content)
    middle = zipped.index(b"a.wav") + 40
    plain = gzip.decompress(whole)
    return {
        "length.zip": zipped[:-30],
        "head.zip": b"<html>",
        "content.zip": zipped[:middle] + b"\xff" * 8 + zipped[middle + 8 :],
        "no archive.tar.gz": b"<html>",
        "no tar.tar.gz": gzip.compress(b"<html>" * 200),
        "empty.tar.gz": b"",
        "cut in a file.tar.gz": whole[: len(whole) // 2],
        "cut in the sum.tar.gz": whole[:-4],
        "wrong sum.tar.gz": whole[:-8] + bytes(4) + whole[-4:],
        "wrong bits.tar.gz": whole[:60] + b"\xff" * 8 + whole[68:],
        "cut before it was packed.tar.gz": gzip.compress(plain[:2000]),
    }


@pytest.mark.parametrize("name", damaged())
def test_damaged_archive(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match=rf"{name}: is damaged \(.*\); removed, .*, or REMEDY"):
        unpacked(tmp_path / name, damaged()[name])
    assert not (tmp_path / name).exists()
    assert set(tree(tmp_path / "out")) <= {"a.wav"}, "no file that was begun is left"


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
    for corpus in ARCHIVES:
        content = server.files[f"/{corpus}.zip"] = zip_bytes(WHOLE[corpus] | AROUND)
        checksum = f"md5:{hashlib.md5(content).hexdigest()}" if corpus == "ravdess" else None
        local = remote(server, f"/{corpus}.zip", checksum=checksum)
        monkeypatch.setitem(ARCHIVES, corpus, ARCHIVES[corpus]._replace(remote=local))
    repository = {f"CREMA-D-1/{name}": pointer(content) for name, content in CLIPS.items()}
    repository |= {"CREMA-D-1/VideoDemographics.csv": b"table", "CREMA-D-1/VideoFlash/a.flv": b""}
    server.files["/c.zip"] = zip_bytes(repository)
    server.files |= {f"/clips/{name}": content for name, content in CLIPS.items()}
    words = write_prompts(tmp_path / "words").read_bytes()
    (tmp_path / "words").unlink()
    server.files["/words"] = words
    for number, (name, content) in enumerate(WHOLE["emov_db"].items()):
        kind, _, file = name.partition("/")
        members = {name if number % 2 else file: content}
        server.files[f"/115/{kind}.tar.gz"] = tar_bytes(members)
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


@pytest.mark.parametrize(
    ("corpus", "path", "content", "message"),
    [
        *(
            ("emodb", "/emodb.zip", content, f"{fault}; removed, run it again, or REMEDY")
            for content, fault in (
                (zip_bytes(AROUND | {"erklaerung.txt": b"x"}), r"holds no wav/\*.wav"),
                (zip_bytes(EMODB)[:-40], r"is damaged \(.*\)"),
            )
        ),
        *(
            ("crema_d", "/c.zip", content, f"{fault}; removed, run it again, or clone http")
            for content, fault in (
                (zip_bytes({"x/README.md": b""}), "holds no AudioWAV/<clip>.wav"),
                (zip_bytes({"x/AudioWAV/a.wav": b"R"}), "x/AudioWAV/a.wav is no pointer of G.*"),
                (b"<html>", r"is damaged \(File is not a zip file\)"),
            )
        ),
        *(
            ("emov_db", "/115/josh_Sleepy.tar.gz", content, f"{fault}; .* get josh_Sleepy.tar.gz f")
            for content, fault in (
                (b"<html>", r"josh_Sleepy.tar.gz: is damaged \(.*\)"),
                (tar_bytes({"readme.txt": b"x"}), "holds no wav"),
            )
        ),
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


@pytest.mark.parametrize("top", ["", "emodb/"])
def test_emodb_as_its_parser_reads_it(corpora: FileServer, tmp_path: Path, top: str):
    copy = tree(write_emodb(tmp_path / "copy"))
    corpora.files["/emodb.zip"] = zip_bytes({f"{top}{name}": copy[name] for name in copy})
    folder = download_corpus("emodb", tmp_path / "emodb")
    assert len(emodb.prepare(folder, tmp_path / "data")) == 535


def test_clip_that_is_not_what_its_pointer_says(corpora: FileServer, tmp_path: Path):
    corpora.files[FIRST] = corpora.files[FIRST][:-1] + b"x"
    with pytest.raises(DownloadError, match="1001_DFA_ANG_XX.wav: its sha256 is "):
        download_corpus("crema_d", tmp_path / "crema_d")
    assert not (tmp_path / "crema_d").exists()


def test_emov_db_as_its_parser_reads_it(corpora: FileServer, tmp_path: Path):
    copy = write_emov_db(tmp_path / "copy", last=50)
    for kind in EMOV_DB:
        corpora.files[f"/115/{kind}.tar.gz"] = tar_bytes(tree(copy / kind))
    folder = download_corpus("emov_db", tmp_path / "emov_db")
    sets = emov_db.prepare(folder, tmp_path / "data", allow_incomplete=True)
    assert [len(sets[f"emov_db_{part}"]) for part in ("valid", "test")] == [18 * 3, 18 * 5]
    assert sets["emov_db_valid"][0].text == 'Sentence 5, a "Café".', "the words came along"


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


def test_corpora_that_can_be_downloaded(tmp_path: Path):
    with pytest.raises(ValueError, match="corpus 'x': not known; give one of crema_d, emodb, emo"):
        download_corpus("x", tmp_path / "x")
    said = {name for name, each in CORPORA.items() if "bin/prepare download" in each.how_to_get}
    assert said == set(OPEN_CORPORA)


def test_true_addresses():
    zenodo = "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1"
    assert ARCHIVES["ravdess"].remote.url == zenodo
    assert ARCHIVES["emodb"].remote.url == "http://emodb.bilderbar.info/download/download.zip"
    assert module.CREMA_D_ARCHIVE.endswith(f"/CREMA-D/zip/{module.CREMA_D_REVISION}")
    assert module.CREMA_D_CLIPS.endswith(f"/CREMA-D/{module.CREMA_D_REVISION}")
    assert module.EMOV_DB_ARCHIVES == "https://www.openslr.org/resources/115"
    assert module.EMOV_DB_PROMPTS == "http://www.festvox.org/cmu_arctic/cmuarctic.data"
    assert list(emov_db.KINDS) == EMOV_DB
