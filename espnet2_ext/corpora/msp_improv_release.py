"""A copy of MSP-IMPROV on disk: find its folder, list its wavs in either layout, read its words.

The sessions lie in the folder itself or in Audio; videos may lie beside the wavs::

    <root>/Evalution.txt          spelled so; copies have Evaluation.txt too
    <root>/[Audio/]session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav
    <root>/Text/MSP-IMPROV-S01A-F01-P-FM01.txt

A wav is listed only where its folders say what its id says.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.folder_content import child, visible
from espnet2_ext.corpora.msp_improv_labels import ImprovId, parse_id, read_labels, read_words
from espnet2_ext.corpora.release_folder import find_release_folder

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
    text_folder = child(root, TEXT_FOLDER)
    for entry in visible(text_folder, release.left_out) if text_folder else ():
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
