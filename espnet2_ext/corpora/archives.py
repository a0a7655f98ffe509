"""Take out of a downloaded archive what a corpus needs; one that cannot be used is removed.

It would be just as wrong in the next run, which therefore has to download it again. A file
that is there with its size is left alone, so that an interrupted run goes on.
"""

import gzip
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from espnet2_ext.corpora.release_folder import is_seen
from espnet2_ext.data.atomic import atomic_open

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
