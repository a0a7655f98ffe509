"""An IEMOCAP release on disk: find its folder, read its labels and words, list its wavs.

Both releases (with and without videos) unpack to the same tree, of which this is read::

    IEMOCAP_full_release/Session{1..5}/
      sentences/wav/<dialogue>/<turn>.wav
      dialog/EmoEvaluation/<dialogue>.txt
      dialog/transcriptions/<dialogue>.txt

Names that begin with a dot are left out: the archive was made on a Mac and holds a
``._<name>`` beside many a file, some ending in .txt or .wav. EmoEvaluation also has
folders of single raters' sheets, which are not opened.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.iemocap_archive import is_archive, unpack
from espnet2_ext.corpora.iemocap_labels import Turn, is_dialogue, read_labels, read_transcriptions

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
