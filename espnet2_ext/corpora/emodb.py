"""EmoDB, the Berlin database of emotional speech: ten actors in German (Burkhardt et al. 2005).

Five women and five men say ten everyday sentences in seven emotions. Of all recordings the
535 that listeners recognised and found natural were released: 0.41 h, 16 kHz.

=========  =====  =====  =========  =======  =====  ===  =======  ===
emotion    angry  bored  disgusted  fearful  happy  sad  neutral  sum
=========  =====  =====  =========  =======  =====  ===  =======  ===
letter     W      L      E          A        F      T    N
files      127    81     46         69       71     62   79       535
=========  =====  =====  =========  =======  =====  ===  =======  ===

A speaker has 35 to 71 of them, a sentence 49 to 62. The most frequent emotion alone gives an
accuracy of 23.7 %.

To get it: emodb.bilderbar.info, from where `open_emodb` downloads version 1; version 2.0 in
audformat is on zenodo.org/records/17651657 (``emodb_2.0.zip``). Licence: free; read the terms
that come with the data.

Traps, and what is done here:

* Everything is in the name (``emodb_names.py``). Label files of version 1 (``silb/``) are
  Latin-1 and the tables of version 2.0 another release's; neither is read.
* Version 2.0 may hold more recordings than the 535 that others report results on. A copy
  with other counts than those of version 1 is refused, and the message says so.
* Lists of others that call the files 44.1 kHz are wrong; the headers are read.
* Names that begin with a dot are no recordings.

Source: [P2V] V-A, Fig. 7 takes German emotional references; it does not name its corpus.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.emodb_names import EXPECTED, GENDERS, SENTENCES, EmodbName, parse_name
from espnet2_ext.corpora.release_folder import find_release_folder, is_seen
from espnet2_ext.corpora.self_check import self_check
from espnet2_ext.corpora.wav_survey import survey_wavs
from espnet2_ext.data.data_directory import write_data_directory
from espnet2_ext.data.rejected import write_rejected
from espnet2_ext.data.table import write_table
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

SET = "emodb"
LANGUAGE = "deu"
_RATE_HZ = 16000
_EXPECTED_FILES = "the folder wav with 03a01Fa.wav to 16b10Wb.wav"
_AUDFORMAT = ("db.yaml", "db.files.csv", "db.emotion.csv")


@dataclass(frozen=True)
class EmodbCopy:
    """What a copy holds.

    Attributes:
        folder: that of the wavs.
        utterances: with a readable wav, sorted by id.
        rejected: the reason by id or file of everything left out.
        hours: of the utterances.
    """

    folder: Path
    utterances: list[Utterance] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    hours: float = 0.0


def prepare(
    root: str | Path, out_data: str | Path, *, allow_incomplete: bool = False
) -> list[Utterance]:
    """Write the data directory of EmoDB and return its utterances, sorted by id.

    Beside the tables it gets ``spk2gender`` and ``rejected.tsv``.

    Args:
        root: the folder of ``wav``, that folder itself, or up to two above it.
        out_data: gets the directory ``emodb``.
        allow_incomplete: warn of what is missing or wrong instead of raising.

    Raises:
        ValueError: see `read_copy`. Nothing is written then.
    """
    copy = read_copy(root, allow_incomplete=allow_incomplete)
    path = Path(out_data) / SET
    write_data_directory(path, copy.utterances)
    write_table(path / "spk2gender", {u.speaker: GENDERS[u.speaker] for u in copy.utterances})
    write_rejected(path, copy.rejected)
    logger.info(f"{path}: {len(copy.utterances)} utterances, {copy.hours:.2f} h (whole: 0.41 h)")
    return copy.utterances


def read_copy(root: str | Path, *, allow_incomplete: bool = False) -> EmodbCopy:
    """Return what a copy of EmoDB holds.

    Args:
        root: see `prepare`.
        allow_incomplete: see there.

    Raises:
        ValueError: no copy at ``root``, or one that is not whole; one line with the place
            and the remedy.
    """
    folder = find_wavs(root)
    wavs, extra = _list_wavs(folder)
    paths = {name.utterance_id: path for name, path in wavs.items()}
    survey = survey_wavs(folder, paths, dict.fromkeys(paths, _RATE_HZ))
    readable = set(survey.readable)
    kept = sorted(name for name in wavs if name.utterance_id in readable)
    found = count(kept)
    faults = {"wavs that EmoDB does not have": extra, "wavs unreadable": survey.unreadable}
    if found != EXPECTED:
        faults["signs of version 2.0"] = _signs_of_version_2(folder)
    self_check(folder, "EmoDB", EXPECTED, found, faults, allow_incomplete=allow_incomplete)
    if not kept:
        raise ValueError(f"{folder}: no wav can be read; get the corpus again")
    rejected = {name.utterance_id: survey.unreadable.get(path, "") for name, path in wavs.items()}
    rejected = {key: reason for key, reason in rejected.items() if reason} | extra
    return EmodbCopy(folder, [_utterance(folder, wavs, n) for n in kept], rejected, survey.hours)


def find_wavs(root: str | Path) -> Path:
    """Return the absolute folder of the wavs.

    Raises:
        ValueError: there is nothing at ``root``, or no copy of EmoDB or two in it.
    """
    return find_release_folder(root, "EmoDB", _has_wavs, _EXPECTED_FILES)


def _has_wavs(path: Path) -> bool:
    return any(
        entry.suffix.lower() == ".wav" and parse_name(entry.stem) is not None
        for entry in path.iterdir()
    )


def _list_wavs(folder: Path) -> tuple[dict[EmodbName, str], dict[str, str]]:
    """Return the file of each recording, and the reason of each wav that is none."""
    wavs: dict[EmodbName, str] = {}
    extra: dict[str, str] = {}
    for file in sorted(os.listdir(folder)):
        stem, suffix = os.path.splitext(file)
        if not is_seen(file) or suffix.lower() != ".wav":
            continue
        name = parse_name(stem)
        if name is None:
            extra[file] = "no recording of EmoDB has this name"
        elif name in wavs:
            extra[file] = f"a second wav of {name} beside {wavs[name]}"
        else:
            wavs[name] = file
    return wavs, extra


def _signs_of_version_2(folder: Path) -> dict[str, str]:
    """Return the tables of audformat that lie beside the wavs or above them."""
    places = [place / name for place in (folder, folder.parent) for name in _AUDFORMAT]
    remedy = "it may hold more than the 535 files of version 1, with which results compare"
    return {str(path): remedy for path in places if path.is_file()}


def count(names: Iterable[EmodbName]) -> dict[str, int]:
    """Return the counts that ``EXPECTED`` has of these recordings."""
    counts: Counter[str] = Counter()
    for name in names:
        kinds = ("utterances", name.emotion, f"speaker {name.speaker}", f"sentence {name.sentence}")
        counts.update(kinds)
    return dict(counts)


def _utterance(folder: Path, wavs: dict[EmodbName, str], name: EmodbName) -> Utterance:
    return Utterance(
        utterance_id=name.utterance_id,
        speaker=name.speaker,
        wav=f"{folder}/{wavs[name]}",
        text=SENTENCES[name.sentence],
        emotion=name.emotion,
        language=LANGUAGE,
    )
