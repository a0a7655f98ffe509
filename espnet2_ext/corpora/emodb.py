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

To get it: ``python -m espnet2_ext.bin.prepare download --corpus emodb``, or version 1 from
emodb.bilderbar.info; version 2.0 in
audformat is on zenodo.org/records/17651657 (``emodb_2.0.zip``). Licence: free; read the terms
that come with the data.

Traps, and what is done here:

* Everything is in the name. Label files of version 1 (``silb/``) are
  Latin-1 and the tables of version 2.0 another release's; neither is read.
* Version 2.0 may hold more recordings than the 535 that others report results on. A copy
  with other counts than those of version 1 is refused, and the message says so.
* Lists of others that call the files 44.1 kHz are wrong; the headers are read.
* Names that begin with a dot are no recordings.

Source: [P2V] V-A, Fig. 7 takes German emotional references; it does not name its corpus.
"""

import logging
import os
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import find_release_folder, is_seen, self_check, survey_wavs
from espnet2_ext.corpora.esd import (
    choose_speakers,
    expected_ids,
    find_release,
    read_release,
    select,
)
from espnet2_ext.data.conversion_list import ListedConversion, write_conversion_list
from espnet2_ext.data.directory import Utterance, read_data_directory, write_data_directory
from espnet2_ext.data.tables import read_rejected, write_rejected, write_table

# The names of EmoDB, ``03a01Wa``: speaker 03, sentence a01, emotion W, version a.
#
# The name says everything; label files are not needed. Letters are those of German words:
# W (Wut) angry, L (Langeweile) bored, E (Ekel) disgusted, A (Angst) fearful, F (Freude)
# happy, T (Trauer) sad, N neutral.
#
# Source: emodb.bilderbar.info; counts of the published list of the 535 files of version 1.

EMOTIONS = {
    "W": "angry",
    "L": "bored",
    "E": "disgusted",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
"""Emotion by its letter."""

SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
"""Words by number of the sentence."""

GENDERS = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), "m"),
    **dict.fromkeys(("08", "09", "13", "14", "16"), "f"),
}
"""``f`` or ``m`` by speaker."""

EXPECTED = {
    "utterances": 535,
    **{"angry": 127, "bored": 81, "disgusted": 46, "fearful": 69, "happy": 71},
    **{"sad": 62, "neutral": 79},
    **{"speaker 03": 49, "speaker 08": 58, "speaker 09": 43, "speaker 10": 38},
    **{"speaker 11": 55, "speaker 12": 35, "speaker 13": 61, "speaker 14": 69},
    **{"speaker 15": 56, "speaker 16": 71},
    **{"sentence a01": 49, "sentence a02": 60, "sentence a04": 51, "sentence a05": 62},
    **{"sentence a07": 55, "sentence b01": 51, "sentence b02": 51, "sentence b03": 52},
    **{"sentence b09": 52, "sentence b10": 52},
}
"""Counts of the whole corpus, version 1."""

_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-f])", re.ASCII)


class EmodbName(NamedTuple):
    """One recording; ``letter`` is that of the emotion."""

    speaker: str
    sentence: str
    letter: str
    version: str

    def __str__(self) -> str:
        """Return the original name, such as ``03a01Wa``."""
        return "".join(self)

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<original name>``."""
        return f"{self.speaker}-{self}"

    @property
    def emotion(self) -> str:
        """Return a full word, such as ``angry``."""
        return EMOTIONS[self.letter]


def parse_name(stem: str) -> EmodbName | None:
    """Return the parts of a name without its ending, None where EmoDB has no such name."""
    match = _NAME.fullmatch(stem)
    if match is None:
        return None
    name = EmodbName(*match.groups())
    known = name.speaker in GENDERS and name.sentence in SENTENCES and name.letter in EMOTIONS
    return name if known else None


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


def prepare(db: str | Path, data: str | Path, *, allow_incomplete: bool = False) -> list[Utterance]:
    """Write the data directory of EmoDB and return its utterances, sorted by id.

    Beside the tables it gets ``spk2gender`` and ``rejected.tsv``.

    Args:
        db: the folder of ``wav``, that folder itself, or up to two above it.
        data: gets the directory ``emodb``.
        allow_incomplete: warn of what is missing or wrong and go on.

    Raises:
        ValueError: see `read_copy`. Nothing is written then.
    """
    copy = read_copy(db, allow_incomplete=allow_incomplete)
    path = Path(data) / SET
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


# English neutral speech with the prosody of German emotion, [P2V] V-A, Fig. 7, as a list.
#
# Each source is converted to angry, happy and sad with an utterance of EmoDB in that emotion.
# Sources come from a folder that the user gives: a copy of ESD, of which the neutral test
# sentences (21 to 50) of the English speakers are taken, since models fine-tuned on ESD have
# not heard them; or any data directory, of which the utterances that are ``neutral`` by
# ``utt2emo`` and English (``eng``) by ``utt2lang`` are taken, all where there is no such table.
#
# The voice is that of another neutral utterance of the source's speaker, or the source where
# the speaker has no other.
#
# Source: [P2V] V-A. Deviation: the paper names neither sources nor references; both are drawn.


STYLE_SET = "emodb_style"
CONDITION = "cross_lingual"
TARGETS = ("angry", "happy", "sad")
_SOURCE_LANGUAGE = "eng"


class Source(NamedTuple):
    """A neutral utterance; ``text`` is empty where it is not known."""

    utterance_id: str
    speaker: str
    wav: str
    text: str


def prepare_style(
    db: str | Path,
    sources: str | Path,
    data: str | Path,
    *,
    num_sources: int = 10,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> list[ListedConversion]:
    """Write ``emodb_style/list.tsv`` and return its lines, three for each source.

    Args:
        db: a copy of EmoDB.
        sources: a copy of ESD or a data directory.
        data: gets the directory ``emodb_style``.
        num_sources: so many sources, speaker by speaker in turn.
        seed: of the choice of sources and references.
        allow_incomplete: warn of what EmoDB lacks and go on.

    Raises:
        ValueError: a corpus is not there, EmoDB is not whole or lacks an emotion, or there
            are fewer sources than asked for.
    """
    if num_sources < 1:
        raise ValueError(f"{num_sources} sources are asked for; ask for at least 1")
    copy = read_copy(db, allow_incomplete=allow_incomplete)
    references = {
        emotion: [u.wav for u in copy.utterances if u.emotion == emotion] for emotion in TARGETS
    }
    for emotion, wavs in references.items():
        if not wavs:
            raise ValueError(f"{copy.folder}: no {emotion} reference is there; get EmoDB again")
        random.Random(f"{seed} {emotion}").shuffle(wavs)
    chosen = _choose(read_sources(sources), num_sources, seed, sources)
    conversions = [
        _listed(len(TARGETS) * place + step, source, voice, emotion, references[emotion])
        for place, (source, voice) in enumerate(chosen)
        for step, emotion in enumerate(TARGETS)
    ]
    list_file = Path(data) / STYLE_SET / "list.tsv"
    write_conversion_list(list_file, conversions)
    logger.info(
        f"{list_file}: {len(conversions)} conversions of {len(chosen)} sources by "
        f"{len({source.speaker for source, _ in chosen})} speakers"
    )
    return conversions


def read_sources(folder: str | Path) -> list[Source]:
    """Return the neutral English utterances of a data directory or a copy of ESD, sorted by id.

    Raises:
        ValueError: the folder is neither, or has no such utterance.
    """
    folder = Path(folder)
    found = _of_data_directory(folder) if (folder / "wav.scp").is_file() else _of_esd(folder)
    if not found:
        raise ValueError(f"{folder}: no neutral English utterance is there; give other --sources")
    return sorted(found)


def _of_data_directory(folder: Path) -> list[Source]:
    optional = [name for name in ("utt2emo", "utt2lang", "text") if (folder / name).is_file()]
    tables = read_data_directory(folder, names=optional).tables
    if "utt2emo" not in tables:
        logger.warning("%s: no utt2emo; every utterance is taken for neutral", folder)
    rejected = read_rejected(folder)
    kept = [
        key
        for key in tables["wav.scp"]
        if key not in rejected
        and tables.get("utt2emo", {}).get(key, "neutral") == "neutral"
        and tables.get("utt2lang", {}).get(key, _SOURCE_LANGUAGE) == _SOURCE_LANGUAGE
    ]
    texts = tables.get("text", {})
    return [
        Source(key, tables["utt2spk"][key], tables["wav.scp"][key], texts.get(key, ""))
        for key in kept
    ]


def _of_esd(folder: Path) -> list[Source]:
    try:
        root = find_release(folder)
    except ValueError as error:
        raise ValueError(f"no data directory (wav.scp) and no ESD: {error}") from error
    speakers = choose_speakers("english", None)
    wanted = [key for key in expected_ids(speakers) if key.emotion == "neutral"]
    wanted = [key for key in wanted if key.split == "test"]
    release = read_release(root, speakers)
    selection = select(release, wanted)
    if len(selection.kept) < len(wanted):
        logger.warning("%s: %d of %d sources are there", root, len(selection.kept), len(wanted))
    return [
        Source(
            key.utterance_id,
            key.speaker,
            f"{root}/{release.wavs[key]}",
            selection.words.texts.get(key, ""),
        )
        for key in selection.kept
    ]


def _choose(
    found: Sequence[Source], number: int, seed: int, folder: str | Path
) -> list[tuple[Source, str]]:
    """Return the sources, speaker by speaker in turn, each with the audio of its voice.

    Raises:
        ValueError: there are fewer than asked for.
    """
    if len(found) < number:
        raise ValueError(f"{folder}: {len(found)} sources are there, {number} asked for; lower it")
    by_speaker: dict[str, list[Source]] = {}
    for source in found:
        by_speaker.setdefault(source.speaker, []).append(source)
    for speaker, own in by_speaker.items():
        random.Random(f"{seed} {speaker}").shuffle(own)
    longest = max(len(own) for own in by_speaker.values())
    turns = [
        (own[place], own[place - 1].wav if len(own) > 1 else "")
        for place in range(longest)
        for own in by_speaker.values()
        if place < len(own)
    ]
    return [
        (source._replace(wav=_file(source, source.wav, folder)), _file(source, voice, folder))
        for source, voice in turns[:number]
    ]


def _file(source: Source, wav: str, folder: str | Path) -> str:
    """Return the absolute path of a wav; data directories name them from their recipe's folder.

    Raises:
        ValueError: there is no such file.
    """
    if not wav:
        return ""
    for place in (Path(), *Path(folder).resolve().parents):
        if (place / wav).is_file():
            return str((place / wav).resolve())
    raise ValueError(f"{folder}: {source.utterance_id}: {wav}: no such file; correct wav.scp")


def _listed(
    index: int, source: Source, voice: str, emotion: str, references: Sequence[str]
) -> ListedConversion:
    """Return the line of a conversion; the name becomes that of a file."""
    utterance_id = re.sub(r"[^A-Za-z0-9._-]", "_", source.utterance_id)
    return ListedConversion(
        name=f"{CONDITION}-{index:03d}-{utterance_id}-to-german_{emotion}",
        condition=CONDITION,
        source=source.wav,
        prosody=references[index // len(TARGETS) % len(references)],
        speaker=voice,
        text=" ".join(source.text.split()),
    )
