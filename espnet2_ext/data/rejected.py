"""``rejected.tsv``: what was left out of a data directory and why, never silently."""

import logging
from collections.abc import Mapping
from pathlib import Path

from espnet2_ext.data.atomic import atomic_open

logger = logging.getLogger(__name__)

REJECTED = "rejected.tsv"


def read_rejected(path: str | Path) -> dict[str, str]:
    """Return ``{utterance: reason}`` of a data directory; empty where nothing is listed.

    Raises:
        ValueError: a line is not ``utterance<TAB>reason``.
    """
    table = Path(path) / REJECTED
    rejected: dict[str, str] = {}
    if not table.is_file():
        return rejected
    with open(table, encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            utterance_id, _, reason = line.rstrip("\n").partition("\t")
            if not utterance_id or not reason:
                raise ValueError(f"{table}:{number}: expected 'utterance<TAB>reason'")
            rejected[utterance_id] = reason
    return rejected


def write_rejected(path: str | Path, rejected: Mapping[str, str]) -> None:
    """Write the sorted list, also an empty one, which says that nothing was left out."""
    with atomic_open(Path(path) / REJECTED) as stream:
        for utterance_id in sorted(rejected):
            reason = " ".join(rejected[utterance_id].split())
            stream.write(f"{utterance_id}\t{reason}\n")


def report_rejected(path: str | Path, rejected: Mapping[str, str], total: int) -> None:
    """Log one line: how many of ``total`` were left out just now, and an example."""
    if not rejected:
        logger.info("%s: all %d utterances kept", path, total)
        return
    utterance_id = min(rejected)
    logger.warning(
        "%s: %d of %d utterances rejected, listed in %s; for example %s: %s",
        path,
        len(rejected),
        total,
        Path(path) / REJECTED,
        utterance_id,
        rejected[utterance_id],
    )
