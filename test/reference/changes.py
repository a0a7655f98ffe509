"""Change a made-up copy of a corpus for the time of a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def changed(path: Path, content: bytes | None = None) -> Iterator[None]:
    """Take a file or folder away, or give the file other content, until the block ends."""
    aside = path.with_name(f".{path.name}.aside")
    path.rename(aside)
    if content is not None:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        aside.rename(path)


@contextmanager
def added(path: Path, content: bytes = b"") -> Iterator[None]:
    """Have one more file until the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        yield
    finally:
        path.unlink()
