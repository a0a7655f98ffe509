"""MSP-IMPROV: actors in pairs improvise scenes that lead to a sentence (Busso et al. 2017).

======================  ==========  =====  ===  =====  =======  =====  ============
scenario                utterances  angry  sad  happy  neutral  other  no agreement
======================  ==========  =====  ===  =====  =======  =====  ============
P natural interaction   2,785       38     66   1,372  1,164    11     134
S other improvised      4,381       470    633  1,048  1,789    70     371
T target improvised     652         115    106  136    283      1      11
R target read           620         169    80   88     241      3      39
sum                     8,438       792    885  2,644  3,477    85     555
======================  ==========  =====  ===  =====  =======  =====  ============

Six sessions, each with a woman and a man of its own: 12 speakers, 9.5 h, English. Sessions
1 to 4 have 5,311 utterances, 5 has 1,505 and 6 has 1,622; four classes have 7,798.

To get it: an academic institution fills in the form at
https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html. There is one
release. Licence: that agreement; nothing of the corpus is passed on with this code.

Traps, and what is done here:

* The label file is called Evalution.txt, names utterances by another prefix, and can be
  read by the first lines of its blocks alone.
* Two layouts are about, with and without a folder Audio.
* The emotion in an id is what the scene was to evoke. The emotion here is the raters'.
* Some transcripts are missing or empty: those known stand in ``words.tsv`` of each set.
* Wavs are at 48 or 44.1 kHz: the next stage of a recipe resamples whatever it is given.
* A lost folder shortens the corpus without anybody noticing.

Source: [P2V] IV-A, Table III (12 speakers, 8k utterances, 9.5 h).
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import (
    child,
    find_release_folder,
    read_any_text,
    self_check,
    visible,
)
from espnet2_ext.corpora.pretraining import split_for_pretraining, write_pretraining_sets
from espnet2_ext.data.audio import read_header
from espnet2_ext.data.directory import Utterance

# The names and text files of MSP-IMPROV: what an id says, labels, and words.
#
# ``MSP-IMPROV-S07H-M03-S-FM02`` is an utterance of the third session: target sentence 07,
# which is to sound happy (the intention, not the label), spoken by M03 in the other
# improvised turns; FM02 is the dyad and turn.
#
# The label file holds blocks, whose first line is what the raters agreed on. It calls the
# utterances by the names of their videos, has a space before the semicolon after D, and NaN
# where a rater gave no value; raters may stand twice, and their free text may hold anything::
#
#     UTD-IMPROV-S07H-M03-S-FM02.avi; H; A:2.333333; V:4.000000; D:2.666667 ; N:3.500000;
#     P12-part01; Happy; Excited,Happy; A:2.000000; V:4.000000; D:NaN; N:4.000000;
#
# Only the first line is read, and of it the label. The dimensions are not: the file's A runs
# from 1, most active, to 5, the other way round from other corpora.

EMOTIONS = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "N": "neutral",
    "O": "other",
    "X": "no_agreement",
}
SCENARIOS = {
    "P": "natural interaction",
    "S": "other improvised",
    "T": "target improvised",
    "R": "target read",
}
_ID = re.compile(
    r"(S(?:0[1-9]|1\d|20)[AHSN])-([FM]0[1-6])-([PRST])-([FM][FM]\d\d)",
    re.ASCII,
)
_WAV_PREFIX, _LABEL_PREFIX = "MSP-IMPROV-", "UTD-IMPROV-"
_HEADER = re.compile(r"UTD-IMPROV-([A-Z0-9-]+)\.avi\s*;\s*([A-Z])\s*;", re.ASCII)


class ImprovId(NamedTuple):
    """One utterance; its text is the original id.

    Attributes:
        scene: target sentence and intended emotion, such as ``S07H``.
        actor: such as ``M03``; the digits are the session.
        scenario: key of ``SCENARIOS``.
        turn: dyad and number, such as ``FM02``.
    """

    scene: str
    actor: str
    scenario: str
    turn: str

    def __str__(self) -> str:
        """Return the original id, such as ``MSP-IMPROV-S07H-M03-S-FM02``."""
        return _WAV_PREFIX + "-".join(self)

    @property
    def speaker(self) -> str:
        """Return the name in data directories; that of other corpora is never the same."""
        return f"improv_{self.actor}"

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<original id>``."""
        return f"{self.speaker}-{self}"

    @property
    def session(self) -> int:
        """Return 1 to 6; a session has a woman and a man of its own."""
        return int(self.actor[1:])

    @property
    def folder(self) -> str:
        """Return the folder of the wav below that of the sessions."""
        return f"session{self.session}/{self.scene}/{self.scenario}"


def parse_id(name: str) -> ImprovId | None:
    """Return the utterance of an original id, None where the corpus has no such id."""
    match = _ID.fullmatch(name.removeprefix(_WAV_PREFIX)) if name.startswith(_WAV_PREFIX) else None
    return ImprovId(*match.groups()) if match else None


def read_labels(path: Path) -> dict[ImprovId, str]:
    """Return the label, key of ``EMOTIONS``, of every utterance.

    Raises:
        ValueError: the first line of a block is malformed, an utterance has two different
            labels, or there are none; the message names file and line.
    """
    labels: dict[ImprovId, str] = {}
    # Raters wrote free text, in whatever encoding.
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.startswith(_LABEL_PREFIX):
                continue
            match = _HEADER.match(line)
            key = parse_id(_WAV_PREFIX + match[1]) if match else None
            if match is None or key is None or match[2] not in EMOTIONS:
                raise ValueError(
                    f"{path}:{number}: expected 'UTD-IMPROV-<id>.avi; <{'|'.join(EMOTIONS)}>; "
                    f"...', got {line.strip()!r:.70}; get the file again"
                )
            if labels.setdefault(key, match[2]) != match[2]:
                raise ValueError(
                    f"{path}:{number}: {key} is labelled {match[2]} here and {labels[key]} before"
                )
    if not labels:
        raise ValueError(f"{path}: holds no labels; get the file again")
    return labels


def read_words(path: Path) -> str:
    """Return the words of a transcript on one line; empty where it holds none."""
    return " ".join(read_any_text(path, "cp1252").split())


# What the whole of MSP-IMPROV holds, by scenario, label and session.
#
# Source: Busso et al. 2017, Tables 3 and 4, as transcribed by readers of the corpus; the
# numbers of the sessions from the log of one. That letters of the ids stand for these
# scenarios is what the comparison of the counts shows.

_LABELS_OF_SCENARIO = {
    #    A    S    H     N     O   X
    "P": (38, 66, 1372, 1164, 11, 134),
    "S": (470, 633, 1048, 1789, 70, 371),
    "T": (115, 106, 136, 283, 1, 11),
    "R": (169, 80, 88, 241, 3, 39),
}
_SESSIONS = {"sessions 1 to 4": 5311, "session 5": 1505, "session 6": 1622}
_FOUR_CLASSES = ("A", "S", "H", "N")
HOURS = 9.5
"""As in [P2V] Table III."""


def expected_counts() -> dict[str, int]:
    """Return all counts by name; ``utterances``, ``angry``, ``target read``, ``session 5`` ..."""
    counts: Counter[str] = Counter()
    for scenario, numbers in _LABELS_OF_SCENARIO.items():
        for label, number in zip("ASHNOX", numbers, strict=True):
            for name in _names(scenario, label):
                counts[name] += number
    return {**counts, **_SESSIONS, "speakers": 12, "speakers of target read": 8}


def _names(scenario: str, label: str) -> list[str]:
    """Return the counts to which an utterance adds, from the whole to the single cell."""
    place, emotion = SCENARIOS[scenario], EMOTIONS[label]
    four = ["of four classes"] if label in _FOUR_CLASSES else []
    return ["utterances", *four, place, emotion, f"{emotion} in {place}"]


def count(utterances: Iterable[tuple[ImprovId, str]]) -> Counter[str]:
    """Return the counts of utterances with their labels, by the names of the expected ones."""
    counts: Counter[str] = Counter()
    speakers, readers = set(), set()
    for key, label in utterances:
        counts.update(_names(key.scenario, label))
        counts["sessions 1 to 4" if key.session <= 4 else f"session {key.session}"] += 1
        speakers.add(key.actor)
        if key.scenario == "R":
            readers.add(key.actor)
    counts["speakers"], counts["speakers of target read"] = len(speakers), len(readers)
    return counts


# A copy of MSP-IMPROV on disk: find its folder, list its wavs in either layout, read its words.
#
# The sessions lie in the folder itself or in Audio; videos may lie beside the wavs::
#
#     <root>/Evalution.txt          spelled so; copies have Evaluation.txt too
#     <root>/[Audio/]session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav
#     <root>/Text/MSP-IMPROV-S01A-F01-P-FM01.txt
#
# A wav is listed only where its folders say what its id says.

LABEL_FILES = ("Evalution.txt", "Evaluation.txt")
AUDIO_FOLDER = "Audio"
TEXT_FOLDER = "Text"
EXPECTED = (
    "MSP-IMPROV, that is a folder with Evalution.txt (or Evaluation.txt) and session1 to "
    "session6, which may be in Audio"
)
_SESSION = re.compile(r"session[1-6]", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Release:
    """What a copy holds.

    Attributes:
        root: its folder.
        labels: key of ``EMOTIONS`` by utterance.
        wavs: path of each utterance.
        odd_files: wavs that are no utterance of the corpus, by path below the root.
        misplaced: wavs whose folders contradict their id, likewise.
        words: by utterance, of those that have some.
        left_out: counts of what else was passed over.
    """

    root: Path
    labels: dict[ImprovId, str] = field(default_factory=dict)
    wavs: dict[ImprovId, str] = field(default_factory=dict)
    odd_files: dict[str, str] = field(default_factory=dict)
    misplaced: dict[str, str] = field(default_factory=dict)
    words: dict[ImprovId, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds labels and sessions; see ``find_release_folder``."""
    return find_release_folder(root, "MSP-IMPROV", _is_release, EXPECTED)


def _is_release(path: Path) -> bool:
    return child(path, *LABEL_FILES) is not None and bool(_sessions(path))


def _sessions(root: Path) -> list[Path]:
    """Return the sessions' folders, those in Audio where there are any."""
    audio = child(root, AUDIO_FOLDER)
    for folder in (audio, root):
        if folder is not None and folder.is_dir():
            below = [Path(entry.path) for entry in visible(folder, Counter()) if entry.is_dir()]
            found = [path for path in below if _SESSION.fullmatch(path.name)]
            if found:
                return found
    return []


def read_release(root: Path) -> Release:
    """Return labels, wavs and words of the copy; what is wrong is listed, not raised.

    Raises:
        ValueError: see ``read_labels``.
    """
    label_file = child(root, *LABEL_FILES)
    assert label_file is not None  # or find_release had not taken the folder
    release = Release(root, labels=read_labels(label_file))
    for session in _sessions(root):
        for scene in _folders(session, release.left_out):
            for scenario in _folders(Path(scene.path), release.left_out):
                for entry in visible(Path(scenario.path), release.left_out):
                    _list_file(release, Path(entry.path))
    for entry in visible(child(root, TEXT_FOLDER) or root / TEXT_FOLDER, release.left_out):
        key = parse_id(entry.name.removesuffix(".txt"))
        words = read_words(Path(entry.path)) if key and entry.name.endswith(".txt") else ""
        if key and words:
            release.words[key] = words
        else:
            release.left_out["transcripts that are empty or of no utterance"] += 1
    return release


def _folders(folder: Path, left_out: Counter[str]) -> Iterator[os.DirEntry[str]]:
    for entry in visible(folder, left_out):
        if entry.is_dir():
            yield entry
        else:
            left_out["files outside the folders of the scenarios"] += 1


def _list_file(release: Release, path: Path) -> None:
    """Enter one file as a wav, as odd or as misplaced."""
    if path.suffix.lower() != ".wav":
        release.left_out[f"files {path.suffix or 'without a suffix'} beside the wavs"] += 1
        return
    place = path.relative_to(release.root).as_posix()
    key = parse_id(path.stem)
    if key is None:
        release.odd_files[place] = "no name of an utterance of MSP-IMPROV"
        return
    by_folder = "/".join(path.parts[-4:-1])
    if by_folder.lower() != key.folder.lower():
        release.misplaced[place] = f"{key.folder} by its id"
    elif key in release.wavs:
        release.odd_files[place] = f"a second wav of {key}"
    else:
        release.wavs[key] = str(path)


logger = logging.getLogger(__name__)

CORPUS = "msp_improv"
LANGUAGE = "eng"


@dataclass(frozen=True)
class Selection:
    """The utterances to use, the reason for each file that is not, what is wrong, and hours."""

    kept: list[ImprovId]
    rejected: dict[str, str]
    faults: dict[str, dict[str, str]]
    hours: float


def prepare(
    db: str | Path,
    data: str | Path,
    *,
    num_valid: int = 500,
    num_test: int = 500,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write training, validation and test sets of MSP-IMPROV and return the utterances.

    Beside the tables, ``msp_improv_train`` has ``rejected.tsv`` with all that was left out,
    and each set has ``words.tsv`` unless every utterance of the corpus has a transcript.

    Args:
        db: the folder of the label file and the sessions, or up to two above it.
        data: gets ``msp_improv_train``, ``_valid`` and ``_test``.
        num_valid: utterances drawn for validation.
        num_test: utterances drawn for the test.
        seed: of both draws.
        allow_incomplete: warn of what is missing or wrong and go on.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: no copy at ``db``, malformed labels, a copy that is not whole, or too
            few utterances for the sets; one line with place and remedy. Nothing is
            written then.
    """
    release = read_release(find_release(db))
    for reason, number in sorted(release.left_out.items()):
        logger.info("%s: passed over: %d %s", release.root, number, reason)
    selection = select(release)
    self_check(
        release.root,
        "MSP-IMPROV",
        expected_counts(),
        count((key, release.labels[key]) for key in selection.kept),
        selection.faults,
        allow_incomplete=allow_incomplete,
    )
    utterances = [_utterance(release, key) for key in selection.kept]
    sets = split_for_pretraining(utterances, num_valid=num_valid, num_test=num_test, seed=seed)
    logger.info(
        f"{release.root}: {len(utterances)} utterances, {selection.hours:.2f} h (whole corpus: "
        f"{HOURS} h)"
    )
    words = {key.utterance_id: release.words[key] for key in selection.kept if key in release.words}
    return write_pretraining_sets(data, CORPUS, sets, words, selection.rejected)


def select(release: Release) -> Selection:
    """Return which utterances have a label and a readable wav, and why others cannot be used."""
    kept, hours = [], 0.0
    missing: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for key in sorted(release.labels, key=lambda key: key.utterance_id):
        if key not in release.wavs:
            missing[key.utterance_id] = f"no wav in {key.folder}"
            continue
        # The next stage of a recipe decodes every file and finds what no header shows.
        duration_s, fault = read_header(release.wavs[key])
        if fault:
            unreadable[key.utterance_id] = fault
        else:
            kept.append(key)
            hours += duration_s / 3600
    unlabelled = {
        key.utterance_id: "no label" for key in sorted(release.wavs.keys() - release.labels.keys())
    }
    faults = {
        "labels without a wav": missing,
        "wavs unreadable": unreadable,
        "wavs without a label": unlabelled,
        "wavs whose folders contradict their id": release.misplaced,
        "wavs of another name": release.odd_files,
    }
    rejected = {name: reason for files in faults.values() for name, reason in files.items()}
    return Selection(kept, rejected, faults, hours)


def _utterance(release: Release, key: ImprovId) -> Utterance:
    """Return an utterance, whose scene counts as the dialogue: its turns are of one scene."""
    return Utterance(
        utterance_id=key.utterance_id,
        speaker=key.speaker,
        wav=release.wavs[key],
        emotion=EMOTIONS[release.labels[key]],
        session=f"session{key.session}",
        dialogue=f"session{key.session}_{key.scene}",
        language=LANGUAGE,
    )
