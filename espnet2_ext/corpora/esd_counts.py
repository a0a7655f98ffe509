"""What a whole ESD holds, and the comparison with what was found.

Each speaker has 1,750 utterances, 350 an emotion, of which 20 are for evaluation, 30 for
test and 300 for training. A conversion that is scored on fewer pairs than others is not
comparable with them, so every difference is an error.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.corpora.esd_ids import EsdId, expected_ids, language_of

logger = logging.getLogger(__name__)

HOURS_OF_ALL = 29.07
"""Hours of speech of the whole corpus; the English half has 13.41."""


@dataclass(frozen=True)
class Faults:
    """What is wrong with a copy; each is sorted, maps a file to the reason, and may be empty."""

    absent: Sequence[str]
    missing: Sequence[str]
    extra: Mapping[str, str]
    unreadable: Mapping[str, str]
    misplaced: Mapping[str, str]
    without_words: Sequence[str]


def tally(ids: Iterable[EsdId]) -> Counter[str]:
    """Return counts by everything that an id can be added up by.

    The keys are ``all``, language, speaker, emotion, split and the cell of the last
    three, such as ``0013 angry train``.
    """
    counts: Counter[str] = Counter()
    for key in ids:
        split = key.split
        cell = f"{key.speaker} {key.emotion} {split}"
        counts.update(("all", language_of(key.speaker), key.speaker, key.emotion, split, cell))
    return counts


def self_check(
    root: Path,
    speakers: Sequence[str],
    kept: Iterable[EsdId],
    faults: Faults,
    *,
    allow_incomplete: bool,
) -> None:
    """Log what was expected and found; a difference is an error.

    Args:
        root: the copy, for messages.
        speakers: those that were asked for.
        kept: the utterances with a readable wav.
        faults: what is wrong in detail.
        allow_incomplete: log a difference as a warning instead.

    Raises:
        ValueError: the copy is not whole; one line with counts, examples and remedy.
    """
    expected, found = tally(expected_ids(speakers)), tally(kept)
    _log_table(expected, found)
    differences = [_describe_counts(expected, found)] if expected != found else []
    differences += _describe_faults(faults)
    if not differences:
        logger.info("%s: self-check passed: %d utterances", root, found["all"])
        return
    message = f"{root}: not a whole ESD: {'; '.join(differences)}"
    if allow_incomplete:
        logger.warning("%s; going on with what is there", message)
        return
    raise ValueError(
        f"{message}; remove the folder and unpack the archive again, or allow_incomplete to go on"
    )


def _log_table(expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Log a line for each count but those of single cells, which only errors name."""
    logger.info("%-28s %9s %6s", "self-check: utterances", "expected", "found")
    for key, wanted in sorted(expected.items()):
        if " " not in key:
            got = found.get(key, 0)
            mark = "" if wanted == got else "  differs"
            logger.info("%-28s %9d %6d%s", f"  {key}", wanted, got, mark)


def _describe_counts(expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    """Return ``1749 of 1750 utterances (0013 angry train 299 of 300)``."""
    cells = [
        f"{key} {found.get(key, 0)} of {wanted}"
        for key, wanted in sorted(expected.items())
        if " " in key and found.get(key, 0) != wanted
    ]
    shown = ", ".join(cells[:3]) + (f" and {len(cells) - 3} more" if len(cells) > 3 else "")
    return f"{found.get('all', 0)} of {expected['all']} utterances ({shown})"


def _describe_faults(faults: Faults) -> list[str]:
    """Return one clause for each kind of fault, with its number and first example."""
    kinds: dict[str, Sequence[str] | Mapping[str, str]] = {
        "folders or transcripts not there": faults.absent,
        "wavs missing": faults.missing,
        "wavs too many": faults.extra,
        "wavs unreadable": faults.unreadable,
        "wavs whose folder contradicts their id": faults.misplaced,
        "utterances without words in the transcripts": faults.without_words,
    }
    clauses = []
    for kind, found in kinds.items():
        if found:
            first = next(iter(found))
            reason = f" ({found[first]})" if isinstance(found, Mapping) else ""
            clauses.append(f"{len(found)} {kind}, first {first}{reason}")
    return clauses
