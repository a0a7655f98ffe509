"""Find the folder of a corpus at a path that a user gives, or a few folders below it."""

import os
from collections.abc import Callable
from pathlib import Path

LEVELS_BELOW = 3


def find_release_folder(
    root: str | Path, corpus: str, is_release: Callable[[Path], bool], expected: str
) -> Path:
    """Return the absolute path of the highest folder that is a copy of the corpus.

    Args:
        root: where to look, and up to three folders below.
        corpus: its name, for messages.
        is_release: whether a folder is a copy.
        expected: what a copy looks like, for messages.

    Raises:
        ValueError: there is nothing at ``root``, or no copy in it, or two of them side by
            side; one line that says what was expected where.
    """
    root = Path(root)
    if not root.is_dir():
        fault = "is not a folder; unpack it" if root.exists() else "is not there"
        raise ValueError(f"{root}: {fault}; expected {expected}")
    level, found = [root], list[Path]()
    for _ in range(1 + LEVELS_BELOW):
        found = sorted({path.resolve() for path in level if is_release(path)})
        if found:
            break
        level = [below for path in level for below in _folders(path)]
    if not found:
        raise ValueError(
            f"{root}: no {corpus} here or up to {LEVELS_BELOW} folders below; expected {expected}"
        )
    if len(found) > 1:
        raise ValueError(
            f"{root}: holds {len(found)} copies of {corpus}, such as {found[0]} and {found[1]}; "
            "give the one to use"
        )
    return found[0]


def is_seen(name: str) -> bool:
    """Return whether a name is to be looked at: not hidden, not what a Mac packs beside."""
    return not name.startswith(".") and name != "__MACOSX"


def _folders(path: Path) -> list[Path]:
    """Return the folders to be looked at in a folder."""
    with os.scandir(path) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir() and is_seen(entry.name)]
