"""EmoV-DB: four actors read CMU ARCTIC sentences in five emotions (Adigwe et al. 2018).

=========  ======  =====  =========  =======  ======  ================================
speaker    amused  angry  disgusted  neutral  sleepy  different sentences
=========  ======  =====  =========  =======  ======  ================================
bea (f)    296     303    333        355      497     44.1 kHz
jenie (f)  222     496    189        417      466     16 kHz
josh (m)   296     0      0          302      263     16 kHz
sam (m)    501     468    497        492      494     16 kHz
=========  ======  =====  =========  =======  ======  ================================

Six sentences were said twice: 6,893 files, 9.48 h. The corpus has no split; ours is by the
number of the sentence, the same in all emotions: emov_db_test takes 10, 20, 30 ...,
emov_db_valid 5, 25, 45 ..., emov_db_train the rest.

Pairs go from neutral to amused, angry, disgusted and sleepy, where the speaker said the
sentence in both; josh has amused and sleepy alone. There is no happy and no sad.

To get it: openslr.org/115, an archive for each speaker and emotion, such as
``bea_Amused.tar.gz``; ``prepare download --corpus emov_db`` fetches all. Licence: LICENSE.md of
github.com/numediart/EmoV-DB, non-commercial purposes; nothing of it is passed on here.

Traps, and what is done here:

* Two layouts are about, and only folders say who speaks.
* Speaker, emotion and sentence together are not unique; ranges in names are written in two
  ways, emotions with small or capital letters.
* The README of the corpus lists 7,000 files, the archives hold 6,893.
* Sentences are those of CMU ARCTIC, but their words are not in the corpus: give
  ``cmuarctic.data``, which the download brings along.
* Amused and sleepy speech begins with laughs and yawns, which no text has: word error rates
  and durations count them.

Source: ours; [P2V] does not use this corpus.
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import (
    Faults,
    Survey,
    find_release_folder,
    is_seen,
    read_any_text,
    self_check,
    survey_wavs,
)
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.pairs import PairTables, check_targets, make_pairs, write_pairs
from espnet2_ext.data.tables import write_rejected, write_table

# The names of EmoV-DB, ``amused_1-15_0001.wav``: emotion, range of the session, sentence.
#
# The speaker is in the folder alone. The number is that of a prompt in set A of CMU ARCTIC
# (``arctic_a0001`` ... ``arctic_a0593``). Six sentences were said twice by a speaker in an
# emotion, in sessions with other ranges, so the range belongs to the id. Ranges are written
# with ``-`` or ``_``, emotions with a small or a capital letter.
#
# Source: openslr.org/115; the number of files by emotion and of different sentences by speaker
# and emotion are those of two published lists of files, which agree.

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


# A copy of EmoV-DB on disk: find its folder, list its wavs in either layout.
#
# Two layouts are about: that of the archives, and that of a sorted copy::
#
#     <root>/bea_Amused/amused_1-15_0001.wav
#     <root>/bea/Amused/amused_1-15_0001.wav
#
# A file's name does not say who speaks. So an archive that holds no folder has to be unpacked
# into one of its name; one more folder in between does not matter. Names that begin with a
# dot and ``__MACOSX`` are passed over.

_EXPECTED = (
    "folders bea_Amused to sam_Sleepy, each with what its archive holds, or bea, jenie, josh and "
    "sam with Amused to Sleepy in them"
)


@dataclass(frozen=True)
class Release:
    """What a copy holds; paths are relative to ``root``.

    Attributes:
        root: the folder of the speakers' or the archives' folders.
        wavs: path of each file.
        extra: wavs that are none of EmoV-DB, or a second one, each with the reason.
        misplaced: wavs whose folder contradicts their name, each with the reason.
        absent: folders that are not there.
    """

    root: Path
    wavs: dict[EmovName, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    misplaced: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds the speakers' or the archives' folders.

    Raises:
        ValueError: there is nothing at ``root``, or no copy of EmoV-DB or two in it.
    """
    return find_release_folder(root, "EmoV-DB", lambda path: any(_kinds(path)), _EXPECTED)


def read_release(root: Path) -> Release:
    """Return the wavs; what is wrong is listed, not raised."""
    release = Release(root)
    there = set()
    for speaker, emotion, folder in _kinds(root):
        there.add((speaker, emotion))
        for path in _wavs(folder):
            _enter(release, str(path.relative_to(root)), speaker, emotion)
    release.absent.extend("_".join(kind) for kind in NUM_SENTENCES if kind not in there)
    return release


def _enter(release: Release, path: str, speaker: str, emotion: str) -> None:
    """Enter a wav of a folder of this speaker and emotion."""
    name = parse_name(speaker, Path(path).stem)
    if name is None:
        release.extra[path] = "no file of EmoV-DB has this name"
    elif name.emotion != emotion:
        release.misplaced[path] = f"{name.emotion} by its name, {emotion} by its folder"
    elif name in release.wavs:
        release.extra[path] = f"a second wav of {name} beside {release.wavs[name]}"
    else:
        release.wavs[name] = path


def _kinds(root: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield speaker, emotion and folder, in either layout."""
    for folder in _folders(root):
        kind = parse_folder(folder.name)
        if kind is not None:
            yield (*kind, folder)
        elif folder.name.lower() in GENDERS:
            for below in _folders(folder):
                kind = parse_folder(f"{folder.name}_{below.name}")
                if kind is not None:
                    yield (*kind, below)


def _folders(path: Path) -> list[Path]:
    """Return the sorted folders in a folder, but for those that nobody should open."""
    return sorted(below for below in path.iterdir() if below.is_dir() and is_seen(below.name))


def _wavs(folder: Path) -> Iterator[Path]:
    """Yield, sorted, the wavs in a folder and below it."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if is_seen(name))
        for name in sorted(files):
            if is_seen(name) and name.lower().endswith(".wav"):
                yield Path(place, name)


# The words of EmoV-DB: prompts of CMU ARCTIC, which has to be fetched apart from it.
#
# ``cmuarctic.data`` (festvox.org/cmu_arctic) has a line for each prompt::
#
#     ( arctic_a0001 "Words of the prompt." )

logger = logging.getLogger(__name__)

PROMPTS = "cmuarctic.data"
_LINE = re.compile(r'\(\s*arctic_a(\d{4})\s+"(.*)"\s*\)', re.ASCII)


def find_prompts(root: Path, given: str | Path | None) -> Path | None:
    """Return the file of the prompts: the given one, that in the folder, or None.

    Raises:
        ValueError: the given one is not there.
    """
    if given is not None:
        if not Path(given).is_file():
            raise ValueError(f"{given}: no such file; get {PROMPTS} of CMU ARCTIC")
        return Path(given)
    path = root / PROMPTS
    return path if path.is_file() else None


def read_prompts(path: Path | None, sentences: Iterable[int]) -> dict[int, str]:
    """Return words by number of the sentence; nothing, with a warning, where there is no file.

    Args:
        path: of ``cmuarctic.data``, or None.
        sentences: all of which it must have, since a data directory has a text for every
            utterance or for none.

    Raises:
        ValueError: a sentence is not in the file, or the file is no text.
    """
    if path is None:
        logger.warning("no %s: the table text is left out; say --prompts FILE", PROMPTS)
        return {}
    words = {}
    for line in read_any_text(path).splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            words[int(match[1])] = " ".join(match[2].split())
    missing = sorted(number for number in set(sentences) if not words.get(number))
    if missing:
        raise ValueError(
            f"{path}: {len(missing)} prompts are not there, first arctic_a{missing[0]:04d}; get "
            f"{PROMPTS} of CMU ARCTIC"
        )
    return words


SETS = ("emov_db_train", "emov_db_valid", "emov_db_test")
PAIRED = SETS[1:]
DEFAULT_TARGETS = tuple(emotion for emotion in EMOTIONS.values() if emotion != "neutral")
LANGUAGE = "eng"


def set_of(sentence: int) -> str:
    """Return the name of the set that a sentence belongs to."""
    if sentence % 10 == 0:
        return "emov_db_test"
    return "emov_db_valid" if sentence % 20 == 5 else "emov_db_train"


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

    Args:
        db: the folder of the archives' or the speakers' folders, or a few above it.
        data: gets ``emov_db_train``, ``emov_db_valid`` and ``emov_db_test``, the latter two
            with ``pairs/same_voice`` and ``pairs/parallel``.
        targets: emotions to which the pairs convert neutral utterances.
        prompts: ``cmuarctic.data``; none for the one in the folder, or no words.
        seed: of the pairs.
        allow_incomplete: warn of what is missing or wrong and go on.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an emotion that there is none of, no copy at ``db``, prompts that are
            none, or a copy that is not whole; one line with the place and the remedy.
            Nothing is written then.
    """
    check_targets(targets, EMOTIONS.values())
    release = read_release(find_release(db))
    survey = _survey(release)
    readable = set(survey.readable)
    kept = sorted((name for name in release.wavs if str(name) in readable), key=str)
    _check(release, survey, kept, allow_incomplete=allow_incomplete)
    words = read_prompts(find_prompts(release.root, prompts), {name.sentence for name in kept})
    members, rejected = _members(release, survey, kept)
    pairs = _make_all_pairs(members, targets, seed)
    sets = {key: _utterances(release, names, words) for key, names in members.items()}
    for key, utterances in sets.items():
        _write_set(Path(data) / key, utterances, rejected[key])
    for (key, rule), tables in pairs.items():
        write_pairs(Path(data) / key / "pairs" / rule, tables)
    sizes = ", ".join(f"{len(utterances)} {key}" for key, utterances in sets.items())
    logger.info(f"{data}: {sizes}; {survey.hours:.2f} h (whole: 9.48 h)")
    return sets


def _survey(release: Release) -> Survey:
    """Return what the headers of all wavs say."""
    paths = {str(name): path for name, path in release.wavs.items()}
    rates_hz = {str(name): RATES_HZ[name.speaker] for name in release.wavs}
    return survey_wavs(release.root, paths, rates_hz)


def count(names: Iterable[EmovName]) -> dict[str, int]:
    """Return the counts that ``EXPECTED`` has of these files."""
    names = set(names)
    counts = Counter(name.emotion for name in names)
    counts["utterances"] = len(names)
    for speaker, emotion, _ in {(n.speaker, n.emotion, n.sentence) for n in names}:
        counts[f"sentences of {speaker} {emotion}"] += 1
    return dict(counts)


def _check(
    release: Release, survey: Survey, kept: list[EmovName], *, allow_incomplete: bool
) -> None:
    """Compare the copy with the whole corpus.

    Raises:
        ValueError: it is not whole.
    """
    faults: Faults = {
        "folders not there": release.absent,
        "wavs that EmoV-DB does not have": release.extra,
        "wavs whose folder contradicts their name": release.misplaced,
        "wavs unreadable": survey.unreadable,
    }
    found = count(kept)
    self_check(release.root, "EmoV-DB", EXPECTED, found, faults, allow_incomplete=allow_incomplete)


def _members(
    release: Release, survey: Survey, kept: Sequence[EmovName]
) -> tuple[dict[str, list[EmovName]], dict[str, dict[str, str]]]:
    """Return the files of each set, and what is left out of each with the reason.

    Sets with pairs keep one reading of a sentence. Wavs without a name that says a sentence
    are entered under training.

    Raises:
        ValueError: a set is empty.
    """
    members: dict[str, list[EmovName]] = {key: [] for key in SETS}
    rejected: dict[str, dict[str, str]] = {key: {} for key in SETS}
    first: dict[tuple[str, str, int], EmovName] = {}
    for name in kept:
        key = set_of(name.sentence)
        earlier = first.setdefault((name.speaker, name.emotion, name.sentence), name)
        if key in PAIRED and earlier != name:
            rejected[key][str(name)] = f"the sentence of {earlier} once more"
        else:
            members[key].append(name)
    for name, path in release.wavs.items():
        if path in survey.unreadable:
            rejected[set_of(name.sentence)][str(name)] = f"{path}: {survey.unreadable[path]}"
    rejected[SETS[0]].update(release.extra | release.misplaced)
    for key, names in members.items():
        if not names:
            raise ValueError(f"{release.root}: no utterance of {key} is there; unpack it again")
    return members, rejected


def _make_all_pairs(
    members: dict[str, list[EmovName]], targets: Sequence[str], seed: int
) -> dict[tuple[str, str], PairTables]:
    """Return the tables by set and rule.

    Raises:
        ValueError: a set has no pair at all.
    """
    pairs = {}
    for key in PAIRED:
        tables, impossible = make_pairs(members[key], targets, seed)
        conditions = Counter(next(iter(tables.values()))["conditions"].values())
        if not conditions:
            raise ValueError(
                f"{key}: no neutral utterance has a partner in {' '.join(targets)}; unpack again"
            )
        numbers = ", ".join(f"{number} {name}" for name, number in sorted(conditions.items()))
        logger.info(
            f"{key}: {sum(conditions.values())} pairs in each of {' and '.join(tables)}: {numbers}"
            f"; {len(impossible)} others have no partner, since speakers did not say every "
            "sentence in every emotion"
        )
        pairs.update({(key, rule): table for rule, table in tables.items()})
    return pairs


def _utterances(
    release: Release, names: Sequence[EmovName], words: dict[int, str]
) -> list[Utterance]:
    return [
        Utterance(
            utterance_id=name.utterance_id,
            speaker=name.speaker,
            wav=f"{release.root}/{release.wavs[name]}",
            text=words.get(name.sentence),
            emotion=name.emotion,
            language=LANGUAGE,
        )
        for name in names
    ]


def _write_set(path: Path, utterances: Sequence[Utterance], rejected: Mapping[str, str]) -> None:
    write_data_directory(path, utterances)
    write_table(path / "spk2gender", {u.speaker: GENDERS[u.speaker] for u in utterances})
    write_rejected(path, rejected)
