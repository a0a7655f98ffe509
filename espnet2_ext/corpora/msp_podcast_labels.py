"""The label files of MSP-PODCAST: emotion, speaker and partition of each wav.

The csv and the json of a release have one entry a wav::

    FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
    MSP-PODCAST_0417_0032.wav,H,4.6,5.2,4.4,311,Female,Train

``labels.txt`` holds blocks, whose first line is what the raters agreed on; who speaks and
the partition stand in ``Speaker_ids.txt`` and ``Partitions.txt``::

    MSP-PODCAST_0417_0032.wav; H; A:4.600000; V:5.200000; D:4.400000;
    WORKER00000042; Happy; Happy,Amused; A:5.000000; V:5.000000; D:4.000000;

    Speaker_311; Female
    MSP-PODCAST_0417_0032.wav;311

    Train; MSP-PODCAST_0417_0032.wav

Files are read line by line, but for the json. The dimensions of emotion (activation,
valence, dominance) and the single raters are not read.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

EMOTIONS = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprised",
    "F": "fearful",
    "D": "disgusted",
    "C": "contemptuous",
    "N": "neutral",
    "O": "other",
    "X": "no_agreement",
}
PARTITIONS = ("Train", "Development", "Test1", "Test2", "Test3")
TESTS = ("Test1", "Test2", "Test3")
"""Partitions for tests, whose speakers are in no other one."""

COLUMNS = ("FileName", "EmoClass", "SpkrID", "Split_Set")
_PARTITION = {name.lower(): name for name in PARTITIONS} | {"validation": "Development"}
# podcast, segment and, in a quarter of the names, a part of the segment
_NAME = re.compile(r"MSP-PODCAST_(\d{4})_(\d{4})(?:_\d{4})?\.wav", re.ASCII)
_SPEAKER_LINE = re.compile(r"(MSP-PODCAST_\w+\.wav)\s*;\s*(\w+)\s*;?\s*", re.ASCII)


class Row(NamedTuple):
    """What the labels say of a wav; None where they say nothing.

    Attributes:
        label: key of ``EMOTIONS``.
        speaker: number; None for one that nobody identified.
        partition: one of ``PARTITIONS``.
    """

    label: str | None = None
    speaker: int | None = None
    partition: str | None = None


def podcast_of(name: str) -> str | None:
    """Return the four digits of the podcast, None where no wav of the corpus is so called."""
    match = _NAME.fullmatch(name)
    return match[1] if match else None


def read_labels(path: Path) -> dict[str, Row]:
    """Return the rows by file name of a csv, a json or a ``labels.txt``.

    Raises:
        ValueError: a column is missing, a value is none of the corpus's, a wav stands
            twice, or nothing is there; the message names file and line or wav.
    """
    readers = {".csv": _read_csv, ".json": _read_json}
    rows: dict[str, Row] = {}
    for place, name, row in readers.get(path.suffix.lower(), _read_blocks)(path):
        _check_name(place, name)
        if name in rows:
            raise ValueError(f"{place}: {name} stands twice; get the label file again")
        rows[name] = row
    if not rows:
        raise ValueError(f"{path}: holds no labels; get the label file again")
    return rows


def _read_csv(path: Path) -> Iterator[tuple[str, str, Row]]:
    """Yield place, file name and row of each line."""
    with open(path, encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise ValueError(f"{path}: lacks the columns {' '.join(lacking)}; get it again")
        for record in reader:
            place = f"{path}:{reader.line_num}"
            name = (record["FileName"] or "").strip()
            yield place, name, _row(place, record)


def _read_json(path: Path) -> Iterator[tuple[str, str, Row]]:
    """Yield place, file name and row of ``{file name: {column: value}}``."""
    with open(path, encoding="utf-8-sig") as stream:
        try:
            content = json.load(stream)
        except ValueError as error:
            raise ValueError(f"{path}: is not json ({error}); get it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected an object with an entry for each wav")
    for name, record in content.items():
        place = f"{path}: {name}"
        if not isinstance(record, dict) or not record.keys() >= set(COLUMNS[1:]):
            raise ValueError(f"{place}: lacks some of {' '.join(COLUMNS[1:])}; get it again")
        yield place, name, _row(place, record)


def _read_blocks(path: Path) -> Iterator[tuple[str, str, Row]]:
    """Yield place, file name and row of the first line of every block."""
    # Raters wrote free text, in whatever encoding.
    with open(path, encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if line.startswith("MSP-PODCAST_"):
                name, label, *_ = [*line.split(";"), ""]
                place = f"{path}:{number}"
                yield place, name.strip(), Row(_label(place, label))


def _row(place: str, record: Mapping[str, object]) -> Row:
    return Row(
        _label(place, record["EmoClass"]),
        _speaker(place, record["SpkrID"]),
        _partition(place, record["Split_Set"]),
    )


def _label(place: str, value: object) -> str:
    label = str(value).strip()
    if label not in EMOTIONS:
        raise ValueError(f"{place}: emotion {label!r:.40} is none of {' '.join(EMOTIONS)}")
    return label


def _speaker(place: str, value: object) -> int | None:
    """Return the speaker's number, None for ``Unknown``."""
    speaker = str(value).strip().removeprefix("Speaker_")
    if speaker.lower() == "unknown":
        return None
    if not (speaker.isascii() and speaker.isdecimal()):
        raise ValueError(f"{place}: speaker {speaker!r:.40} is neither a number nor Unknown")
    return int(speaker)


def _partition(place: str, value: object) -> str:
    """Return the partition; Development was called Validation until release 1.8."""
    partition = _PARTITION.get(str(value).strip().lower())
    if partition is None:
        raise ValueError(f"{place}: partition {value!r:.40} is none of {' '.join(PARTITIONS)}")
    return partition


def _check_name(place: str, name: str) -> None:
    if podcast_of(name) is None:
        raise ValueError(f"{place}: {name!r:.60} is no name of a wav of MSP-PODCAST")


def read_partitions(path: Path) -> dict[str, str]:
    """Return the partition by file name of ``Partitions.txt``.

    Raises:
        ValueError: a line is not ``<partition>; <file name>``; file and line are named.
    """
    partitions = {}
    for place, line in _lines(path):
        partition, _, name = (part.strip() for part in line.rstrip("; ").partition(";"))
        _check_name(place, name)
        partitions[name] = _partition(place, partition)
    return partitions


def read_speakers(path: Path) -> dict[str, int | None]:
    """Return the speaker by file name of ``Speaker_ids.txt``; lines without a wav are headings.

    Raises:
        ValueError: a line with a wav is malformed; file and line are named.
    """
    speakers = {}
    for place, line in _lines(path):
        if not line.startswith("MSP-PODCAST_"):
            continue
        match = _SPEAKER_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{place}: expected '<file name>;<speaker>', got {line!r:.60}")
        _check_name(place, match[1])
        speakers[match[1]] = _speaker(place, match[2])
    return speakers


def _lines(path: Path) -> Iterable[tuple[str, str]]:
    """Yield place and stripped line, but for empty ones."""
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield f"{path}:{number}", line.strip()
