"""A user's own folder of audio with a csv of labels, as a data directory.

The csv has the columns ``file,emotion`` and may have ``speaker session dialogue
text``, in any order; a column is filled in every row or left out. ``file`` is
relative to the csv's folder, or absolute. Any audio that libsndfile reads will do
(``format_wav`` comes next and lists what is unreadable).

* Utterance ids are ``<speaker>-<stem>``. White space in a stem becomes ``_``; stems
  that one speaker has in several folders get the folders before them
  (``angry/1.wav`` is ``angry_1``).
* Without a ``speaker`` column nobody knows who speaks: each file becomes its own
  speaker, called like the file. That is logged. Protocols that keep speakers apart
  refuse such data, and the check for leaks says that speakers are unchecked.

Licence: that of the user's own audio.
"""

import logging
import os
from collections import Counter
from pathlib import Path

from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import read_csv

logger = logging.getLogger(__name__)

REQUIRED = ("file", "emotion")
OPTIONAL = ("speaker", "session", "dialogue", "text")

Rows = list[tuple[int, dict[str, str]]]


def prepare(csv_path: str | Path, out_dir: str | Path) -> list[Utterance]:
    """Write a data directory of the csv's files and return its utterances, sorted by id.

    Args:
        csv_path: columns file, emotion and, as far as known, speaker, session, dialogue, text.
        out_dir: the data directory.

    Raises:
        FileNotFoundError: there is no such csv.
        ValueError: see `read_emotion_csv`.
    """
    utterances = read_emotion_csv(csv_path)
    write_data_directory(out_dir, utterances)
    emotions = Counter(utterance.emotion for utterance in utterances)
    counts = ", ".join(f"{emotions[name]} {name}" for name in sorted(emotions, key=str))
    logger.info("%s: %d utterances: %s", out_dir, len(utterances), counts)
    return utterances


def read_emotion_csv(csv_path: str | Path) -> list[Utterance]:
    """Return the utterances of the csv, sorted by id.

    Raises:
        FileNotFoundError: there is no such csv.
        ValueError: the csv is malformed (see `read_csv`); a file is missing or listed
            twice; two files give one id; a speaker or emotion is not one word, or an
            emotion is spelled with other capitals elsewhere. File and line are named.
    """
    path = Path(csv_path)
    rows = read_csv(path, REQUIRED, OPTIONAL)
    audio = _find_audio(path, rows)
    _check_words(path, rows)
    names = _names(rows)
    if "speaker" not in rows[0][1]:
        logger.warning(
            "%s: no column 'speaker'; each of the %d files is taken for a speaker of its own",
            path,
            len(rows),
        )
    utterances: dict[str, Utterance] = {}
    lines: dict[str, int] = {}
    for (line, row), wav, name in zip(rows, audio, names, strict=True):
        speaker = row.get("speaker", name)
        utterance_id = f"{speaker}-{name}"
        if utterance_id in utterances:
            raise ValueError(
                f"{path}:{line}: {row['file']}: gives the id {utterance_id}, as line "
                f"{lines[utterance_id]} does; rename one of the files"
            )
        lines[utterance_id] = line
        utterances[utterance_id] = Utterance(
            utterance_id,
            speaker,
            wav,
            text=row.get("text"),
            emotion=row["emotion"],
            session=row.get("session"),
            dialogue=row.get("dialogue"),
        )
    return [utterances[utterance_id] for utterance_id in sorted(utterances)]


def _find_audio(path: Path, rows: Rows) -> list[str]:
    """Return the absolute path of every row's file; each must exist and stand once."""
    audio = [os.path.abspath(path.parent / row["file"]) for _, row in rows]
    missing = [index for index, wav in enumerate(audio) if not os.path.isfile(wav)]
    if missing:
        line, row = rows[missing[0]]
        raise ValueError(
            f"{path}:{line}: {row['file']}: no such file; {len(missing)} of {len(rows)} are "
            f"missing, paths are relative to {os.path.abspath(path.parent)}"
        )
    lines: dict[str, int] = {}
    for (line, row), wav in zip(rows, audio, strict=True):
        if wav in lines:
            raise ValueError(
                f"{path}:{line}: {row['file']}: stands in line {lines[wav]} too; remove one line"
            )
        lines[wav] = line
    return audio


def _check_words(path: Path, rows: Rows) -> None:
    """Raise a ValueError for a speaker or emotion that is not one word or spelled two ways."""
    spelled: dict[str, tuple[str, int]] = {}
    for line, row in rows:
        for column in ("speaker", "emotion"):
            value = row.get(column, "x")
            if value.split() != [value] or "/" in value:
                raise ValueError(
                    f"{path}:{line}: {column} {value!r:.60} has white space or a slash; "
                    "name it by one word"
                )
        emotion, first = spelled.setdefault(row["emotion"].casefold(), (row["emotion"], line))
        if emotion != row["emotion"]:
            raise ValueError(
                f"{path}:{line}: emotion {row['emotion']!r}, but {emotion!r} in line {first}; "
                "spell it one way"
            )


def _names(rows: Rows) -> list[str]:
    """Return what stands after the speaker in each id: the stem, with folders where needed."""
    files = [Path(row["file"]) for _, row in rows]
    stems = Counter((row.get("speaker"), file.stem) for (_, row), file in zip(rows, files))
    names = []
    for (_, row), file in zip(rows, files, strict=True):
        name = file.stem
        if stems[row.get("speaker"), file.stem] > 1:
            folders = [part for part in file.parts[:-1] if part not in (file.anchor, "..")]
            name = "_".join([*folders, file.stem])
        names.append("_".join(name.split()))
    return names
