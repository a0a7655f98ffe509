"""Write beside, then rename: a reader never sees half a file."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_LEFTOVER = re.compile(r"\..+\.\d+\.part(\.\w+)?")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` when the block succeeds.

    The temporary name keeps the suffix, because audio and numpy writers choose
    their format by it. On an exception it is removed and ``path`` is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_open(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Yield a file opened for writing that replaces ``path`` when the block succeeds.

    Text is UTF-8 with ``\\n`` line ends, as Kaldi's and ESPnet's readers expect.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    with atomic_path(path) as temporary:
        # open's overloads want the mode as a literal.
        with open(temporary, mode, **text) as stream:  # type: ignore[call-overload]
            yield stream


def temporary_path(path: Path) -> Path:
    """Return a hidden name beside ``path`` that this process alone uses."""
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def remove_leftovers(directory: str | Path, *, is_deep: bool = True) -> int:
    """Remove what a killed writer left beside, at any depth or there alone; return how many.

    Only for a directory that no other process is writing to.
    """
    count = 0
    for folder, folders, names in os.walk(directory):
        if not is_deep:
            folders.clear()
        for name in names:
            if _LEFTOVER.fullmatch(name):
                os.unlink(os.path.join(folder, name))
                count += 1
    return count
