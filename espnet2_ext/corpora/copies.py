"""A copy of a corpus on a user's disk: find its folder, list it, and check that it is whole."""

import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

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


# What lies in a folder of a corpus, hidden names left out.


def visible(folder: Path, left_out: Counter[str]) -> Iterator[os.DirEntry[str]]:
    """Yield, sorted, what lies in a folder; hidden names and ``__MACOSX`` are only counted.

    Nothing where there is no such folder.
    """
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not is_seen(entry.name):
                left_out["hidden files and folders"] += 1
            else:
                yield entry


def read_any_text(path: Path, otherwise: str = "latin-1") -> str:
    """Return the text of a file in UTF-8, or else in another encoding; a mark at its head goes."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode(otherwise, errors="replace")


def child(folder: Path, *names: str) -> Path | None:
    """Return the file or folder of one of these names in any case, the first name first."""
    present = {entry.name.lower(): Path(entry.path) for entry in visible(folder, Counter())}
    return next((present[name.lower()] for name in names if name.lower() in present), None)


# Compare what a copy of a corpus holds with what the whole corpus holds.
#
# A copy that lacks a folder trains and scores as well as a whole one, only its numbers are
# not comparable with anybody's. So every difference is an error, unless asked otherwise.

logger = logging.getLogger(__name__)

EXAMPLES = 3

Faults = Mapping[str, Sequence[str] | Mapping[str, str]]
"""By kind, such as ``wavs unreadable``: the files, or reasons by file; may be empty."""


def self_check(
    root: str | Path,
    corpus: str,
    expected: Mapping[str, int],
    found: Mapping[str, int],
    faults: Faults | None = None,
    *,
    allow_incomplete: bool = False,
) -> None:
    """Log what was expected and found; a difference is an error.

    Args:
        root: the copy, for messages.
        corpus: its name, for messages.
        expected: counts of the whole corpus by name, such as ``utterances`` or ``angry``. Those
            of single cells, whose names hold a slash (``0013/angry/train``), are logged only
            where they differ.
        found: counts of the copy; a name that it lacks counts as 0, further ones are ignored.
        faults: what is wrong in detail.
        allow_incomplete: log a difference as a warning instead.

    Raises:
        ValueError: the copy is not whole; one line with counts, examples and remedy.
    """
    logger.info("%-40s %9s %9s", f"self-check of {corpus}", "expected", "found")
    for name, wanted in expected.items():
        got = found.get(name, 0)
        if "/" not in name or got != wanted:
            mark = "" if got == wanted else "  differs"
            logger.info("%-40s %9d %9d%s", f"  {name}", wanted, got, mark)
    differences = _count_clauses(expected, found) + _fault_clauses(faults or {})
    if not differences:
        logger.info("%s: self-check passed", root)
        return
    message = f"{root}: not a whole {corpus}: {'; '.join(differences)}"
    if allow_incomplete:
        logger.warning("%s; going on with what is there", message)
        return
    raise ValueError(
        f"{message}; get the missing part again, or say --allow_incomplete to go on without it"
    )


def _count_clauses(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """Return at most one clause, ``1749 of 1750 utterances, 299 of 300 angry``.

    The first count comes first, then those of single cells, which say most.
    """
    cells_first = sorted(expected, key=lambda name: "/" not in name)
    names = dict.fromkeys([*list(expected)[:1], *cells_first])
    wrong = [
        f"{found.get(name, 0)} of {expected[name]} {name}"
        for name in names
        if found.get(name, 0) != expected[name]
    ]
    if not wrong:
        return []
    more = f" and {len(wrong) - EXAMPLES} more counts" if len(wrong) > EXAMPLES else ""
    return [", ".join(wrong[:EXAMPLES]) + more]


def _fault_clauses(faults: Faults) -> list[str]:
    """Return one clause for each kind of fault, with its number and first example."""
    clauses = []
    for kind, files in faults.items():
        if files:
            first = next(iter(files))
            reason = f" ({files[first]})" if isinstance(files, Mapping) else ""
            clauses.append(f"{len(files)} {kind}, first {first}{reason}")
    return clauses


# What the headers of a corpus's wavs say: length, rate, channels, and what cannot be read.


@dataclass(frozen=True)
class Survey:
    """Headers of the wavs of a copy; paths are relative to its folder.

    Attributes:
        readable: ids of the wavs that can be read, in the order given.
        unreadable: reason by path.
        other_formats: rate and channels by path, where they are not those of the corpus.
        hours: of the readable wavs.
    """

    readable: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    other_formats: dict[str, str] = field(default_factory=dict)
    hours: float = 0.0


def survey_wavs(root: Path, wavs: Mapping[str, str], rates_hz: Mapping[str, int]) -> Survey:
    """Return what the headers say; the next stage of a recipe decodes every file.

    Another rate or number of channels is no fault, since everything becomes 16 kHz mono, but
    it shows that the copy is not as released, and is logged.

    Args:
        root: the copy.
        wavs: path by id, relative to ``root``.
        rates_hz: of the released wavs, which are mono, by id.
    """
    readable, unreadable, other_formats = [], {}, {}
    hours = 0.0
    for name, path in wavs.items():
        try:
            with soundfile.SoundFile(root / path) as stream:
                num_samples, rate_hz, channels = stream.frames, stream.samplerate, stream.channels
        except RuntimeError as error:
            unreadable[path] = f"not readable as audio: {' '.join(str(error).split())}"
            continue
        if not num_samples:
            unreadable[path] = "holds no samples"
            continue
        readable.append(name)
        hours += num_samples / rate_hz / 3600
        if (rate_hz, channels) != (rates_hz[name], 1):
            other_formats[path] = f"{rate_hz} Hz, {channels} channels"
    for path, found in list(other_formats.items())[:1]:
        logger.warning(
            "%s: %d wavs have another rate or channels than those released, first %s (%s)",
            root,
            len(other_formats),
            path,
            found,
        )
    return Survey(readable, unreadable, other_formats, hours)


# Files that Git LFS left as notes of 130 bytes in place of what they should hold.

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
