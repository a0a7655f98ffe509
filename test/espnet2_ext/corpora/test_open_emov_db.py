"""EmoV-DB arrives from a local server, archive by archive, as its parser reads it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference.archives import tar_bytes, tree
from reference.emov_db_copy import NUM_SENTENCES, stem_of, write_emov_db, write_prompts
from reference.file_server import FileServer, serve

from espnet2_ext.corpora import download as open_emov_db
from espnet2_ext.corpora.download import DownloadError, download_corpus
from espnet2_ext.corpora.emov_db import prepare

KINDS = [f"{speaker}_{emotion}" for speaker, kinds in NUM_SENTENCES.items() for emotion in kinds]


def wav_of(kind: str) -> dict[str, bytes]:
    """Return the one wav of an archive by its name."""
    return {f"{stem_of(*kind.split('_'), 1)}.wav": kind.encode()}


@pytest.fixture
def server(tmp_path_factory, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server that has 18 archives and the words, which is asked instead of the true ones.

    Every other archive holds a folder of its name.
    """
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    words = write_prompts(tmp_path_factory.mktemp("words") / "cmuarctic.data").read_bytes()
    with serve() as running:
        running.files["/words"] = words
        for number, kind in enumerate(KINDS):
            top = f"{kind}/" if number % 2 else ""
            members = {f"{top}{name}": content for name, content in wav_of(kind).items()}
            running.files[f"/115/{kind}.tar.gz"] = tar_bytes(members)
        monkeypatch.setattr(open_emov_db, "EMOV_DB_ARCHIVES", f"{running.url}/115")
        monkeypatch.setattr(open_emov_db, "WORDS", f"{running.url}/words")
        yield running


def whole(server: FileServer) -> dict[str, bytes]:
    wavs = {f"{kind}/{name}": wav for kind in KINDS for name, wav in wav_of(kind).items()}
    return {"cmuarctic.data": server.files["/words"], **wavs}


def test_a_folder_for_each_archive(server: FileServer, tmp_path: Path):
    for _ in range(2):
        assert download_corpus("emov_db", tmp_path / "emov_db") == tmp_path / "emov_db"
        assert tree(tmp_path / "emov_db") == whole(server)
    assert len(server.asked) == 1 + 18
    assert not (tmp_path / "emov_db.part").exists()


def test_the_parser_reads_what_arrived(server: FileServer, tmp_path: Path):
    copy = write_emov_db(tmp_path / "copy", last=50)
    for kind in KINDS:
        server.files[f"/115/{kind}.tar.gz"] = tar_bytes(tree(copy / kind))
    folder = download_corpus("emov_db", tmp_path / "emov_db")
    sets = prepare(folder, tmp_path / "data", allow_incomplete=True)
    assert [len(sets[f"emov_db_{part}"]) for part in ("valid", "test")] == [18 * 3, 18 * 5]
    assert sets["emov_db_valid"][0].text == 'Sentence 5, a "Café".', "the words came along"


def test_only_what_is_missing_is_taken(server: FileServer, tmp_path: Path):
    missing = server.files.pop("/115/jenie_Angry.tar.gz")
    with pytest.raises(DownloadError) as caught:
        download_corpus("emov_db", tmp_path / "emov_db")
    assert str(caught.value) == (
        f"{server.url}/115/jenie_Angry.tar.gz: the server answers 404 Not Found; get "
        "jenie_Angry.tar.gz from https://www.openslr.org/115 by hand and put it into "
        f"{tmp_path}/emov_db.part, then run it again"
    )
    assert not (tmp_path / "emov_db").exists()
    server.files["/115/jenie_Angry.tar.gz"] = missing
    server.asked.clear()
    download_corpus("emov_db", tmp_path / "emov_db")
    assert [path for path, _ in server.asked] == [
        f"/115/{kind}.tar.gz" for kind in KINDS[KINDS.index("jenie_Angry") :]
    ]
    assert tree(tmp_path / "emov_db") == whole(server)


def test_archive_put_there_by_hand(server: FileServer, tmp_path: Path):
    part = tmp_path / "emov_db.part"
    part.mkdir()
    (part / "sam_Angry.tar.gz").write_bytes(server.files.pop("/115/sam_Angry.tar.gz"))
    download_corpus("emov_db", tmp_path / "emov_db")
    assert tree(tmp_path / "emov_db") == whole(server)


def test_killed_between_unpacking_and_the_next_archive(server: FileServer, tmp_path: Path):
    part = tmp_path / "emov_db.part"
    (part / "bea_Amused").mkdir(parents=True)
    for name, content in wav_of("bea_Amused").items():
        (part / "bea_Amused" / name).write_bytes(content)
    (part / "bea_Amused.tar.gz").write_bytes(b"whatever")
    download_corpus("emov_db", tmp_path / "emov_db")
    assert tree(tmp_path / "emov_db") == whole(server)
    assert ("/115/bea_Amused.tar.gz", "") not in server.asked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda old: old[: len(old) // 2], r"is damaged \(.*\)"),
        (lambda old: b"<html>", r"is damaged \(Not a gzipped file.*\)"),
        (lambda old: tar_bytes({"../x.wav": b"x"}), r"its member ../x.wav leads out of the folder"),
        (lambda old: tar_bytes({"readme.txt": b"x"}), "holds no wav"),
    ],
)
def test_archive_that_cannot_be_used(server, tmp_path, change, message: str):
    path = "/115/josh_Sleepy.tar.gz"
    good = server.files[path]
    server.files[path] = change(good)
    line = rf"josh_Sleepy.tar.gz: {message}; removed, run it again, or get josh_Sleepy.tar.gz from "
    with pytest.raises(ValueError, match=line) as caught:
        download_corpus("emov_db", tmp_path / "emov_db")
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.rglob("josh_Sleepy.tar*")) and not list(tmp_path.rglob("x.wav"))
    server.files[path] = good
    download_corpus("emov_db", tmp_path / "emov_db")
    assert tree(tmp_path / "emov_db") == whole(server)


def test_words_that_are_not_there(server: FileServer, tmp_path: Path):
    put = re.escape(f"cmuarctic.data of CMU ARCTIC, put it into {tmp_path}/emov_db.part and run it")
    words = server.files["/words"]
    server.files["/words"] = b"<html>"
    with pytest.raises(ValueError, match=f"all sentences of set A; removed, .*, or get {put}"):
        download_corpus("emov_db", tmp_path / "emov_db")
    del server.files["/words"]
    with pytest.raises(DownloadError, match=f"the server answers 404 Not Found; get {put}"):
        download_corpus("emov_db", tmp_path / "emov_db")
    (tmp_path / "emov_db.part/cmuarctic.data").write_bytes(words)
    download_corpus("emov_db", tmp_path / "emov_db")
    assert (tmp_path / "emov_db/cmuarctic.data").read_bytes() == words


def test_true_addresses():
    assert open_emov_db.EMOV_DB_ARCHIVES == "https://www.openslr.org/resources/115"
    assert open_emov_db.WORDS == "http://www.festvox.org/cmu_arctic/cmuarctic.data"
    assert list(open_emov_db.KINDS) == KINDS
