"""Download the open corpora, each into a folder that its parser reads.

Files and folders are called ``<name>.part`` until they are complete; a rerun continues there and
asks the server for the rest of a file, which pooch and torch.hub do not.
"""

import gzip
import hashlib
import http.client
import logging
import re
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from espnet2_ext.corpora.copies import is_seen, parse_pointer
from espnet2_ext.corpora.emov_db import KINDS, LAST_SENTENCE, PROMPTS, read_prompts

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 18
_TIMEOUT_S = 60
_WAIT_S = (1.0, 4.0, 16.0)
_PASSING_STATUSES = (408, 416, 429, 500, 502, 503, 504)


class DownloadError(OSError):
    """A file that could not be downloaded; the message is one line naming URL and remedy."""


class RemoteFile(NamedTuple):
    """A file of the network."""

    url: str
    size_bytes: int | None = None
    checksum: str | None = None  # md5:<hex> or sha256:<hex>
    remedy: str = "fetch it by hand from there"  # said in messages


def download(remote: RemoteFile, path: str | Path, *, show: bool = True) -> Path:
    """Return ``path`` after downloading the file to it, with a bar, unless it is there already.

    Raises:
        DownloadError: the server cannot be reached or refuses, the connection breaks every
            time, or size or checksum is wrong. What has arrived is kept unless it is wrong.
    """
    path = Path(path)
    if path.is_file() and remote.size_bytes in (None, path.stat().st_size):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    for pause_s in (*_WAIT_S, None):
        fault = _fetch_rest(remote, part, show)
        if not fault:
            break
        if pause_s is None:
            raise DownloadError(
                f"{remote.url}: {fault}; run it again, it goes on from there, or {remote.remedy}"
            )
        logger.warning("%s: %s; trying again in %g s", remote.url, fault, pause_s)
        time.sleep(pause_s)
    if remote.size_bytes not in (None, part.stat().st_size):
        fault = f"{part.stat().st_size} bytes arrived, {remote.size_bytes} are expected"
    elif remote.checksum is not None:
        method, _, expected = remote.checksum.partition(":")
        with open(part, "rb") as stream:
            found = hashlib.file_digest(stream, method).hexdigest()
        fault = "" if found == expected else f"its {method} is {found}, {expected} is expected"
    if fault:
        part.unlink()
        raise DownloadError(
            f"{remote.url}: {fault}; removed, run it again for another attempt, or {remote.remedy}"
        )
    part.replace(path)
    return path


def _fetch_rest(remote: RemoteFile, part: Path, show: bool) -> str:
    """Append to ``part`` what it lacks; return what went wrong if that may pass, else ``""``."""
    start = part.stat().st_size if part.is_file() else 0
    if start == remote.size_bytes:
        return ""
    is_mixed = remote.size_bytes is None and remote.checksum is None  # that would go unnoticed
    if is_mixed or start > (remote.size_bytes or start):
        start = 0
    headers = {"User-Agent": "espnet2_ext"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(remote.url, headers=headers)
    options = {"desc": part.stem, "disable": not show, "dynamic_ncols": True, "mininterval": 1.0}
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            start = start if response.status == 206 else 0  # else the server sends no parts
            length = response.headers.get("Content-Length")
            total = remote.size_bytes if length is None else start + int(length)
            with (
                open(part, "ab" if start else "wb") as stream,
                tqdm.wrapattr(response, "read", total, initial=start, **options) as body,
            ):
                shutil.copyfileobj(body, stream, _BLOCK_BYTES)
    except urllib.error.HTTPError as error:
        answer = f"the server answers {error.code} {error.reason}"
        if error.code not in _PASSING_STATUSES:
            raise DownloadError(f"{remote.url}: {answer}; {remote.remedy}") from error
        if error.code == 416:
            part.unlink()  # it does not fit what the server has
        return answer
    except urllib.error.URLError as error:
        return f"cannot be reached ({error.reason}); is there a network?"
    except (OSError, http.client.HTTPException) as error:
        return f"the connection broke ({error or type(error).__name__})"
    received = part.stat().st_size
    if total is not None and received < total:
        return f"the connection broke after {received} of {total} bytes"
    return ""


# ---------------------------------------------------------------- archives


def unusable(archive: Path, fault: str, remedy: str) -> ValueError:
    """Remove an archive and return the error to raise."""
    archive.unlink()
    return ValueError(f"{archive}: {fault}; removed, run it again, or {remedy}")


@contextmanager
def unpacked(archive: Path, wanted: str, remedy: str) -> Iterator[dict[str, Path]]:
    """Yield the wanted files of a ``.zip`` or ``.tar.gz`` by name, in a folder for the block.

    ``wanted`` matches a path in the archive, its group is the name; hidden files and links are
    left out. ValueError where it is damaged, leads out of its folder, or has no wanted wav.
    """
    folder = archive.with_name(f"{archive.name}.unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as content:
                content.extractall(folder)
        else:
            with gzip.open(archive) as stream:
                while stream.read(_BLOCK_BYTES):
                    pass  # gzip compares the checksum behind the last byte, which tar leaves
            with tarfile.open(archive, "r:gz") as tar:
                tar.extraction_filter = tarfile.data_filter
                tar.extractall(folder, [each for each in tar if each.isreg()])
        files = {}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            match = re.fullmatch(wanted, str(name), re.ASCII)
            if match and path.is_file() and all(map(is_seen, name.parts)):
                files[match[1]] = path
        if not any(name.lower().endswith(".wav") for name in files):
            raise unusable(archive, "holds no wav of the corpus", remedy)
        yield files
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise unusable(archive, f"is damaged ({error})", remedy) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unpack(archive: Path, wanted: str, folder: Path, remedy: str) -> None:
    """Move the wanted files of an archive into a folder; see `unpacked`."""
    with unpacked(archive, wanted, remedy) as files:
        for name, path in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            path.replace(folder / name)


# ---------------------------------------------------------------- corpora

ARCHIVES = {
    "emodb": (  # size and checksum are not published
        RemoteFile(
            "http://emodb.bilderbar.info/download/download.zip",
            remedy="get the archive of version 1 from http://emodb.bilderbar.info, unpack it and "
            "give the folder that holds wav by --db",
        ),
        r"(?:.*/)?(wav/\w+\.wav|erk\w+\.txt)",
    ),
    "ravdess": (
        RemoteFile(
            "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
            size_bytes=208468073,
            checksum="md5:bc696df654c87fed845eb13823edef8a",
            remedy="get Audio_Speech_Actors_01-24.zip from https://zenodo.org/record/1188976, "
            "unpack it and give the folder by --db",
        ),
        r"(?:.*/)?(Actor_\d\d/[\d-]+\.wav)",
    ),
}
"""Corpora of one archive, and what is kept of it."""

CREMA_D_REVISION = "1658cd342dff90010aa843eaeebd53610a08b1dc"
CREMA_D_REMEDY = (
    "clone https://gitlab.com/cs-cooper-lab/crema-d-mirror with Git LFS and give the folder by --db"
)
CREMA_D_ARCHIVE = (
    f"https://codeload.github.com/CheyneyComputerScience/CREMA-D/zip/{CREMA_D_REVISION}"
)
CREMA_D_CLIPS = (
    f"https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/{CREMA_D_REVISION}"
)
EMOV_DB_ARCHIVES = "https://www.openslr.org/resources/115"
EMOV_DB_PROMPTS = f"http://www.festvox.org/cmu_arctic/{PROMPTS}"


def _fetch_archive(corpus: str, folder: Path, num_workers: int) -> None:
    remote, wanted = ARCHIVES[corpus]
    archive = download(remote, folder / f"{corpus}.zip")
    unpack(archive, wanted, folder, remote.remedy)
    archive.unlink()


def _fetch_crema_d(folder: Path, num_workers: int) -> None:
    """Download the clips one by one; the archive of the repository has their LFS pointers."""
    remedy = CREMA_D_REMEDY
    archive = download(RemoteFile(CREMA_D_ARCHIVE, remedy=remedy), folder / "repository.zip")
    wanted = r"[^/]+/(AudioWAV/\w+\.wav|VideoDemographics\.csv|README\.md|LICENSE\.txt)"
    clips: dict[str, RemoteFile] = {}
    with unpacked(archive, wanted, remedy) as files:
        for name, path in files.items():
            if not name.endswith(".wav"):
                path.replace(folder / name)
            elif pointer := parse_pointer(path):
                sha256, size_bytes = pointer
                url = f"{CREMA_D_CLIPS}/{name}"
                clips[name] = RemoteFile(url, size_bytes, f"sha256:{sha256}", remedy)
            else:
                raise unusable(archive, f"{name} is no pointer of Git LFS", remedy)
    with (
        tqdm(total=len(clips), dynamic_ncols=True, desc="clips") as bar,
        ThreadPoolExecutor(max(1, num_workers)) as executor,
    ):
        paths = [folder / name for name in clips]
        # The first failure cancels those that wait.
        for _ in executor.map(partial(download, show=False), clips.values(), paths):
            bar.update()
    archive.unlink()


def _fetch_emov_db(folder: Path, num_workers: int) -> None:
    """Download the prompts and, one after the other as the server is shared, the archives.

    Each archive becomes a folder of its name. Source: github.com/numediart/EmoV-DB (addresses).
    """
    remedy = f"get {PROMPTS} of CMU ARCTIC, put it into {folder} and run it again"
    path = download(RemoteFile(EMOV_DB_PROMPTS, remedy=remedy), folder / PROMPTS)
    try:
        read_prompts(path, [f"{number:04d}" for number in range(1, LAST_SENTENCE + 1)])
    except ValueError as error:
        raise unusable(path, "does not have all sentences of set A", remedy) from error
    for number, kind in enumerate(KINDS, 1):
        archive, part = folder / f"{kind}.tar.gz", folder / f"{kind}.part"
        if not (folder / kind).is_dir():
            logger.info("%s: archive %d of %d", kind, number, len(KINDS))
            remedy = (
                f"get {archive.name} from https://www.openslr.org/115 by hand and put it into "
                f"{folder}, then run it again"
            )
            download(RemoteFile(f"{EMOV_DB_ARCHIVES}/{archive.name}", remedy=remedy), archive)
            unpack(archive, rf"(?:{kind}/)?(.+\.(?i:wav))", part, remedy)
            part.rename(folder / kind)
        archive.unlink(missing_ok=True)


OPEN_CORPORA: dict[str, Callable[[Path, int], None]] = {
    "crema_d": _fetch_crema_d,
    "emodb": partial(_fetch_archive, "emodb"),
    "emov_db": _fetch_emov_db,
    "ravdess": partial(_fetch_archive, "ravdess"),
}
"""How each corpus fills a folder with so many connections at a time, by name."""


def download_corpus(corpus: str, out_dir: str | Path, num_workers: int = 4) -> Path:
    """Download a corpus unless it is there already, and return its folder.

    Args:
        corpus: crema_d, emodb, emov_db or ravdess.
        out_dir: its folder, such as ``downloads/ravdess``; made when all is there.
        num_workers: connections at a time, where a corpus comes in many small files.
    """
    if corpus not in OPEN_CORPORA:
        raise ValueError(f"corpus {corpus!r}: not known; give one of {', '.join(OPEN_CORPORA)}")
    folder = Path(out_dir)
    if folder.is_dir():
        logger.info("%s: is there, nothing is downloaded", folder)
        return folder
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    OPEN_CORPORA[corpus](part, num_workers)
    part.rename(folder)
    logger.info("%s: %s is complete", folder, corpus)
    return folder
