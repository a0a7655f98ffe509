"""The releases of MSP-PODCAST: which one a copy is, and what the whole of it holds.

Only published counts are compared. Of releases without any (1.7, that of [P2V], among
them) just the agreement of wavs, labels and partitions can be checked.

Source: 1.8: counted in EmoBox's lists, whose sum is the 73,042 rows of the label file; the
sizes of Train and Test2 are not published one by one. 1.11: the corpus's page. 1.12: its
readme. 2.0 and the part for the Odyssey 2024 challenge: what their readers report.
"""

import re
from pathlib import Path

ODYSSEY = "odyssey"
COUNTS: dict[str, dict[str, int]] = {
    "1.8": {
        "utterances": 73042,
        "Development": 7800,
        "Test1": 15326,
        "angry": 3218,
        "sad": 2649,
        "happy": 14285,
        "surprised": 4084,
        "fearful": 1544,
        "disgusted": 2593,
        "contemptuous": 3644,
        "neutral": 26009,
        "other": 817,
        "no_agreement": 14199,
        "of four classes in Development": 4772,
        "of four classes in Test1": 9304,
    },
    "1.11": {
        "utterances": 151654,
        "Train": 84030,
        "Development": 19815,
        "Test1": 30647,
        "Test2": 14815,
        "Test3": 2347,
    },
    "1.12": {
        "utterances": 207136,
        "Train": 112712,
        "Development": 31961,
        "Test1": 44395,
        "Test2": 14868,
        "Test3": 3200,
    },
    "2.0": {"utterances": 267905, "with labels": 264705, "Development": 34399},
    ODYSSEY: {"utterances": 119421, "Train": 84260, "Development": 31961, "Test3": 3200},
}
"""Expected counts by release."""

HOURS = {"1.8": 113.6, "1.11": 237.9, "1.12": 324.4, "2.0": 409.0, "1.7": 100.0}
"""Hours of speech as published; of 1.7 by [P2V] Table III, of 2.0 about."""

_NUMBER = re.compile(r"(?<![\d.])[12]\.\d{1,2}(?![\d.])", re.ASCII)


def release_of(root: Path, wavs: int, rows: int) -> str:
    """Return the release that the name of the folder says, else the one of so many files.

    Args:
        root: absolute folder of the copy; the folder above it may bear the number too.
        wavs: how many the copy holds.
        rows: how many wavs have a label.

    Raises:
        ValueError: neither tells the release.
    """
    for name in (root.name, root.parent.name):
        if ODYSSEY in name.lower():
            return ODYSSEY
        numbers = _NUMBER.findall(name)
        if len(numbers) == 1:
            return numbers[0]
    for release, counts in COUNTS.items():
        total = counts["utterances"]
        if total in (wavs, rows) or counts.get("with labels") == rows:
            return release
    raise ValueError(
        f"{root}: neither the folder's name nor {wavs} wavs and {rows} labels tell the release; "
        f"say --release, such as 1.7 (counts are known of {', '.join(COUNTS)})"
    )


def has_unlabelled_test(release: str) -> bool:
    """Return whether the release has a Test3, whose labels are not given away: since 1.11."""
    if release == ODYSSEY:
        return True
    major, _, minor = release.partition(".")
    return (int(major), int(minor or 0)) >= (1, 11)


def check_release(release: str) -> None:
    """Raise a ValueError unless the release is a number such as 1.7, or odyssey."""
    if release != ODYSSEY and not _NUMBER.fullmatch(release):
        raise ValueError(f"release is {release!r}; give a number such as 1.7, or {ODYSSEY}")
