"""Download the open corpora, each into a folder that its parser reads.

Files and folders are called ``<name>.part`` until they are complete; a rerun continues there and
asks the server for the rest of a file, which pooch and torch.hub do not. Unusable archives are
removed.
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
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from tqdm import tqdm

from espnet2_ext.corpora.copies import is_seen, parse_pointer
from espnet2_ext.corpora.emov_db import KINDS, LAST_SENTENCE, PROMPTS, read_prompts
from espnet2_ext.data.parallel import atomic_open

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 18
_TIMEOUT_S = 60
_WAIT_S = (1.0, 4.0, 16.0)
_PASSING_STATUSES = (408, 429, 500, 502, 503, 504)


class DownloadError(OSError):
    """A file that could not be downloaded; the message is one line naming URL and remedy."""


class _PassingError(Exception):
    """A failure that may not happen again."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of the network; ``checksum`` is ``md5:<hex>`` or ``sha256:<hex>``.

    ``remedy`` says in messages what else can be done, such as where to get the file by hand.
    """

    url: str
    size_bytes: int | None = None
    checksum: str | None = None
    remedy: str = "fetch it by hand from there"


def download(
    remote: RemoteFile, path: str | Path, *, show: bool = True, wait_s: tuple[float, ...] = _WAIT_S
) -> Path:
    """Return ``path`` after downloading the file to it, unless it is there already.

    ``show`` draws a progress bar; ``wait_s`` are the pauses between attempts.

    Raises:
        DownloadError: the server cannot be reached or refuses, the connection breaks every
            time, or size or checksum is wrong. What has arrived is kept for the next run,
            unless it is wrong.
    """
    path = Path(path)
    if path.is_file() and remote.size_bytes in (None, path.stat().st_size):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    for pause_s in (*wait_s, None):
        try:
            _fetch_rest(remote, part, path.name, show)
            break
        except _PassingError as error:
            if pause_s is None:
                raise DownloadError(
                    f"{remote.url}: {error}; run it again, it goes on from there, or "
                    f"{remote.remedy}"
                ) from error
            logger.warning("%s: %s; trying again in %g s", remote.url, error, pause_s)
            time.sleep(pause_s)
    fault = ""
    size_bytes = part.stat().st_size
    if remote.size_bytes not in (None, size_bytes):
        fault = f"{size_bytes} bytes arrived, {remote.size_bytes} are expected"
    elif remote.checksum is not None:
        method, _, expected = remote.checksum.partition(":")
        with open(part, "rb") as stream:
            found = hashlib.file_digest(stream, method).hexdigest()
        if found != expected:
            fault = f"its {method} is {found}, {expected} is expected"
    if fault:
        part.unlink()
        raise DownloadError(
            f"{remote.url}: {fault}; removed, run it again for another attempt, or {remote.remedy}"
        )
    part.replace(path)
    return path


def _fetch_rest(remote: RemoteFile, part: Path, name: str, show: bool) -> None:
    """Append to ``part`` what it lacks, or write it from the beginning."""
    start = _resume_at(remote, part)
    if start == remote.size_bytes:
        return
    headers = {"User-Agent": "espnet2_ext"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(remote.url, headers=headers)
    options = {"desc": name, "disable": not show, "dynamic_ncols": True, "mininterval": 1.0}
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            if start and response.status != 206:
                logger.info("%s: the server sends no parts; from the beginning", remote.url)
                start = 0
            length = response.headers.get("Content-Length")
            total = start + int(length) if length is not None else remote.size_bytes
            with (
                open(part, "ab" if start else "wb") as stream,
                tqdm.wrapattr(response, "read", total, initial=start, **options) as body,
            ):
                shutil.copyfileobj(body, stream, _BLOCK_BYTES)
    except urllib.error.HTTPError as error:
        answer = f"the server answers {error.code} {error.reason}"
        if error.code == 416 and start:
            part.unlink()
            raise _PassingError("what had arrived does not fit what the server has") from error
        if error.code in _PASSING_STATUSES:
            raise _PassingError(answer) from error
        raise DownloadError(f"{remote.url}: {answer}; {remote.remedy}") from error
    except urllib.error.URLError as error:
        raise _PassingError(f"cannot be reached ({error.reason}); is there a network?") from error
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(f"the connection broke ({error or type(error).__name__})") from error
    received = part.stat().st_size
    if total is not None and received < total:
        raise _PassingError(f"the connection broke after {received} of {total} bytes")


def _resume_at(remote: RemoteFile, part: Path) -> int:
    """Return how many bytes are there; 0 where a mixture of two files would go unnoticed."""
    if not part.is_file() or (remote.size_bytes is None and remote.checksum is None):
        return 0
    present = part.stat().st_size
    return present if remote.size_bytes is None or present <= remote.size_bytes else 0


# ---------------------------------------------------------------- archives


class Member(NamedTuple):
    """A wanted file of an archive, and its name in the folder."""

    path: str
    name: str
    size_bytes: int
    open: Callable[[], IO[bytes]]


def unusable(archive: Path, fault: str, remedy: str) -> ValueError:
    """Remove an archive and return the error to raise."""
    archive.unlink()
    return ValueError(f"{archive}: {fault}; removed, run it again, or {remedy}")


@contextmanager
def opened(archive: Path, wanted: str, remedy: str) -> Iterator[Iterator[Member]]:
    """Yield the wanted files of a ``.zip`` or ``.tar.gz``, without hidden ones and links.

    They have to be read one after the other, all to find damage. ``wanted`` matches a path in
    the archive; its group is the file's name.

    Raises:
        ValueError: it is damaged or cut short, or a member leads out of its folder.
    """
    entries = _zip_entries if archive.suffix == ".zip" else _tar_entries

    def members() -> Iterator[Member]:
        for name, size_bytes, open_entry in entries(archive):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise unusable(archive, f"its member {path} leads out of the folder", remedy)
            match = re.fullmatch(wanted, str(path), re.ASCII)
            if match and all(map(is_seen, path.parts)):
                yield Member(str(path), match[1], size_bytes, open_entry)

    try:
        yield members()
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise unusable(archive, f"is damaged ({error})", remedy) from error


def _zip_entries(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    with zipfile.ZipFile(archive) as stream:
        for each in stream.infolist():
            yield each.filename, each.file_size, partial(stream.open, each)


def _tar_entries(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    with gzip.open(archive) as content:
        with tarfile.open(fileobj=content, mode="r|") as stream:
            for each in stream:
                if each.isreg() or ".." in PurePosixPath(each.name).parts:
                    # a regular file has content
                    yield each.name, each.size, partial(stream.extractfile, each)  # type: ignore[misc]
        while content.read(_BLOCK_BYTES):
            pass  # gzip compares the checksum behind the last byte


def unpack(archive: Path, wanted: str, folder: Path, remedy: str) -> int:
    """Write the files of an archive that are not in the folder, and return how many are wanted.

    ``wanted`` matches a path in the archive; its group is the path in the folder.

    Raises:
        ValueError: see `opened`.
    """
    number = 0
    with opened(archive, wanted, remedy) as members:
        for member in members:
            number += 1
            target = folder / member.name
            if not target.is_file() or target.stat().st_size != member.size_bytes:
                with member.open() as source, atomic_open(target, "wb") as output:
                    shutil.copyfileobj(source, output)
    return number


# ---------------------------------------------------------------- corpora


class Archive(NamedTuple):
    """The one archive of a corpus: what is kept of it, and which wavs it must have."""

    remote: RemoteFile
    wanted: str
    wavs: str


ARCHIVES = {
    # Size and checksum are not published; the parser compares names and counts.
    "emodb": Archive(
        RemoteFile(
            "http://emodb.bilderbar.info/download/download.zip",
            remedy="get the archive of version 1 from http://emodb.bilderbar.info, unpack it and "
            "give the folder that holds wav by --db",
        ),
        r"(?:.*/)?(wav/\w+\.wav|erk\w+\.txt)",
        "wav/*.wav",
    ),
    "ravdess": Archive(
        RemoteFile(
            "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
            size_bytes=208468073,
            checksum="md5:bc696df654c87fed845eb13823edef8a",
            remedy="get Audio_Speech_Actors_01-24.zip from https://zenodo.org/record/1188976, "
            "unpack it and give the folder by --db",
        ),
        r"(?:.*/)?(Actor_\d\d/[\d-]+\.wav)",
        "Actor_*/*.wav",
    ),
}
"""Size and checksum are those of the page of the archive."""

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
    remote, wanted, wavs = ARCHIVES[corpus]
    archive = download(remote, folder / f"{corpus}.zip")
    unpack(archive, wanted, folder, remote.remedy)
    if not any(folder.glob(wavs)):
        raise unusable(archive, f"holds no {wavs}", remote.remedy)
    archive.unlink()


def _fetch_crema_d(folder: Path, num_workers: int) -> None:
    """Download the clips one by one; the archive of the repository has their LFS pointers."""
    remedy = CREMA_D_REMEDY
    archive = download(RemoteFile(CREMA_D_ARCHIVE, remedy=remedy), folder / "repository.zip")
    clips: dict[str, RemoteFile] = {}
    with opened(archive, r"[^/]+/(AudioWAV/\w+\.wav)", remedy) as members:
        for member in members:
            pointer = parse_pointer(member.open().read())
            if pointer is None:
                raise unusable(archive, f"{member.path} is no pointer of Git LFS", remedy)
            sha256, size_bytes = pointer
            url = f"{CREMA_D_CLIPS}/{member.name}"
            clips[member.name] = RemoteFile(url, size_bytes, f"sha256:{sha256}", remedy)
    if not clips:
        raise unusable(archive, "holds no AudioWAV/<clip>.wav", remedy)
    tables = r"[^/]+/(VideoDemographics\.csv|README\.md|LICENSE\.txt)"
    unpack(archive, tables, folder, remedy)
    _download_all(clips, folder, num_workers)
    archive.unlink()


def _download_all(files: dict[str, RemoteFile], folder: Path, num_workers: int) -> None:
    """Download many small files with one bar; the first failure ends it."""
    total = sum(remote.size_bytes or 0 for remote in files.values())
    with (
        tqdm(total=total, unit="B", unit_scale=True, dynamic_ncols=True, desc="clips") as bar,
        ThreadPoolExecutor(max(1, num_workers)) as executor,
    ):
        jobs = {
            executor.submit(download, remote, folder / name, show=False): remote
            for name, remote in files.items()
        }
        try:
            for job in as_completed(jobs):
                job.result()
                bar.update(jobs[job].size_bytes or 0)
        except (DownloadError, KeyboardInterrupt):
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_emov_db(folder: Path, num_workers: int) -> None:
    """Download the prompts and, one after the other as the server is shared, the archives.

    Each archive becomes a folder of its name, whether or not it holds such a folder itself.
    Sizes and checksums are not published. Source: github.com/numediart/EmoV-DB (addresses).
    """
    remedy = f"get {PROMPTS} of CMU ARCTIC, put it into {folder} and run it again"
    path = download(RemoteFile(EMOV_DB_PROMPTS, remedy=remedy), folder / PROMPTS)
    try:
        read_prompts(path, [f"{number:04d}" for number in range(1, LAST_SENTENCE + 1)])
    except ValueError as error:
        raise unusable(path, "does not have all sentences of set A", remedy) from error
    for number, kind in enumerate(KINDS, 1):
        name = f"{kind}.tar.gz"
        if not (folder / kind).is_dir():
            logger.info("%s: archive %d of %d", kind, number, len(KINDS))
            remedy = (
                f"get {name} from https://www.openslr.org/115 by hand and put it into {folder}, "
                "then run it again"
            )
            remote = RemoteFile(f"{EMOV_DB_ARCHIVES}/{name}", remedy=remedy)
            archive = download(remote, folder / name)
            part = folder / f"{kind}.part"
            if not unpack(archive, rf"(?:{kind}/)?(.+\.(?i:wav))", part, remedy):
                raise unusable(archive, "holds no wav", remedy)
            part.rename(folder / kind)
        (folder / name).unlink(missing_ok=True)


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

    Raises:
        ValueError: no such corpus, or an archive that cannot be used.
        DownloadError: see `download`. A rerun goes on.
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
