"""CREMA-D: 91 actors say twelve sentences in six emotions (Cao et al. 2014).

============  ===========  ============  ==================================================
emotion       utterances   four classes  code
============  ===========  ============  ==================================================
neutral       1,087        yes           NEU
angry         1,271        yes           ANG
happy         1,271        yes           HAP
sad           1,271        yes           SAD; one of them has no sound
disgusted     1,271        no            DIS
fearful       1,271        no            FEA
sum           7,442        4,900         5.26 h, 1.3 to 5.0 s, 16 kHz mono; 606 MB of wavs
============  ===========  ============  ==================================================

48 men and 43 women, 82 clips each (1002 and 1076 have 81; 1008, 1009 and 1019 have 76).
The first sentence (IEO) is also said at low, medium and high level. The emotion is the
one that the actor was asked for; what listeners perceived stands in
``processedResults/summaryTable.csv`` of the release and is not used.

To get it: ``python -m espnet2_ext.bin.prepare download --corpus crema_d``, or clone
github.com/CheyneyComputerScience/CREMA-D or its mirror gitlab.com/cs-cooper-lab/crema-d-mirror
with Git LFS (7.6 GB with videos). Its authors ask users to fill in the form of the README.
Licence: Open Database License 1.0, contents under the Database Contents License 1.0.

Traps, and what is done here:

* Without Git LFS every wav is a note of 130 bytes: refused, also where the incomplete is
  allowed.
* 1076_MTI_SAD_XX.wav has no sound: left out, with the reason in ``rejected.tsv``.
  So 7,441 of 7,442 utterances are written, or 4,899 of four classes.
* A name is ``<actor>_<sentence>_<emotion>_<level>``, such as 1001_IEO_ANG_HI; level is XX but
  for the emotions of IEO. Twenty clips of five actors were never released: without them the
  plan gives the very names of the repository (compared at revision 1658cd3).
* A copy can lack files or have others: names are compared with the plan of the recordings,
  and counts by emotion, level and sentence with the published ones.

Source: https://github.com/CheyneyComputerScience/CREMA-D (README, revision 1658cd3).
"""

import csv
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from espnet2_ext.corpora.copies import (
    Faults,
    find_release_folder,
    is_seen,
    refuse_pointers,
    self_check,
    survey_wavs,
)
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import write_rejected, write_table

logger = logging.getLogger(__name__)

NAME = "CREMA-D"
RATE_HZ = 16000
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

_LEVELS = {"XX": "no level", "LO": "low level", "MD": "medium level", "HI": "high level"}
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

_EXPECTED_FILES = (
    "AudioWAV with clips such as 1001_DFA_ANG_XX.wav, as github.com/CheyneyComputerScience/CREMA-D "
    "has it"
)
_GET_AUDIO = (
    "run 'git lfs pull' in the clone, or 'python -m espnet2_ext.bin.prepare download --corpus "
    "crema_d --out_dir DIR'"
)


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


def tally(clips: Iterable[str]) -> Counter[str]:
    """Return the numbers of utterances and actors, and of utterances by emotion and so on."""
    counts: Counter[str] = Counter()
    actors = set()
    for clip in clips:
        actor, sentence, emotion, level = clip.split("_")
        counts.update(["utterances", EMOTIONS[emotion], _LEVELS[level], f"sentence {sentence}"])
        actors.add(actor)
    counts["actors"] = len(actors)
    return counts


def prepare(
    db: str | Path, data: str | Path, *, classes: int = 4, allow_incomplete: bool = False
) -> list[Utterance]:
    """Write the data directory of CREMA-D and return its utterances, sorted by id.

    Beside the tables it gets ``rejected.tsv`` and, where ``VideoDemographics.csv`` is in
    the copy, ``spk2gender``.

    Args:
        db: the folder AudioWAV, or up to three above it.
        data: gets the directory ``crema_d``, or ``crema_d_6`` for six classes.
        classes: 4 for neutral, angry, happy and sad; 6 for disgusted and fearful too.
        allow_incomplete: warn of what is missing or wrong and go on.

    Raises:
        ValueError: no copy at ``db``, notes of Git LFS in place of audio, or a copy that
            is not whole; one line with the place and the remedy. Nothing is written then.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes}; give 4 or 6 (with disgusted and fearful)")
    folder = find_release_folder(db, NAME, _has_clips, _EXPECTED_FILES)
    files, extra = list_clips(folder)
    refuse_pointers(folder, files.values(), _GET_AUDIO)
    survey = survey_wavs(folder, files, dict.fromkeys(files, RATE_HZ))
    genders = read_genders(folder)
    unknown = {name[:4] for name in survey.readable} - genders.keys() if genders else set()
    faults: Faults = {
        "wavs missing": sorted(expected_clips() - files.keys()),
        "wavs unreadable": survey.unreadable,
        "wavs too many": extra,
        f"actors not in {DEMOGRAPHICS}": sorted(unknown),
    }
    found = tally(survey.readable)
    self_check(folder, NAME, EXPECTED, found, faults, allow_incomplete=allow_incomplete)
    rejected = dict(extra)
    utterances = []
    for name in sorted(expected_clips()):
        key, file = f"{name[:4]}-{name}", files.get(name)
        emotion = EMOTIONS[name[9:12]]
        if file is None:
            rejected[key] = f"no wav in {folder}"
        elif name == WITHOUT_SOUND:
            rejected[key] = "the recording has no sound, a known defect"
        elif file in survey.unreadable:
            rejected[key] = f"{file}: {survey.unreadable[file]}"
        elif emotion not in CLASSES[classes]:
            rejected[key] = f"{emotion}: not among the classes"
        else:
            words = SENTENCES[name[5:8]]
            wav = str(folder / file)
            utterances.append(
                Utterance(key, name[:4], wav, text=words, emotion=emotion, language="eng")
            )
    if not utterances:
        raise ValueError(f"{folder}: no clip of {', '.join(CLASSES[classes])}; get it again")
    path = Path(data) / ("crema_d" if classes == 4 else f"crema_d_{classes}")
    write_data_directory(path, utterances)
    write_rejected(path, rejected)
    if genders:
        actors = sorted({utterance.speaker for utterance in utterances} & genders.keys())
        write_table(path / "spk2gender", {actor: genders[actor] for actor in actors})
    logger.info(
        f"{path}: {len(utterances)} of {len(files)} utterances; the copy has {survey.hours:.2f} h "
        "(whole: 5.26 h); what is left out stands in rejected.tsv with the reasons"
    )
    return utterances


def _has_clips(folder: Path) -> bool:
    wanted = expected_clips()
    return any(path.stem in wanted and path.suffix.lower() == ".wav" for path in folder.iterdir())


def list_clips(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the file of each clip, sorted by name, and other wavs with the reason."""
    clips: dict[str, str] = {}
    extra: dict[str, str] = {}
    wanted = expected_clips()
    for file in sorted(filter(is_seen, os.listdir(folder))):
        name, suffix = os.path.splitext(file)
        if suffix.lower() != ".wav":
            continue
        if name not in wanted:
            extra[file] = "no clip of CREMA-D has this name"
        elif name in clips:
            extra[file] = f"a second wav of {name}"
        else:
            clips[name] = file
    return dict(sorted(clips.items())), extra


def read_genders(folder: Path) -> dict[str, str]:
    """Return ``f`` or ``m`` by actor, from the csv in the folder or above it; or nothing.

    Raises:
        ValueError: the csv has no column ActorID or Sex, or a sex that is not known.
    """
    for path in (folder / DEMOGRAPHICS, folder.parent / DEMOGRAPHICS):
        if path.is_file():
            break
    else:
        logger.warning("%s: no %s beside it; spk2gender is left out", folder, DEMOGRAPHICS)
        return {}
    genders = {}
    with open(path, encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            actor, sex = (row.get("ActorID") or "").strip(), (row.get("Sex") or "").strip()
            if not actor or sex not in ("Male", "Female"):
                raise ValueError(
                    f"{path}: ActorID {actor!r}, Sex {sex!r}; expected columns ActorID and Sex "
                    "with Male or Female; get the file again"
                )
            genders[actor] = sex[0].lower()
    return genders
