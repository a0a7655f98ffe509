"""MSP-IMPROV: actors in pairs improvise scenes that lead to a sentence (Busso et al. 2017).

Six sessions, each with a woman and a man of its own: 12 speakers, 8,438 utterances (7,798 of
four classes), 9.5 h, English. There is one release.

* ``MSP-IMPROV-S07H-M03-S-FM02`` is an utterance of the third session: target sentence 07,
  spoken by M03 in scenario S, dyad and turn FM02. H is what the scene was to evoke; the emotion
  here is what the raters agreed on.
* The sessions lie in the folder itself or in Audio. A wav whose folders contradict its id is a
  fault::

      [Audio/]session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav
      Text/MSP-IMPROV-S01A-F01-P-FM01.txt
      Evalution.txt (spelled so; copies have Evaluation.txt too)

* The label file names utterances by another prefix. Only the first line of a block is read;
  raters may stand twice and write anything, and A runs from 1, most active, to 5::

      UTD-IMPROV-S07H-M03-S-FM02.avi; H; A:2.333333; V:4.000000; D:2.666667 ; N:3.500000;
      P12-part01; Happy; Excited,Happy; A:2.000000; V:4.000000; D:NaN; N:4.000000;

* Some transcripts are missing or empty. Wavs are at 48 or 44.1 kHz.

Source: [P2V] IV-A, Table III (12 speakers, 8k utterances, 9.5 h). Counts: Busso et al. 2017,
Tables 3 and 4, as transcribed by readers of the corpus; those of the sessions from the log of
one. That the letters stand for these scenarios is what the comparison of the counts shows.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
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
LABEL_FILES = ("Evalution.txt", "Evaluation.txt")

_EXPECTED_FILES = (
    "MSP-IMPROV, that is a folder with Evalution.txt (or Evaluation.txt) and session1 to "
    "session6, which may be in Audio"
)
_ID = r"-IMPROV-(S(?:0[1-9]|1\d|20)[AHSN])-([FM]0[1-6])-([PRST])-([FM][FM]\d\d)"
_NAME = re.compile(f"MSP{_ID}", re.ASCII)
_LABEL = re.compile(rf"UTD{_ID}\.avi\s*;\s*([{''.join(EMOTIONS)}])\s*;", re.ASCII)
_SESSION = re.compile(r"session[1-6]", re.ASCII | re.IGNORECASE)


class ImprovId(NamedTuple):
    """One utterance, such as ``MSP-IMPROV-S07H-M03-S-FM02``."""

    scene: str  # target sentence and intended emotion
    actor: str  # the digits are the session
    scenario: str  # key of SCENARIOS
    turn: str  # dyad and number

    def __str__(self) -> str:
        return f"MSP-IMPROV-{'-'.join(self)}"

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
    match = _NAME.fullmatch(name)
    return ImprovId(*match.groups()) if match else None


def expected_counts() -> dict[str, int]:
    """Return all counts by name; ``utterances``, ``angry``, ``target read``, ``session 5`` ..."""
    counts: Counter[str] = Counter()
    for scenario, numbers in _LABELS_OF_SCENARIO.items():
        for label, number in zip(EMOTIONS, numbers, strict=True):
            counts.update(dict.fromkeys(_names(scenario, label), number))
    return {**counts, **_SESSIONS, "speakers": 12, "speakers of target read": 8}


def _names(scenario: str, label: str) -> list[str]:
    """Return the counts to which an utterance adds, from the whole to the single cell."""
    place, emotion = SCENARIOS[scenario], EMOTIONS[label]
    four = ["of four classes"] if label in "ASHN" else []
    return ["utterances", *four, place, emotion, f"{emotion} in {place}"]


def count(labels: Mapping[ImprovId, str]) -> Counter[str]:
    """Return the counts of utterances with their labels, by the names of the expected ones."""
    counts: Counter[str] = Counter()
    for key, label in labels.items():
        counts.update(_names(key.scenario, label))
        counts["sessions 1 to 4" if key.session <= 4 else f"session {key.session}"] += 1
    counts["speakers"] = len({key.actor for key in labels})
    counts["speakers of target read"] = len({key.actor for key in labels if key.scenario == "R"})
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

    Args:
        db: the folder of the label file and the sessions, or up to two above it.
        data: gets ``msp_improv_train``, ``_valid`` and ``_test``.

    Raises:
        ValueError: no copy at ``db``, or one that is not whole; nothing is written then.
    """
    release = read_release(find_release_folder(db, "MSP-IMPROV", _is_release, _EXPECTED_FILES))
    log_left_out(release.root, release.left_out)
    labels = dict(sorted(release.labels.items(), key=lambda item: item[0].utterance_id))
    wavs = {key: release.wavs[key] for key in labels if key in release.wavs}
    survey = survey_wavs(release.root, wavs, None)
    reasons = survey.unreadable
    faults = {
        "labels without a wav": {
            key.utterance_id: f"no wav in {key.folder}" for key in labels if key not in wavs
        },
        "wavs unreadable": {
            key.utterance_id: reasons[wav] for key, wav in wavs.items() if wav in reasons
        },
        "wavs without a label": {
            key.utterance_id: "no label" for key in sorted(release.wavs.keys() - labels.keys())
        },
        "wavs whose folders contradict their id": release.misplaced,
        "wavs of another name": release.extra,
    }
    found = count({key: labels[key] for key in survey.readable})
    self_check(
        *(release.root, "MSP-IMPROV", expected_counts(), found, faults),
        allow_incomplete=allow_incomplete,
    )
    utterances = [
        Utterance(
            key.utterance_id,
            f"improv_{key.actor}",
            f"{release.root}/{wavs[key]}",
            emotion=EMOTIONS[labels[key]],
            session=f"session{key.session}",
            dialogue=f"session{key.session}_{key.scene}",
            language="eng",
        )
        for key in survey.readable
    ]
    sets = split_for_pretraining(utterances, num_valid=num_valid, num_test=num_test, seed=seed)
    logger.info(
        f"{release.root}: {len(utterances)} utterances, {survey.hours:.2f} h (whole corpus: 9.5 h)"
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
    for path in (path for session in _sessions(root) for path in _files(release, session, 2)):
        if path.suffix.lower() != ".wav":
            release.left_out[f"files {path.suffix or 'without a suffix'} beside the wavs"] += 1
            continue
        key = parse_id(path.stem)
        fits = key is None or "/".join(path.parts[-4:-1]).lower() == key.folder.lower()
        misplaced = "" if fits or key is None else f"{key.folder} by its id"
        release.add_wav(path.relative_to(root).as_posix(), key, misplaced)
    for entry in visible(child(root, "Text") or root / "Text", release.left_out):
        key = parse_id(entry.name.removesuffix(".txt")) if entry.name.endswith(".txt") else None
        text = " ".join(read_any_text(Path(entry.path), "cp1252").split()) if key else ""
        if key and text:
            release.words[key] = text
        else:
            release.left_out["transcripts that are empty or of no utterance"] += 1
    return release


def _files(release: Release, folder: Path, levels: int) -> Iterator[Path]:
    """Yield what lies so many levels below a session's folder; files above it are counted."""
    for entry in visible(folder, release.left_out):
        if not levels:
            yield Path(entry.path)
        elif entry.is_dir():
            yield from _files(release, Path(entry.path), levels - 1)
        else:
            release.left_out["files outside the folders of the scenarios"] += 1


def read_labels(path: Path) -> dict[ImprovId, str]:
    """Return the label, key of ``EMOTIONS``, of every utterance.

    ValueError with file and line where a block's first line is malformed or contradicts another.
    """
    labels: dict[ImprovId, str] = {}
    # Raters wrote free text, in whatever encoding.
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.startswith("UTD-IMPROV-"):
                continue
            match = _LABEL.match(line)
            if match is None:
                raise ValueError(
                    f"{path}:{number}: expected 'UTD-IMPROV-<id>.avi; <{'|'.join(EMOTIONS)}>; "
                    f"...', got {line.strip()!r:.70}; get the file again"
                )
            key, label = ImprovId(*match.groups()[:-1]), match.groups()[-1]
            if labels.setdefault(key, label) != label:
                raise ValueError(
                    f"{path}:{number}: {key} is labelled {label} here and {labels[key]} before"
                )
    if not labels:
        raise ValueError(f"{path}: holds no labels; get the file again")
    return labels
