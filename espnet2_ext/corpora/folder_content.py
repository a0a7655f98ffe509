"""What lies in a folder of a corpus, hidden names left out."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from espnet2_ext.corpora.release_folder import is_seen


def visible(folder: Path, left_out: Counter[str]) -> Iterator[os.DirEntry[str]]:
    """Yield, sorted, what lies in a folder; hidden names and ``__MACOSX`` are only counted."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not is_seen(entry.name):
                left_out["hidden files and folders"] += 1
            else:
                yield entry


def child(folder: Path, *names: str) -> Path | None:
    """Return the file or folder of one of these names in any case, the first name first."""
    present = {entry.name.lower(): Path(entry.path) for entry in visible(folder, Counter())}
    return next((present[name.lower()] for name in names if name.lower() in present), None)
