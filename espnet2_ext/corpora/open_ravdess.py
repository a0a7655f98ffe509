"""Where the speech of RAVDESS comes from: one archive of zenodo.org.

Size and checksum are those of its page.
"""

import re
from pathlib import Path

from espnet2_ext.corpora.archives import opened_zip, unpack_zip, unusable
from espnet2_ext.data.download import RemoteFile, download

ARCHIVE = RemoteFile(
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
    archive = download(ARCHIVE, folder / "speech.zip")
    with opened_zip(archive, ARCHIVE.remedy) as stream:
        number = unpack_zip(stream, _MEMBER, folder)
    if not number:
        raise unusable(archive, "holds no Actor_<number>/<name>.wav", ARCHIVE.remedy)
    archive.unlink()
