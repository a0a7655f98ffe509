"""Downloads from a local server: whole, resumed, refused, interrupted and wrong."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference.file_server import FileServer, serve

from espnet2_ext.corpora.download import DownloadError, RemoteFile, download

CONTENT = bytes(range(256)) * 3000
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
NO_WAIT = (0.0, 0.0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server of one file, reached without a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
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


def test_without_content_length_the_known_size_tells_the_break(server, tmp_path):
    server.sends_length, server.breaks_after = False, [1000]
    wanted = remote(server, size_bytes=len(CONTENT))
    path = download(wanted, tmp_path / "a.bin", wait_s=NO_WAIT)
    assert path.read_bytes() == CONTENT and len(server.asked) == 2


def test_server_without_parts_sends_all_again(server, tmp_path):
    server.sends_parts, server.breaks_after = False, [5000]
    path = download(remote(server, checksum=MD5), tmp_path / "a.bin", wait_s=NO_WAIT)
    assert path.read_bytes() == CONTENT
    assert [part for _, part in server.asked] == ["", "bytes=5000-"]


def test_nothing_is_resumed_where_a_mixture_would_not_be_noticed(server, tmp_path):
    path = tmp_path / "a.bin"
    part_of(path).write_bytes(b"of another file")
    assert download(remote(server), path).read_bytes() == CONTENT
    assert server.asked == [("/a.bin", "")]


def test_part_that_is_whole_needs_no_network(tmp_path):
    path = tmp_path / "a.bin"
    part_of(path).write_bytes(CONTENT)
    known = RemoteFile("http://127.0.0.1:9/a.bin", len(CONTENT), SHA256)
    assert download(known, path).read_bytes() == CONTENT


@pytest.mark.parametrize("known", [{"size_bytes": len(CONTENT)}, {"checksum": SHA256}])
def test_part_that_is_too_long_is_thrown_away(server, tmp_path, known):
    path = tmp_path / "a.bin"
    part_of(path).write_bytes(CONTENT + b"x")
    assert download(remote(server, **known), path, wait_s=NO_WAIT).read_bytes() == CONTENT


def test_wrong_checksum_is_removed_and_told(server, tmp_path):
    path = tmp_path / "a.bin"
    part_of(path).write_bytes(b"of another file")
    wanted = remote(server, size_bytes=len(CONTENT), checksum=SHA256)
    with pytest.raises(DownloadError, match="its sha256 is [0-9a-f]{64}, .* is expected") as caught:
        download(wanted, path)
    assert str(caught.value).startswith(f"{server.url}/a.bin: ") and "\n" not in str(caught.value)
    assert str(caught.value).endswith("removed, run it again for another attempt, or REMEDY")
    assert list(tmp_path.iterdir()) == []
    assert download(wanted, path).read_bytes() == CONTENT


def test_wrong_size_is_removed_and_told(server, tmp_path):
    with pytest.raises(DownloadError, match="768000 bytes arrived, 1000 are expected"):
        download(remote(server, size_bytes=1000), tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


def test_file_of_another_size_is_downloaded_again(server, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"older")
    assert download(remote(server, size_bytes=len(CONTENT)), path).read_bytes() == CONTENT


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
    assert message.startswith(f"{url}: cannot be reached (") and "is there a network?" in message
    assert message.endswith("or REMEDY") and "\n" not in message
