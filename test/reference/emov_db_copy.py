"""A synthetic fixture of EmoV-DB with the names and counts of the real one, in either layout."""

import os
from pathlib import Path

from reference.emodb_copy import HIDDEN, write_tiny

NUM_SENTENCES = {
    "bea": {"Amused": 296, "Angry": 303, "Disgusted": 333, "Neutral": 355, "Sleepy": 497},
    "jenie": {"Amused": 222, "Angry": 496, "Disgusted": 189, "Neutral": 417, "Sleepy": 466},
    "josh": {"Amused": 296, "Neutral": 302, "Sleepy": 263},
    "sam": {"Amused": 501, "Angry": 468, "Disgusted": 497, "Neutral": 492, "Sleepy": 494},
}
WORDS = dict(
    Amused="amused", Angry="anger", Disgusted="disgust", Neutral="neutral", Sleepy="sleepiness"
)
SAID_TWICE = [
    *(("bea", "Amused", 2), ("sam", "Amused", 10), ("jenie", "Angry", 3)),
    *(("bea", "Neutral", 20), ("josh", "Neutral", 4), ("sam", "Sleepy", 5)),
]
"""Speaker, emotion and sentence; the numbers by emotion are the real ones."""


def stem_of(speaker: str, emotion: str, sentence: int, *, again: bool = False) -> str:
    """Return a file's name without ending; spellings vary as they do in the corpus."""
    first = (sentence - 1) // 28 * 28 + 1
    between = "_" if speaker == "jenie" and sentence > 300 else "-"
    word = WORDS[emotion]
    if (speaker, emotion) in (("bea", "Neutral"), ("sam", "Disgusted")) and sentence > 200:
        word = word.capitalize()
    last = first + (29 if again else 27)
    return f"{word}_{first}{between}{last}_{sentence:04d}"


def write_emov_db(root: Path, *, is_sorted: bool = False, last: int = 593) -> Path:
    """Write a copy and return its folder.

    Args:
        root: gets the folder.
        is_sorted: the layout ``bea/Amused`` instead of ``bea_Amused``.
        last: sentences above it are left out.
    """
    folder = root / ("EmoV-DB_sorted" if is_sorted else "emov_db")
    tiny = {44100: write_tiny(root / "tiny44.wav", 44100), 16000: write_tiny(root / "tiny16.wav")}
    for speaker, emotions in NUM_SENTENCES.items():
        wav = tiny[44100 if speaker == "bea" else 16000]
        for emotion, number in emotions.items():
            below = folder / (f"{speaker}/{emotion}" if is_sorted else f"{speaker}_{emotion}")
            below.mkdir(parents=True)
            for sentence in range(1, min(number, last) + 1):
                os.link(wav, below / f"{stem_of(speaker, emotion, sentence)}.wav")
                if (speaker, emotion, sentence) in SAID_TWICE:
                    stem = stem_of(speaker, emotion, sentence, again=True)
                    os.link(wav, below / f"{stem}.wav")
            (below / f"._{stem_of(speaker, emotion, 1)}.wav").write_bytes(HIDDEN)
    (folder / "__MACOSX").mkdir()
    return folder


def write_prompts(path: Path, last: int = 593) -> Path:
    """Write ``cmuarctic.data`` and return its path."""
    lines = [f'( arctic_a{n:04d} "Sentence {n}, a "Café"." )\n' for n in range(1, last + 1)]
    lines += [f'( arctic_b{n:04d} "Another." )\n' for n in range(1, 3)]
    path.write_bytes("".join(lines).encode("latin-1"))
    return path
