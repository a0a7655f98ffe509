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
* Files beginning with ``._`` are no audio or text.
* Turns XX0 are transcribed only.
* A release can lack files without anybody noticing.

Source: [P2V] IV-A and IV-C1 (5,531 utterances, happy and excited merged, five sessions).
"""

import gzip
import logging
import re
import shutil
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.copies import (
    Faults,
    find_release_folder,
    read_any_text,
    self_check,
    survey_wavs,
    visible,
)
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import write_rejected

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
    return [line.strip() for line in read_any_text(path).split("\n")]


# What a whole release holds: counts by session, speaker and label.

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

TURNS = "labelled turns"
EXPECTED_HOURS = {4: 6.99, 10: 9.54}
"""Hours of speech by number of classes, from the times of the turns."""


def tally(what: str, items: Iterable[tuple[str, str, int]]) -> Counter[str]:
    """Return counts by everything that ``(speaker, class, number)`` can be added up by.

    The keys are ``what`` itself and, each behind it, class, speaker, session and the cell of
    speaker and class.
    """
    counts: Counter[str] = Counter()
    for speaker, name, number in items:
        counts[what] += number
        for part in (f"{speaker}/{name}", name, speaker, speaker[:5]):
            counts[f"{what}: {part}"] += number
    return counts


def count(turns: Iterable[Turn], kept: Iterable[Turn], classes: int) -> Counter[str]:
    """Return the counts of all labelled turns, and of those of four or ten classes."""
    emotions = CLASSES[classes]
    return tally(TURNS, ((turn.speaker, turn.label, 1) for turn in turns)) + tally(
        f"utterances of {classes} classes", ((t.speaker, emotions[t.label], 1) for t in kept)
    )


def expected_counts(classes: int) -> dict[str, int]:
    """Return what `count` says of a whole release, zeros included."""
    emotions = CLASSES[classes]
    cells = [
        (speaker, label, number)
        for speaker, counts in EXPECTED_TURNS.items()
        for label, number in counts.items()
    ]
    kept = [(speaker, emotions[label], n) for speaker, label, n in cells if label in emotions]
    return {**tally(f"utterances of {classes} classes", kept), **tally(TURNS, cells)}


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

RATE_HZ = 16000
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
        root: that folder, up to three above it, or the archive, which is unpacked first.
        unpack_dir: where an archive is unpacked.

    Raises:
        ValueError: there is nothing at ``root``, or no release or two in it.
    """
    if is_archive(Path(root)):
        return unpack(Path(root), unpack_dir).resolve()
    return find_release_folder(
        root,
        "IEMOCAP",
        lambda path: any((path / session).is_dir() for session in SESSIONS),
        "IEMOCAP_full_release with Session1 to Session5, or the archive "
        "IEMOCAP_full_release*.tar.gz",
    )


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
    for dialogue in visible(folder, left_out):
        if not dialogue.is_dir():
            left_out["files where a dialogue's folder is expected"] += 1
        for entry in visible(Path(dialogue.path), left_out):
            if entry.name.lower().endswith(".wav"):
                yield Path(entry.path).relative_to(root).as_posix()
            else:
                left_out["files among the wavs that are no wav"] += 1


def _dialogue_files(folder: Path, left_out: Counter[str]) -> list[Path]:
    """Return the sorted ``<dialogue>.txt`` that lie directly in the folder."""
    files = []
    for entry in visible(folder, left_out):
        if entry.is_dir():
            left_out[f"folders in {folder.name}"] += 1
        elif entry.name.endswith(".txt") and is_dialogue(entry.name.removesuffix(".txt")):
            files.append(Path(entry.path))
        else:
            left_out[f"files in {folder.name} that are not <dialogue>.txt"] += 1
    return files


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
        "IEMOCAP release",
        expected_counts(classes),
        count(release.turns.values(), selection.kept, classes),
        selection.faults,
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
    wanted = sorted(release.turns.values(), key=lambda turn: turn.utterance_id)
    there = {t.turn_id: t.wav for t in wanted if t.wav in release.wavs and t.label in emotions}
    survey = survey_wavs(release.root, there, dict.fromkeys(there, RATE_HZ))
    kept, missing = [], []
    rejected: dict[str, str] = {}
    for turn in wanted:
        if turn.wav not in release.wavs:
            missing.append(turn.wav)
            rejected[turn.utterance_id] = f"label {turn.label}; no {turn.wav}"
        elif turn.label not in emotions:
            why = "raters disagree" if turn.label == "xxx" else "not among the classes"
            rejected[turn.utterance_id] = f"label {turn.label}: {why}"
        elif turn.wav in survey.unreadable:
            rejected[turn.utterance_id] = f"{turn.wav}: {survey.unreadable[turn.wav]}"
        else:
            kept.append(turn)
    extra = sorted(release.wavs - {turn.wav for turn in release.turns.values()})
    rejected.update((wav, "wav without a label") for wav in extra)
    if extra:
        logger.warning("%s: %d wavs without a label, first %s", release.root, len(extra), extra[0])
    faults: Faults = {
        "expected folders not there": release.absent_folders,
        "wavs missing": missing,
        "wavs unreadable": survey.unreadable,
        "turns without words in dialog/transcriptions": sorted(
            release.turns.keys() - release.texts.keys()
        ),
    }
    return Selection(kept, rejected, faults, survey.hours)


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
