"""A copy of ESD on disk: find its folder, list its wavs in either layout, read its words.

Two layouts are about, the first with folders of the split and the second, today's
archive, without; both may stand side by side::

    <root>/0011/Angry/{evaluation,test,train}/0011_000351.wav
    <root>/0011/Angry/0011_000351.wav
    <root>/0011/0011.txt

A wav is listed only where every folder above it says what its id says. Names that begin
with a dot and ``__MACOSX`` are left out.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.esd_ids import FOLDERS, SPEAKERS, SPLITS, EsdId, parse_id
from espnet2_ext.corpora.esd_text import Transcript, read_transcript

_EMOTION_OF_FOLDER = {name.lower(): emotion for name, emotion in FOLDERS.items()}
_EXPECTED = (
    "expected folders 0001 to 0020 with Neutral, Angry, Happy, Sad, Surprise and <speaker>.txt in "
    "each, here or up to two folders below"
)


@dataclass(frozen=True)
class Release:
    """What a copy holds of some speakers; paths are relative to ``root``.

    Attributes:
        root: the folder of the speakers' folders.
        wavs: path of each utterance.
        extra: wavs that are no utterance of ESD, or a second one, each with the reason.
        misplaced: wavs whose folders contradict their id, each with the reason.
        transcripts: words by speaker.
        absent: folders and transcripts that are not there.
        left_out: counts of everything else that was passed over.
    """

    root: Path
    wavs: dict[EsdId, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    misplaced: dict[str, str] = field(default_factory=dict)
    transcripts: dict[str, Transcript] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds the speakers' folders, or some of them.

    Raises:
        ValueError: there is nothing at ``root``, or no copy of ESD or two in it; the
            message says what was expected where.
    """
    root = Path(root)
    if not root.is_dir():
        fault = "is not a folder; unpack it" if root.exists() else "is not there"
        raise ValueError(f"{root}: {fault}; {_EXPECTED}")
    level, found = [root], list[Path]()
    for _ in range(3):
        found = sorted({path.resolve() for path in level if _has_speakers(path)})
        if found:
            break
        level = [below for path in level for below in _folders(path)]
    if not found:
        raise ValueError(
            f"{root}: {_EXPECTED}, found none; give the folder 'Emotion Speech Dataset'"
        )
    if len(found) > 1:
        raise ValueError(
            f"{root}: holds {len(found)} copies of ESD, such as {found[0]} and {found[1]}; "
            "give the one to use"
        )
    return found[0]


def _folders(path: Path) -> list[Path]:
    """Return the sorted folders in a folder, but for those that nobody should open."""
    with os.scandir(path) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir() and _is_seen(entry))


def _is_seen(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.name != "__MACOSX"


def _has_speakers(path: Path) -> bool:
    return any((path / speaker).is_dir() for speaker in SPEAKERS)


def read_release(root: Path, speakers: Sequence[str]) -> Release:
    """Return the wavs and words of the speakers; what is wrong is listed, not raised.

    Raises:
        ValueError: a transcript cannot be decoded.
    """
    release = Release(root)
    for speaker in speakers:
        folder = root / speaker
        if not folder.is_dir():
            release.absent.append(f"{speaker}/")
            continue
        for entry in _visible(folder, release.left_out):
            emotion = _EMOTION_OF_FOLDER.get(entry.name.lower())
            if entry.is_dir() and emotion is not None:
                _list_emotion(release, speaker, emotion, entry.name)
            elif entry.name != f"{speaker}.txt":
                release.left_out["files and folders beside those of the emotions"] += 1
        transcript = folder / f"{speaker}.txt"
        if transcript.is_file():
            release.transcripts[speaker] = read_transcript(transcript, speaker)
        else:
            release.absent.append(f"{speaker}/{speaker}.txt")
    return release


def _visible(folder: Path, left_out: Counter[str]) -> Iterator[os.DirEntry[str]]:
    """Yield, sorted, what lies in a folder; hidden names are counted."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if _is_seen(entry):
                yield entry
            else:
                left_out["hidden files and folders"] += 1


def _list_emotion(release: Release, speaker: str, emotion: str, name: str) -> None:
    """List the wavs of one emotion's folder, whose name is given, and of the splits in it."""
    place = f"{speaker}/{name}"
    for entry in _visible(release.root / place, release.left_out):
        split = entry.name.lower()
        if not entry.is_dir():
            _list_file(release, f"{place}/{entry.name}", speaker, emotion, None)
        elif split in SPLITS:
            for below in _visible(Path(entry.path), release.left_out):
                path = f"{place}/{entry.name}/{below.name}"
                _list_file(release, path, speaker, emotion, split)
        else:
            release.left_out["folders of an emotion that are no split"] += 1


def _list_file(release: Release, path: str, speaker: str, emotion: str, split: str | None) -> None:
    """Enter one file as a wav, as extra or as misplaced.

    Args:
        release: gets the entry.
        path: relative to the root.
        speaker: by the folders, as are the next two.
        emotion: likewise.
        split: None in the layout without folders for it.
    """
    stem, suffix = os.path.splitext(os.path.basename(path))
    if suffix.lower() != ".wav":
        release.left_out["files among the wavs that are no wav"] += 1
        return
    key = parse_id(stem)
    if key is None:
        release.extra[path] = "no utterance of ESD has this name"
        return
    by_id = (key.speaker, key.emotion, key.split)
    by_folder = (speaker, emotion, split or key.split)
    wrong = [
        f"{first} by its id, {second} by its folder"
        for first, second in zip(by_id, by_folder, strict=True)
        if first != second
    ]
    if wrong:
        release.misplaced[path] = ", ".join(wrong)
    elif key in release.wavs:
        release.extra[path] = f"a second wav of {key} beside {release.wavs[key]}"
    else:
        release.wavs[key] = path
