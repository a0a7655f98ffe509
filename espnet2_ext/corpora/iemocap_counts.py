"""What a whole IEMOCAP release holds, and the comparison with what was found.

A release that lacks one dialogue trains and scores as well as a whole one, only its
numbers are not comparable with anybody's. So every count by session, speaker and
label is compared, and a difference is an error.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.corpora.iemocap_labels import LABELS, Turn

logger = logging.getLogger(__name__)

CLASSES: dict[int, dict[str, str]] = {
    4: {"neu": "neutral", "ang": "angry", "hap": "happy", "exc": "happy", "sad": "sad"},
    10: {
        "neu": "neutral",
        "ang": "angry",
        "hap": "happy",
        "exc": "excited",
        "sad": "sad",
        "fru": "frustrated",
        "sur": "surprised",
        "fea": "fearful",
        "dis": "disgusted",
        "oth": "other",
    },
}
"""Emotion of each label. With four, happy includes excited ([P2V] IV-C)."""

_TURNS_OF_SPEAKER = {
    #         ang hap  exc  neu  sad  fru sur fea dis oth xxx
    "Ses01F": (147, 69, 63, 171, 78, 107, 15, 5, 0, 0, 218),
    "Ses01M": (82, 66, 80, 213, 116, 173, 10, 7, 1, 1, 197),
    "Ses02F": (67, 70, 96, 135, 113, 165, 8, 5, 0, 1, 199),
    "Ses02M": (70, 47, 114, 227, 84, 160, 9, 4, 0, 0, 237),
    "Ses03F": (92, 80, 48, 130, 172, 199, 15, 2, 0, 0, 310),
    "Ses03M": (148, 55, 103, 190, 133, 183, 13, 0, 1, 0, 262),
    "Ses04F": (205, 31, 154, 76, 62, 188, 11, 2, 0, 0, 258),
    "Ses04M": (122, 34, 84, 182, 81, 293, 8, 5, 0, 1, 306),
    "Ses05F": (78, 77, 82, 221, 132, 161, 7, 8, 0, 0, 267),
    "Ses05M": (92, 66, 217, 163, 113, 220, 11, 2, 0, 0, 253),
}
EXPECTED_TURNS: dict[str, dict[str, int]] = {
    speaker: dict(zip(LABELS, counts, strict=True)) for speaker, counts in _TURNS_OF_SPEAKER.items()
}
"""``{speaker: {label: turns}}`` of the release, 10,039 in all.

Source: counted in the label list of github.com/tae898/multimodal-datasets, which names
all 10,039 turns; its four-class part agrees with S3PRL's lists of 5,531 utterances.
"""

EXPECTED_HOURS = {4: 6.99, 10: 9.54}
"""Hours of speech by number of classes, from the times of the turns."""


@dataclass(frozen=True)
class Faults:
    """What is wrong with a release; each list is sorted and may be empty."""

    absent_folders: list[str]
    missing_wavs: list[str]
    unreadable_wavs: list[str]
    turns_without_words: list[str]


def tally(items: Iterable[tuple[str, str, int]]) -> Counter[str]:
    """Return counts by everything that ``(speaker, class, number)`` can be added up by.

    The keys are ``all``, session, speaker, class, and speaker and class.
    """
    counts: Counter[str] = Counter()
    for speaker, name, number in items:
        for key in ("all", speaker[:5], speaker, name, f"{speaker} {name}"):
            counts[key] += number
    return counts


def expected_turns() -> Counter[str]:
    """Return the tally of all labelled turns by label."""
    return tally(
        (speaker, label, number)
        for speaker, counts in EXPECTED_TURNS.items()
        for label, number in counts.items()
    )


def expected_utterances(classes: int) -> Counter[str]:
    """Return the tally by emotion of the utterances of four or ten classes."""
    emotions = CLASSES[classes]
    return tally(
        (speaker, emotions[label], number)
        for speaker, counts in EXPECTED_TURNS.items()
        for label, number in counts.items()
        if label in emotions
    )


def self_check(
    root: Path,
    turns: Iterable[Turn],
    kept: Iterable[Turn],
    faults: Faults,
    *,
    classes: int,
    allow_incomplete: bool,
) -> None:
    """Log what was expected and found; a difference is an error.

    Args:
        root: the release, for messages.
        turns: all labelled turns.
        kept: those of the classes with a readable wav.
        faults: what else is wrong.
        classes: 4 or 10.
        allow_incomplete: log a difference as a warning instead.

    Raises:
        ValueError: the release is not whole; one line with counts, example and remedy.
    """
    emotions = CLASSES[classes]
    comparisons = {
        "labelled turns": (expected_turns(), tally((t.speaker, t.label, 1) for t in turns)),
        f"utterances of {classes} classes": (
            expected_utterances(classes),
            tally((t.speaker, emotions[t.label], 1) for t in kept),
        ),
    }
    for what, (expected, found) in comparisons.items():
        _log_table(what, expected, found)
    differences = [
        _describe(what, expected, found)
        for what, (expected, found) in comparisons.items()
        if expected != found
    ]
    differences += _describe_faults(faults)
    if not differences:
        logger.info("%s: self-check passed", root)
        return
    message = f"{root}: not a whole IEMOCAP release: {'; '.join(differences)}"
    if allow_incomplete:
        logger.warning("%s; going on with what is there", message)
        return
    raise ValueError(
        f"{message}; remove the folder and unpack the release again, or allow_incomplete to go on"
    )


def _log_table(what: str, expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Log a line for each count but those of single cells, which only errors name."""
    logger.info("%-36s %9s %6s", f"self-check: {what}", "expected", "found")
    for key in sorted({*expected, *found}):
        if " " not in key:
            wanted, got = expected.get(key, 0), found.get(key, 0)
            mark = "" if wanted == got else "  differs"
            logger.info("%-36s %9d %6d%s", f"  {key}", wanted, got, mark)


def _describe(what: str, expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    """Return ``5521 of 5531 utterances of 4 classes (Ses03F 512 of 522, ...)``."""
    cells = [
        f"{key} {found.get(key, 0)} of {expected.get(key, 0)}"
        for key in sorted({*expected, *found})
        if " " in key and expected.get(key, 0) != found.get(key, 0)
    ]
    shown = ", ".join(cells[:3]) + (f" and {len(cells) - 3} more" if len(cells) > 3 else "")
    return f"{found.get('all', 0)} of {expected.get('all', 0)} {what} ({shown})"


def _describe_faults(faults: Faults) -> list[str]:
    """Return one clause for each kind of fault, with its number and first example."""
    kinds = {
        "expected folders not there": faults.absent_folders,
        "wavs missing": faults.missing_wavs,
        "wavs unreadable": faults.unreadable_wavs,
        "turns without words in dialog/transcriptions": faults.turns_without_words,
    }
    return [f"{len(found)} {kind}, first {found[0]}" for kind, found in kinds.items() if found]
