"""Unpack from the IEMOCAP archive what emotion recognition needs: wavs, labels, words.

That is about 1.5 GB of the 17 GB; videos and motion capture are passed over. Files
are written beside and renamed, so a killed run leaves none half written, and the next
one writes only what is missing. When all is there a mark is left, and the archive is
not read again while as many files are there.
"""

import gzip
import logging
import re
import shutil
import tarfile
import zlib
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open

logger = logging.getLogger(__name__)

FOLDER = "IEMOCAP_full_release"
MARK = ".unpacked"

# Only the part in the group becomes a path. Its names are plain words, so that no member can
# lead out of the folder, and no ._<name> of a Mac or sheet of a single rater gets through.
_NEEDED = re.compile(
    r"(?:\./)?(?:[^/.][^/]*/)*?"
    r"(Session[1-5]/"
    r"(?:sentences/wav/\w+/\w+\.wav|dialog/(?:EmoEvaluation|transcriptions)/\w+\.txt))",
    re.ASCII,
)
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


def is_archive(path: Path) -> bool:
    """Return whether this is a file named like a tar archive."""
    return path.is_file() and path.name.endswith((".tar.gz", ".tgz", ".tar"))


def unpack(archive: Path, unpack_dir: str | Path) -> Path:
    """Write the needed files below ``unpack_dir`` and return their folder, IEMOCAP_full_release.

    Raises:
        ValueError: the archive is damaged or cut short, or holds nothing of IEMOCAP.
    """
    folder = Path(unpack_dir) / FOLDER
    mark = folder / MARK
    identity = f"{archive.name} {archive.stat().st_size}"
    if mark.is_file() and mark.read_text(encoding="utf-8") == f"{identity} {_count(folder)}\n":
        logger.info("%s: unpacked before, not read again", archive)
        return folder
    logger.info("%s: unpacking wavs, labels and transcriptions to %s", archive, folder)
    written, present = _unpack_needed(archive, folder)
    if not written + present:
        raise ValueError(
            f"{archive}: expected members such as {FOLDER}/Session1/sentences/wav/..., found none; "
            "give the archive that the IEMOCAP release form leads to"
        )
    with atomic_open(mark) as stream:
        stream.write(f"{identity} {written + present}\n")
    logger.info("%s: %d files written, %d were there", folder, written, present)
    return folder


def _count(folder: Path) -> int:
    """Return how many of the needed files are there."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    return sum(_NEEDED.fullmatch(path) is not None for path in files)


def _unpack_needed(archive: Path, folder: Path) -> tuple[int, int]:
    """Write what is missing; return how many files were written and how many were there."""
    written = present = 0
    links: list[str] = []
    try:
        with tarfile.open(archive) as stream:
            for member in stream:
                match = _NEEDED.fullmatch(member.name)
                if match is None:
                    continue
                if not member.isreg():
                    links.append(member.name)
                    continue
                target = folder / match[1]
                if target.is_file() and target.stat().st_size == member.size:
                    present += 1
                    continue
                source = stream.extractfile(member)
                assert source is not None  # a regular file always has content
                with source, atomic_open(target, "wb") as output:
                    shutil.copyfileobj(source, output)
                written += 1
                if written % 2000 == 0:
                    logger.info("%s: %d files written", folder, written)
    except _DAMAGED as error:
        raise ValueError(
            f"{archive}: damaged or cut short after {written + present} of the needed files "
            f"({error}); fetch it again, what is in {folder} is kept"
        ) from error
    if links:
        logger.warning(
            "%s: %d links in place of files passed over, first %s", archive, len(links), links[0]
        )
    return written, present
