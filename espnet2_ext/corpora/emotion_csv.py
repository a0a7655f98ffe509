"""A user's own folder of audio with a csv of labels, as a data directory.

The csv has the columns ``file,emotion`` and may have ``speaker session dialogue text``, in any
order; a column is filled in every row or left out. ``file`` is relative to the csv's folder, or
absolute, and of any format that libsndfile reads.

* Utterance ids are ``<speaker>-<stem>``. White space in a stem becomes ``_``; stems that one
  speaker has in several folders are prefixed by these (``angry/1.wav`` is ``angry_1``).
* Without a ``speaker`` column each file becomes its own speaker, called like the file, which is
  logged. Protocols that keep speakers apart refuse such data.
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


def prepare(csv_path: str | Path, out_dir: str | Path) -> list[Utterance]:
    """Write a data directory of the csv's files and return its utterances, sorted by id.

    Args:
        csv_path: columns file, emotion and, as far as known, speaker, session, dialogue, text.
        out_dir: the data directory.

    Raises: see `read_emotion_csv`.
    """
    utterances = read_emotion_csv(csv_path)
    write_data_directory(out_dir, utterances)
    emotions = Counter(str(utterance.emotion) for utterance in utterances)
    counts = ", ".join(f"{number} {name}" for name, number in sorted(emotions.items()))
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
    base = os.path.abspath(path.parent)
    wavs = [os.path.join(base, row["file"]) for _, row in rows]
    missing = [index for index, wav in enumerate(wavs) if not os.path.isfile(wav)]
    stems = Counter((row.get("speaker"), Path(row["file"]).stem) for _, row in rows)
    if "speaker" not in rows[0][1]:
        logger.warning(
            "%s: no column 'speaker'; each of the %d files is taken for a speaker of its own",
            *(path, len(rows)),
        )
    lines: dict[str, dict[str, int]] = {"file": {}, "id": {}, "emotion": {}}
    spelled: dict[str, str] = {}
    utterances = []
    for index, (line, row) in enumerate(rows):
        name = _name(row, stems)
        speaker, emotion = row.get("speaker", name), row["emotion"]
        utterance_id, wav = f"{speaker}-{name}", os.path.abspath(wavs[index])
        usual = spelled.setdefault(emotion.casefold(), emotion)
        same = {"file": wav, "id": utterance_id, "emotion": usual}
        first = {kind: lines[kind].setdefault(value, line) for kind, value in same.items()}
        words = {key: row[key] for key in ("speaker", "emotion") if key in row}
        odd = [f"{k} {v!r:.60}" for k, v in words.items() if v.split() != [v] or "/" in v]
        fault = ""
        if index in missing[:1]:
            fault = (
                f"{row['file']}: no such file; {len(missing)} of {len(rows)} are missing, paths "
                f"are relative to {base}"
            )
        elif first["file"] != line:
            fault = f"{row['file']}: stands in line {first['file']} too; remove one line"
        elif odd:
            fault = f"{odd[0]} has white space or a slash; name it by one word"
        elif usual != emotion:
            fault = (
                f"emotion {emotion!r}, but {usual!r} in line {first['emotion']}; spell it one way"
            )
        elif first["id"] != line:
            fault = (
                f"{row['file']}: gives the id {utterance_id}, as line {first['id']} does; rename "
                "one of the files"
            )
        if fault:
            raise ValueError(f"{path}:{line}: {fault}")
        optional = {key: row.get(key) for key in ("text", "session", "dialogue")}
        utterances.append(Utterance(utterance_id, speaker, wav, emotion=emotion, **optional))
    return sorted(utterances, key=lambda utterance: utterance.utterance_id)


def _name(row: dict[str, str], stems: Counter[tuple[str | None, str]]) -> str:
    """Return what stands after the speaker in an id: the stem, with folders where needed."""
    file = Path(row["file"])
    parts = [file.stem]
    if stems[row.get("speaker"), file.stem] > 1:
        parts = [part for part in file.parts[:-1] if part not in (file.anchor, "..")] + parts
    return "_".join("_".join(parts).split())
