"""A copy of EmoV-DB on disk: find its folder, list its wavs in either layout.

Two layouts are about: that of the archives, and that of a sorted copy::

    <root>/bea_Amused/amused_1-15_0001.wav
    <root>/bea/Amused/amused_1-15_0001.wav

A file's name does not say who speaks. So an archive that holds no folder has to be unpacked
into one of its name; one more folder in between does not matter. Names that begin with a
dot and ``__MACOSX`` are passed over.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.emov_db_names import (
    GENDERS,
    NUM_SENTENCES,
    EmovName,
    parse_folder,
    parse_name,
)
from espnet2_ext.corpora.release_folder import find_release_folder, is_seen

_EXPECTED = (
    "folders bea_Amused to sam_Sleepy, each with what its archive holds, or bea, jenie, josh and "
    "sam with Amused to Sleepy in them"
)


@dataclass(frozen=True)
class Release:
    """What a copy holds; paths are relative to ``root``.

    Attributes:
        root: the folder of the speakers' or the archives' folders.
        wavs: path of each file.
        extra: wavs that are none of EmoV-DB, or a second one, each with the reason.
        misplaced: wavs whose folder contradicts their name, each with the reason.
        absent: folders that are not there.
    """

    root: Path
    wavs: dict[EmovName, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    misplaced: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds the speakers' or the archives' folders.

    Raises:
        ValueError: there is nothing at ``root``, or no copy of EmoV-DB or two in it.
    """
    return find_release_folder(root, "EmoV-DB", lambda path: any(_kinds(path)), _EXPECTED)


def read_release(root: Path) -> Release:
    """Return the wavs; what is wrong is listed, not raised."""
    release = Release(root)
    there = set()
    for speaker, emotion, folder in _kinds(root):
        there.add((speaker, emotion))
        for path in _wavs(folder):
            _enter(release, str(path.relative_to(root)), speaker, emotion)
    release.absent.extend("_".join(kind) for kind in NUM_SENTENCES if kind not in there)
    return release


def _enter(release: Release, path: str, speaker: str, emotion: str) -> None:
    """Enter a wav of a folder of this speaker and emotion."""
    name = parse_name(speaker, Path(path).stem)
    if name is None:
        release.extra[path] = "no file of EmoV-DB has this name"
    elif name.emotion != emotion:
        release.misplaced[path] = f"{name.emotion} by its name, {emotion} by its folder"
    elif name in release.wavs:
        release.extra[path] = f"a second wav of {name} beside {release.wavs[name]}"
    else:
        release.wavs[name] = path


def _kinds(root: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield speaker, emotion and folder, in either layout."""
    for folder in _folders(root):
        kind = parse_folder(folder.name)
        if kind is not None:
            yield (*kind, folder)
        elif folder.name.lower() in GENDERS:
            for below in _folders(folder):
                kind = parse_folder(f"{folder.name}_{below.name}")
                if kind is not None:
                    yield (*kind, below)


def _folders(path: Path) -> list[Path]:
    """Return the sorted folders in a folder, but for those that nobody should open."""
    return sorted(below for below in path.iterdir() if below.is_dir() and is_seen(below.name))


def _wavs(folder: Path) -> Iterator[Path]:
    """Yield, sorted, the wavs in a folder and below it."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if is_seen(name))
        for name in sorted(files):
            if is_seen(name) and name.lower().endswith(".wav"):
                yield Path(place, name)
