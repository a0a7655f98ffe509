"""A copy of RAVDESS on disk: find the folders of the actors, list the recordings of speech.

Every actor has a folder, ``Actor_01`` to ``Actor_24``. Archives of Kaggle hold the whole tree
a second time in a folder beside those of the actors; it is passed over.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.ravdess_names import SPEECH, RavdessName, expected_names, parse_name
from espnet2_ext.corpora.release_folder import find_release_folder, is_seen

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
