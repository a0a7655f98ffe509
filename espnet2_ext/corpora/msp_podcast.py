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

* csv and json have an entry for each wav, whose name may have a third number. ``labels.txt``
  holds blocks, of which the first line is what the raters agreed on; the two lists complete it::

      FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
      MSP-PODCAST_0417_0032_0001.wav,H,4.6,5.2,4.4,311,Female,Train

      MSP-PODCAST_0417_0032.wav; H; A:4.600000; V:5.200000; D:4.400000;      (labels.txt)
      Train; MSP-PODCAST_0417_0032.wav                                       (Partitions.txt)
      MSP-PODCAST_0417_0032.wav;311                                          (Speaker_ids.txt)

* Speakers of Test1 to Test3 recur among the three. By default the tests are kept out of all
  sets, so that recognition may be tested on them later.
* Test3 has no labels; its emotion is ``unlabelled``. Label X is ``no_agreement``.
* Releases drop files: labels of one beside wavs of another are refused, and every
  published count is compared; of releases without any (1.7) only wavs and lists are.
* No wav is opened here, for there are hundreds of thousands: hours follow from sizes, and the
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
    Listing,
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

_WORDS = "angry sad happy surprised fearful disgusted contemptuous neutral other no_agreement"
EMOTIONS = dict(zip("ASHUFDCNOX", _WORDS.split(), strict=True))
PARTITIONS = ("Train", "Development", "Test1", "Test2", "Test3")
TESTS = PARTITIONS[2:]
ODYSSEY = "odyssey"

_TOTALS = ("utterances", *PARTITIONS)
_OF_1_8 = (3218, 2649, 14285, 4084, 1544, 2593, 3644, 26009, 817, 14199)
COUNTS: dict[str, dict[str, int]] = {
    "1.8": {
        **dict(utterances=73042, Development=7800, Test1=15326),
        **dict(zip(EMOTIONS.values(), _OF_1_8, strict=True)),
        **{"of four classes in Development": 4772, "of four classes in Test1": 9304},
    },
    "1.11": dict(zip(_TOTALS, (151654, 84030, 19815, 30647, 14815, 2347), strict=True)),
    "1.12": dict(zip(_TOTALS, (207136, 112712, 31961, 44395, 14868, 3200), strict=True)),
    "2.0": {"utterances": 267905, "with labels": 264705, "Development": 34399},
    ODYSSEY: dict(utterances=119421, Train=84260, Development=31961, Test3=3200),
}
"""Published counts by release."""

AUDIO_FOLDERS = ("Audios", "Audio")
LABEL_FILES = (
    *(f"labels_{word}.{kind}" for kind in ("csv", "json") for word in ("consensus", "concensus")),
    "labels.txt",
)
"""That to be read first; the two spellings are those of different releases."""

_EXPECTED_FILES = (
    "a release of MSP-PODCAST, that is a folder with Audios (or Audio) and, in Labels (or label), "
    "labels_consensus.csv, labels_concensus.csv, the same as .json, or labels.txt"
)
_COLUMNS = ("FileName", "EmoClass", "SpkrID", "Split_Set")
_PARTITION = {name.lower(): name for name in PARTITIONS} | {"validation": "Development"}
_NUMBER = re.compile(r"(?<![\d.])[12]\.\d{1,2}(?![\d.])", re.ASCII)
# podcast, segment and, in a quarter of the names, a part of the segment
_NAME = re.compile(r"MSP-PODCAST_(\d{4})_(\d{4})(?:_\d{4})?\.wav", re.ASCII)
_HEADER_BYTES = 44


class Row(NamedTuple):
    """Label (key of ``EMOTIONS``), speaker and partition of a wav; None where unknown."""

    label: str | None = None
    speaker: int | None = None
    partition: str | None = None


@dataclass(frozen=True)
class Release(Listing[str]):
    """What a copy holds, by file name; labels are completed by the lists."""

    sizes: dict[str, int] = field(default_factory=dict)  # bytes of the wavs
    rows: dict[str, Row] = field(default_factory=dict)
    contradictions: dict[str, str] = field(default_factory=dict)  # between labels and lists


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

    Args:
        db: the folder of the release, or up to two above it.
        data: gets ``msp_podcast_train``, ``_valid`` and ``_test``.
        release: such as 1.11, or odyssey; none to tell by the folder's name or the counts.
        tests: ``out`` leaves the partitions Test1 to Test3 out of all sets, ``in`` uses them
            like any other. The set ``msp_podcast_test`` is drawn here and is none of them.
        unknown_speakers: ``alone``, ``podcast`` or ``drop``: each a speaker of its own,
            one speaker a podcast, or left out.

    Raises:
        ValueError: no release at ``db``, or one that is not whole; nothing is written then.
    """
    for name, choice, choices in (
        ("tests", tests, ("out", "in")),
        ("unknown_speakers", unknown_speakers, ("alone", "podcast", "drop")),
    ):
        if choice not in choices:
            raise ValueError(f"{name} is {choice!r}; give {', '.join(choices)}")
    if release is not None and release != ODYSSEY and not _NUMBER.fullmatch(release):
        raise ValueError(f"release is {release!r}; give a number such as 1.7, or {ODYSSEY}")
    copy = read_release(find_release_folder(db, "MSP-PODCAST", _is_release, _EXPECTED_FILES))
    labelled = sum(row.label is not None for row in copy.rows.values())
    number = release or release_of(copy.root, len(copy.wavs), labelled)
    if number not in COUNTS:
        logger.warning(f"{copy.root}: no counts of release {number} are published to compare with")
    log_left_out(copy.root, copy.left_out)
    kept, rejected, found, faults, hours = select(
        copy, number, tests=tests, unknown_speakers=unknown_speakers
    )
    logger.info(
        f"{copy.root}: tests {tests}: {sum(found[name] for name in TESTS)} utterances of Test1 to "
        f"Test3; unknown speakers {unknown_speakers}: {found['unknown speakers']} utterances of "
        f"the whole release; {len(kept)} of {found['utterances']} utterances used, {hours:.2f} h "
        "by the sizes of files"
    )
    self_check(
        *(copy.root, f"MSP-PODCAST {number}", COUNTS.get(number, {}), found, faults),
        allow_incomplete=allow_incomplete,
    )
    sets = split_for_pretraining(kept, num_valid=num_valid, num_test=num_test, seed=seed)
    words = read_transcripts(copy.root, kept)
    return write_pretraining_sets(data, "msp_podcast", sets, words, rejected)


def release_of(root: Path, wavs: int, rows: int) -> str:
    """Return the release that the folder's name, or that above it, says, or else the counts."""
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


def select(release: Release, number: str, *, tests: str, unknown_speakers: str) -> Selection:
    """Return what of a copy of release ``number`` is used; the options are those of `prepare`."""
    rows, wavs, sizes = dict(release.rows), release.wavs, release.sizes
    unlisted = dict.fromkeys(sorted(wavs.keys() - rows.keys()), "neither a label nor a partition")
    # Labels of Test3, since 1.11, are not given away: a wav without any row is of it, unless a
    # list names its members.
    has_test3 = number == ODYSSEY or tuple(map(int, number.split("."))) >= (1, 11)
    if has_test3 and all(row.partition != "Test3" for row in rows.values()):
        rows.update(dict.fromkeys(unlisted, Row(partition="Test3")))
        unlisted = {}
    no_wav, no_label, no_samples = dict[str, str](), dict[str, str](), dict[str, str]()
    found: Counter[str] = Counter()
    kept, rejected, hours = [], {}, 0.0
    for name, row in sorted(rows.items()):
        if name not in wavs:
            no_wav[name] = f"{row.partition}, no wav in {release.root}"
            continue
        if row.label is None and row.partition != "Test3":
            no_label[name] = f"{row.partition}"
        if sizes[name] <= _HEADER_BYTES:
            no_samples[name] = f"{sizes[name]} bytes"
            continue
        emotion = "unlabelled" if row.label is None else EMOTIONS[row.label]
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
            hours += (sizes[name] - _HEADER_BYTES) / 32000 / 3600  # 16 bits at 16 kHz
            wav, podcast = f"{release.root}/{wavs[name]}", f"podcast{podcast_of(name)}"
            known = dict(emotion=emotion, session=podcast, language="eng")
            kept.append(Utterance(key, speaker, wav, **known))
    faults = {
        "labels or partitions without a wav (of another release?)": no_wav,
        "wavs without a label or partition": unlisted,
        "wavs without samples": no_samples,
        "wavs of another name": release.extra,
    }
    rejected |= {name: reason for names in faults.values() for name, reason in names.items()}
    faults["wavs outside Test3 without a label"] = no_label  # which are used, as the next
    faults["contradictions between the lists"] = release.contradictions
    return Selection(kept, rejected, found, faults, hours)


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
    folder = child(root, "Labels", "Label")
    found = [child(folder, name) for name in LABEL_FILES] if folder else []
    return [path for path in found if path is not None]


def read_release(root: Path) -> Release:
    """Return wavs, labels, partitions and speakers; ValueError for a malformed list."""
    labels, *others = _label_files(root)
    if [path for path in others if path.suffix == labels.suffix != ".txt"]:
        raise ValueError(
            f"{labels.parent}: holds {labels.name} and {others[0].name}, of different releases; "
            "keep the one of this release"
        )
    audio = child(root, *AUDIO_FOLDERS)
    assert audio is not None  # or it were no release
    release = Release(root, rows=read_labels(labels))
    lists = _read_list(child(root, "Partitions.txt", "Partition.txt"))
    partitions = {name: _partition(place, value) for place, name, value in lists}
    lists = _read_list(child(root, "Speaker_ids.txt"))
    speakers = {name: _speaker(place, value) for place, name, value in lists}
    if labels.suffix.lower() == ".txt" and not partitions:
        raise ValueError(
            f"{labels}: does not say the partitions; Partitions.txt is needed in {root}"
        )
    for name in dict.fromkeys([*release.rows, *partitions]):
        own = release.rows.get(name, Row())
        listed = Row(None, speakers.get(name), partitions.get(name))
        for kind, first, second in zip(Row._fields, own, listed, strict=True):
            if None not in (first, second) and first != second:
                said = f"{kind} {first} by its label, {second} by the list"
                release.contradictions[name] = said
        release.rows[name] = Row(
            own.label,
            listed.speaker if own.speaker is None else own.speaker,
            own.partition or listed.partition,
        )
    for entry in visible(audio, release.left_out):
        if podcast_of(entry.name) is not None:
            release.wavs[entry.name] = f"{audio.name}/{entry.name}"
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
    kind = path.suffix.lower()
    columns = _COLUMNS[:2] if kind == ".txt" else _COLUMNS
    rows: dict[str, Row] = {}
    for place, record in {".csv": _read_csv, ".json": _read_json}.get(kind, _read_blocks)(path):
        if lacking := [name for name in columns if name not in record]:
            raise ValueError(f"{place}: lacks {' '.join(lacking)}; get the label file again")
        name, label, *others = (str(record[column]).strip() for column in columns)
        if label not in EMOTIONS:
            raise ValueError(f"{place}: emotion {label!r:.40} is none of {' '.join(EMOTIONS)}")
        if name in rows:
            raise ValueError(f"{place}: {name} stands twice; get the label file again")
        _check_name(place, name)
        rows[name] = Row(label)
        if others:
            rows[name] = Row(label, _speaker(place, others[0]), _partition(place, others[1]))
    if not rows:
        raise ValueError(f"{path}: holds no labels; get the label file again")
    return rows


Records = Iterator[tuple[str, Mapping[str, object]]]
"""Place, and what is said of a wav by the names of columns."""


def _read_csv(path: Path) -> Records:
    with open(path, encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        for record in reader:
            yield f"{path}:{reader.line_num}", record


def _read_json(path: Path) -> Records:
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8-sig")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: is no json with an entry for each wav ({error})") from error
    for name, record in content.items():
        yield f"{path}: {name}", {"FileName": name, **record} if isinstance(record, dict) else {}


def _read_blocks(path: Path) -> Records:
    for place, line in _lines(path):
        if line.startswith("MSP-PODCAST_"):
            name, label, *_ = [*line.split(";"), ""]
            yield place, {"FileName": name, "EmoClass": label}


def _speaker(place: str, value: str) -> int | None:
    """Return the speaker's number, None for ``Unknown``."""
    speaker = value.removeprefix("Speaker_")
    if speaker.lower() == "unknown":
        return None
    if not (speaker.isascii() and speaker.isdecimal()):
        raise ValueError(f"{place}: speaker {speaker!r:.40} is neither a number nor Unknown")
    return int(speaker)


def _partition(place: str, value: str) -> str:
    partition = _PARTITION.get(value.lower())
    if partition is None:
        raise ValueError(f"{place}: partition {value!r:.40} is none of {' '.join(PARTITIONS)}")
    return partition


def _check_name(place: str, name: str) -> None:
    if podcast_of(name) is None:
        raise ValueError(f"{place}: {name!r:.60} is no name of a wav of MSP-PODCAST")


def _read_list(path: Path | None) -> Iterator[tuple[str, str, str]]:
    """Yield place, wav and what the lines of a list that name a wav say of it, if there is one."""
    for place, line in _lines(path) if path else ():
        first, _, second = (part.strip() for part in line.rstrip("; ").partition(";"))
        if "MSP-PODCAST_" in line:
            name, value = (second, first) if "MSP-PODCAST_" in second else (first, second)
            _check_name(place, name)
            yield place, name, value


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield place and stripped line, but for empty ones; raters wrote in any encoding."""
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield f"{path}:{number}", line.strip()


def read_transcripts(root: Path, utterances: Sequence[Utterance]) -> dict[str, str]:
    """Return the words by utterance id, as far as there are any; a transcript is UTF-8."""
    folder = child(root, "Transcripts") or root / "Transcripts"
    paths = {Path(entry.name).stem: Path(entry.path) for entry in visible(folder)}
    known = {each.utterance_id: paths.get(Path(each.wav).stem) for each in utterances}
    words = {}
    progress = dict(desc=f"reading {folder}", dynamic_ncols=True, mininterval=1.0)
    for key, path in tqdm(known.items() if paths else (), **progress):
        text = " ".join(read_any_text(path, "utf-8", errors="strict").split()) if path else ""
        if text:
            words[key] = text
    return words
