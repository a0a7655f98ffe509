"""Corpora that anybody may download, and how each becomes a folder that its parser reads.

A folder gets its name when all of it is there; until then it is called ``<folder>.part``, in
which a rerun goes on. Size and checksum of the archive of RAVDESS are those of its page. Of
CREMA-D the archive of its repository, at a fixed revision, gives sha256 and bytes of every
clip (its notes of Git LFS), by which the clips are checked.
"""

import logging
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from espnet2_ext.corpora.lfs_pointers import parse_pointer
from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.download import DownloadError, RemoteFile, download

logger = logging.getLogger(__name__)

RAVDESS = RemoteFile(
    "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
    size_bytes=208468073,
    checksum="md5:bc696df654c87fed845eb13823edef8a",
    remedy="get Audio_Speech_Actors_01-24.zip from https://zenodo.org/record/1188976, unpack it "
    "and give the folder by --db",
)
CREMA_D_REVISION = "1658cd342dff90010aa843eaeebd53610a08b1dc"
_CREMA_D_REMEDY = (
    "clone https://gitlab.com/cs-cooper-lab/crema-d-mirror with Git LFS and give the folder by --db"
)
CREMA_D = RemoteFile(
    f"https://codeload.github.com/CheyneyComputerScience/CREMA-D/zip/{CREMA_D_REVISION}",
    remedy=_CREMA_D_REMEDY,
)
CREMA_D_CLIPS = (
    f"https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/{CREMA_D_REVISION}"
)

_RAVDESS_MEMBER = re.compile(r"(?:.*/)?(Actor_\d\d/[\d-]+\.wav)", re.ASCII)
_CREMA_D_CLIP = re.compile(r"[^/]+/(AudioWAV/\w+\.wav)", re.ASCII)
_CREMA_D_TABLE = re.compile(r"[^/]+/(VideoDemographics\.csv|README\.md|LICENSE\.txt)", re.ASCII)


def download_corpus(corpus: str, out_dir: str | Path, num_workers: int = 4) -> Path:
    """Return the folder of the corpus after downloading it, unless it is there already.

    Args:
        corpus: one of `OPEN_CORPORA`.
        out_dir: the folder; made when all is there.
        num_workers: connections at a time, where a corpus comes in many files.

    Raises:
        ValueError: no such corpus, or an archive without its files.
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


def _fetch_ravdess(folder: Path, num_workers: int) -> None:
    """Unpack the archive's wavs in the folder and remove the archive."""
    archive = download(RAVDESS, folder / "speech.zip")
    with _opened(archive, RAVDESS) as stream:
        number = _unpack(stream, _RAVDESS_MEMBER, folder)
    if not number:
        archive.unlink()
        raise ValueError(f"{archive}: holds no Actor_<number>/<name>.wav; {RAVDESS.remedy}")
    archive.unlink()


def _fetch_crema_d(folder: Path, num_workers: int) -> None:
    """Download every clip that the repository lists, each checked by its note of Git LFS."""
    archive = download(CREMA_D, folder / "repository.zip")
    clips: dict[str, RemoteFile] = {}
    with _opened(archive, CREMA_D) as stream:
        _unpack(stream, _CREMA_D_TABLE, folder)
        for member in stream.infolist():
            match = _CREMA_D_CLIP.fullmatch(member.filename)
            if match is None:
                continue
            note = parse_pointer(stream.read(member))
            if note is None:
                archive.unlink()
                raise ValueError(f"{archive}: {member.filename} is no note; {_CREMA_D_REMEDY}")
            url = f"{CREMA_D_CLIPS}/{match[1]}"
            clips[match[1]] = RemoteFile(url, note[1], f"sha256:{note[0]}", _CREMA_D_REMEDY)
    if not clips:
        archive.unlink()
        raise ValueError(f"{archive}: holds no AudioWAV/<clip>.wav; {_CREMA_D_REMEDY}")
    _download_all(clips, folder, num_workers)
    archive.unlink()


OPEN_CORPORA: dict[str, Callable[[Path, int], None]] = {
    "crema_d": _fetch_crema_d,
    "ravdess": _fetch_ravdess,
}
"""How each corpus fills a folder, by name."""


@contextmanager
def _opened(archive: Path, remote: RemoteFile) -> Iterator[zipfile.ZipFile]:
    """Yield the opened archive; a damaged one is removed, since it would stay damaged.

    Raises:
        ValueError: it is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as stream:
            yield stream
    except (zipfile.BadZipFile, EOFError) as error:
        archive.unlink()
        raise ValueError(
            f"{archive}: damaged ({error}) and removed; run it again, or {remote.remedy}"
        ) from error


def _unpack(archive: zipfile.ZipFile, wanted: re.Pattern[str], folder: Path) -> int:
    """Write the wanted members, named by the pattern's group, and return how many there are.

    A member that is there with its size is left alone. The group holds plain names, so that
    no member can lead out of the folder.
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
