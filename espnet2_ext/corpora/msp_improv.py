"""MSP-IMPROV: actors in pairs improvise scenes that lead to a sentence (Busso et al. 2017).

Six sessions, each with a woman and a man of its own: 12 speakers, 8,438 utterances (7,798 of
four classes), 9.5 h, English. There is one release.

* ``MSP-IMPROV-S07H-M03-S-FM02`` is an utterance of the third session: target sentence 07,
  spoken by M03 in scenario S, dyad and turn FM02. H is what the scene was to evoke; the emotion
  here is what the raters agreed on.
* The sessions lie in the folder itself or in Audio, perhaps with videos beside the wavs. A wav
  is taken only where its folders say what its id says::

      [Audio/]session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav
      Text/MSP-IMPROV-S01A-F01-P-FM01.txt
      Evalution.txt (spelled so; copies have Evaluation.txt too)

* The label file names utterances by another prefix. Only the first line of a block is read;
  raters may stand twice and write anything, and A runs from 1, most active, to 5::

      UTD-IMPROV-S07H-M03-S-FM02.avi; H; A:2.333333; V:4.000000; D:2.666667 ; N:3.500000;
      P12-part01; Happy; Excited,Happy; A:2.000000; V:4.000000; D:NaN; N:4.000000;

* Some transcripts are missing or empty: those known stand in ``words.tsv`` of each set.
* Wavs are at 48 or 44.1 kHz: the next stage of a recipe resamples whatever it is given.

Source: [P2V] IV-A, Table III (12 speakers, 8k utterances, 9.5 h). Counts: Busso et al. 2017,
Tables 3 and 4, as transcribed by readers of the corpus; those of the sessions from the log of
one. That the letters stand for these scenarios is what the comparison of the counts shows.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import (
    Listing,
    child,
    find_release_folder,
    log_left_out,
    read_any_text,
    self_check,
    survey_wavs,
    visible,
)
from espnet2_ext.corpora.pretraining import split_for_pretraining, write_pretraining_sets
from espnet2_ext.data.directory import Utterance

logger = logging.getLogger(__name__)

EMOTIONS = dict(A="angry", S="sad", H="happy", N="neutral", O="other", X="no_agreement")
SCENARIOS = dict(
    P="natural interaction", S="other improvised", T="target improvised", R="target read"
)
_LABELS_OF_SCENARIO = {
    #    A    S    H     N     O   X
    "P": (38, 66, 1372, 1164, 11, 134),
    "S": (470, 633, 1048, 1789, 70, 371),
    "T": (115, 106, 136, 283, 1, 11),
    "R": (169, 80, 88, 241, 3, 39),
}
_SESSIONS = {"sessions 1 to 4": 5311, "session 5": 1505, "session 6": 1622}
HOURS = 9.5
"""As in [P2V] Table III."""
LABEL_FILES = ("Evalution.txt", "Evaluation.txt")

_FOUR_CLASSES = "ASHN"
_EXPECTED_FILES = (
    "MSP-IMPROV, that is a folder with Evalution.txt (or Evaluation.txt) and session1 to "
    "session6, which may be in Audio"
)
_WAV_PREFIX, _LABEL_PREFIX = "MSP-IMPROV-", "UTD-IMPROV-"
_ID = re.compile(r"(S(?:0[1-9]|1\d|20)[AHSN])-([FM]0[1-6])-([PRST])-([FM][FM]\d\d)", re.ASCII)
_LABEL = re.compile(r"UTD-IMPROV-([A-Z0-9-]+)\.avi\s*;\s*([A-Z])\s*;", re.ASCII)
_SESSION = re.compile(r"session[1-6]", re.ASCII | re.IGNORECASE)


class ImprovId(NamedTuple):
    """One utterance, such as ``MSP-IMPROV-S07H-M03-S-FM02``."""

    scene: str  # target sentence and intended emotion
    actor: str  # the digits are the session
    scenario: str  # key of SCENARIOS
    turn: str  # dyad and number

    def __str__(self) -> str:
        return _WAV_PREFIX + "-".join(self)

    @property
    def utterance_id(self) -> str:
        """Return ``improv_<actor>-<original id>``; no other corpus has speakers of this name."""
        return f"improv_{self.actor}-{self}"

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


def expected_counts() -> dict[str, int]:
    """Return all counts by name; ``utterances``, ``angry``, ``target read``, ``session 5`` ..."""
    counts: Counter[str] = Counter()
    for scenario, numbers in _LABELS_OF_SCENARIO.items():
        for label, number in zip(EMOTIONS, numbers, strict=True):
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
    actors = set()
    for key, label in utterances:
        counts.update(_names(key.scenario, label))
        counts["sessions 1 to 4" if key.session <= 4 else f"session {key.session}"] += 1
        actors.add((key.actor, key.scenario))
    counts["speakers"] = len({actor for actor, _ in actors})
    counts["speakers of target read"] = len({a for a, scenario in actors if scenario == "R"})
    return counts


def prepare(
    db: str | Path,
    data: str | Path,
    *,
    num_valid: int = 500,
    num_test: int = 500,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write training, validation and test sets of MSP-IMPROV and return the utterances by set.

    Beside the tables, ``msp_improv_train`` has ``rejected.tsv`` with all that was left out,
    and each set has ``words.tsv`` unless every utterance of the corpus has a transcript.

    Args:
        db: the folder of the label file and the sessions, or up to two above it.
        data: gets ``msp_improv_train``, ``_valid`` and ``_test``.
        num_valid: utterances drawn for validation.
        num_test: utterances drawn for the test.
        seed: of both draws.
        allow_incomplete: warn of what is missing or wrong and go on.

    Raises:
        ValueError: no copy at ``db``, malformed labels, a copy that is not whole, or too
            few utterances for the sets. Nothing is written then.
    """
    release = read_release(find_release_folder(db, "MSP-IMPROV", _is_release, _EXPECTED_FILES))
    log_left_out(release.root, release.left_out)
    labelled = sorted(release.labels, key=lambda key: key.utterance_id)
    wavs = {key: release.wavs[key] for key in labelled if key in release.wavs}
    survey = survey_wavs(release.root, wavs, None)
    unlabelled = sorted(release.wavs.keys() - release.labels.keys())
    faults = {
        "labels without a wav": {
            key.utterance_id: f"no wav in {key.folder}" for key in labelled if key not in wavs
        },
        "wavs unreadable": {
            key.utterance_id: survey.unreadable[wav]
            for key, wav in wavs.items()
            if wav in survey.unreadable
        },
        "wavs without a label": {key.utterance_id: "no label" for key in unlabelled},
        "wavs whose folders contradict their id": release.misplaced,
        "wavs of another name": release.extra,
    }
    self_check(
        release.root,
        "MSP-IMPROV",
        expected_counts(),
        count((key, release.labels[key]) for key in survey.readable),
        faults,
        allow_incomplete=allow_incomplete,
    )
    utterances = [
        Utterance(
            utterance_id=key.utterance_id,
            speaker=f"improv_{key.actor}",
            wav=f"{release.root}/{wavs[key]}",
            emotion=EMOTIONS[release.labels[key]],
            session=f"session{key.session}",
            dialogue=f"session{key.session}_{key.scene}",
            language="eng",
        )
        for key in survey.readable
    ]
    sets = split_for_pretraining(utterances, num_valid=num_valid, num_test=num_test, seed=seed)
    logger.info(
        f"{release.root}: {len(utterances)} utterances, {survey.hours:.2f} h (whole corpus: "
        f"{HOURS} h)"
    )
    words = {key.utterance_id: text for key, text in release.words.items()}
    rejected = {name: reason for files in faults.values() for name, reason in files.items()}
    return write_pretraining_sets(data, "msp_improv", sets, words, rejected)


@dataclass(frozen=True)
class Release(Listing[ImprovId]):
    """What a copy holds, with labels, which are keys of ``EMOTIONS``, and words."""

    labels: dict[ImprovId, str] = field(default_factory=dict)
    words: dict[ImprovId, str] = field(default_factory=dict)


def _is_release(path: Path) -> bool:
    return child(path, *LABEL_FILES) is not None and bool(_sessions(path))


def _sessions(root: Path) -> list[Path]:
    """Return the sessions' folders, those in Audio where there are any."""
    for folder in (child(root, "Audio"), root):
        if folder is not None:
            below = [Path(entry.path) for entry in visible(folder) if entry.is_dir()]
            found = [path for path in below if _SESSION.fullmatch(path.name)]
            if found:
                return found
    return []


def read_release(root: Path) -> Release:
    """Return labels, wavs and words of the copy; what is wrong with wavs is listed, not raised."""
    label_file = child(root, *LABEL_FILES)
    assert label_file is not None  # or it were no release
    release = Release(root, labels=read_labels(label_file))
    for session in _sessions(root):
        for scene in _folders(session, release.left_out):
            for scenario in _folders(scene, release.left_out):
                for entry in visible(scenario, release.left_out):
                    _list_file(release, Path(entry.path))
    for entry in visible(child(root, "Text") or root / "Text", release.left_out):
        key = parse_id(entry.name.removesuffix(".txt"))
        if key and entry.name.endswith(".txt"):
            text = " ".join(read_any_text(Path(entry.path), "cp1252").split())
            if text:
                release.words[key] = text
                continue
        release.left_out["transcripts that are empty or of no utterance"] += 1
    return release


def _folders(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    for entry in visible(folder, left_out):
        if entry.is_dir():
            yield Path(entry.path)
        else:
            left_out["files outside the folders of the scenarios"] += 1


def _list_file(release: Release, path: Path) -> None:
    if path.suffix.lower() != ".wav":
        release.left_out[f"files {path.suffix or 'without a suffix'} beside the wavs"] += 1
        return
    key = parse_id(path.stem)
    fits = key is None or "/".join(path.parts[-4:-1]).lower() == key.folder.lower()
    misplaced = "" if fits or key is None else f"{key.folder} by its id"
    release.add_wav(path.relative_to(release.root).as_posix(), key, misplaced)


def read_labels(path: Path) -> dict[ImprovId, str]:
    """Return the label, key of ``EMOTIONS``, of every utterance.

    Raises:
        ValueError: the first line of a block is malformed, an utterance has two different
            labels, or there are none; file and line are named.
    """
    labels: dict[ImprovId, str] = {}
    # Raters wrote free text, in whatever encoding.
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.startswith(_LABEL_PREFIX):
                continue
            match = _LABEL.match(line)
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
