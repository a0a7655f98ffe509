"""Corpora that anybody may download, and how each becomes a folder that its parser reads.

A folder gets its name when all of it is there; until then it is called ``<folder>.part``, in
which a rerun goes on.
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
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from espnet2_ext.corpora.copies import is_seen, parse_pointer
from espnet2_ext.corpora.emov_db import LAST_SENTENCE, NUM_SENTENCES, PROMPTS, read_prompts
from espnet2_ext.data.parallel import atomic_open

# Take out of a downloaded archive what a corpus needs; one that cannot be used is removed.
#
# It would be just as wrong in the next run, which therefore has to download it again. A file
# that is there with its size is left alone, so that an interrupted run goes on.

_BLOCK_BYTES = 1 << 20


def unusable(archive: Path, fault: str, remedy: str) -> ValueError:
    """Return the error of an archive after removing it; one line that says what to do.

    Args:
        archive: the file.
        fault: what is wrong with it.
        remedy: what else can be done than running again.
    """
    archive.unlink()
    return ValueError(f"{archive}: {fault}; removed, run it again, or {remedy}")


@contextmanager
def opened_zip(archive: Path, remedy: str) -> Iterator[zipfile.ZipFile]:
    """Yield the opened archive.

    Raises:
        ValueError: it is damaged or cut short, which may show while it is read.
    """
    try:
        with zipfile.ZipFile(archive) as stream:
            yield stream
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise unusable(archive, f"is damaged ({error})", remedy) from error


def unpack_zip(archive: zipfile.ZipFile, wanted: re.Pattern[str], folder: Path) -> int:
    """Write the wanted members, named by the pattern's group, and return how many there are.

    The group has to match plain names alone, so that no member can lead out of the folder.
    """
    number = 0
    for member in archive.infolist():
        match = wanted.fullmatch(member.filename)
        if match is None:
            continue
        number += 1
        target = folder / match[1]
        if target.is_file() and target.stat().st_size == member.file_size:
            continue
        with archive.open(member) as source, atomic_open(target, "wb") as output:
            shutil.copyfileobj(source, output)
    return number


def unpack_tar_wavs(archive: Path, folder: Path, *, top: str, remedy: str) -> int:
    """Write the wavs of a ``.tar.gz`` and return how many there are.

    Hidden files, links and everything that is no wav are passed over.

    Args:
        archive: the file.
        folder: gets the wavs, in the folders that they have in the archive.
        top: name of the archive's own folder, which is left out where there is one.
        remedy: see `unusable`.

    Raises:
        ValueError: it is damaged or cut short, or a member leads out of the folder.
    """
    number = 0
    try:
        with gzip.open(archive) as content:
            with tarfile.open(fileobj=content, mode="r|") as stream:
                for member in stream:
                    path = PurePosixPath(member.name)
                    if path.is_absolute() or ".." in path.parts:
                        fault = f"its member {member.name} leads out of the folder"
                        raise unusable(archive, fault, remedy)
                    if member.isreg() and _is_wanted_wav(path):
                        _write_member(stream, member, folder / _below(path, top))
                        number += 1
            while content.read(_BLOCK_BYTES):
                pass  # The sum behind the last byte is compared only by who reads that far.
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise unusable(archive, f"is damaged ({error})", remedy) from error
    return number


def _is_wanted_wav(path: PurePosixPath) -> bool:
    return path.suffix.lower() == ".wav" and all(is_seen(part) for part in path.parts)


def _below(path: PurePosixPath, top: str) -> PurePosixPath:
    return path.relative_to(top) if path.parts[0] == top else path


def _write_member(stream: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == member.size:
        return
    source = stream.extractfile(member)
    assert source is not None  # a regular file always has content
    with source, atomic_open(target, "wb") as output:
        shutil.copyfileobj(source, output)


# Download one file so that it can be interrupted at any point and is never half there.
#
# What has arrived stands in ``<file>.part``; a rerun asks the server for the rest. Only a
# file of the right size and checksum gets its name.

logger = logging.getLogger(__name__)

_DOWNLOAD_BLOCK_BYTES = 1 << 18
_TIMEOUT_S = 60
_WAIT_S = (1.0, 4.0, 16.0)
"""Before each further attempt; servers ask for such pauses when they are busy."""
_PASSING_STATUSES = (408, 429, 500, 502, 503, 504)


class DownloadError(OSError):
    """A file that could not be downloaded; the message is one line naming URL and remedy."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of the network and what is known of it.

    Attributes:
        url: http or https.
        size_bytes: None where unknown.
        checksum: ``md5:<hex>`` or ``sha256:<hex>``; None where unknown.
        remedy: what else can be done, such as where to get the file by hand.
    """

    url: str
    size_bytes: int | None = None
    checksum: str | None = None
    remedy: str = "fetch it by hand from there"


def download(
    remote: RemoteFile, path: str | Path, *, show: bool = True, wait_s: tuple[float, ...] = _WAIT_S
) -> Path:
    """Return ``path`` after downloading the file to it, unless it is there already.

    Args:
        remote: what to download.
        path: gets its name only when it is whole.
        show: a bar of bytes with rate and time left.
        wait_s: pauses before further attempts after a passing failure; empty for one attempt.

    Raises:
        DownloadError: the server cannot be reached or refuses, the connection breaks every
            time, or size or checksum is wrong. What has arrived is kept for the next run,
            but for what is wrong.
    """
    path = Path(path)
    if path.is_file() and remote.size_bytes in (None, path.stat().st_size):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    for attempt in range(1 + len(wait_s)):
        try:
            _fetch_rest(remote, part, path.name, show)
            break
        except _Passing as error:
            if attempt == len(wait_s):
                raise DownloadError(
                    f"{remote.url}: {error}; run it again, it goes on from there, or "
                    f"{remote.remedy}"
                ) from error
            logger.warning("%s: %s; trying again in %g s", remote.url, error, wait_s[attempt])
            time.sleep(wait_s[attempt])
    _check(remote, part)
    part.replace(path)
    return path


class _Passing(Exception):
    """A failure that may not happen again."""


def _fetch_rest(remote: RemoteFile, part: Path, name: str, show: bool) -> None:
    """Append to ``part`` what it lacks, or write it from the beginning.

    Raises:
        _Passing: the server could not be reached or is busy, or the connection broke.
        DownloadError: the server refuses.
    """
    start = _resume_at(remote, part)
    if start == remote.size_bytes:
        return
    headers = {"User-Agent": "espnet2_ext"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(remote.url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            if start and response.status != 206:
                logger.info("%s: the server sends no parts; from the beginning", remote.url)
                start = 0
            length = response.headers.get("Content-Length")
            total = start + int(length) if length is not None else remote.size_bytes
            received = _copy(response, part, start, total, name, show)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:
            # What is there is not the beginning of the file.
            part.unlink()
            raise _Passing("what had arrived does not fit what the server has") from error
        if error.code in _PASSING_STATUSES:
            raise _Passing(f"the server answers {error.code} {error.reason}") from error
        raise DownloadError(
            f"{remote.url}: the server answers {error.code} {error.reason}; {remote.remedy}"
        ) from error
    except urllib.error.URLError as error:
        raise _Passing(f"cannot be reached ({error.reason}); is there a network?") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Passing(f"the connection broke ({error or type(error).__name__})") from error
    if total is not None and received < total:
        raise _Passing(f"the connection broke after {received} of {total} bytes")


def _resume_at(remote: RemoteFile, part: Path) -> int:
    """Return how many bytes need not be asked for again.

    None, where nothing is known by which a mixture of two files would be noticed.
    """
    if not part.is_file() or (remote.size_bytes is None and remote.checksum is None):
        return 0
    present = part.stat().st_size
    return present if remote.size_bytes is None or present <= remote.size_bytes else 0


def _copy(
    response: http.client.HTTPResponse,
    part: Path,
    start: int,
    total: int | None,
    name: str,
    show: bool,
) -> int:
    """Write the body behind the first ``start`` bytes and return how many there are then."""
    received = start
    with (
        open(part, "ab" if start else "wb") as stream,
        tqdm(
            total=total,
            initial=start,
            desc=name,
            unit="B",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=1.0,
            disable=not show,
        ) as bar,
    ):
        while block := response.read(_DOWNLOAD_BLOCK_BYTES):
            stream.write(block)
            received += len(block)
            bar.update(len(block))
    return received


def _check(remote: RemoteFile, part: Path) -> None:
    """Raise a DownloadError, and remove the file, where size or checksum is wrong."""
    size_bytes = part.stat().st_size
    fault = None
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


# Where the clips of CREMA-D come from: one by one from its repository, at a fixed revision.
#
# The archive of the repository gives sha256 and bytes of every clip (its notes of Git LFS), by
# which the clips are checked.

CREMA_D_REVISION = "1658cd342dff90010aa843eaeebd53610a08b1dc"
_REMEDY = (
    "clone https://gitlab.com/cs-cooper-lab/crema-d-mirror with Git LFS and give the folder by --db"
)
CREMA_D_ARCHIVE = RemoteFile(
    f"https://codeload.github.com/CheyneyComputerScience/CREMA-D/zip/{CREMA_D_REVISION}",
    remedy=_REMEDY,
)
CREMA_D_CLIPS = (
    f"https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/{CREMA_D_REVISION}"
)

_CLIP = re.compile(r"[^/]+/(AudioWAV/\w+\.wav)", re.ASCII)
_TABLE = re.compile(r"[^/]+/(VideoDemographics\.csv|README\.md|LICENSE\.txt)", re.ASCII)


def fetch_crema_d(folder: Path, num_workers: int) -> None:
    """Put every clip that the repository lists in the folder, each checked by its note.

    Args:
        folder: keeps what arrived when the run is interrupted.
        num_workers: clips at a time.

    Raises:
        ValueError: the archive of the repository cannot be used.
        DownloadError: see `download`.
    """
    archive = download(CREMA_D_ARCHIVE, folder / "repository.zip")
    clips: dict[str, RemoteFile] = {}
    with opened_zip(archive, _REMEDY) as stream:
        unpack_zip(stream, _TABLE, folder)
        for member in stream.infolist():
            match = _CLIP.fullmatch(member.filename)
            if match is None:
                continue
            note = parse_pointer(stream.read(member))
            if note is None:
                raise unusable(archive, f"{member.filename} is no note of Git LFS", _REMEDY)
            url = f"{CREMA_D_CLIPS}/{match[1]}"
            clips[match[1]] = RemoteFile(url, note[1], f"sha256:{note[0]}", _REMEDY)
    if not clips:
        raise unusable(archive, "holds no AudioWAV/<clip>.wav", _REMEDY)
    _download_all(clips, folder, num_workers)
    archive.unlink()


def _download_all(files: dict[str, RemoteFile], folder: Path, num_workers: int) -> None:
    """Download many small files with one bar; the first failure ends it.

    Raises:
        DownloadError: see `download`.
    """
    total = sum(remote.size_bytes or 0 for remote in files.values())
    jobs: dict[Future[Path], RemoteFile] = {}
    with (
        tqdm(total=total, unit="B", unit_scale=True, dynamic_ncols=True, desc="clips") as bar,
        ThreadPoolExecutor(max(1, num_workers)) as executor,
    ):
        for name, remote in files.items():
            jobs[executor.submit(download, remote, folder / name, show=False)] = remote
        try:
            for job in as_completed(jobs):
                job.result()
                bar.update(jobs[job].size_bytes or 0)
        except (DownloadError, KeyboardInterrupt):
            executor.shutdown(wait=False, cancel_futures=True)
            raise


# Where EmoDB comes from: the archive of version 1 on its own page.
#
# It holds the folder ``wav`` with the 535 files, label files, which are not read here, and
# ``erklaerung.txt`` and ``erkennung.txt``, which are kept. No source that could be opened gives
# its exact size or a checksum; a manual of MathWorks, which downloads it too, says 40.5 MB. The
# archive's own sums show damage, and the parser compares names and counts with the published
# ones. Version 2.0 (zenodo.org/records/17651657) is not taken: it may hold other files than
# results are reported on, which the parser refuses.
#
# Source: audformat's documentation (contents), MathWorks' "Speech Emotion Recognition" (size).

EMODB_ARCHIVE = RemoteFile(
    "http://emodb.bilderbar.info/download/download.zip",
    remedy="get the archive of version 1 from http://emodb.bilderbar.info, unpack it and give "
    "the folder that holds wav by --db",
)
_WAV = re.compile(r"(?:.*/)?(wav/\w+\.wav)", re.ASCII)
_TEXT = re.compile(r"(?:.*/)?(erk\w+\.txt)", re.ASCII)


def fetch_emodb(folder: Path, num_workers: int) -> None:
    """Put the folder ``wav`` in the folder.

    Args:
        folder: keeps what arrived when the run is interrupted.
        num_workers: not used, there is one file.

    Raises:
        ValueError: the archive cannot be used.
        DownloadError: see `download`.
    """
    archive = download(EMODB_ARCHIVE, folder / "download.zip")
    with opened_zip(archive, EMODB_ARCHIVE.remedy) as stream:
        unpack_zip(stream, _TEXT, folder)
        number = unpack_zip(stream, _WAV, folder)
    if not number:
        raise unusable(archive, "holds no wav/<name>.wav", EMODB_ARCHIVE.remedy)
    archive.unlink()


# Where EmoV-DB comes from: an archive of openslr.org for each speaker and emotion.
#
# Each becomes a folder of its name, such as ``bea_Amused``, since only folders say who speaks.
# Whether an archive holds such a folder itself is not confirmed; either will do. The words are
# not in the corpus: ``cmuarctic.data`` comes from festvox.org, as the README of the corpus says.
#
# No source that could be opened gives sizes or checksums. The archives' own sums show damage,
# the sentences of the words are counted, and the parser compares names and counts with the
# published ones.
#
# Source: github.com/numediart/EmoV-DB (both addresses); names of the archives as scripts of
# others download them.


EMOV_DB_ARCHIVES = "https://www.openslr.org/resources/115"
WORDS = f"http://www.festvox.org/cmu_arctic/{PROMPTS}"
KINDS = tuple(f"{speaker}_{emotion.capitalize()}" for speaker, emotion in NUM_SENTENCES)
"""Names of the archives without ending and of the folders; josh is neither angry nor disgusted."""


def fetch_emov_db(folder: Path, num_workers: int) -> None:
    """Put the words and a folder of wavs for each speaker and emotion in the folder.

    Args:
        folder: keeps what arrived when the run is interrupted.
        num_workers: not used: one archive at a time, as the server is shared.

    Raises:
        ValueError: an archive or the file of the words cannot be used.
        DownloadError: see `download`.
    """
    _fetch_words(folder)
    for number, kind in enumerate(KINDS, 1):
        if not (folder / kind).is_dir():
            logger.info("%s: archive %d of %d", kind, number, len(KINDS))
            _fetch_kind(folder, kind)
        (folder / f"{kind}.tar.gz").unlink(missing_ok=True)


def _fetch_words(folder: Path) -> None:
    """Download the words of the sentences, which come first since they are soon there.

    Raises:
        ValueError: sentences are missing.
        DownloadError: see `download`.
    """
    remedy = f"get {PROMPTS} of CMU ARCTIC, put it into {folder} and run it again"
    path = download(RemoteFile(WORDS, remedy=remedy), folder / PROMPTS)
    try:
        read_prompts(path, range(1, LAST_SENTENCE + 1))
    except ValueError as error:
        raise unusable(path, "does not have all sentences of set A", remedy) from error


def _fetch_kind(folder: Path, kind: str) -> None:
    """Download an archive and unpack it; its folder gets its name when all of it is there."""
    remedy = (
        f"get {kind}.tar.gz from https://www.openslr.org/115 by hand and put it into {folder}, "
        "then run it again"
    )
    remote = RemoteFile(f"{EMOV_DB_ARCHIVES}/{kind}.tar.gz", remedy=remedy)
    archive = download(remote, folder / f"{kind}.tar.gz")
    part = folder / f"{kind}.part"
    if not unpack_tar_wavs(archive, part, top=kind, remedy=remedy):
        raise unusable(archive, "holds no wav", remedy)
    part.rename(folder / kind)


# Where the speech of RAVDESS comes from: one archive of zenodo.org.
#
# Size and checksum are those of its page.

RAVDESS_ARCHIVE = RemoteFile(
    "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
    size_bytes=208468073,
    checksum="md5:bc696df654c87fed845eb13823edef8a",
    remedy="get Audio_Speech_Actors_01-24.zip from https://zenodo.org/record/1188976, unpack it "
    "and give the folder by --db",
)
_MEMBER = re.compile(r"(?:.*/)?(Actor_\d\d/[\d-]+\.wav)", re.ASCII)


def fetch_ravdess(folder: Path, num_workers: int) -> None:
    """Put the folders of the actors in the folder.

    Args:
        folder: keeps what arrived when the run is interrupted.
        num_workers: not used, there is one file.

    Raises:
        ValueError: the archive cannot be used.
        DownloadError: see `download`.
    """
    archive = download(RAVDESS_ARCHIVE, folder / "speech.zip")
    with opened_zip(archive, RAVDESS_ARCHIVE.remedy) as stream:
        number = unpack_zip(stream, _MEMBER, folder)
    if not number:
        raise unusable(archive, "holds no Actor_<number>/<name>.wav", RAVDESS_ARCHIVE.remedy)
    archive.unlink()


OPEN_CORPORA: dict[str, Callable[[Path, int], None]] = {
    "crema_d": fetch_crema_d,
    "emodb": fetch_emodb,
    "emov_db": fetch_emov_db,
    "ravdess": fetch_ravdess,
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
