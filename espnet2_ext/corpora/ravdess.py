"""RAVDESS, its speech: 24 actors say two sentences in eight emotions (Livingstone, Russo 2018).

============  ===========  ============  ===========================================
emotion       utterances   four classes  said
============  ===========  ============  ===========================================
neutral       96           yes           with normal intensity
angry         192          yes           with normal and with strong intensity,
happy         192          yes           as all that follow
sad           192          yes           a sentence twice at each intensity
calm          192          no
disgusted     192          no
fearful       192          no
surprised     192          no
sum           1,440        672           1.48 h, 48 kHz
============  ===========  ============  ===========================================

Odd actors are men, even ones women; each has 60 recordings. All say the same two sentences.

To get it: ``python -m espnet2_ext.bin.prepare download --corpus ravdess``, or
``Audio_Speech_Actors_01-24.zip`` (208 MB) of https://zenodo.org/record/1188976.
Licence: CC BY-NC-SA 4.0, other licences from the authors.

Traps, and what is done here:

* The actor is the last number of a name: ids are ``Actor_<number>-<name>``.
* Five recordings are stereo, and all have 48 kHz: everything becomes 16 kHz mono later.
* Actor_07 has a recording of happy under two names, 03-01-03-01-02-01-07 and
  03-01-03-01-02-02-07: the second is left out where it has the same bytes, with the reason in
  ``rejected.tsv``. So 1,439 of 1,440 utterances are written, or 671 of four classes. Any other
  recording under two names is a fault of the copy.
* Copies hold songs, videos or the tree twice.

Source: https://doi.org/10.1371/journal.pone.0196391 and the page of the archive.
"""

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from espnet2_ext.corpora.copies import (
    Faults,
    Survey,
    find_release_folder,
    is_seen,
    self_check,
    survey_wavs,
)
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import write_rejected, write_table

# Names of RAVDESS's files: seven numbers that say everything of a recording.
#
# ``modality-channel-emotion-intensity-statement-repetition-actor``, such as
# 03-01-06-01-02-01-12. Audio of speech is modality 03 (sound only) and channel 01 (02 is
# song). Neutral is not said with strong intensity, so an actor has 60 recordings.

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgusted",
    "08": "surprised",
}
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
ACTORS = tuple(f"{number:02d}" for number in range(1, 25))

_NAME = re.compile(
    r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])", re.ASCII
)


@dataclass(frozen=True)
class RavdessName:
    """The numbers of a file of RAVDESS, as written."""

    modality: str
    channel: str
    emotion_number: str
    intensity: str
    statement: str
    repetition: str
    actor: str

    def __str__(self) -> str:
        return "-".join(
            (
                *(self.modality, self.channel, self.emotion_number, self.intensity),
                *(self.statement, self.repetition, self.actor),
            )
        )

    @property
    def emotion(self) -> str:
        """Return the word."""
        return EMOTIONS[self.emotion_number]

    @property
    def speaker(self) -> str:
        """Return ``Actor_<number>``, as the folders are called."""
        return f"Actor_{self.actor}"

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<name>``: in the name itself the actor comes last."""
        return f"{self.speaker}-{self}"

    @property
    def gender(self) -> str:
        """Return ``m`` for odd actors, ``f`` for even ones."""
        return "m" if int(self.actor) % 2 else "f"

    @property
    def kind(self) -> str:
        """Return ``audio of speech``, or what else this is a recording of."""
        modality = {"01": "video with sound", "02": "video", "03": "audio"}[self.modality]
        return f"{modality} of {'speech' if self.channel == '01' else 'song'}"


SPEECH = "audio of speech"


def parse_name(stem: str) -> RavdessName | None:
    """Return the numbers, None where this is no name of RAVDESS."""
    match = _NAME.fullmatch(stem)
    return RavdessName(*match.groups()) if match else None


def expected_names() -> list[RavdessName]:
    """Return the 1,440 recordings of speech, sorted by utterance id."""
    return [
        RavdessName("03", "01", emotion, intensity, statement, repetition, actor)
        for actor, emotion, intensity, statement, repetition in product(
            ACTORS, EMOTIONS, ("01", "02"), STATEMENTS, ("01", "02")
        )
        if (emotion, intensity) != ("01", "02")
    ]


# A copy of RAVDESS on disk: find the folders of the actors, list the recordings of speech.
#
# Every actor has a folder, ``Actor_01`` to ``Actor_24``. Archives of Kaggle hold the whole tree
# a second time in a folder beside those of the actors; it is passed over.

_ACTOR_FOLDER = re.compile(r"Actor_\d\d", re.ASCII)
_EXPECTED_FILES = (
    "Actor_01 to Actor_24 with wavs such as Actor_01/03-01-01-01-01-01-01.wav, as "
    "Audio_Speech_Actors_01-24.zip of zenodo.org/record/1188976 has them"
)


@dataclass(frozen=True)
class RavdessCopy:
    """What a copy holds; paths are relative to ``root``.

    Attributes:
        root: the folder of the actors' folders.
        wavs: path of each recording of speech.
        missing: recordings that are not there.
        extra: wavs that are none of them, or a second one, each with the reason.
        passed_over: songs and videos, each with the reason.
        left_out: counts of everything else.
    """

    root: Path
    wavs: dict[RavdessName, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def read_copy(root: str | Path) -> RavdessCopy:
    """Return what the highest copy at ``root`` or up to three folders below holds.

    Raises:
        ValueError: there is nothing, no copy, or two side by side.
    """
    copy = RavdessCopy(find_release_folder(root, "RAVDESS", _has_speech, _EXPECTED_FILES))
    wanted = {str(name): name for name in expected_names()}
    for folder in sorted(os.listdir(copy.root)):
        if not is_seen(folder):
            copy.left_out["hidden files and folders"] += 1
        elif _ACTOR_FOLDER.fullmatch(folder) and (copy.root / folder).is_dir():
            for file in sorted(os.listdir(copy.root / folder)):
                _list_file(copy, wanted, folder, file)
        elif (copy.root / folder).is_dir() and _has_speech(copy.root / folder):
            copy.left_out[f"second copies of the corpus, {folder}"] += 1
        else:
            copy.left_out["files and folders beside those of the actors"] += 1
    copy.missing.extend(name for name, key in wanted.items() if key not in copy.wavs)
    return copy


def _has_speech(folder: Path) -> bool:
    """Return whether a folder has an actor's with a recording of speech in it."""
    with os.scandir(folder) as entries:
        actors = [e.path for e in entries if _ACTOR_FOLDER.fullmatch(e.name) and e.is_dir()]
    for actor in actors:
        for file in os.listdir(actor):
            name = parse_name(file.removesuffix(".wav"))
            if name is not None and file.endswith(".wav") and name.kind == SPEECH:
                return True
    return False


def _list_file(
    copy: RavdessCopy, wanted: Mapping[str, RavdessName], folder: str, file: str
) -> None:
    """Enter one file of an actor's folder where it belongs."""
    path = f"{folder}/{file}"
    stem, suffix = os.path.splitext(file)
    name = parse_name(stem)
    if not is_seen(file):
        copy.left_out["hidden files and folders"] += 1
    elif name is not None and (name.kind != SPEECH or suffix.lower() != ".wav"):
        what = name.kind if name.kind != SPEECH else f"no wav but {suffix}"
        copy.passed_over[path] = what
        copy.left_out[what] += 1
    elif suffix.lower() != ".wav":
        copy.left_out["files among the wavs that are no wav"] += 1
    elif name is None or stem not in wanted:
        copy.extra[path] = "no recording of RAVDESS has this name"
    elif name.speaker != folder:
        copy.extra[path] = f"{name.speaker} by its name, {folder} by its folder"
    elif name in copy.wavs:
        copy.extra[path] = f"a second wav of {name} beside {copy.wavs[name]}"
    else:
        copy.wavs[name] = path


def find_repeated(root: Path, wavs: Mapping[RavdessName, str]) -> dict[RavdessName, RavdessName]:
    """Return which recordings have the very bytes of an earlier one, and of which.

    Args:
        root: of the paths.
        wavs: path of each recording, relative to ``root``.
    """
    same_size: dict[int, list[RavdessName]] = {}
    for name in sorted(wavs, key=lambda name: name.utterance_id):
        same_size.setdefault((root / wavs[name]).stat().st_size, []).append(name)
    repeated: dict[RavdessName, RavdessName] = {}
    for names in same_size.values():
        if len(names) > 1:
            repeated.update(_same_bytes(root, wavs, names))
    return repeated


def _same_bytes(
    root: Path, wavs: Mapping[RavdessName, str], names: Iterable[RavdessName]
) -> dict[RavdessName, RavdessName]:
    first: dict[str, RavdessName] = {}
    repeated = {}
    for name in names:
        with open(root / wavs[name], "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if first.setdefault(digest, name) != name:
            repeated[name] = first[digest]
    return repeated


logger = logging.getLogger(__name__)

LANGUAGE = "eng"
FOUR = ("neutral", "angry", "happy", "sad")
CLASSES = {4: FOUR, 8: tuple(EMOTIONS.values())}
KNOWN_REPEAT = "03-01-03-01-02-02-07"

_RATE_HZ = 48000


def prepare(
    db: str | Path, data: str | Path, *, classes: int = 4, allow_incomplete: bool = False
) -> list[Utterance]:
    """Write the data directory of RAVDESS and return its utterances, sorted by id.

    Beside the tables it gets ``spk2gender`` and ``rejected.tsv``.

    Args:
        db: the folder of the actors' folders, or up to three above it.
        data: gets the directory ``ravdess``, or ``ravdess_8`` for eight classes.
        classes: 4 for neutral, angry, happy and sad; 8 for all.
        allow_incomplete: warn of what is missing or wrong and go on.

    Raises:
        ValueError: no copy at ``db``, or one that is not whole; one line with the place
            and the remedy. Nothing is written then.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes}; give 4 or 8 (all)")
    copy = read_copy(db)
    for reason, number in sorted(copy.left_out.items()):
        logger.info("%s: passed over: %d %s", copy.root, number, reason)
    ids = {str(name): path for name, path in copy.wavs.items()}
    survey = survey_wavs(copy.root, ids, dict.fromkeys(ids, _RATE_HZ))
    readable = {n: path for n, path in copy.wavs.items() if path not in survey.unreadable}
    repeated = find_repeated(copy.root, readable)
    faults = _faults(copy, survey, repeated)
    self_check(
        copy.root, "RAVDESS", EXPECTED, tally(readable), faults, allow_incomplete=allow_incomplete
    )
    kept, rejected = _select(copy, survey, repeated, CLASSES[classes])
    if not kept:
        raise ValueError(f"{copy.root}: no wav of {', '.join(CLASSES[classes])}; get it again")
    path = Path(data) / ("ravdess" if classes == 4 else f"ravdess_{classes}")
    utterances = [_utterance(copy, name) for name in kept]
    write_data_directory(path, utterances)
    write_table(path / "spk2gender", {name.speaker: name.gender for name in kept})
    write_rejected(path, rejected)
    logger.info(
        f"{path}: {len(kept)} of {len(copy.wavs)} utterances; the copy has {survey.hours:.2f} h "
        "(whole: 1.48 h); what is left out stands in rejected.tsv with the reasons"
    )
    return utterances


def _faults(
    copy: RavdessCopy, survey: Survey, repeated: Mapping[RavdessName, RavdessName]
) -> Faults:
    """Return what is wrong with the copy in detail."""
    unknown = {n: first for n, first in repeated.items() if str(n) != KNOWN_REPEAT}
    return {
        "wavs missing": copy.missing,
        "wavs unreadable": survey.unreadable,
        "wavs too many": copy.extra,
        "wavs with the bytes of another": {
            str(name): f"the same as {first}" for name, first in unknown.items()
        },
    }


def tally(names: Iterable[RavdessName]) -> Counter[str]:
    """Return the numbers of utterances, and of those by emotion and by actor."""
    counts: Counter[str] = Counter()
    for name in names:
        counts.update(["utterances", name.emotion, name.speaker])
    return counts


EXPECTED: dict[str, int] = {
    "utterances": 1440,
    **{emotion: 96 if emotion == "neutral" else 192 for emotion in EMOTIONS.values()},
    **{f"Actor_{number}": 60 for number in ACTORS},
}
"""What a whole copy holds, by the names of `tally`."""


def _select(
    copy: RavdessCopy,
    survey: Survey,
    repeated: Mapping[RavdessName, RavdessName],
    emotions: Iterable[str],
) -> tuple[list[RavdessName], dict[str, str]]:
    """Return the recordings to keep and, by id or path, why others are left out."""
    kept = []
    rejected = dict(copy.passed_over) | copy.extra
    wanted = set(emotions)
    for name in expected_names():
        path = copy.wavs.get(name)
        if path is None:
            rejected[name.utterance_id] = f"no wav in {copy.root}"
        elif path in survey.unreadable:
            rejected[name.utterance_id] = f"{path}: {survey.unreadable[path]}"
        elif name in repeated:
            rejected[name.utterance_id] = f"the same bytes as {repeated[name].utterance_id}"
        elif name.emotion not in wanted:
            rejected[name.utterance_id] = f"{name.emotion}: not among the classes"
        else:
            kept.append(name)
    return kept, rejected


def _utterance(copy: RavdessCopy, name: RavdessName) -> Utterance:
    return Utterance(
        utterance_id=name.utterance_id,
        speaker=name.speaker,
        wav=str(copy.root / copy.wavs[name]),
        text=STATEMENTS[name.statement],
        emotion=name.emotion,
        language=LANGUAGE,
    )
