"""The names of EmoDB, ``03a01Wa``: speaker 03, sentence a01, emotion W, version a.

The name says everything; label files are not needed. Letters are those of German words:
W (Wut) angry, L (Langeweile) bored, E (Ekel) disgusted, A (Angst) fearful, F (Freude)
happy, T (Trauer) sad, N neutral.

Source: emodb.bilderbar.info; counts of the published list of the 535 files of version 1.
"""

import re
from typing import NamedTuple

EMOTIONS = {
    "W": "angry",
    "L": "bored",
    "E": "disgusted",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
"""Emotion by its letter."""

SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
"""Words by number of the sentence."""

GENDERS = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), "m"),
    **dict.fromkeys(("08", "09", "13", "14", "16"), "f"),
}
"""``f`` or ``m`` by speaker."""

EXPECTED = {
    "utterances": 535,
    **{"angry": 127, "bored": 81, "disgusted": 46, "fearful": 69, "happy": 71},
    **{"sad": 62, "neutral": 79},
    **{"speaker 03": 49, "speaker 08": 58, "speaker 09": 43, "speaker 10": 38},
    **{"speaker 11": 55, "speaker 12": 35, "speaker 13": 61, "speaker 14": 69},
    **{"speaker 15": 56, "speaker 16": 71},
    **{"sentence a01": 49, "sentence a02": 60, "sentence a04": 51, "sentence a05": 62},
    **{"sentence a07": 55, "sentence b01": 51, "sentence b02": 51, "sentence b03": 52},
    **{"sentence b09": 52, "sentence b10": 52},
}
"""Counts of the whole corpus, version 1."""

_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-f])", re.ASCII)


class EmodbName(NamedTuple):
    """One recording; ``letter`` is that of the emotion."""

    speaker: str
    sentence: str
    letter: str
    version: str

    def __str__(self) -> str:
        """Return the original name, such as ``03a01Wa``."""
        return "".join(self)

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<original name>``."""
        return f"{self.speaker}-{self}"

    @property
    def emotion(self) -> str:
        """Return a full word, such as ``angry``."""
        return EMOTIONS[self.letter]


def parse_name(stem: str) -> EmodbName | None:
    """Return the parts of a name without its ending, None where EmoDB has no such name."""
    match = _NAME.fullmatch(stem)
    if match is None:
        return None
    name = EmodbName(*match.groups())
    known = name.speaker in GENDERS and name.sentence in SENTENCES and name.letter in EMOTIONS
    return name if known else None
