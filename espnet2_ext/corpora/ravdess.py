"""RAVDESS, its speech: 24 actors say two sentences in eight emotions (Livingstone, Russo 2018).

1,440 recordings at 48 kHz, five of them stereo, 1.48 h, 60 of each actor; odd actors are men.
Neutral is said with normal intensity alone, the other emotions also with strong intensity; all
twice. To get it: ``prepare download --corpus ravdess``, or ``Audio_Speech_Actors_01-24.zip`` (208
MB) of zenodo.org/record/1188976. Licence: CC BY-NC-SA 4.0, other licences from the authors.

* A name is seven numbers, ``modality-channel-emotion-intensity-statement-repetition-actor``:
  audio of speech is modality 03 and channel 01 (02 is song).
* Actor_07 has one recording under two names, 03-01-03-01-02-01-07 and 03-01-03-01-02-02-07: the
  second is left out where it has the same bytes, so 1,439 utterances are written, or 671 of four
  classes. Any other recording under two names is a fault of the copy.
* Songs and videos are passed over with the reason. Archives of Kaggle hold the whole tree a
  second time in a folder beside those of the actors.

Source: https://doi.org/10.1371/journal.pone.0196391 and the page of the archive.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from itertools import product
from pathlib import Path

from espnet2_ext.corpora.acted import Copy, Recording, wavs_in
from espnet2_ext.corpora.copies import (
    Faults,
    Listing,
    find_release_folder,
    log_left_out,
    self_check,
    survey_wavs,
    visible,
)
from espnet2_ext.data.directory import Utterance

WORDS = "neutral calm happy sad angry fearful disgusted surprised".split()
EMOTIONS = {f"{number:02d}": word for number, word in enumerate(WORDS, start=1)}
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
ACTORS = tuple(f"{number:02d}" for number in range(1, 25))
GENDERS = {f"Actor_{number}": "m" if int(number) % 2 else "f" for number in ACTORS}
CLASSES = {4: ("neutral", "angry", "happy", "sad"), 8: tuple(WORDS)}
KNOWN_REPEAT = "03-01-03-01-02-02-07"
EXPECTED: dict[str, int] = {
    "utterances": 1440,
    **{emotion: 96 if emotion == "neutral" else 192 for emotion in WORDS},
    **{f"Actor_{number}": 60 for number in ACTORS},
}

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
    """Return what a file is of, such as ``audio of speech``, None for no name of RAVDESS."""
    match = _NAME.fullmatch(stem)
    return f"{_MODALITIES[match[1]]} of {_CHANNELS[match[2]]}" if match else None


def expected_recordings() -> dict[str, Recording]:
    """Return the 1,440 recordings of speech by name, actor by actor."""
    recordings = {}
    for actor, *numbers in product(ACTORS, EMOTIONS, ("01", "02"), STATEMENTS, ("01", "02")):
        emotion, intensity, statement, _ = numbers
        if (emotion, intensity) != ("01", "02"):
            name = "-".join(("03", "01", *numbers, actor))
            recordings[name] = Recording(f"Actor_{actor}", name, EMOTIONS[emotion], statement)
    return recordings


def prepare(
    db: str | Path, data: str | Path, *, classes: int = 4, allow_incomplete: bool = False
) -> list[Utterance]:
    """Write the data directory of RAVDESS and return its utterances, sorted by id.

    Args:
        db: the folder of the actors' folders, or up to three above it.
        data: gets the directory ``ravdess``, or ``ravdess_8`` for eight classes.
        classes: 4 for neutral, angry, happy and sad; 8 for all.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes}; give 4 or 8 (all)")
    root = find_release_folder(db, "RAVDESS", _has_speech, _EXPECTED_FILES)
    recordings = expected_recordings()
    listing, passed_over = list_files(root, recordings)
    copy = Copy(listing, survey_wavs(root, listing.wavs, 48000))
    repeated = find_repeated(copy)
    found: Counter[str] = Counter()
    for each in copy.survey.readable:
        found.update(("utterances", each.emotion, each.speaker))
    faults: Faults = {
        "wavs missing": [name for name, each in recordings.items() if each not in listing.wavs],
        "wavs with the bytes of another": {
            each.stem: f"the same as {first.stem}"
            for each, first in repeated.items()
            if each.stem != KNOWN_REPEAT
        },
        **copy.faults,
    }
    self_check(root, "RAVDESS", EXPECTED, found, faults, allow_incomplete=allow_incomplete)
    return copy.write_classes(
        *(Path(data) / "ravdess", recordings.values(), STATEMENTS, GENDERS),
        classes=CLASSES[classes],
        left_out={each: f"the same bytes as {first}" for each, first in repeated.items()},
        passed_over=passed_over,
    )


def list_files(
    root: Path, recordings: Mapping[str, Recording]
) -> tuple[Listing[Recording], dict[str, str]]:
    """Return the wavs of the actors' folders, and songs and videos with the reason."""
    listing: Listing[Recording] = Listing(root)
    passed_over: dict[str, str] = {}
    for folder in visible(root, listing.left_out):
        if not folder.is_dir() or not _ACTOR_FOLDER.fullmatch(folder.name):
            kind = "files and folders beside those of the actors"
            if folder.is_dir() and _has_speech(Path(folder.path)):
                kind = f"second copies of the corpus, {folder.name}"
            listing.left_out[kind] += 1
            continue
        for file in visible(Path(folder.path), listing.left_out):
            path = Path(folder.name, file.name)
            content = kind_of(path.stem)
            if content not in (None, _SPEECH):
                passed_over[str(path)] = str(content)
            elif path.suffix.lower() == ".wav":
                recording = recordings.get(path.stem)
                speaker = recording.speaker if recording else folder.name
                fault = f"{speaker} by its name, {folder.name} by its folder"
                listing.add_wav(str(path), recording, "" if speaker == folder.name else fault)
            else:
                listing.left_out["files among the wavs that are no wav"] += 1
    log_left_out(root, listing.left_out + Counter(passed_over.values()))
    return listing, passed_over


def _has_speech(folder: Path) -> bool:
    return any(
        kind_of(Path(name).stem) == _SPEECH
        for actor in folder.iterdir()
        if _ACTOR_FOLDER.fullmatch(actor.name)
        for name in wavs_in(actor)
    )


def find_repeated(copy: Copy) -> dict[Recording, Recording]:
    """Return which readable recordings have the bytes of an earlier one, and of which."""
    first: dict[bytes, Recording] = {}
    repeated = {}
    for each in sorted(copy.survey.readable):
        content = (copy.listing.root / copy.listing.wavs[each]).read_bytes()
        earlier = first.setdefault(hashlib.sha256(content).digest(), each)
        if earlier != each:
            repeated[each] = earlier
    return repeated
