"""The names of EmoV-DB, ``amused_1-15_0001.wav``: emotion, range of the session, sentence.

The speaker is in the folder alone. The number is that of a prompt in set A of CMU ARCTIC
(``arctic_a0001`` ... ``arctic_a0593``). Six sentences were said twice by a speaker in an
emotion, in sessions with other ranges, so the range belongs to the id. Ranges are written
with ``-`` or ``_``, emotions with a small or a capital letter.

Source: openslr.org/115; the number of files by emotion and of different sentences by speaker
and emotion are those of two published lists of files, which agree.
"""

import re
from typing import NamedTuple

GENDERS = {"bea": "f", "jenie": "f", "josh": "m", "sam": "m"}
"""``f`` or ``m`` by speaker."""

RATES_HZ = {"bea": 44100, "jenie": 16000, "josh": 16000, "sam": 16000}
"""Of the released wavs, by speaker."""

EMOTIONS = {
    "amused": "amused",
    "anger": "angry",
    "disgust": "disgusted",
    "neutral": "neutral",
    "sleepiness": "sleepy",
}
"""Emotion by its word in a file's name; folders are named by the emotion."""

FILES = {"amused": 1317, "angry": 1268, "disgusted": 1019, "neutral": 1568, "sleepy": 1721}
"""Files by emotion; 6,893 in all."""

NUM_SENTENCES = {
    **{("bea", "amused"): 296, ("bea", "angry"): 303, ("bea", "disgusted"): 333},
    **{("bea", "neutral"): 355, ("bea", "sleepy"): 497},
    **{("jenie", "amused"): 222, ("jenie", "angry"): 496, ("jenie", "disgusted"): 189},
    **{("jenie", "neutral"): 417, ("jenie", "sleepy"): 466},
    **{("josh", "amused"): 296, ("josh", "neutral"): 302, ("josh", "sleepy"): 263},
    **{("sam", "amused"): 501, ("sam", "angry"): 468, ("sam", "disgusted"): 497},
    **{("sam", "neutral"): 492, ("sam", "sleepy"): 494},
}
"""Different sentences by speaker and emotion: josh is neither angry nor disgusted."""

EXPECTED = {
    "utterances": sum(FILES.values()),
    **FILES,
    **{f"sentences of {' '.join(kind)}": number for kind, number in NUM_SENTENCES.items()},
}
"""Counts of the whole corpus."""

LAST_SENTENCE = 593
"""Of set A of CMU ARCTIC; the first is 1."""

_NAME = re.compile(rf"({'|'.join(EMOTIONS)})_\d+[-_]\d+_(\d{{4}})", re.ASCII | re.IGNORECASE)


class EmovName(NamedTuple):
    """One file; ``stem`` is its name without ending."""

    speaker: str
    emotion: str
    sentence: int
    stem: str

    def __str__(self) -> str:
        """Return the id, which no other file has."""
        return self.utterance_id

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<original name>``."""
        return f"{self.speaker}-{self.stem}"


def parse_name(speaker: str, stem: str) -> EmovName | None:
    """Return the parts of a speaker's file, None where EmoV-DB has no such name."""
    match = _NAME.fullmatch(stem)
    if match is None or not 1 <= int(match[2]) <= LAST_SENTENCE:
        return None
    return EmovName(speaker, EMOTIONS[match[1].lower()], int(match[2]), stem)


def parse_folder(name: str) -> tuple[str, str] | None:
    """Return speaker and emotion of a folder such as ``bea_Amused``, None for others."""
    speaker, _, emotion = name.lower().partition("_")
    return (speaker, emotion) if (speaker, emotion) in NUM_SENTENCES else None
