"""English neutral speech with the prosody of German emotion, [P2V] V-A, Fig. 7, as a list.

Each source is converted to angry, happy and sad with an utterance of EmoDB in that emotion.
Sources come from a folder that the user gives: a copy of ESD, of which the neutral test
sentences (21 to 50) of the English speakers are taken, since models fine-tuned on ESD have
not heard them; or any data directory, of which the utterances that are ``neutral`` by
``utt2emo`` and English (``eng``) by ``utt2lang`` are taken, all where there is no such table.

The voice is that of another neutral utterance of the source's speaker, or the source where
the speaker has no other.

Source: [P2V] V-A. Deviation: the paper names neither sources nor references; both are drawn.
"""

import logging
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.emodb import read_copy
from espnet2_ext.corpora.esd_ids import choose_speakers, expected_ids
from espnet2_ext.corpora.esd_release import find_release, read_release
from espnet2_ext.corpora.esd_select import select
from espnet2_ext.data.conversion_list import ListedConversion, write_conversion_list
from espnet2_ext.data.data_directory import read_data_directory
from espnet2_ext.data.rejected import read_rejected

logger = logging.getLogger(__name__)

SET = "emodb_style"
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
    out_data: str | Path,
    *,
    num_sources: int = 10,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> list[ListedConversion]:
    """Write ``emodb_style/list.tsv`` and return its lines, three for each source.

    Args:
        db: a copy of EmoDB.
        sources: a copy of ESD or a data directory.
        out_data: gets the directory ``emodb_style``.
        num_sources: so many sources, speaker by speaker in turn.
        seed: of the choice of sources and references.
        allow_incomplete: warn of what EmoDB lacks instead of raising.

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
    list_file = Path(out_data) / SET / "list.tsv"
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
