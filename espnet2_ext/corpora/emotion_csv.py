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


def prepare(csv_path: str | Path, out_dir: str | Path) -> list[Utterance]:
    """Write a data directory of the csv's files and return its utterances, sorted by id.

    Args:
        csv_path: columns file, emotion and, as far as known, speaker, session, dialogue, text.
        out_dir: the data directory.

    Raises:
        FileNotFoundError: there is no such csv.
        ValueError: the csv is malformed (see `read_csv`); a file is missing or listed
            twice; two files give one id; a speaker or emotion is not one word, or an
            emotion is spelled with other capitals elsewhere. File and line are named.
    """
    path = Path(csv_path)
    rows = read_csv(path, ("file", "emotion"), ("speaker", "session", "dialogue", "text"))
    base = os.path.abspath(path.parent)
    missing = [
        (line, row["file"]) for line, row in rows if not (Path(base) / row["file"]).is_file()
    ]
    for line, file in missing:
        raise ValueError(
            f"{path}:{line}: {file}: no such file; {len(missing)} of {len(rows)} are missing, "
            f"paths are relative to {base}"
        )
    if "speaker" not in rows[0][1]:
        logger.warning(
            "%s: no column 'speaker'; each of the %d files is taken for a speaker of its own",
            *(path, len(rows)),
        )
    stems = Counter((row.get("speaker"), Path(row["file"]).stem) for _, row in rows)
    files: dict[str, int] = {}  # lines, as of the others
    ids: dict[str, int] = {}
    emotions: dict[str, tuple[str, int]] = {}
    utterances = []
    for line, row in rows:
        place = f"{path}:{line}: {row['file']}"
        wav = os.path.abspath(os.path.join(base, row["file"]))
        if files.setdefault(wav, line) != line:
            raise ValueError(f"{place}: stands in line {files[wav]} too; remove one line")
        for key in ("speaker", "emotion"):
            if key in row and (row[key].split() != [row[key]] or "/" in row[key]):
                fault = f"{key} {row[key]!r:.60} has white space or a slash; name it by one word"
                raise ValueError(f"{place}: {fault}")
        emotion = row["emotion"]
        usual, first = emotions.setdefault(emotion.casefold(), (emotion, line))
        if usual != emotion:
            fault = f"emotion {emotion!r}, but {usual!r} in line {first}; spell it one way"
            raise ValueError(f"{place}: {fault}")
        own = Path(row["file"])
        parts = [own.stem]
        if stems[row.get("speaker"), own.stem] > 1:
            parts = [part for part in own.parts[:-1] if part not in (own.anchor, "..")] + parts
        name = "_".join("_".join(parts).split())
        speaker = row.get("speaker", name)
        key = f"{speaker}-{name}"
        if ids.setdefault(key, line) != line:
            raise ValueError(
                f"{place}: gives the id {key}, as line {ids[key]} does; rename one of the files"
            )
        optional = {key: row.get(key) for key in ("text", "session", "dialogue")}
        utterances.append(Utterance(key, speaker, wav, emotion=emotion, **optional))
    utterances.sort(key=lambda utterance: utterance.utterance_id)
    write_data_directory(out_dir, utterances)
    numbers = Counter(row["emotion"] for _, row in rows)
    counts = ", ".join(f"{number} {name}" for name, number in sorted(numbers.items()))
    logger.info("%s: %d utterances: %s", out_dir, len(utterances), counts)
    return utterances
