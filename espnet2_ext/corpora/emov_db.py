"""EmoV-DB: four actors read CMU ARCTIC sentences in five emotions (Adigwe et al. 2018).

6,893 files, 9.48 h, of two women (bea at 44.1 kHz, jenie) and two men (josh, sam; all at 16 kHz).
There is no happy and no sad; josh is neither angry nor disgusted. The corpus has no split; ours
is by the number of the sentence, the same in all emotions: emov_db_test takes 10, 20, 30 ...,
emov_db_valid 5, 25, 45 ..., emov_db_train the rest. Pairs go from neutral to the other emotions.

To get it: ``prepare download --corpus emov_db``, or the archives of openslr.org/115, such as
``bea_Amused.tar.gz``, and the words, ``cmuarctic.data``, of festvox.org/cmu_arctic. Licence:
LICENSE.md of github.com/numediart/EmoV-DB, non-commercial purposes.

* A name such as ``amused_1-15_0001.wav`` is emotion, range of the session and number of the
  prompt in set A of CMU ARCTIC. Six sentences were said twice by a speaker in an emotion, in
  other sessions, so the range belongs to the id.
* Only folders say who speaks, ``bea_Amused`` as in the archives or ``bea/Amused`` as in sorted
  copies; there may be more folders below.
* Amused and sleepy speech begins with laughs and yawns, which no text has.

Source: openslr.org/115; the counts are those of two published lists of files, which agree. The
README of the corpus lists 7,000 files. [P2V] does not use this corpus.
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from espnet2_ext.corpora.acted import Copy, Recording, pairs_of_set, write_corpus
from espnet2_ext.corpora.copies import (
    Faults,
    Listing,
    find_release_folder,
    is_seen,
    read_any_text,
    self_check,
    survey_wavs,
    visible,
)
from espnet2_ext.data.directory import Utterance
from espnet2_ext.data.pairs import PairTables, check_targets, write_pairs

logger = logging.getLogger(__name__)

GENDERS = {"bea": "f", "jenie": "f", "josh": "m", "sam": "m"}
RATES_HZ = {"bea": 44100, "jenie": 16000, "josh": 16000, "sam": 16000}
EMOTIONS = dict(
    amused="amused", anger="angry", disgust="disgusted", neutral="neutral", sleepiness="sleepy"
)
"""Emotion by its word in a file's name; folders are named by the emotion."""

FILES = {"amused": 1317, "angry": 1268, "disgusted": 1019, "neutral": 1568, "sleepy": 1721}
NUM_SENTENCES = {
    "bea": dict(amused=296, angry=303, disgusted=333, neutral=355, sleepy=497),
    "jenie": dict(amused=222, angry=496, disgusted=189, neutral=417, sleepy=466),
    "josh": dict(amused=296, neutral=302, sleepy=263),
    "sam": dict(amused=501, angry=468, disgusted=497, neutral=492, sleepy=494),
}
"""Different sentences by speaker and emotion."""

KINDS = tuple(
    f"{name}_{kind.capitalize()}" for name, kinds in NUM_SENTENCES.items() for kind in kinds
)
"""Names of the archives and of their folders, such as ``bea_Amused``."""

EXPECTED = {
    "utterances": sum(FILES.values()),
    **FILES,
    **{
        f"sentences of {speaker} {emotion}": number
        for speaker, numbers in NUM_SENTENCES.items()
        for emotion, number in numbers.items()
    },
}
LAST_SENTENCE = 593  # of set A of CMU ARCTIC; the first is 1
PROMPTS = "cmuarctic.data"
SETS = ("emov_db_train", "emov_db_valid", "emov_db_test")  # all but the first have pairs
DEFAULT_TARGETS = tuple(emotion for emotion in FILES if emotion != "neutral")

_NAME = re.compile(rf"({'|'.join(EMOTIONS)})_\d+[-_]\d+_(\d{{4}})", re.ASCII | re.IGNORECASE)
_PROMPT = re.compile(r'\(\s*arctic_a(\d{4})\s+"(.*)"\s*\)', re.ASCII)
_EXPECTED_FILES = (
    "folders bea_Amused to sam_Sleepy, each with what its archive holds, or bea, jenie, josh and "
    "sam with Amused to Sleepy in them"
)


def parse_name(speaker: str, stem: str) -> Recording | None:
    """Return the recording of a speaker's file, None where EmoV-DB has no such name."""
    match = _NAME.fullmatch(stem)
    if match is None or not 1 <= int(match[2]) <= LAST_SENTENCE:
        return None
    return Recording(speaker, stem, EMOTIONS[match[1].lower()], match[2])


def parse_folder(name: str) -> tuple[str, str] | None:
    """Return speaker and emotion of a folder such as ``bea_Amused``, None for others."""
    speaker, _, emotion = name.lower().partition("_")
    return (speaker, emotion) if emotion in NUM_SENTENCES.get(speaker, ()) else None


def set_of(sentence: str) -> str:
    """Return the name of the set that a sentence belongs to."""
    place = int(sentence) % 20
    return SETS[2] if place % 10 == 0 else SETS[1] if place == 5 else SETS[0]


def prepare(
    db: str | Path,
    data: str | Path,
    *,
    targets: Sequence[str] = DEFAULT_TARGETS,
    prompts: str | Path | None = None,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write the data directories and pairs of EmoV-DB and return the utterances.

    They are by name of the set, sorted by id. Sets with pairs keep one reading of a sentence.

    Args:
        db: the folder of the archives' or the speakers' folders, or a few above it.
        data: gets ``emov_db_train``, ``emov_db_valid`` and ``emov_db_test``, the latter two
            with ``pairs/same_voice`` and ``pairs/parallel``.
        targets: emotions to which the pairs convert neutral utterances.
        prompts: ``cmuarctic.data``; none for the one in the folder, or no words.
    """
    check_targets(targets, FILES)
    copy = read_copy(db, allow_incomplete=allow_incomplete)
    listing, readable = copy.listing, sorted(copy.survey.readable)
    path = Path(prompts or listing.root / PROMPTS)
    words: dict[str, str] = {}
    if path.is_file():
        words = read_prompts(path, {each.sentence for each in readable})
    elif prompts:
        raise ValueError(f"{path}: no such file; get {PROMPTS} of CMU ARCTIC")
    else:
        logger.warning("no %s: the table text is left out; say --prompts FILE", PROMPTS)
    first: dict[tuple[str, ...], Recording] = {}
    repeated = {}
    for each in readable:
        earlier = first.setdefault((each.speaker, each.emotion, each.sentence), each)
        if earlier != each:
            repeated[each] = f"the sentence of {earlier} once more"
    sets: dict[str, list[Utterance]] = {}
    rejected: dict[str, dict[str, str]] = {}
    pairs: dict[str, dict[str, PairTables]] = {}
    for key in SETS:
        wanted = [each for each in sorted(listing.wavs) if set_of(each.sentence) == key]
        left_out = {} if key == SETS[0] else repeated
        sets[key], rejected[key] = copy.keep(wanted, words, "eng", classes=FILES, left_out=left_out)
        if not sets[key]:
            raise ValueError(f"{listing.root}: no utterance of {key} is there; unpack it again")
        if key != SETS[0]:
            members = [each for each in wanted if str(each) not in rejected[key]]
            pairs[key] = pairs_of_set(key, members, targets, seed)
    rejected[SETS[0]] |= listing.extra | listing.misplaced
    for key, utterances in sets.items():
        folder = Path(data) / key
        write_corpus(folder, utterances, GENDERS, rejected[key])
        for rule, tables in pairs.get(key, {}).items():
            write_pairs(folder / "pairs" / rule, tables)
    sizes = ", ".join(f"{len(utterances)} {key}" for key, utterances in sets.items())
    logger.info(f"{data}: {sizes}; {copy.survey.hours:.2f} h (whole: 9.48 h)")
    return sets


def read_copy(root: str | Path, *, allow_incomplete: bool) -> Copy:
    """Return a copy, compared with the whole corpus; ValueError where it is none or not whole."""
    folder = find_release_folder(root, "EmoV-DB", lambda path: any(_kinds(path)), _EXPECTED_FILES)
    listing: Listing[Recording] = Listing(folder)
    absent = list(KINDS)
    for speaker, emotion, below in _kinds(folder):
        absent = [kind for kind in absent if kind != f"{speaker}_{emotion.capitalize()}"]
        for path in sorted(below.rglob("*"), key=lambda path: (path.parent, path)):
            name, place = parse_name(speaker, path.stem), path.relative_to(folder)
            if path.suffix.lower() == ".wav" and all(map(is_seen, place.parts)):
                fault = ""
                if name is not None and name.emotion != emotion:
                    fault = f"{name.emotion} by its name, {emotion} by its folder"
                listing.add_wav(str(place), name, fault)
    rates_hz = {each: RATES_HZ[each.speaker] for each in listing.wavs}
    copy = Copy(listing, survey_wavs(folder, listing.wavs, rates_hz))
    found: Counter[str] = Counter()
    for each in copy.survey.readable:
        found.update(("utterances", each.emotion))
    different = {(each.speaker, each.emotion, each.sentence) for each in copy.survey.readable}
    found.update(f"sentences of {speaker} {emotion}" for speaker, emotion, _ in different)
    faults: Faults = {"folders not there": absent, **copy.faults}
    self_check(folder, "EmoV-DB", EXPECTED, found, faults, allow_incomplete=allow_incomplete)
    return copy


def _kinds(root: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield speaker, emotion and folder, in either layout."""
    for folder in filter(os.DirEntry.is_dir, visible(root)):
        names = {folder.name: Path(folder.path)}
        if folder.name.lower() in GENDERS:
            below = filter(os.DirEntry.is_dir, visible(Path(folder.path)))
            names = {f"{folder.name}_{each.name}": Path(each.path) for each in below}
        for name, path in names.items():
            kind = parse_folder(name)
            if kind is not None:
                yield (*kind, path)


def read_prompts(path: Path, sentences: Iterable[str]) -> dict[str, str]:
    """Return words by sentence (``0001``); ValueError where the file lacks one of the sentences.

    Lines of ``cmuarctic.data`` are ``( arctic_a0001 "Words of the prompt." )``.
    """
    matches = map(_PROMPT.fullmatch, map(str.strip, read_any_text(path).splitlines()))
    words = {match[1]: " ".join(match[2].split()) for match in matches if match is not None}
    missing = sorted(sentence for sentence in set(sentences) if not words.get(sentence))
    if missing:
        raise ValueError(
            f"{path}: {len(missing)} prompts are not there, first arctic_a{missing[0]}; get "
            f"{PROMPTS} of CMU ARCTIC"
        )
    return words
