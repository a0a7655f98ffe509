"""A copy of LRS3 on disk: find its folder and list its clips.

::

    <root>/{pretrain,trainval,test}/<youtube id>/<NNNNN>.mp4
    <root>/{pretrain,trainval,test}/<youtube id>/<NNNNN>.txt

Names that begin with a dot and ``__MACOSX`` are left out. A YouTube id may itself begin
with ``-`` or hold ``_``, so ids are never split at these.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.folder_content import visible
from espnet2_ext.corpora.release_folder import find_release_folder

SPLITS = ("pretrain", "trainval", "test")
EXPECTED = {
    "pretrain clips": 118516,
    "pretrain videos": 5090,
    "trainval clips": 31982,
    "trainval videos": 4004,
    "test clips": 1321,
    "test videos": 412,
}
"""Of the whole corpus, test set version 0.4; 151,819 clips."""
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_FILE = re.compile(r"(\d{5})\.(mp4|txt)", re.IGNORECASE)
_TREE = "LRS3: folders pretrain, trainval and test with <youtube id>/<NNNNN>.mp4 in them"


@dataclass(frozen=True, order=True)
class Clip:
    """A clip, which split and video it is of, and its number there."""

    split: str
    video: str
    number: str

    @property
    def speaker(self) -> str:
        """Return the talk, which stands for its speaker."""
        return f"lrs3_{self.video}"

    @property
    def utterance_id(self) -> str:
        """Return an id that also tells clips of a video in two splits apart."""
        return f"{self.speaker}-{self.split}_{self.number}"

    @property
    def stem(self) -> str:
        """Return the path below the root without its suffix."""
        return f"{self.split}/{self.video}/{self.number}"


@dataclass(frozen=True)
class Release:
    """What a copy holds; paths are relative to ``root``.

    Attributes:
        root: the folder of the splits.
        videos: path of each clip's mp4.
        texts: path of each clip's txt.
        left_out: counts of everything else that was passed over.
    """

    root: Path
    videos: dict[Clip, str] = field(default_factory=dict)
    texts: dict[Clip, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds the splits, or some of them; up to two below.

    Raises:
        ValueError: there is nothing at ``root``, or no copy of LRS3 or two in it.
    """
    return find_release_folder(root, "LRS3-TED", _has_clips, _TREE)


def read_release(root: Path) -> Release:
    """Return the clips of all splits; what is no clip is counted."""
    release = Release(root)
    for split in SPLITS:
        for folder in _visible(root / split, release.left_out):
            if not folder.is_dir() or not _VIDEO.fullmatch(folder.name):
                release.left_out["files and folders beside those of the videos"] += 1
                continue
            for entry in _visible(Path(folder.path), release.left_out):
                name = _FILE.fullmatch(entry.name)
                if name is None or not entry.is_file():
                    release.left_out["files among the clips that are none"] += 1
                    continue
                clip = Clip(split, folder.name, name[1])
                table = release.videos if name[2].lower() == "mp4" else release.texts
                table[clip] = f"{split}/{folder.name}/{entry.name}"
    return release


def count(clips: Iterable[Clip]) -> dict[str, int]:
    """Return how many clips and videos each split has, by the names of `EXPECTED`."""
    numbers: Counter[str] = Counter()
    videos = set()
    for clip in clips:
        numbers[f"{clip.split} clips"] += 1
        videos.add((clip.split, clip.video))
    numbers.update(f"{split} videos" for split, _ in videos)
    return dict(numbers)


def _has_clips(path: Path) -> bool:
    return any(
        _VIDEO.fullmatch(folder.name) and folder.is_dir()
        for split in SPLITS
        for folder in _visible(path / split, Counter())
    )


def _visible(folder: Path, left_out: Counter[str]) -> Iterator[os.DirEntry[str]]:
    """Yield, sorted, what lies in a folder; nothing where there is no such folder."""
    if folder.is_dir():
        yield from visible(folder, left_out)
