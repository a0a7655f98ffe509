"""CREMA-D: 91 actors say twelve sentences in six emotions (Cao et al. 2014).

7,442 clips, 5.26 h, 16 kHz: 82 of each actor, but for 20 of five actors that were never released.
The emotion is the one that the actor was asked for, not what listeners perceived. To get it:
``prepare download --corpus crema_d``, or clone the repository with Git LFS (7.6 GB with videos).
Licence: Open Database License 1.0, Database Contents License 1.0.

* Without Git LFS every wav is a pointer of 130 bytes: refused, even with ``--allow_incomplete``.
* 1076_MTI_SAD_XX.wav has no sound and is left out, so 7,441 utterances are written, or 4,899 of
  four classes.
* A name is ``<actor>_<sentence>_<emotion>_<level>``, such as 1001_IEO_ANG_HI; level is XX but
  for the emotions of the first sentence, IEO.

Source: https://github.com/CheyneyComputerScience/CREMA-D (README, revision 1658cd3).
"""

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from espnet2_ext.corpora.acted import Copy, Recording
from espnet2_ext.corpora.copies import Faults, refuse_pointers, self_check
from espnet2_ext.data.directory import Utterance

logger = logging.getLogger(__name__)

FOUR = ("neutral", "angry", "happy", "sad")
CLASSES = {4: FOUR, 6: (*FOUR, "disgusted", "fearful")}
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
DEMOGRAPHICS = "VideoDemographics.csv"

_SEXES = ("Male", "Female")
_LEVELS = {"XX": "no level", "LO": "low level", "MD": "medium level", "HI": "high level"}
_ACTORS = tuple(str(number) for number in range(1001, 1092))
_NEVER_RELEASED = re.compile(r"1002_TIE_NEU|1008_WSI|1009_MTI|1019_ITH|1076_ITS_NEU")
_OF_SENTENCE = dict(IEO=1456, ITH=540, MTI=540, WSI=540, ITS=545, TIE=545)
EXPECTED: dict[str, int] = {
    "utterances": 7442,
    **{emotion: 1087 if emotion == "neutral" else 1271 for emotion in EMOTIONS.values()},
    **{"no level": 6077, "low level": 455, "medium level": 455, "high level": 455},
    **{f"sentence {code}": _OF_SENTENCE.get(code, 546) for code in SENTENCES},
}

_EXPECTED_FILES = "AudioWAV of the repository, with clips such as 1001_DFA_ANG_XX.wav"
_GET_AUDIO = "run 'git lfs pull' in the clone, or espnet2_ext.bin.prepare download --corpus crema_d"


def expected_clips() -> dict[str, Recording]:
    """Return the 7,442 clips of the whole corpus by name, sorted."""
    clips = {}
    for actor, sentence, code in product(_ACTORS, SENTENCES, EMOTIONS):
        with_level = sentence == "IEO" and code != "NEU"
        for level in ("LO", "MD", "HI") if with_level else ("XX",):
            name = f"{actor}_{sentence}_{code}_{level}"
            if not _NEVER_RELEASED.match(name):
                clips[name] = Recording(actor, name, EMOTIONS[code], sentence)
    return dict(sorted(clips.items()))


def tally(clips: Iterable[Recording]) -> Counter[str]:
    """Return the counts that ``EXPECTED`` has."""
    counts: Counter[str] = Counter()
    for clip in clips:
        level, sentence = _LEVELS[clip.stem[-2:]], f"sentence {clip.sentence}"
        counts.update(("utterances", clip.emotion, level, sentence))
    return counts


def prepare(
    db: str | Path, data: str | Path, *, classes: int = 4, allow_incomplete: bool = False
) -> list[Utterance]:
    """Write the data directory of CREMA-D and return its utterances, sorted by id.

    Args:
        db: the folder AudioWAV, or up to three above it.
        data: gets the directory ``crema_d``, or ``crema_d_6`` for six classes.
        classes: 4 for neutral, angry, happy and sad; 6 for disgusted and fearful too.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes}; give 4 or 6 (with disgusted and fearful)")
    clips = expected_clips()
    copy = Copy.find(db, "CREMA-D", clips.get, _EXPECTED_FILES)
    listing, readable = copy.listing, copy.survey.readable
    refuse_pointers(listing.root, listing.wavs.values(), _GET_AUDIO)
    genders = read_genders(listing.root)
    unknown = {clip.speaker for clip in readable} - genders.keys() if genders else set()
    faults: Faults = {
        "wavs missing": [name for name, clip in clips.items() if clip not in listing.wavs],
        f"actors not in {DEMOGRAPHICS}": sorted(unknown),
        **copy.faults,
    }
    counts = EXPECTED, tally(readable)
    self_check(listing.root, "CREMA-D", *counts, faults, allow_incomplete=allow_incomplete)
    return copy.write_classes(
        *(Path(data) / "crema_d", clips.values(), SENTENCES, genders),
        classes=CLASSES[classes],
        left_out={clips[WITHOUT_SOUND]: "the recording has no sound, a known defect"},
        passed_over={},
    )


def read_genders(folder: Path) -> dict[str, str]:
    """Return ``f`` or ``m`` by actor, nothing without a csv; ValueError where it lacks a column."""
    places = (folder / DEMOGRAPHICS, folder.parent / DEMOGRAPHICS)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        logger.warning("%s: no %s beside it; spk2gender is left out", folder, DEMOGRAPHICS)
        return {}
    with open(path, encoding="utf-8-sig", newline="") as stream:
        sexes = {row.get("ActorID"): row.get("Sex") for row in csv.DictReader(stream)}
    genders = {actor: sex[0].lower() for actor, sex in sexes.items() if actor and sex in _SEXES}
    if len(genders) < len(sexes):
        raise ValueError(
            f"{path}: expected columns ActorID and Sex with Male or Female; get the file again"
        )
    return genders
