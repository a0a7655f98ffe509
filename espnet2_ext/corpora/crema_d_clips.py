"""Names of CREMA-D's clips, what they say, and how many of each kind the whole corpus has.

A name is ``<actor>_<sentence>_<emotion>_<level>``, such as 1001_IEO_ANG_HI. Level is XX but
for the emotions of IEO, which every actor says at three levels. So an actor has 82 clips,
and of five actors one to six were never released: with them the plan gives the very names of
the repository (compared at revision 1658cd3).
"""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

EMOTIONS = dict(NEU="neutral", ANG="angry", HAP="happy", SAD="sad", DIS="disgusted", FEA="fearful")
SENTENCES = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
WITHOUT_SOUND = "1076_MTI_SAD_XX"

_LEVELS = {"XX": "no level", "LO": "low level", "MD": "medium level", "HI": "high level"}
_CLIP = re.compile(
    rf"(1\d{{3}})_({'|'.join(SENTENCES)})_({'|'.join(EMOTIONS)})_({'|'.join(_LEVELS)})", re.ASCII
)
_ACTORS = tuple(str(number) for number in range(1001, 1092))
_NEVER_RELEASED = re.compile(r"1002_TIE_NEU|1008_WSI|1009_MTI|1019_ITH|1076_ITS_NEU")
_OF_SENTENCE = dict(IEO=1456, ITH=540, MTI=540, WSI=540, ITS=545, TIE=545)

EXPECTED: dict[str, int] = {
    "utterances": 7442,
    "actors": len(_ACTORS),
    **{emotion: 1087 if emotion == "neutral" else 1271 for emotion in EMOTIONS.values()},
    "no level": 6077,
    "low level": 455,
    "medium level": 455,
    "high level": 455,
    **{f"sentence {code}": _OF_SENTENCE.get(code, 546) for code in SENTENCES},
}
"""What a whole copy holds, by the names of `tally`."""


@dataclass(frozen=True)
class Clip:
    """What the name of a clip says, and the name of its file."""

    name: str
    file: str
    actor: str
    sentence: str
    emotion: str
    level: str

    @property
    def utterance_id(self) -> str:
        """Return ``<actor>-<name>``."""
        return utterance_id_of(self.name)


def utterance_id_of(name: str) -> str:
    """Return the utterance id of the clip of this name."""
    return f"{name[:4]}-{name}"


def parse_clip(file: str) -> Clip | None:
    """Return what a file's name says, None where it is no clip's."""
    stem, suffix = os.path.splitext(file)
    match = _CLIP.fullmatch(stem)
    if match is None or suffix.lower() != ".wav":
        return None
    return Clip(stem, file, match[1], match[2], EMOTIONS[match[3]], _LEVELS[match[4]])


def tally(clips: Iterable[Clip]) -> Counter[str]:
    """Return the numbers of utterances and actors, and of utterances by emotion and so on."""
    counts: Counter[str] = Counter()
    actors = set()
    for clip in clips:
        counts.update(["utterances", clip.emotion, clip.level, f"sentence {clip.sentence}"])
        actors.add(clip.actor)
    counts["actors"] = len(actors)
    return counts


def expected_clips() -> set[str]:
    """Return the 7,442 names of a whole copy."""
    names = set()
    for actor, sentence, emotion in product(_ACTORS, SENTENCES, EMOTIONS):
        with_level = sentence == "IEO" and emotion != "NEU"
        for level in ("LO", "MD", "HI") if with_level else ("XX",):
            name = f"{actor}_{sentence}_{emotion}_{level}"
            if not _NEVER_RELEASED.match(name):
                names.add(name)
    return names
