"""A synthetic fixture of LRS3 in the real syntax, with its defects."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from reference.copies import HIDDEN

Words = Sequence[tuple[str, float, float]]


def clip_text(text: str, words: Words | None = (), *, frames: bool = True) -> str:
    """Return the content of a txt file; ``words`` None leaves the last section out."""
    content = f"Text:  {text}\nConf:  3\nRef:   aB3dE5fG7hI\n"
    if frames:
        content += "\nFRAME \tX \tY \tW \tH \n"
        content += "".join(f"{n:06d} \t0.311 \t0.204 \t0.148 \t0.263 \n" for n in range(3))
    if words is not None:
        content += "\nWORD START END ASDSCORE\n"
        content += "".join(f"{word} {start:g} {stop:g} 6.2\n" for word, start, stop in words)
    return content


def write_copy(root: Path, clips: Mapping[str, str | bytes | None], film: Path) -> Path:
    """Write clips (txt by name, None for no txt) with one film's content; return their folder."""
    folder = root / "lrs3"
    for name, content in clips.items():
        path = folder / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(film, path)
        (path.parent / f"._{path.name}").write_bytes(HIDDEN)
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            path.with_suffix(".txt").write_bytes(data)
    (folder / ".DS_Store").write_bytes(HIDDEN)
    return folder


def long_words(duration_s: float, pauses_s: Mapping[int, float]) -> list[tuple[str, float, float]]:
    """Return words of 0.5 s every 0.6 s; before some there is so much more of a pause."""
    words: list[tuple[str, float, float]] = []
    time_s = 0.0
    while time_s + 0.5 <= duration_s:
        time_s += pauses_s.get(len(words), 0.0)
        words.append((f"W{len(words)}", round(time_s, 3), round(time_s + 0.5, 3)))
        time_s = float(np.round(time_s + 0.6, 3))
    return words
