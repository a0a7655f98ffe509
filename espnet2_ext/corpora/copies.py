"""A copy of a corpus on a user's disk: find its folder, list its files, check that it is complete.

The numbers of a copy that lacks a folder compare with nobody's: every difference from the
published counts is an error, unless the user allows it.
"""

import codecs
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import soundfile

logger = logging.getLogger(__name__)

LEVELS_BELOW = 3
EXAMPLES = 3

Key = TypeVar("Key", bound=Hashable)  # what identifies an utterance of a corpus
Faults = Mapping[str, Sequence[str] | Mapping[str, str]]
"""By kind, such as ``wavs unreadable``: the files, or reasons by file; may be empty."""


def find_release_folder(
    root: str | Path, corpus: str, is_release: Callable[[Path], bool], expected: str
) -> Path:
    """Return the absolute path of the highest folder that is a copy, at root or up to three below.

    ``corpus`` and ``expected`` (what a copy looks like) are for messages. ValueError where there is
    nothing at ``root``, no copy in it, or two side by side.
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
        level = [Path(entry.path) for path in level for entry in visible(path) if entry.is_dir()]
    if not found:
        raise ValueError(
            f"{root}: no {corpus} here or up to {LEVELS_BELOW} folders below; expected {expected}"
        )
    if len(found) > 1:
        some = f"{len(found)} copies of {corpus}, such as {found[0]} and {found[1]}"
        raise ValueError(f"{root}: holds {some}; give the one to use")
    return found[0]


def is_seen(name: str) -> bool:
    """Return whether a file or folder is read: neither hidden nor what a Mac packs beside."""
    return not name.startswith(".") and name != "__MACOSX"


def visible(folder: Path, left_out: Counter[str] | None = None) -> Iterator[os.DirEntry[str]]:
    """Yield, sorted, what lies in a folder, if it exists; hidden names are only counted."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_seen(entry.name):
                yield entry
            elif left_out is not None:
                left_out["hidden files and folders"] += 1


def child(folder: Path, *names: str) -> Path | None:
    """Return the file or folder of one of these names in any case, the first name first."""
    present = {entry.name.lower(): Path(entry.path) for entry in visible(folder)}
    return next((present[name.lower()] for name in names if name.lower() in present), None)


def read_any_text(path: Path, otherwise: str = "latin-1", errors: str = "replace") -> str:
    """Return a text file's content, without its byte-order mark.

    The encoding is UTF-16 where the mark says so, else UTF-8, else ``otherwise``; with
    ``errors="strict"`` ValueError for a file that is no text in these.
    """
    content = path.read_bytes()
    has_mark = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encodings = ["utf-16"] if has_mark else ["utf-8-sig", otherwise]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if errors != "strict" or "\0" not in text:  # UTF-16 without its mark is valid UTF-8
            return text
    if errors == "strict":
        raise ValueError(f"{path}: is not text in {' or '.join(encodings)}; save it as UTF-8")
    return content.decode(encodings[-1], errors=errors)


def log_left_out(root: Path, left_out: Mapping[str, int]) -> None:
    """Log, one line a kind, what of a copy was passed over."""
    for reason, number in sorted(left_out.items()):
        if number:
            logger.info("%s: passed over: %d %s", root, number, reason)


class Survey(NamedTuple, Generic[Key]):
    """What the headers of a copy's wavs say."""

    readable: list[Key]  # in the order given
    unreadable: dict[str, str]  # reason by path
    hours: float  # of the readable wavs


def survey_wavs(
    root: Path, wavs: Mapping[Key, str], rates_hz: int | Mapping[Key, int] | None
) -> Survey[Key]:
    """Return what the headers of wavs say, whose paths are those below ``root``.

    Another rate (None: any) or more than one channel is logged alone, since everything becomes
    16 kHz mono: such a copy is not as released.
    """
    survey: Survey[Key] = Survey([], {}, 0.0)
    hours, others = 0.0, []
    for key, path in wavs.items():
        try:
            with soundfile.SoundFile(root / path) as stream:  # half the time of soundfile.info
                num_samples, rate_hz, channels = stream.frames, stream.samplerate, stream.channels
        except RuntimeError as error:
            survey.unreadable[path] = f"not readable as audio: {' '.join(str(error).split())}"
            continue
        if not num_samples:
            survey.unreadable[path] = "holds no samples"
            continue
        survey.readable.append(key)
        hours += num_samples / rate_hz / 3600
        expected_hz = rates_hz[key] if isinstance(rates_hz, Mapping) else rates_hz
        if expected_hz is not None and (rate_hz, channels) != (expected_hz, 1):
            others.append(f"{path} ({rate_hz} Hz, {channels} channels)")
    if others:
        logger.warning(
            "%s: %d wavs have another rate or channels than those released, first %s",
            *(root, len(others), others[0]),
        )
    return survey._replace(hours=hours)


@dataclass(frozen=True)
class Listing(Generic[Key]):
    """The files of a copy; paths are relative to ``root``."""

    root: Path
    wavs: dict[Key, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)  # of no utterance, or a second one; why
    misplaced: dict[str, str] = field(default_factory=dict)  # folders contradict the name; why
    absent: list[str] = field(default_factory=list)  # folders and files that are not there
    left_out: Counter[str] = field(default_factory=Counter)

    def add_wav(self, path: str, key: Key | None, misplaced: str = "") -> None:
        """Enter a wav; ``key`` is None where its name is that of no utterance."""
        if key is None:
            self.extra[path] = "no utterance of the corpus has this name"
        elif misplaced:
            self.misplaced[path] = misplaced
        elif key in self.wavs:
            self.extra[path] = f"a second wav of {key} beside {self.wavs[key]}"
        else:
            self.wavs[key] = path

    def unusable(self, keys: Iterable[Key], survey: Survey[Key]) -> dict[Key, str]:
        """Return the utterances without a wav, or with an unreadable one, with the reason."""
        reasons = {}
        for key in keys:
            path = self.wavs.get(key)
            if path is None:
                reasons[key] = f"no wav in {self.root}"
            elif path in survey.unreadable:
                reasons[key] = f"{path}: {survey.unreadable[path]}"
        return reasons


def self_check(
    root: str | Path,
    corpus: str,
    expected: Mapping[str, int],
    found: Mapping[str, int],
    faults: Faults | None = None,
    *,
    allow_incomplete: bool = False,
) -> None:
    """Log expected and found counts of a copy and raise a ValueError where they differ.

    Expected counts are those of the whole corpus by name, such as ``utterances`` or ``angry``;
    those of cells, such as ``0013/angry/train``, are logged only where they differ. A found count
    that is missing is 0, further ones are ignored. The error is one line with counts, examples of
    ``faults`` and remedy, or a warning with ``allow_incomplete``.
    """
    logger.info("%-40s %9s %9s", f"self-check of {corpus}", "expected", "found")
    wrong = []
    for name, wanted in expected.items():
        got = found.get(name, 0)
        if got != wanted:
            wrong.append((name, f"{got} of {wanted} {name}"))
        if "/" not in name or got != wanted:
            mark = "" if got == wanted else "  differs"
            logger.info("%-40s %9d %9d%s", f"  {name}", wanted, got, mark)
    # Shown are the first count and those of cells, which say most.
    wrong.sort(key=lambda each: (each[0] != next(iter(expected)), "/" not in each[0]))
    more = f" and {len(wrong) - EXAMPLES} more counts" if len(wrong) > EXAMPLES else ""
    differences = [", ".join(clause for _, clause in wrong[:EXAMPLES]) + more] if wrong else []
    for kind, files in (faults or {}).items():
        if files:
            first = next(iter(files))
            reason = f" ({files[first]})" if isinstance(files, Mapping) else ""
            differences.append(f"{len(files)} {kind}, first {first}{reason}")
    if not differences:
        logger.info("%s: self-check passed", root)
        return
    message = f"{root}: not a whole {corpus}: {'; '.join(differences)}"
    if not allow_incomplete:
        raise ValueError(
            f"{message}; get the missing part again, or say --allow_incomplete to go on without it"
        )
    logger.warning("%s; going on with what is there", message)


_LFS_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-.*\n)*oid sha256:(?P<sha256>[0-9a-f]{64})\nsize (?P<size>\d+)\n?"
)


def parse_pointer(path: Path) -> tuple[str, int] | None:
    """Return sha256 and size of the file that a Git LFS pointer stands for, None for no pointer."""
    if path.stat().st_size >= 1024:
        return None
    match = _LFS_POINTER.fullmatch(path.read_bytes())
    return (match["sha256"].decode(), int(match["size"])) if match else None


def refuse_pointers(root: Path, paths: Iterable[str], remedy: str) -> None:
    """Raise a ValueError where files, by paths below ``root``, are Git LFS pointers."""
    notes = [path for path in sorted(paths) if parse_pointer(root / path)]
    if notes:
        fault = f"{len(notes)} files are notes of Git LFS in place of audio, first {notes[0]}"
        raise ValueError(f"{root}: {fault}; {remedy}")
