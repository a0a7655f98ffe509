"""Where EmoDB comes from: the archive of version 1 on its own page.

It holds the folder ``wav`` with the 535 files, label files, which are not read here, and
``erklaerung.txt`` and ``erkennung.txt``, which are kept. No source that could be opened gives
its exact size or a checksum; a manual of MathWorks, which downloads it too, says 40.5 MB. The
archive's own sums show damage, and the parser compares names and counts with the published
ones. Version 2.0 (zenodo.org/records/17651657) is not taken: it may hold other files than
results are reported on, which the parser refuses.

Source: audformat's documentation (contents), MathWorks' "Speech Emotion Recognition" (size).
"""

import re
from pathlib import Path

from espnet2_ext.corpora.archives import opened_zip, unpack_zip, unusable
from espnet2_ext.data.download import RemoteFile, download

ARCHIVE = RemoteFile(
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
    archive = download(ARCHIVE, folder / "download.zip")
    with opened_zip(archive, ARCHIVE.remedy) as stream:
        unpack_zip(stream, _TEXT, folder)
        number = unpack_zip(stream, _WAV, folder)
    if not number:
        raise unusable(archive, "holds no wav/<name>.wav", ARCHIVE.remedy)
    archive.unlink()
