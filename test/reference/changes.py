"""Change a synthetic fixture of a corpus for the time of a block, and check that it is refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


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


def refused(
    prepare: Callable[..., object], copy: Path, out: Path, message: str, **options: object
) -> None:
    """Check that a copy is refused with one line, which matches, and that nothing is written."""
    with pytest.raises(ValueError, match=message) as caught:
        prepare(copy, out, **options)
    assert "\n" not in str(caught.value)
    assert not out.exists()
