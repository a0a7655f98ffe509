"""Corpora that anybody may download, and how each becomes a folder that its parser reads.

A folder gets its name when all of it is there; until then it is called ``<folder>.part``, in
which a rerun goes on. Where each comes from, and what is known of its files, is said in
``open_<corpus>.py``.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from espnet2_ext.corpora.open_crema_d import fetch_crema_d
from espnet2_ext.corpora.open_emodb import fetch_emodb
from espnet2_ext.corpora.open_emov_db import fetch_emov_db
from espnet2_ext.corpora.open_ravdess import fetch_ravdess

logger = logging.getLogger(__name__)

OPEN_CORPORA: dict[str, Callable[[Path, int], None]] = {
    "crema_d": fetch_crema_d,
    "emodb": fetch_emodb,
    "emov_db": fetch_emov_db,
    "ravdess": fetch_ravdess,
}
"""How each corpus fills a folder with so many connections at a time, by name."""


def download_corpus(corpus: str, out_dir: str | Path, num_workers: int = 4) -> Path:
    """Return the folder of the corpus after downloading it, unless it is there already.

    Args:
        corpus: one of `OPEN_CORPORA`.
        out_dir: the folder; made when all is there.
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
