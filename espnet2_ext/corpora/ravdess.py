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
* Copies hold songs and videos, which are passed over with the reason, and archives of Kaggle
  hold the whole tree a second time in a folder beside those of the actors.
* A name is seven numbers, ``modality-channel-emotion-intensity-statement-repetition-actor``:
  audio of speech is modality 03 and channel 01 (02 is song).

Source: https://doi.org/10.1371/journal.pone.0196391 and the page of the archive.
"""

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from espnet2_ext.corpora.copies import (
    Faults,
    find_release_folder,
    self_check,
    survey_wavs,
    visible,
)
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import write_rejected, write_table

logger = logging.getLogger(__name__)

EMOTIONS = dict(
    zip(
        ("01", "02", "03", "04", "05", "06", "07", "08"),
        ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgusted", "surprised"),
        strict=True,
    )
)
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
ACTORS = tuple(f"{number:02d}" for number in range(1, 25))
CLASSES = {4: ("neutral", "angry", "happy", "sad"), 8: tuple(EMOTIONS.values())}
KNOWN_REPEAT = "03-01-03-01-02-02-07"
RATE_HZ = 48000
EXPECTED: dict[str, int] = {
    "utterances": 1440,
    **{emotion: 96 if emotion == "neutral" else 192 for emotion in EMOTIONS.values()},
    **{f"Actor_{number}": 60 for number in ACTORS},
}
"""What a whole copy holds."""

_MODALITIES = {"01": "video with sound", "02": "video", "03": "audio"}
_CHANNELS = {"01": "speech", "02": "song"}
_SPEECH = "audio of speech"
_NAME = re.compile(r"(0[1-3])-(0[12])-0[1-8]-0[12]-0[12]-0[12]-(?:0[1-9]|1\d|2[0-4])", re.ASCII)
_ACTOR_FOLDER = re.compile(r"Actor_\d\d", re.ASCII)
_EXPECTED_FILES = (
    "Actor_01 to Actor_24 with wavs such as Actor_01/03-01-01-01-01-01-01.wav, as "
    "Audio_Speech_Actors_01-24.zip of zenodo.org/record/1188976 has them"
)


def kind_of(stem: str) -> str | None:
    """Return ``audio of speech`` or what else this is of, None where it is no name of RAVDESS."""
    match = _NAME.fullmatch(stem)
    return f"{_MODALITIES[match[1]]} of {_CHANNELS[match[2]]}" if match else None


def expected_names() -> list[str]:
    """Return the 1,440 recordings of speech, by actor: neutral is never said with intensity 02."""
    return [
        "-".join(("03", "01", *rest, actor))
        for actor, *rest in product(ACTORS, EMOTIONS, ("01", "02"), STATEMENTS, ("01", "02"))
        if rest[:2] != ["01", "02"]
    ]


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
    survey = survey_wavs(copy.root, copy.wavs, dict.fromkeys(copy.wavs, RATE_HZ))
    repeated = find_repeated(copy.root, {name: copy.wavs[name] for name in survey.readable})
    found = Counter[str]()
    for name in survey.readable:
        found.update(("utterances", _emotion(name), _speaker(name)))
    faults: Faults = {
        "wavs missing": [name for name in expected_names() if name not in copy.wavs],
        "wavs unreadable": survey.unreadable,
        "wavs too many": copy.extra,
        "wavs with the bytes of another": {
            name: f"the same as {first}" for name, first in repeated.items() if name != KNOWN_REPEAT
        },
    }
    self_check(copy.root, "RAVDESS", EXPECTED, found, faults, allow_incomplete=allow_incomplete)
    rejected = copy.passed_over | copy.extra
    utterances = []
    for name in expected_names():
        key, path = _utterance_id(name), copy.wavs.get(name)
        if path is None:
            rejected[key] = f"no wav in {copy.root}"
        elif path in survey.unreadable:
            rejected[key] = f"{path}: {survey.unreadable[path]}"
        elif name in repeated:
            rejected[key] = f"the same bytes as {_utterance_id(repeated[name])}"
        elif _emotion(name) not in CLASSES[classes]:
            rejected[key] = f"{_emotion(name)}: not among the classes"
        else:
            utterances.append(
                Utterance(
                    key,
                    _speaker(name),
                    str(copy.root / path),
                    text=STATEMENTS[name[12:14]],
                    emotion=_emotion(name),
                    language="eng",
                )
            )
    if not utterances:
        raise ValueError(f"{copy.root}: no wav of {', '.join(CLASSES[classes])}; get it again")
    folder = Path(data) / ("ravdess" if classes == 4 else f"ravdess_{classes}")
    write_data_directory(folder, utterances)
    genders = {u.speaker: "m" if int(u.speaker[-2:]) % 2 else "f" for u in utterances}
    write_table(folder / "spk2gender", genders)
    write_rejected(folder, rejected)
    logger.info(
        f"{folder}: {len(utterances)} of {len(copy.wavs)} utterances; the copy has "
        f"{survey.hours:.2f} h (whole: 1.48 h); what is left out stands in rejected.tsv with the "
        "reasons"
    )
    return utterances


def _emotion(name: str) -> str:
    return EMOTIONS[name[6:8]]


def _speaker(name: str) -> str:
    return f"Actor_{name[-2:]}"


def _utterance_id(name: str) -> str:
    return f"{_speaker(name)}-{name}"


@dataclass(frozen=True)
class Copy:
    """What a copy holds; paths are relative to ``root``.

    Attributes:
        root: the folder of the actors' folders.
        wavs: path of each recording of speech, by its name.
        extra: wavs that are none of them, or a second one, each with the reason.
        passed_over: songs and videos, each with the reason.
        left_out: counts of everything else.
    """

    root: Path
    wavs: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def read_copy(root: str | Path) -> Copy:
    """Return what the highest copy at ``root`` or up to three folders below holds.

    Raises:
        ValueError: there is nothing, no copy, or two side by side.
    """
    copy = Copy(find_release_folder(root, "RAVDESS", _has_speech, _EXPECTED_FILES))
    wanted = {*expected_names()}
    for folder in visible(copy.root, copy.left_out):
        if folder.is_dir() and _ACTOR_FOLDER.fullmatch(folder.name):
            for file in visible(Path(folder.path), copy.left_out):
                _list_file(copy, wanted, folder.name, file.name)
        elif folder.is_dir() and _has_speech(Path(folder.path)):
            copy.left_out[f"second copies of the corpus, {folder.name}"] += 1
        else:
            copy.left_out["files and folders beside those of the actors"] += 1
    for reason, number in sorted(copy.left_out.items()):
        logger.info("%s: passed over: %d %s", copy.root, number, reason)
    return copy


def _has_speech(folder: Path) -> bool:
    """Return whether a folder has an actor's with a recording of speech in it."""
    return any(
        kind_of(path.stem) == _SPEECH and path.suffix == ".wav"
        for actor in folder.iterdir()
        if _ACTOR_FOLDER.fullmatch(actor.name) and actor.is_dir()
        for path in actor.iterdir()
    )


def _list_file(copy: Copy, wanted: set[str], folder: str, file: str) -> None:
    """Enter one file of an actor's folder where it belongs."""
    path = f"{folder}/{file}"
    name, suffix = os.path.splitext(file)
    kind, is_wav = kind_of(name), suffix.lower() == ".wav"
    if kind is not None and (kind != _SPEECH or not is_wav):
        copy.passed_over[path] = kind if kind != _SPEECH else f"no wav but {suffix}"
        copy.left_out[copy.passed_over[path]] += 1
    elif not is_wav:
        copy.left_out["files among the wavs that are no wav"] += 1
    elif name not in wanted:
        copy.extra[path] = "no recording of RAVDESS has this name"
    elif _speaker(name) != folder:
        copy.extra[path] = f"{_speaker(name)} by its name, {folder} by its folder"
    elif name in copy.wavs:
        copy.extra[path] = f"a second wav of {name} beside {copy.wavs[name]}"
    else:
        copy.wavs[name] = path


def find_repeated(root: Path, wavs: Mapping[str, str]) -> dict[str, str]:
    """Return which recordings have the very bytes of an earlier one, and of which.

    Args:
        root: of the paths.
        wavs: path of each recording, relative to ``root``.
    """
    names = sorted(wavs, key=_utterance_id)
    sizes = {name: (root / wavs[name]).stat().st_size for name in names}
    number = Counter(sizes.values())
    first: dict[str, str] = {}
    repeated = {}
    for name in names:
        if number[sizes[name]] > 1:  # or no other can have its bytes
            digest = hashlib.sha256((root / wavs[name]).read_bytes()).hexdigest()
            if first.setdefault(digest, name) != name:
                repeated[name] = first[digest]
    return repeated
