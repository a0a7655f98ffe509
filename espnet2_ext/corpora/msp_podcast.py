"""MSP-PODCAST: emotional turns cut from podcasts, labelled by many raters (Lotfian and Busso).

==============  ==========  =====  =====================================================
release         utterances  hours  partitions
==============  ==========  =====  =====================================================
1.7             about 62k   100    [P2V] Table III, 1,285 speakers; no exact counts known
1.8             73,042      114    Development 7,800, Test1 15,326, Train and Test2
1.11            151,654     238    84,030 / 19,815 / 30,647 / 14,815 / 2,347
1.12            207,136     324    112,712 / 31,961 / 44,395 / 14,868 / 3,200
Odyssey 2024    119,421            84,260 / 31,961 / Test3 3,200
2.0             267,905     409    Development 34,399; 264,705 with labels
==============  ==========  =====  =====================================================

Partitions: Train / Development / Test1 / Test2 / Test3. [P2V] does not name its release;
its size is that of 1.7. Utterances last 2 to 12 s, nearly all at 16 kHz.

To get it: an academic institution signs the agreement at
https://www.lab-msp.com/MSP/MSP-Podcast.html (formerly ecs.utdallas.edu). Licence: that
agreement; nothing of the corpus is passed on with this code.

Traps, and what is done here:

* A quarter of the names have a third number (MSP-PODCAST_0417_0032_0001.wav).
* The names of speakers are not in those of wavs, and some speakers were never identified:
  what becomes of them is said and counted.
* Speakers of Test1 to Test3 recur among the three. Whether the tests are used is said;
  by default they are kept out, so that recognition may be tested on them later.
* Test3 has no labels; its emotion is ``unlabelled``. Label X is ``no_agreement``.
* Validation became Development, ``concensus`` became ``consensus``, folders change their
  names between releases.
* Releases drop files: labels of one beside wavs of another are refused, and every
  published count is compared.
* MSP-PODCAST_1023_0235.wav is stereo at 44.1 kHz: the next stage of a recipe mixes and
  resamples whatever it is given, and decodes every file.

Source: [P2V] IV-A, Table III.
"""

import csv
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from espnet2_ext.corpora.copies import child, find_release_folder, self_check, visible
from espnet2_ext.corpora.pretraining import split_for_pretraining, write_pretraining_sets
from espnet2_ext.data.directory import Utterance

# The releases of MSP-PODCAST: which one a copy is, and what the whole of it holds.
#
# Only published counts are compared. Of releases without any (1.7, that of [P2V], among
# them) just the agreement of wavs, labels and partitions can be checked.
#
# Source: 1.8: counted in EmoBox's lists, whose sum is the 73,042 rows of the label file; the
# sizes of Train and Test2 are not published one by one. 1.11: the corpus's page. 1.12: its
# readme. 2.0 and the part for the Odyssey 2024 challenge: what their readers report.

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


# The label files of MSP-PODCAST: emotion, speaker and partition of each wav.
#
# The csv and the json of a release have one entry a wav::
#
#     FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
#     MSP-PODCAST_0417_0032.wav,H,4.6,5.2,4.4,311,Female,Train
#
# ``labels.txt`` holds blocks, whose first line is what the raters agreed on; who speaks and
# the partition stand in ``Speaker_ids.txt`` and ``Partitions.txt``::
#
#     MSP-PODCAST_0417_0032.wav; H; A:4.600000; V:5.200000; D:4.400000;
#     WORKER00000042; Happy; Happy,Amused; A:5.000000; V:5.000000; D:4.000000;
#
#     Speaker_311; Female
#     MSP-PODCAST_0417_0032.wav;311
#
#     Train; MSP-PODCAST_0417_0032.wav
#
# Files are read line by line, but for the json. The dimensions of emotion (activation,
# valence, dominance) and the single raters are not read.

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


# A copy of MSP-PODCAST on disk: find its folder, list its wavs, read its lists.
#
# Names of folders differ between releases and copies, and so do capitals::
#
#     MSP-PODCAST-Publish-1.x/
#       Audios/ or Audio/          the wavs, in one folder
#       Labels/ or label/          labels_consensus.csv (.json), until 1.8 labels_concensus;
#                                  labels.txt
#       Transcripts/               <name>.txt
#       Partitions.txt             or Partition.txt; since 1.12
#       Speaker_ids.txt
#
# A release has hundreds of thousands of wavs: their folder is read once, no wav is opened,
# and how long they last follows from their sizes.

AUDIO_FOLDERS = ("Audios", "Audio")
LABEL_FOLDERS = ("Labels", "Label")
CONSENSUS = [f"labels_{word}" for word in ("consensus", "concensus")]
RAW_LABELS = "labels.txt"
PARTITION_FILES = ("Partitions.txt", "Partition.txt")
SPEAKER_FILE = "Speaker_ids.txt"
TEXT_FOLDER = "Transcripts"
EXPECTED = (
    "a release of MSP-PODCAST, that is a folder with Audios (or Audio) and, in Labels (or label), "
    "labels_consensus.csv, labels_concensus.csv, the same as .json, or labels.txt"
)


@dataclass(frozen=True)
class Release:
    """What a copy holds.

    Attributes:
        root: its folder.
        audio: folder of the wavs.
        sizes: bytes of every wav by file name.
        rows: labels by file name, completed by the lists of partitions and speakers.
        partitions: by file name; of ``Partitions.txt`` alone, empty where that is not there.
        odd_files: what lies among the wavs and is none of the corpus's.
        contradictions: between the label file and the two lists, by file name.
        left_out: counts of what else was passed over.
    """

    root: Path
    audio: Path
    sizes: dict[str, int] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    partitions: dict[str, str] = field(default_factory=dict)
    odd_files: dict[str, str] = field(default_factory=dict)
    contradictions: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds wavs and labels; see ``find_release_folder``."""
    return find_release_folder(root, "MSP-PODCAST", _is_release, EXPECTED)


def _is_release(path: Path) -> bool:
    return child(path, *AUDIO_FOLDERS) is not None and bool(_label_files(path))


def _label_files(root: Path) -> list[Path]:
    """Return the label files, that to be read first."""
    folder = child(root, *LABEL_FOLDERS)
    if folder is None or not folder.is_dir():
        return []
    names = [f"{stem}{suffix}" for suffix in (".csv", ".json") for stem in CONSENSUS]
    found = [child(folder, name) for name in [*names, RAW_LABELS]]
    return [path for path in found if path is not None]


def read_release(root: Path) -> Release:
    """Return wavs, labels, partitions and speakers of the copy in ``root``.

    Raises:
        ValueError: a list is malformed (see `read_labels`), there are label
            files of two releases, or labels without partitions.
    """
    labels, *others = _label_files(root)
    if [path for path in others if path.suffix == labels.suffix != ".txt"]:
        raise ValueError(
            f"{labels.parent}: holds {labels.name} and {others[0].name}, of different releases; "
            "keep the one of this release"
        )
    audio = child(root, *AUDIO_FOLDERS)
    assert audio is not None  # or find_release had not taken the folder
    partition_file, speaker_file = child(root, *PARTITION_FILES), child(root, SPEAKER_FILE)
    release = Release(
        root,
        audio,
        rows=read_labels(labels),
        partitions=read_partitions(partition_file) if partition_file else {},
    )
    speakers = read_speakers(speaker_file) if speaker_file else {}
    if labels.name.lower() == RAW_LABELS and not release.partitions:
        raise ValueError(
            f"{labels}: does not say the partitions; {PARTITION_FILES[0]} is needed in {root}"
        )
    _complete(release, speakers)
    _list_wavs(release)
    return release


def _complete(release: Release, speakers: dict[str, int | None]) -> None:
    """Fill what the label file does not say from the two lists; note where they differ."""
    for name, row in release.rows.items():
        partition, speaker = release.partitions.get(name), speakers.get(name)
        if row.partition is not None and partition not in (None, row.partition):
            release.contradictions[name] = f"{row.partition} by its label, {partition} by the list"
        if row.speaker is not None and speaker not in (None, row.speaker):
            release.contradictions[name] = (
                f"speaker {row.speaker} by its label, {speaker} by the list"
            )
        release.rows[name] = Row(
            row.label,
            speaker if row.speaker is None else row.speaker,
            partition if row.partition is None else row.partition,
        )
    for name, partition in release.partitions.items():
        if name not in release.rows:
            release.rows[name] = Row(None, speakers.get(name), partition)


def _list_wavs(release: Release) -> None:
    """Enter every wav with its size, in one pass over the folder."""
    for entry in visible(release.audio, release.left_out):
        if podcast_of(entry.name) is not None:
            release.sizes[entry.name] = entry.stat().st_size
        elif entry.name.lower().endswith(".wav"):
            release.odd_files[entry.name] = "no name of a wav of MSP-PODCAST"
        else:
            release.left_out["files and folders among the wavs that are no wav"] += 1


def read_transcripts(root: Path, names: list[str]) -> dict[str, str]:
    """Return the words of these wavs, less those without a transcript or with an empty one.

    Raises:
        ValueError: a transcript is not UTF-8.
    """
    folder = child(root, TEXT_FOLDER)
    if folder is None or not folder.is_dir():
        return {}
    present = {entry.name for entry in visible(folder, Counter())}
    words = {}
    for name in tqdm(names, desc=f"reading {folder}", dynamic_ncols=True, mininterval=1.0):
        text = f"{name.removesuffix('.wav')}.txt"
        if text in present:
            try:
                with open(folder / text, encoding="utf-8-sig") as stream:
                    line = " ".join(stream.read().split())
            except UnicodeDecodeError as error:
                raise ValueError(f"{folder / text}: is not UTF-8; get it again") from error
            if line:
                words[name] = line
    return words


# Which wavs of a copy of MSP-PODCAST are used, by whom they are spoken, and why others are not.
#
# Some speakers were never identified. What is done with them is a choice:
#
# =========  ==========================================================================
# alone      each such utterance is a speaker of its own and gives its own voice in training;
#            p2v.sh leaves it out of validation
# podcast    those of one podcast are one speaker, though host and guests may be mixed
# drop       they are left out
# =========  ==========================================================================

UNKNOWN_SPEAKERS = ("alone", "podcast", "drop")
TEST_CHOICES = ("out", "in")
UNLABELLED = "unlabelled"
UNLABELLED_WAVS = "wavs outside Test3 without a label"
LANGUAGE = "eng"
_HEADER_BYTES = 44
_BYTES_PER_S = 32000
_FOUR_CLASSES = {"A", "H", "N", "S"}


@dataclass(frozen=True)
class Selection:
    """The utterances to use, reasons for the others, and what was found in all.

    Attributes:
        kept: without words.
        names: file name by utterance id.
        rejected: reason by utterance id, or by file name where no id is known.
        found: counts over the whole copy, tests and unknown speakers included.
        faults: what is wrong, by kind.
        hours: of ``kept``, from the sizes of the files.
    """

    kept: list[Utterance]
    names: dict[str, str]
    rejected: dict[str, str]
    found: Counter[str]
    faults: dict[str, dict[str, str]]
    hours: float


def select(release: Release, number: str, *, tests: str, unknown_speakers: str) -> Selection:
    """Return what of a copy is used.

    Args:
        release: the copy.
        number: which release it is.
        tests: ``out`` or ``in``: whether the utterances of Test1 to Test3 are used.
        unknown_speakers: one of ``UNKNOWN_SPEAKERS``.
    """
    rows, faults = _usable_rows(release, number)
    found: Counter[str] = Counter()
    kept, names, rejected, hours = [], {}, dict(release.odd_files), 0.0
    for name in sorted(rows):
        row = rows[name]
        _count(found, row)
        speaker = speaker_of(name, row, unknown_speakers)
        key = f"{speaker}-{name.removesuffix('.wav')}"
        if row.partition in TESTS and tests == "out":
            rejected[key] = f"partition {row.partition}, kept out"
        elif row.speaker is None and unknown_speakers == "drop":
            rejected[key] = "speaker unknown, dropped"
        else:
            names[key] = name
            hours += (release.sizes[name] - _HEADER_BYTES) / _BYTES_PER_S / 3600
            kept.append(
                Utterance(
                    utterance_id=key,
                    speaker=speaker,
                    wav=f"{release.audio}/{name}",
                    emotion=UNLABELLED if row.label is None else EMOTIONS[row.label],
                    session=f"podcast{podcast_of(name)}",
                    language=LANGUAGE,
                )
            )
    for kind, reasons in faults.items():
        if kind != UNLABELLED_WAVS:  # which are used
            rejected.update(reasons)
    faults["wavs of another name"] = release.odd_files
    faults["contradictions between the lists"] = release.contradictions
    return Selection(kept, names, rejected, found, faults, hours)


def _usable_rows(release: Release, number: str) -> tuple[dict[str, Row], dict[str, dict[str, str]]]:
    """Return the rows of the wavs that are there and known, and the faults by kind.

    A wav without any row is of Test3 where the release has one and no list names its
    members.
    """
    listed = any(row.partition == "Test3" for row in release.rows.values())
    rows: dict[str, Row] = {}
    missing: dict[str, str] = {}
    unlisted: dict[str, str] = {}
    unlabelled: dict[str, str] = {}
    empty: dict[str, str] = {}
    for name, row in release.rows.items():
        if name not in release.sizes:
            missing[name] = f"{row.partition}, no wav in {release.audio}"
        elif row.label is None and row.partition != "Test3":
            unlabelled[name] = f"{row.partition}"
            rows[name] = row
        else:
            rows[name] = row
    for name in sorted(release.sizes.keys() - release.rows.keys()):
        if has_unlabelled_test(number) and not listed:
            rows[name] = Row(partition="Test3")
        else:
            unlisted[name] = "neither a label nor a partition"
    for name in list(rows):
        if release.sizes[name] <= _HEADER_BYTES:
            empty[name] = f"{release.sizes[name]} bytes"
            del rows[name]
    return rows, {
        "labels or partitions without a wav (of another release?)": missing,
        "wavs without a label or partition": unlisted,
        UNLABELLED_WAVS: unlabelled,
        "wavs without samples": empty,
    }


def _count(found: Counter[str], row: Row) -> None:
    """Add an utterance to the counts that `COUNTS` knows."""
    found["utterances"] += 1
    found[f"{row.partition}"] += 1
    found["with labels"] += row.label is not None
    found[UNLABELLED if row.label is None else EMOTIONS[row.label]] += 1
    found[f"of four classes in {row.partition}"] += row.label in _FOUR_CLASSES
    found["unknown speakers"] += row.speaker is None


def speaker_of(name: str, row: Row, unknown_speakers: str) -> str:
    """Return the speaker's name in data directories; that of other corpora is never the same."""
    if row.speaker is not None:
        return f"podcast_s{row.speaker:05d}"
    stem = name.removeprefix("MSP-PODCAST_").removesuffix(".wav")
    return f"podcast_p{podcast_of(name)}" if unknown_speakers == "podcast" else f"podcast_u{stem}"


logger = logging.getLogger(__name__)

CORPUS = "msp_podcast"


def prepare(
    db: str | Path,
    data: str | Path,
    *,
    release: str | None = None,
    tests: str = "out",
    unknown_speakers: str = "alone",
    num_valid: int = 500,
    num_test: int = 500,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write training, validation and test sets of MSP-PODCAST and return the utterances.

    Beside the tables, ``msp_podcast_train`` has ``rejected.tsv`` with all that was left out,
    and each set has ``words.tsv`` where transcripts are there, but not of every utterance.

    Args:
        db: the folder of the release, or up to two above it.
        data: gets ``msp_podcast_train``, ``_valid`` and ``_test``.
        release: such as 1.11, or odyssey; none to tell by the folder's name or the counts.
        tests: ``out`` leaves the partitions Test1 to Test3 out of all sets, ``in`` uses them
            like any other. The set ``msp_podcast_test`` is drawn here and is none of them.
        unknown_speakers: ``alone``, ``podcast`` or ``drop``: each a speaker of its own,
            one speaker a podcast, or left out.
        num_valid: utterances drawn for validation.
        num_test: utterances drawn for the test.
        seed: of both draws.
        allow_incomplete: warn of what is missing or wrong and go on.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an unknown option, no release at ``db``, a malformed list, or a copy
            that is not whole; one line with place and remedy. Nothing is written then.
    """
    if tests not in TEST_CHOICES:
        raise ValueError(f"tests is {tests!r}; give {' or '.join(TEST_CHOICES)}")
    if unknown_speakers not in UNKNOWN_SPEAKERS:
        raise ValueError(
            f"unknown_speakers is {unknown_speakers!r}; give {', '.join(UNKNOWN_SPEAKERS)}"
        )
    if release is not None:
        check_release(release)
    copy = read_release(find_release(db))
    labelled = sum(row.label is not None for row in copy.rows.values())
    number = release or release_of(copy.root, len(copy.sizes), labelled)
    selection = select(copy, number, tests=tests, unknown_speakers=unknown_speakers)
    _log_choices(copy, number, selection, tests=tests, unknown_speakers=unknown_speakers)
    self_check(
        copy.root,
        f"MSP-PODCAST {number}",
        COUNTS.get(number, {}),
        selection.found,
        selection.faults,
        allow_incomplete=allow_incomplete,
    )
    sets = split_for_pretraining(selection.kept, num_valid=num_valid, num_test=num_test, seed=seed)
    texts = read_transcripts(copy.root, list(selection.names.values()))
    words = {key: texts[name] for key, name in selection.names.items() if name in texts}
    return write_pretraining_sets(data, CORPUS, sets, words, selection.rejected)


def _log_choices(
    copy: Release, number: str, selection: Selection, *, tests: str, unknown_speakers: str
) -> None:
    """Log the release, what was passed over, and what was chosen with its numbers."""
    for reason, count in sorted(copy.left_out.items()):
        logger.info("%s: passed over: %d %s", copy.root, count, reason)
    if number not in COUNTS:
        logger.warning(
            "%s: no counts of release %s are published; only wavs and lists are compared",
            *(copy.root, number),
        )
    found = selection.found
    in_tests = sum(found[name] for name in ("Test1", "Test2", "Test3"))
    logger.info("%s: tests %s: %d utterances of Test1 to Test3", copy.root, tests, in_tests)
    logger.info(
        "%s: unknown speakers %s: %d utterances of the whole release",
        *(copy.root, unknown_speakers, found["unknown speakers"]),
    )
    logger.info(
        "%s: %d of %d utterances used, %.2f h by the sizes of files (whole release: %s h)",
        *(copy.root, len(selection.kept), found["utterances"], selection.hours),
        HOURS.get(number, "unknown"),
    )
