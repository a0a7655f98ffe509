"""IEMOCAP: dialogues of ten actors in five sessions, labelled turn by turn (Busso et al. 2008).

Each session has a woman and a man of its own, who improvise and read scripts. At
least three raters labelled each of the 10,039 turns (12.4 h).

====================  =======  =====  =====  =======  =====  ======  =====================
four classes          all      Ses01  Ses02  Ses03    Ses04  Ses05   labels
====================  =======  =====  =====  =======  =====  ======  =====================
angry                 1,103    229    137    240      327    170     ang
happy                 1,636    278    327    286      303    442     hap 595, exc 1,041
neutral               1,708    384    362    320      258    384     neu
sad                   1,084    194    197    305      143    245     sad
sum                   5,531    1,085  1,023  1,151    1,031  1,241   6.99 h
====================  =======  =====  =====  =======  =====  ======  =====================

Left out with four classes: xxx (raters disagree) 2,507, fru 1,849, sur 107, fea 40,
oth 3, dis 2. With ten classes all but xxx are kept (7,532; 9.54 h) and exc is excited,
apart from happy. The most frequent of the four classes alone gives an accuracy of 30.9 %.

To get it: sign the release form at https://sail.usc.edu/iemocap/ and fetch
``IEMOCAP_full_release.tar.gz`` (17 GB) or ``IEMOCAP_full_release_withoutVideos.tar.gz``.
The wavs are 16 kHz. Licence: the release form of the University of Southern California;
nothing of the corpus is passed on with this code.

Traps, and what is done here:

* Who speaks is the last letter of a turn: Ses01F_impro01_M000 is spoken by Ses01M. By
  the first letter half of all utterances would get the wrong speaker. Five dialogues
  end in a or b (Ses03M_impro05a), so the letter has no fixed place in the name.
* Files beginning with ``._`` are no audio or text (``iemocap_release.py``).
* Turns XX0 are transcribed only (``iemocap_labels.py``).
* A release can lack files without anybody noticing (``iemocap_counts.py``).

Source: [P2V] IV-A and IV-C1 (5,531 utterances, happy and excited merged, five sessions).
"""

import gzip
import logging
import os
import re
import shutil
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.data.audio import read_header
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import write_rejected

# ---------------------------------------------------------------- iemocap labels
# The text files of IEMOCAP: turns and labels from EmoEvaluation, words from transcriptions.
#
# ``dialog/EmoEvaluation/<dialogue>.txt`` opens with a header line; then blocks follow,
# whose first line names the turn and the label that the raters agreed on::
#
#     [12.3400 - 15.6700]<TAB>Ses02F_impro04_M011<TAB>fru<TAB>[2.0000, 3.5000, 3.0000]
#     C-E2:<TAB>Frustration;<TAB>()
#
# ``dialog/transcriptions/<dialogue>.txt`` has one line a turn. Some turns are called
# ``..._FXX0`` or ``..._MXX1``: they were never labelled and have no wav; other lines
# name no turn::
#
#     Ses02F_impro04_M011 [012.3400-015.6700]: No, not again.
#
# Readers count every line that they leave out.

LABELS = ("ang", "hap", "exc", "neu", "sad", "fru", "sur", "fea", "dis", "oth", "xxx")
"""``xxx`` says that the raters did not agree."""

_DIALOGUE = r"Ses0[1-5][FM]_(?:impro\d\d[ab]?|script\d\d_\d[ab]?)"
_TURN = _DIALOGUE + r"_[FM]\d{3}"
_DIALOGUE_NAME = re.compile(_DIALOGUE)
_TURN_ID = re.compile(_TURN)
# White space and numbers are left free: a copy through an editor may change them.
_LABEL_LINE = re.compile(r"\[[^]]*\]\s+(\S+)\s+(\S+)\s+\[[^]]*\]")
_RATER_LINE = re.compile(r"[AC]-\w+:")
_TEXT_LINE = re.compile(rf"({_TURN})\s+\[[^]]*\]\s*:?(.*)")
_UNLABELLED_TURN = re.compile(_DIALOGUE + r"_[FM]XX\d\b")


@dataclass(frozen=True)
class Turn:
    """A turn of a dialogue and the raters' label; everything else is in its id.

    The first letter of ``Ses01F_impro01_M000`` says who wears the motion-capture
    markers, the last one who speaks.
    """

    turn_id: str
    label: str

    @property
    def session(self) -> str:
        """Return ``Ses01`` to ``Ses05``."""
        return self.turn_id[:5]

    @property
    def dialogue(self) -> str:
        """Return the dialogue, such as ``Ses03M_impro05a``."""
        return self.turn_id.rpartition("_")[0]

    @property
    def speaker(self) -> str:
        """Return the session and the last letter: ``Ses01M`` for Ses01F_impro01_M000."""
        return self.session + self.turn_id.rpartition("_")[2][0]

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<turn>``."""
        return f"{self.speaker}-{self.turn_id}"

    @property
    def wav(self) -> str:
        """Return the path of the wav below the release."""
        folder = f"Session{self.session[-1]}/sentences/wav"
        return f"{folder}/{self.dialogue}/{self.turn_id}.wav"


def is_dialogue(name: str) -> bool:
    """Return whether a file or folder name is that of a dialogue."""
    return _DIALOGUE_NAME.fullmatch(name) is not None


def read_labels(paths: Iterable[Path]) -> tuple[dict[str, Turn], Counter[str]]:
    """Return ``{turn id: turn}`` of EmoEvaluation files, and counts of what was left out.

    Raises:
        ValueError: the line of a turn is malformed, its turn or label is none of
            IEMOCAP's, or a turn has two different labels; the message names file and
            line.
    """
    turns: dict[str, Turn] = {}
    left_out: Counter[str] = Counter()
    places: dict[str, str] = {}
    for path in paths:
        for number, line in enumerate(_lines(path), start=1):
            if not line or line.startswith("%") or _RATER_LINE.match(line):
                continue
            if not (line.startswith("[") and "Ses0" in line):
                left_out["lines of EmoEvaluation that are neither turns nor ratings"] += 1
                continue
            place = f"{path}:{number}"
            turn = _parse_turn(place, line)
            earlier = turns.setdefault(turn.turn_id, turn)
            if earlier.label != turn.label:
                raise ValueError(
                    f"{place}: {turn.turn_id} is labelled {turn.label!r}, but {earlier.label!r} "
                    f"in {places[turn.turn_id]}; restore both files from the release"
                )
            if turn.turn_id in places:
                left_out["turns labelled twice, the same way"] += 1
            places.setdefault(turn.turn_id, place)
    return turns, left_out


def _parse_turn(place: str, line: str) -> Turn:
    """Return the turn of a label line; ``place`` is its file and number."""
    match = _LABEL_LINE.fullmatch(line)
    if match is None:
        raise ValueError(
            f"{place}: expected '[start - end]<TAB>turn<TAB>label<TAB>[V, A, D]', got "
            f"{line!r:.80}; restore the file from the release"
        )
    turn_id, label = match.groups()
    if _TURN_ID.fullmatch(turn_id) is None:
        raise ValueError(
            f"{place}: {turn_id!r:.60} is no turn of IEMOCAP, such as Ses01F_impro01_M000; "
            "restore the file from the release"
        )
    if label not in LABELS:
        raise ValueError(
            f"{place}: {turn_id} has the label {label!r:.40}, expected one of "
            f"{' '.join(LABELS)}; restore the file from the release"
        )
    return Turn(turn_id, label)


def read_transcriptions(paths: Iterable[Path]) -> tuple[dict[str, str], Counter[str]]:
    """Return ``{turn id: words}`` of transcription files, and counts of what was left out.

    White space within the words becomes single spaces: one turn of the release has a tab.
    """
    texts: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    for path in paths:
        for line in _lines(path):
            match = _TEXT_LINE.fullmatch(line)
            if match is None:
                if _UNLABELLED_TURN.match(line):
                    left_out["transcribed turns XX0, XX1, ... that have no wav"] += 1
                elif line:
                    left_out["lines of transcriptions without a turn"] += 1
                continue
            turn_id, text = match[1], " ".join(match[2].split())
            if not text:
                left_out["turns transcribed by no words"] += 1
            elif turn_id in texts:
                left_out["turns transcribed twice, the first is kept"] += 1
            else:
                texts[turn_id] = text
    return texts, left_out


def _lines(path: Path) -> list[str]:
    """Return the lines without white space around them; CRLF and a byte-order mark go too.

    Raters' comments are free text: what is not UTF-8 is read as Latin-1, which takes any byte.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return [line.strip() for line in text.split("\n")]


# ---------------------------------------------------------------- iemocap counts
# What a whole IEMOCAP release holds, and the comparison with what was found.
#
# A release that lacks one dialogue trains and scores as well as a whole one, only its
# numbers are not comparable with anybody's. So every count by session, speaker and
# label is compared, and a difference is an error.

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


# ---------------------------------------------------------------- iemocap archive
# Unpack from the IEMOCAP archive what emotion recognition needs: wavs, labels, words.
#
# That is about 1.5 GB of the 17 GB; videos and motion capture are passed over. Files
# are written beside and renamed, so a killed run leaves none half written, and the next
# one writes only what is missing. When all is there a mark is left, and the archive is
# not read again while as many files are there.


FOLDER = "IEMOCAP_full_release"
MARK = ".unpacked"

# Only the part in the group becomes a path. Its names are plain words, so that no member can
# lead out of the folder, and no ._<name> of a Mac or sheet of a single rater gets through.
_NEEDED = re.compile(
    r"(?:\./)?(?:[^/.][^/]*/)*?"
    r"(Session[1-5]/"
    r"(?:sentences/wav/\w+/\w+\.wav|dialog/(?:EmoEvaluation|transcriptions)/\w+\.txt))",
    re.ASCII,
)
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


def is_archive(path: Path) -> bool:
    """Return whether this is a file named like a tar archive."""
    return path.is_file() and path.name.endswith((".tar.gz", ".tgz", ".tar"))


def unpack(archive: Path, unpack_dir: str | Path) -> Path:
    """Write the needed files below ``unpack_dir`` and return their folder, IEMOCAP_full_release.

    Raises:
        ValueError: the archive is damaged or cut short, or holds nothing of IEMOCAP.
    """
    folder = Path(unpack_dir) / FOLDER
    mark = folder / MARK
    identity = f"{archive.name} {archive.stat().st_size}"
    if mark.is_file() and mark.read_text(encoding="utf-8") == f"{identity} {_count(folder)}\n":
        logger.info("%s: unpacked before, not read again", archive)
        return folder
    logger.info("%s: unpacking wavs, labels and transcriptions to %s", archive, folder)
    written, present = _unpack_needed(archive, folder)
    if not written + present:
        raise ValueError(
            f"{archive}: expected members such as {FOLDER}/Session1/sentences/wav/..., found none; "
            "give the archive that the IEMOCAP release form leads to"
        )
    with atomic_open(mark) as stream:
        stream.write(f"{identity} {written + present}\n")
    logger.info("%s: %d files written, %d were there", folder, written, present)
    return folder


def _count(folder: Path) -> int:
    """Return how many of the needed files are there."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    return sum(_NEEDED.fullmatch(path) is not None for path in files)


def _unpack_needed(archive: Path, folder: Path) -> tuple[int, int]:
    """Write what is missing; return how many files were written and how many were there."""
    written = present = 0
    links: list[str] = []
    try:
        with tarfile.open(archive) as stream:
            for member in stream:
                match = _NEEDED.fullmatch(member.name)
                if match is None:
                    continue
                if not member.isreg():
                    links.append(member.name)
                    continue
                target = folder / match[1]
                if target.is_file() and target.stat().st_size == member.size:
                    present += 1
                    continue
                source = stream.extractfile(member)
                assert source is not None  # a regular file always has content
                with source, atomic_open(target, "wb") as output:
                    shutil.copyfileobj(source, output)
                written += 1
                if written % 2000 == 0:
                    logger.info("%s: %d files written", folder, written)
    except _DAMAGED as error:
        raise ValueError(
            f"{archive}: damaged or cut short after {written + present} of the needed files "
            f"({error}); fetch it again, what is in {folder} is kept"
        ) from error
    if links:
        logger.warning(
            "%s: %d links in place of files passed over, first %s", archive, len(links), links[0]
        )
    return written, present


# ---------------------------------------------------------------- iemocap release
# An IEMOCAP release on disk: find its folder, read its labels and words, list its wavs.
#
# Both releases (with and without videos) unpack to the same tree, of which this is read::
#
#     IEMOCAP_full_release/Session{1..5}/
#       sentences/wav/<dialogue>/<turn>.wav
#       dialog/EmoEvaluation/<dialogue>.txt
#       dialog/transcriptions/<dialogue>.txt
#
# Names that begin with a dot are left out: the archive was made on a Mac and holds a
# ``._<name>`` beside many a file, some ending in .txt or .wav. EmoEvaluation also has
# folders of single raters' sheets, which are not opened.

SESSIONS = tuple(f"Session{number}" for number in range(1, 6))
WAV_FOLDER = "sentences/wav"
LABEL_FOLDER = "dialog/EmoEvaluation"
TEXT_FOLDER = "dialog/transcriptions"


@dataclass(frozen=True)
class Release:
    """What a release holds; paths are relative to ``root``."""

    root: Path
    turns: dict[str, Turn] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    wavs: frozenset[str] = frozenset()
    absent_folders: tuple[str, ...] = ()
    left_out: Counter[str] = field(default_factory=Counter)


def find_release(root: str | Path, unpack_dir: str | Path) -> Path:
    """Return the absolute folder that holds Session1 to Session5, or some of them.

    Args:
        root: that folder, the one above it, or the archive, which is unpacked first.
        unpack_dir: where an archive is unpacked.

    Raises:
        ValueError: there is nothing at ``root``, or no release or two in it.
    """
    root = Path(root)
    expected = "expected IEMOCAP_full_release with Session1 to Session5"
    remedy = "give that folder, the one above it, or the archive IEMOCAP_full_release*.tar.gz"
    if is_archive(root):
        return unpack(root, unpack_dir).resolve()
    if not root.is_dir():
        fault = "is neither a folder nor a tar archive" if root.exists() else "is not there"
        raise ValueError(f"{root}: {fault}; {expected}: {remedy}")
    below = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    found = [root] if _has_sessions(root) else [path for path in below if _has_sessions(path)]
    if not found:
        raise ValueError(f"{root}: {expected} here or one folder below; {remedy}")
    if len(found) > 1:
        names = " and ".join(str(path) for path in found)
        raise ValueError(f"{root}: holds two releases, {names}; give the one to use")
    return found[0].resolve()


def _has_sessions(path: Path) -> bool:
    return any((path / session).is_dir() for session in SESSIONS)


def read_release(root: Path) -> Release:
    """Return all turns, words and wav paths; folders that are not there are listed.

    Raises:
        ValueError: see `read_labels`.
    """
    absent: list[str] = []
    left_out: Counter[str] = Counter()
    label_files: list[Path] = []
    text_files: list[Path] = []
    wavs: set[str] = set()
    for session in SESSIONS:
        for folder in (WAV_FOLDER, LABEL_FOLDER, TEXT_FOLDER):
            if not (root / session / folder).is_dir():
                absent.append(f"{session}/{folder}")
        label_files += _dialogue_files(root / session / LABEL_FOLDER, left_out)
        text_files += _dialogue_files(root / session / TEXT_FOLDER, left_out)
        wavs.update(_find_wavs(root, root / session / WAV_FOLDER, left_out))
    turns, from_labels = read_labels(label_files)
    texts, from_texts = read_transcriptions(text_files)
    left_out.update(from_labels)
    left_out.update(from_texts)
    left_out["transcribed turns that have no label"] += len(texts.keys() - turns.keys())
    return Release(root, turns, texts, frozenset(wavs), tuple(absent), +left_out)


def _find_wavs(root: Path, folder: Path, left_out: Counter[str]) -> Iterator[str]:
    """Yield the path below ``root`` of every ``<dialogue>/<name>.wav`` in the folder."""
    for dialogue in _visible(folder, left_out):
        for entry in _visible(Path(dialogue), left_out):
            if entry.name.lower().endswith(".wav"):
                yield Path(entry.path).relative_to(root).as_posix()
            else:
                left_out["files among the wavs that are no wav"] += 1


def _visible(folder: Path, left_out: Counter[str]) -> Iterator[os.DirEntry[str]]:
    """Yield, sorted, what lies in a folder and has no leading dot; nothing where it is absent."""
    if not folder.is_dir():
        if folder.exists():
            left_out["files where a dialogue's folder is expected"] += 1
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                left_out["hidden files and folders"] += 1
            else:
                yield entry


def _dialogue_files(folder: Path, left_out: Counter[str]) -> list[Path]:
    """Return the sorted ``<dialogue>.txt`` that lie directly in the folder."""
    files = []
    for entry in _visible(folder, left_out):
        if entry.is_dir():
            left_out[f"folders in {folder.name}"] += 1
        elif entry.name.endswith(".txt") and is_dialogue(entry.name.removesuffix(".txt")):
            files.append(Path(entry.path))
        else:
            left_out[f"files in {folder.name} that are not <dialogue>.txt"] += 1
    return files


# ---------------------------------------------------------------- iemocap


LANGUAGE = "eng"


@dataclass(frozen=True)
class Selection:
    """The turns to keep, the reason for each one that is not, and what is wrong."""

    kept: list[Turn]
    rejected: dict[str, str]
    faults: Faults
    hours: float


def prepare(
    db: str | Path,
    data: str | Path,
    *,
    classes: int = 4,
    allow_incomplete: bool = False,
    unpack_dir: str | Path = "downloads",
) -> dict[str, list[Utterance]]:
    """Write the data directory of IEMOCAP and return its utterances.

    ``rejected.tsv`` lists every labelled turn and every wav that is left out.

    Args:
        db: folder IEMOCAP_full_release, the one above it, or the .tar.gz.
        data: gets the directory ``iemocap``, or ``iemocap_10`` for ten classes.
        classes: 4 for neutral, angry, happy (with excited) and sad; 10 for all labels.
        allow_incomplete: warn of what is missing and go on.
        unpack_dir: where the wanted part of an archive is unpacked, 1.5 GB.

    Returns:
        The utterances by name of the set, which is one; sorted by id.

    Raises:
        ValueError: no release at ``db``, a damaged file, or a count that is not that
            of the release; one line with the place and the remedy. Nothing is written then.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes}; give 4 (happy with excited) or 10 (all labels)")
    release = read_release(find_release(db, unpack_dir))
    for reason, number in sorted(release.left_out.items()):
        logger.info("%s: left out: %d %s", release.root, number, reason)
    selection = select(release, CLASSES[classes])
    self_check(
        release.root,
        release.turns.values(),
        selection.kept,
        selection.faults,
        classes=classes,
        allow_incomplete=allow_incomplete,
    )
    if not selection.kept:
        raise ValueError(f"{release.root}: no labelled turn has a wav; unpack the release again")
    name = "iemocap" if classes == 4 else f"iemocap_{classes}"
    utterances = _utterances(release, selection.kept, CLASSES[classes])
    path = Path(data) / name
    write_data_directory(path, utterances)
    write_rejected(path, selection.rejected)
    logger.info(
        f"{path}: {len(utterances)} utterances, {selection.hours:.2f} h (of the whole corpus: "
        f"{EXPECTED_HOURS[classes]} h); {len(selection.rejected)} turns left out, with the "
        "reasons in rejected.tsv"
    )
    return {name: utterances}


def select(release: Release, emotions: Mapping[str, str]) -> Selection:
    """Return which turns have one of the labels in ``emotions`` and a readable wav.

    A wav without a label is listed but no fault: all labels being there, it is a file
    that does not belong to the release.
    """
    kept, missing, unreadable = [], [], []
    hours = 0.0
    rejected: dict[str, str] = {}
    for turn in sorted(release.turns.values(), key=lambda turn: turn.utterance_id):
        if turn.wav not in release.wavs:
            missing.append(turn.wav)
            rejected[turn.utterance_id] = f"label {turn.label}; no {turn.wav}"
        elif turn.label not in emotions:
            why = "raters disagree" if turn.label == "xxx" else "not among the classes"
            rejected[turn.utterance_id] = f"label {turn.label}: {why}"
        else:
            # The next stage of a recipe decodes every file and finds what no header shows.
            duration_s, fault = read_header(release.root / turn.wav)
            if fault:
                unreadable.append(f"{turn.wav} ({fault})")
                rejected[turn.utterance_id] = f"{turn.wav}: {fault}"
            else:
                kept.append(turn)
                hours += duration_s / 3600
    extra = sorted(release.wavs - {turn.wav for turn in release.turns.values()})
    rejected.update((wav, "wav without a label") for wav in extra)
    if extra:
        logger.warning("%s: %d wavs without a label, first %s", release.root, len(extra), extra[0])
    without_words = sorted(release.turns.keys() - release.texts.keys())
    faults = Faults(list(release.absent_folders), missing, unreadable, without_words)
    return Selection(kept, rejected, faults, hours)


def _utterances(
    release: Release, turns: list[Turn], emotions: Mapping[str, str]
) -> list[Utterance]:
    """Return the utterances of the turns; without text where some have no words.

    A data directory has a text for every utterance or for none.
    """
    silent = [turn.turn_id for turn in turns if turn.turn_id not in release.texts]
    if silent:
        logger.warning(
            "%s: the table text is left out, %d turns have no words, first %s",
            release.root,
            len(silent),
            silent[0],
        )
    return [
        Utterance(
            utterance_id=turn.utterance_id,
            speaker=turn.speaker,
            wav=str(release.root / turn.wav),
            text=None if silent else release.texts[turn.turn_id],
            emotion=emotions[turn.label],
            session=turn.session,
            dialogue=turn.dialogue,
            language=LANGUAGE,
        )
        for turn in turns
    ]
