"""The text file beside a clip of LRS3, and where to cut a long clip by it.

::

    Text:  SOMETHING {LG} WAS LEFT THERE
    Conf:  3

    FRAME X Y W H

    WORD START END ASDSCORE
    SOMETHING 0.08 0.51 6.2

Times are seconds from the clip's beginning. Some files lack the last section.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

MAX_CLIP_S = 15.0
PAUSE_S = 0.4
"""Where AV-HuBERT's preparation cuts, and from which length on (Shi et al. 2022)."""

_TEXT = re.compile(r"^Text:(.*)$", re.MULTILINE)
_MARKER = re.compile(r"\{[^{}]*\}")
_ROW = re.compile(r"(\S+)\s+(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)(?:\s+\S+)?")


@dataclass(frozen=True)
class Word:
    """A word, or a marker such as ``{LG}``, and when it is said."""

    text: str
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class ClipText:
    """What is said in a clip, None if the file does not say; and when, as far as known.

    Attributes:
        text: without markers, unless there is nothing else.
        words: in their order; empty where the file has no table of them, or a wrong one.
        fault: what is wrong with the table of words; None where nothing is.
    """

    text: str | None
    words: tuple[Word, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class Piece:
    """A part of a clip; ``stop_s`` None is the clip's end, ``text`` None is unknown."""

    start_s: float
    stop_s: float | None
    text: str | None


def read_clip_text(path: str | Path) -> ClipText:
    """Return what the file says; UTF-8, or else ISO-8859-1, which always decodes."""
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("iso-8859-1")
    return parse_clip_text(text)


def parse_clip_text(content: str) -> ClipText:
    """Return text and words of a file's content."""
    lines = [line.strip() for line in content.splitlines()]
    found = _TEXT.search("\n".join(lines))
    text = clean(found[1]) if found else None
    header = next(
        (i for i, line in enumerate(lines) if line.split()[:2] == ["WORD", "START"]), None
    )
    if header is None:
        return ClipText(text)
    words: list[Word] = []
    for line in filter(None, lines[header + 1 :]):
        row = _ROW.fullmatch(line)
        if row is None:
            return ClipText(text, fault=f"{line!r:.60} is not word, start, end and score")
        words.append(Word(row[1], float(row[2]), float(row[3])))
        if (
            words[-1].stop_s < words[-1].start_s
            or words[-1].start_s < words[max(len(words) - 2, 0)].start_s
        ):
            return ClipText(text, fault=f"{line!r:.60} goes back in time")
    return ClipText(text, tuple(words))


def clean(text: str) -> str | None:
    """Return the words without markers in braces; only markers stay; None if there is nothing."""
    words = " ".join(_MARKER.sub(" ", text).replace("{", " ").replace("}", " ").split())
    return words or " ".join(text.split()) or None


def cut_at_pauses(
    clip: ClipText, *, max_clip_s: float = MAX_CLIP_S, pause_s: float = PAUSE_S
) -> list[Piece]:
    """Return the parts of a clip, each at most ``max_clip_s`` where its words allow it.

    A cut goes into the middle of the last pause above ``pause_s`` that keeps the part
    short enough. The last part reaches to the end of the clip, which may be some
    silence after the last word. A clip without times stays whole.

    Deviation: where there is no such pause, at the widest gap between two words.
    """
    if not clip.words or clip.words[-1].stop_s <= max_clip_s:
        return [Piece(0.0, None, clip.text)]
    pieces = []
    start_s, first = 0.0, 0
    while clip.words[-1].stop_s - start_s > max_clip_s:
        after = _next_piece(clip.words, first, start_s + max_clip_s, pause_s)
        if after is None:
            break
        cut_s = (clip.words[after - 1].stop_s + clip.words[after].start_s) / 2
        pieces.append(Piece(start_s, cut_s, _join(clip.words[first:after])))
        start_s, first = cut_s, after
    return [*pieces, Piece(start_s, None, _join(clip.words[first:]))]


def _next_piece(words: Sequence[Word], first: int, limit_s: float, pause_s: float) -> int | None:
    """Return the index of the word before which to cut, None where there is no gap."""
    gaps = {
        first + 1 + offset: after.start_s - before.stop_s
        for offset, (before, after) in enumerate(pairwise(words[first:]))
        if after.start_s >= before.stop_s
    }
    near = [index for index in gaps if words[index - 1].stop_s + gaps[index] / 2 <= limit_s]
    if not near:
        return min(gaps, default=None)  # a word longer than the limit: as soon as can be
    pauses = [index for index in near if gaps[index] > pause_s]
    return max(pauses) if pauses else max(near, key=lambda index: gaps[index])


def _join(words: Sequence[Word]) -> str | None:
    return clean(" ".join(word.text for word in words))
