"""The names of ESD: an utterance's id alone says speaker, emotion, sentence and split.

``0011_000351`` is spoken by 0011. Counted from 1, every block of 350 numbers is one
emotion, in the order of ``EMOTIONS``, and within a block the sentences are the same: the
utterances that say sentence k are k, k + 350, k + 700, ... Texts and folders of a copy
may be wrong; over all 35,000 published names, ids are not.

Source: the published lists of files; the split by sentence number is that of the lists
in Zhou's seq2seq-EVC and Emovox, which [P2V] IV-D calls the standard one.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FOLDERS = {
    "Neutral": "neutral",
    "Angry": "angry",
    "Happy": "happy",
    "Sad": "sad",
    "Surprise": "surprised",
}
"""Emotion by the name of its folder, in the order of the ids."""

EMOTIONS = tuple(FOLDERS.values())
NUM_SENTENCES = 350
SPLITS = {"evaluation": range(1, 21), "test": range(21, 51), "train": range(51, 351)}
"""Sentence numbers of each split."""

LANGUAGES = {"english": "eng", "mandarin": "cmn"}
"""ISO 639-3 code of each language."""

_WOMEN = {1, 2, 3, 7, 9, 15, 16, 17, 18, 19}
_NAME = re.compile(r"(\d{4})_(\d{6})", re.ASCII)
_NUM_SPEAKERS = 20


class EsdId(NamedTuple):
    """One of the 35,000 utterances; ``number`` is 1 to 1,750."""

    speaker: str
    number: int

    def __str__(self) -> str:
        """Return the original id, such as ``0011_000351``."""
        return f"{self.speaker}_{self.number:06d}"

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<original id>``."""
        return f"{self.speaker}-{self}"

    @property
    def emotion(self) -> str:
        """Return one of ``EMOTIONS``."""
        return EMOTIONS[(self.number - 1) // NUM_SENTENCES]

    @property
    def sentence(self) -> int:
        """Return the number of the sentence, 1 to 350."""
        return (self.number - 1) % NUM_SENTENCES + 1

    @property
    def split(self) -> str:
        """Return ``evaluation``, ``test`` or ``train``."""
        return next(split for split, sentences in SPLITS.items() if self.sentence in sentences)

    def in_emotion(self, emotion: str) -> "EsdId":
        """Return the utterance of the same speaker and sentence in another emotion."""
        return EsdId(self.speaker, EMOTIONS.index(emotion) * NUM_SENTENCES + self.sentence)


def parse_id(name: str) -> EsdId | None:
    """Return the utterance of this original id, None where ESD has no such id."""
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in SPEAKERS:
        return None
    number = int(match[2])
    return EsdId(match[1], number) if 1 <= number <= len(EMOTIONS) * NUM_SENTENCES else None


def expected_ids(speakers: Iterable[str]) -> list[EsdId]:
    """Return all ids of the speakers, 1,750 each."""
    numbers = range(1, len(EMOTIONS) * NUM_SENTENCES + 1)
    return [EsdId(speaker, number) for speaker in speakers for number in numbers]


def language_of(speaker: str) -> str:
    """Return ``mandarin`` for 0001 to 0010, ``english`` for 0011 to 0020."""
    return "mandarin" if int(speaker) <= 10 else "english"


def gender_of(speaker: str) -> str:
    """Return ``f`` or ``m``, as the ReadMe of the corpus has it."""
    return "f" if int(speaker) in _WOMEN else "m"


SPEAKERS = tuple(f"{number:04d}" for number in range(1, _NUM_SPEAKERS + 1))


def choose_speakers(language: str, speakers: Sequence[str] | None) -> tuple[str, ...]:
    """Return the sorted speakers of a language, all or the named ones.

    Args:
        language: ``english``, ``mandarin`` or ``both``.
        speakers: such as ``["0013"]``; None or empty for all of the language.

    Raises:
        ValueError: no such language or speaker, or a speaker of the other language.
    """
    if language not in (*LANGUAGES, "both"):
        raise ValueError(f"language is {language!r}; give {', '.join(LANGUAGES)} or both")
    for speaker in speakers or ():
        if speaker not in SPEAKERS:
            raise ValueError(f"speaker {speaker!r}: ESD has 0001 to 0020; give four digits")
        if language not in (language_of(speaker), "both"):
            raise ValueError(
                f"speaker {speaker} speaks {language_of(speaker)}, not {language}; give language "
                f"{language_of(speaker)} or both"
            )
    if speakers:
        return tuple(sorted(set(speakers)))
    return tuple(name for name in SPEAKERS if language in (language_of(name), "both"))
