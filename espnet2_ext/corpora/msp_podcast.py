"""MSP-PODCAST: emotional turns cut from podcasts, labelled by many raters (Lotfian and Busso).

Releases have 62k (1.7, 100 h) to 267,905 utterances (2.0, 409 h) of 2 to 12 s, nearly all at
16 kHz, in partitions Train, Development, Test1, Test2 and, since 1.11, Test3. [P2V] does not
name its release; its size is that of 1.7, of which no exact counts are known.

* Names of files and folders, and their capitals, differ between releases and copies::

      MSP-PODCAST-Publish-1.x/
        Audios/ or Audio/          the wavs, in one folder
        Labels/ or label/          labels_consensus.csv or .json (until 1.8 labels_concensus);
                                   labels.txt
        Transcripts/               <name>.txt
        Partitions.txt             or Partition.txt; since 1.12
        Speaker_ids.txt

  Validation became Development. A quarter of the names have a third number
  (MSP-PODCAST_0417_0032_0001.wav).
* csv and json have an entry for each wav. ``labels.txt`` holds blocks, of which the first line
  is what the raters agreed on; the two lists complete it::

      FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
      MSP-PODCAST_0417_0032.wav,H,4.6,5.2,4.4,311,Female,Train

      MSP-PODCAST_0417_0032.wav; H; A:4.600000; V:5.200000; D:4.400000;      (labels.txt)
      Train; MSP-PODCAST_0417_0032.wav                                       (Partitions.txt)
      MSP-PODCAST_0417_0032.wav;311                                          (Speaker_ids.txt)

* Speakers of Test1 to Test3 recur among the three. By default the tests are kept out of all
  sets, so that recognition may be tested on them later.
* Test3 has no labels; its emotion is ``unlabelled``. Label X is ``no_agreement``.
* Releases drop files: labels of one beside wavs of another are refused, and every
  published count is compared; of releases without any (1.7) only wavs and lists are.
* There are hundreds of thousands of wavs: none is opened here, and hours follow from sizes. The
  next stage of a recipe decodes them (MSP-PODCAST_1023_0235.wav is stereo at 44.1 kHz).

Source: [P2V] IV-A, Table III (1,285 speakers). Counts: 1.8 from EmoBox's lists, whose sum is the
73,042 rows of the label file (Train and Test2 are not published one by one); 1.11 from the
corpus's page; 1.12 from its readme; 2.0 and the Odyssey 2024 challenge from their readers.
"""

import csv
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from espnet2_ext.corpora.copies import (
    child,
    find_release_folder,
    log_left_out,
    read_any_text,
    self_check,
    visible,
)
from espnet2_ext.corpora.pretraining import split_for_pretraining, write_pretraining_sets
from espnet2_ext.data.directory import Utterance

logger = logging.getLogger(__name__)

EMOTIONS = dict(
    A="angry",
    S="sad",
    H="happy",
    U="surprised",
    F="fearful",
    D="disgusted",
    C="contemptuous",
    N="neutral",
    O="other",
    X="no_agreement",
)
PARTITIONS = ("Train", "Development", "Test1", "Test2", "Test3")
TESTS = PARTITIONS[2:]
TEST_CHOICES = ("out", "in")
UNKNOWN_SPEAKERS = ("alone", "podcast", "drop")
UNLABELLED = "unlabelled"
ODYSSEY = "odyssey"

_OF_1_8 = (3218, 2649, 14285, 4084, 1544, 2593, 3644, 26009, 817, 14199)
COUNTS: dict[str, dict[str, int]] = {
    "1.8": {
        "utterances": 73042,
        "Development": 7800,
        "Test1": 15326,
        **dict(zip(EMOTIONS.values(), _OF_1_8, strict=True)),
        "of four classes in Development": 4772,
        "of four classes in Test1": 9304,
    },
    "1.11": dict(
        utterances=151654, Train=84030, Development=19815, Test1=30647, Test2=14815, Test3=2347
    ),
    "1.12": dict(
        utterances=207136, Train=112712, Development=31961, Test1=44395, Test2=14868, Test3=3200
    ),
    "2.0": {"utterances": 267905, "with labels": 264705, "Development": 34399},
    ODYSSEY: dict(utterances=119421, Train=84260, Development=31961, Test3=3200),
}
"""Published counts by release."""
HOURS = {"1.8": 113.6, "1.11": 237.9, "1.12": 324.4, "2.0": 409.0, "1.7": 100.0}
"""Hours of speech as published; of 1.7 by [P2V] Table III, of 2.0 about."""

AUDIO_FOLDERS = ("Audios", "Audio")
LABEL_FOLDERS = ("Labels", "Label")
RAW_LABELS = "labels.txt"
LABEL_FILES = tuple(
    f"labels_{word}{suffix}" for suffix in (".csv", ".json") for word in ("consensus", "concensus")
)
PARTITION_FILES = ("Partitions.txt", "Partition.txt")
UNLABELLED_WAVS = "wavs outside Test3 without a label"

_EXPECTED_FILES = (
    "a release of MSP-PODCAST, that is a folder with Audios (or Audio) and, in Labels (or label), "
    "labels_consensus.csv, labels_concensus.csv, the same as .json, or labels.txt"
)
_COLUMNS = ("FileName", "EmoClass", "SpkrID", "Split_Set")
_PARTITION = {name.lower(): name for name in PARTITIONS} | {"validation": "Development"}
_NUMBER = re.compile(r"(?<![\d.])[12]\.\d{1,2}(?![\d.])", re.ASCII)
# podcast, segment and, in a quarter of the names, a part of the segment
_NAME = re.compile(r"MSP-PODCAST_(\d{4})_(\d{4})(?:_\d{4})?\.wav", re.ASCII)
_SPEAKER_LINE = re.compile(r"(MSP-PODCAST_\w+\.wav)\s*;\s*(\w+)\s*;?\s*", re.ASCII)
_HEADER_BYTES = 44
_BYTES_PER_S = 32000


class Row(NamedTuple):
    """Label (key of ``EMOTIONS``), speaker and partition of a wav; None where unknown."""

    label: str | None = None
    speaker: int | None = None
    partition: str | None = None


@dataclass(frozen=True)
class Release:
    """What a copy holds, by file name; labels are completed by the lists."""

    root: Path
    audio: Path
    sizes: dict[str, int] = field(default_factory=dict)  # bytes of the wavs
    rows: dict[str, Row] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)  # wavs of another name
    contradictions: dict[str, str] = field(default_factory=dict)  # between labels and lists
    left_out: Counter[str] = field(default_factory=Counter)


class Selection(NamedTuple):
    """The utterances used (without words) and, by id or file name, why others are not."""

    kept: list[Utterance]
    rejected: dict[str, str]
    found: Counter[str]  # over the whole copy
    faults: dict[str, dict[str, str]]
    hours: float  # of those used, by the sizes of files


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
    """Write training, validation and test sets of MSP-PODCAST and return the utterances by set.

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

    Raises:
        ValueError: an unknown option, no release at ``db``, a malformed list, or a copy
            that is not whole. Nothing is written then.
    """
    if tests not in TEST_CHOICES:
        raise ValueError(f"tests is {tests!r}; give {' or '.join(TEST_CHOICES)}")
    if unknown_speakers not in UNKNOWN_SPEAKERS:
        raise ValueError(
            f"unknown_speakers is {unknown_speakers!r}; give {', '.join(UNKNOWN_SPEAKERS)}"
        )
    if release is not None and release != ODYSSEY and not _NUMBER.fullmatch(release):
        raise ValueError(f"release is {release!r}; give a number such as 1.7, or {ODYSSEY}")
    copy = read_release(find_release_folder(db, "MSP-PODCAST", _is_release, _EXPECTED_FILES))
    labelled = sum(row.label is not None for row in copy.rows.values())
    number = release or release_of(copy.root, len(copy.sizes), labelled)
    if number not in COUNTS:
        logger.warning(
            "%s: no counts of release %s are published; only wavs and lists are compared",
            *(copy.root, number),
        )
    log_left_out(copy.root, copy.left_out)
    kept, rejected, found, faults, hours = select(
        copy, number, tests=tests, unknown_speakers=unknown_speakers
    )
    logger.info(
        f"{copy.root}: tests {tests}: {sum(found[name] for name in TESTS)} utterances of Test1 to "
        f"Test3; unknown speakers {unknown_speakers}: {found['unknown speakers']} utterances of "
        f"the whole release; {len(kept)} of {found['utterances']} utterances used, {hours:.2f} h "
        f"by the sizes of files (whole release: {HOURS.get(number, 'unknown')} h)"
    )
    self_check(
        copy.root,
        f"MSP-PODCAST {number}",
        COUNTS.get(number, {}),
        found,
        faults,
        allow_incomplete=allow_incomplete,
    )
    sets = split_for_pretraining(kept, num_valid=num_valid, num_test=num_test, seed=seed)
    words = read_transcripts(copy.root, kept)
    return write_pretraining_sets(data, "msp_podcast", sets, words, rejected)


def release_of(root: Path, wavs: int, rows: int) -> str:
    """Return the release that the folder's name, or that above it, says, or else the counts.

    Raises:
        ValueError: neither the names nor numbers of wavs and of labelled rows tell it.
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


def select(release: Release, number: str, *, tests: str, unknown_speakers: str) -> Selection:
    """Return what of a copy of release ``number`` is used; the options are those of `prepare`."""
    rows, faults = _usable_rows(release, number)
    found: Counter[str] = Counter()
    kept, rejected, hours = [], dict(release.extra), 0.0
    for kind, reasons in faults.items():
        if kind != UNLABELLED_WAVS:  # which are used
            rejected.update(reasons)
    for name, row in sorted(rows.items()):
        emotion = UNLABELLED if row.label is None else EMOTIONS[row.label]
        found.update(("utterances", f"{row.partition}", emotion))
        found["with labels"] += row.label is not None
        found[f"of four classes in {row.partition}"] += row.label in {*"AHNS"}
        found["unknown speakers"] += row.speaker is None
        speaker = speaker_of(name, row, unknown_speakers)
        key = f"{speaker}-{name.removesuffix('.wav')}"
        if row.partition in TESTS and tests == "out":
            rejected[key] = f"partition {row.partition}, kept out"
        elif row.speaker is None and unknown_speakers == "drop":
            rejected[key] = "speaker unknown, dropped"
        else:
            hours += (release.sizes[name] - _HEADER_BYTES) / _BYTES_PER_S / 3600
            kept.append(
                Utterance(
                    utterance_id=key,
                    speaker=speaker,
                    wav=f"{release.audio}/{name}",
                    emotion=emotion,
                    session=f"podcast{podcast_of(name)}",
                    language="eng",
                )
            )
    faults["wavs of another name"] = release.extra
    faults["contradictions between the lists"] = release.contradictions
    return Selection(kept, rejected, found, faults, hours)


def _usable_rows(release: Release, number: str) -> tuple[dict[str, Row], dict[str, dict[str, str]]]:
    """Return the rows of the wavs that are there and known, and the faults by kind."""
    rows, sizes = dict(release.rows), release.sizes
    unlisted = sorted(sizes.keys() - rows.keys())
    # A wav without any row is of Test3, unless a list names that one's members.
    if has_unlabelled_test(number) and all(row.partition != "Test3" for row in rows.values()):
        rows.update(dict.fromkeys(unlisted, Row(partition="Test3")))
        unlisted = []
    present = {name: row for name, row in rows.items() if name in sizes}
    return {name: row for name, row in present.items() if sizes[name] > _HEADER_BYTES}, {
        "labels or partitions without a wav (of another release?)": {
            name: f"{row.partition}, no wav in {release.audio}"
            for name, row in rows.items()
            if name not in sizes
        },
        "wavs without a label or partition": dict.fromkeys(
            unlisted, "neither a label nor a partition"
        ),
        UNLABELLED_WAVS: {
            name: f"{row.partition}"
            for name, row in present.items()
            if row.label is None and row.partition != "Test3"
        },
        "wavs without samples": {
            name: f"{sizes[name]} bytes" for name in present if sizes[name] <= _HEADER_BYTES
        },
    }


def speaker_of(name: str, row: Row, unknown_speakers: str) -> str:
    """Return the speaker's name in data directories; that of other corpora is never the same."""
    if row.speaker is not None:
        return f"podcast_s{row.speaker:05d}"
    stem = name.removeprefix("MSP-PODCAST_").removesuffix(".wav")
    return f"podcast_p{podcast_of(name)}" if unknown_speakers == "podcast" else f"podcast_u{stem}"


def podcast_of(name: str) -> str | None:
    """Return the four digits of the podcast, None where no wav of the corpus is so called."""
    match = _NAME.fullmatch(name)
    return match[1] if match else None


def _is_release(path: Path) -> bool:
    return child(path, *AUDIO_FOLDERS) is not None and bool(_label_files(path))


def _label_files(root: Path) -> list[Path]:
    """Return the label files, that to be read first."""
    folder = child(root, *LABEL_FOLDERS)
    found = [child(folder, name) for name in (*LABEL_FILES, RAW_LABELS)] if folder else []
    return [path for path in found if path is not None]


def read_release(root: Path) -> Release:
    """Return wavs, labels, partitions and speakers of the copy in ``root``.

    Raises:
        ValueError: a list is malformed, there are label files of two releases, or labels
            without partitions.
    """
    labels, *others = _label_files(root)
    if [path for path in others if path.suffix == labels.suffix != ".txt"]:
        raise ValueError(
            f"{labels.parent}: holds {labels.name} and {others[0].name}, of different releases; "
            "keep the one of this release"
        )
    audio = child(root, *AUDIO_FOLDERS)
    assert audio is not None  # or it were no release
    partition_file, speaker_file = child(root, *PARTITION_FILES), child(root, "Speaker_ids.txt")
    release = Release(root, audio, rows=read_labels(labels))
    partitions = read_partitions(partition_file) if partition_file else {}
    speakers = read_speakers(speaker_file) if speaker_file else {}
    if labels.name.lower() == RAW_LABELS and not partitions:
        raise ValueError(
            f"{labels}: does not say the partitions; {PARTITION_FILES[0]} is needed in {root}"
        )
    for name, row in release.rows.items():
        partition, speaker = partitions.get(name), speakers.get(name)
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
    for name, partition in partitions.items():
        release.rows.setdefault(name, Row(None, speakers.get(name), partition))
    for entry in visible(audio, release.left_out):
        if podcast_of(entry.name) is not None:
            release.sizes[entry.name] = entry.stat().st_size
        elif entry.name.lower().endswith(".wav"):
            release.extra[entry.name] = "no name of a wav of MSP-PODCAST"
        else:
            release.left_out["files and folders among the wavs that are no wav"] += 1
    return release


def read_labels(path: Path) -> dict[str, Row]:
    """Return the rows by file name of a csv, a json or a ``labels.txt``.

    Raises:
        ValueError: a column is missing, a value is none of the corpus's, a wav stands
            twice, or nothing is there; file and line or wav are named.
    """
    readers = {".csv": _read_csv, ".json": _read_json}
    rows: dict[str, Row] = {}
    for place, name, record in readers.get(path.suffix.lower(), _read_blocks)(path):
        label = str(record["EmoClass"]).strip()
        if label not in EMOTIONS:
            raise ValueError(f"{place}: emotion {label!r:.40} is none of {' '.join(EMOTIONS)}")
        speaker, partition = None, None
        if record.keys() >= {*_COLUMNS[1:]}:
            speaker = _speaker(place, record["SpkrID"])
            partition = _partition(place, record["Split_Set"])
        _check_name(place, name)
        if name in rows:
            raise ValueError(f"{place}: {name} stands twice; get the label file again")
        rows[name] = Row(label, speaker, partition)
    if not rows:
        raise ValueError(f"{path}: holds no labels; get the label file again")
    return rows


Records = Iterator[tuple[str, str, Mapping[str, object]]]
"""Place, file name and what is said of it, by the names of columns."""


def _read_csv(path: Path) -> Records:
    with open(path, encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        lacking = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise ValueError(f"{path}: lacks the columns {' '.join(lacking)}; get it again")
        for record in reader:
            yield f"{path}:{reader.line_num}", (record["FileName"] or "").strip(), record


def _read_json(path: Path) -> Records:
    with open(path, encoding="utf-8-sig") as stream:
        try:
            content = json.load(stream)
        except ValueError as error:
            raise ValueError(f"{path}: is not json ({error}); get it again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected an object with an entry for each wav")
    for name, record in content.items():
        if not isinstance(record, dict) or not record.keys() >= {*_COLUMNS[1:]}:
            raise ValueError(
                f"{path}: {name}: lacks some of {' '.join(_COLUMNS[1:])}; get it again"
            )
        yield f"{path}: {name}", name, record


def _read_blocks(path: Path) -> Records:
    for place, line in _lines(path):
        if line.startswith("MSP-PODCAST_"):
            name, label, *_ = [*line.split(";"), ""]
            yield place, name.strip(), {"EmoClass": label}


def _speaker(place: str, value: object) -> int | None:
    """Return the speaker's number, None for ``Unknown``."""
    speaker = str(value).strip().removeprefix("Speaker_")
    if speaker.lower() == "unknown":
        return None
    if not (speaker.isascii() and speaker.isdecimal()):
        raise ValueError(f"{place}: speaker {speaker!r:.40} is neither a number nor Unknown")
    return int(speaker)


def _partition(place: str, value: object) -> str:
    partition = _PARTITION.get(str(value).strip().lower())
    if partition is None:
        raise ValueError(f"{place}: partition {value!r:.40} is none of {' '.join(PARTITIONS)}")
    return partition


def _check_name(place: str, name: str) -> None:
    if podcast_of(name) is None:
        raise ValueError(f"{place}: {name!r:.60} is no name of a wav of MSP-PODCAST")


def read_partitions(path: Path) -> dict[str, str]:
    """Return the partition by file name of ``Partitions.txt``; a malformed line is a ValueError."""
    partitions = {}
    for place, line in _lines(path):
        partition, _, name = (part.strip() for part in line.rstrip("; ").partition(";"))
        _check_name(place, name)
        partitions[name] = _partition(place, partition)
    return partitions


def read_speakers(path: Path) -> dict[str, int | None]:
    """Return the speaker by file name of ``Speaker_ids.txt``; a malformed line is a ValueError."""
    speakers = {}
    for place, line in _lines(path):
        if line.startswith("MSP-PODCAST_"):
            match = _SPEAKER_LINE.fullmatch(line)
            if match is None:
                raise ValueError(f"{place}: expected '<file name>;<speaker>', got {line!r:.60}")
            _check_name(place, match[1])
            speakers[match[1]] = _speaker(place, match[2])
    return speakers


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield place and stripped line, but for empty ones; raters wrote in any encoding."""
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield f"{path}:{number}", line.strip()


def read_transcripts(root: Path, utterances: Sequence[Utterance]) -> dict[str, str]:
    """Return the words by utterance id, as far as there are any; a transcript is UTF-8."""
    folder = child(root, "Transcripts")
    present = {entry.name for entry in visible(folder)} if folder else set()
    words = {}
    progress = dict(desc=f"reading {folder}", dynamic_ncols=True, mininterval=1.0)
    for utterance in tqdm(utterances if present else (), **progress):
        path = Path(str(folder), f"{Path(utterance.wav).stem}.txt")
        if path.name in present:
            text = " ".join(read_any_text(path, "utf-8", errors="strict").split())
            if text:
                words[utterance.utterance_id] = text
    return words
