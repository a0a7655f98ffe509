"""Files that Git LFS left as notes of 130 bytes in place of what they should hold."""

import re
from collections.abc import Iterable
from pathlib import Path

_LIMIT_BYTES = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-.*\n)*oid sha256:(?P<sha256>[0-9a-f]{64})\nsize (?P<size>\d+)\n?"
)


def parse_pointer(content: bytes) -> tuple[str, int] | None:
    """Return sha256 and bytes of the true file, None where the content is no such note."""
    match = _POINTER.fullmatch(content)
    return (match["sha256"].decode(), int(match["size"])) if match else None


def refuse_pointers(root: Path, paths: Iterable[str], remedy: str) -> None:
    """Raise where files are notes in place of what they should hold.

    Args:
        root: of the paths.
        paths: relative to it.
        remedy: ends the message.

    Raises:
        ValueError: some are; one line with their number, the first and the remedy.
    """
    notes = [path for path in sorted(paths) if _is_pointer(root / path)]
    if notes:
        raise ValueError(
            f"{root}: {len(notes)} files are notes of Git LFS in place of audio, first {notes[0]}; "
            f"{remedy}"
        )


def _is_pointer(path: Path) -> bool:
    if path.stat().st_size >= _LIMIT_BYTES:
        return False
    return path.read_bytes().startswith(b"version https://git-lfs")
