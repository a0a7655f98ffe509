"""Where EmoV-DB comes from: an archive of openslr.org for each speaker and emotion.

Each becomes a folder of its name, such as ``bea_Amused``, since only folders say who speaks.
Whether an archive holds such a folder itself is not confirmed; either will do. The words are
not in the corpus: ``cmuarctic.data`` comes from festvox.org, as the README of the corpus says.

No source that could be opened gives sizes or checksums. The archives' own sums show damage,
the sentences of the words are counted, and the parser compares names and counts with the
published ones.

Source: github.com/numediart/EmoV-DB (both addresses); names of the archives as scripts of
others download them.
"""

import logging
from pathlib import Path

from espnet2_ext.corpora.archives import unpack_tar_wavs, unusable
from espnet2_ext.corpora.emov_db_names import LAST_SENTENCE, NUM_SENTENCES
from espnet2_ext.corpora.emov_db_text import PROMPTS, read_prompts
from espnet2_ext.data.download import RemoteFile, download

logger = logging.getLogger(__name__)

ARCHIVES = "https://www.openslr.org/resources/115"
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
    remote = RemoteFile(f"{ARCHIVES}/{kind}.tar.gz", remedy=remedy)
    archive = download(remote, folder / f"{kind}.tar.gz")
    part = folder / f"{kind}.part"
    if not unpack_tar_wavs(archive, part, top=kind, remedy=remedy):
        raise unusable(archive, "holds no wav", remedy)
    part.rename(folder / kind)
