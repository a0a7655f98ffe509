"""EmoDB, the Berlin database of emotional speech: ten actors in German (Burkhardt et al. 2005).

Five women and five men say ten everyday sentences in seven emotions. Of all recordings the 535
that listeners recognised and found natural were released: 0.41 h, 16 kHz. The most frequent
emotion alone gives an accuracy of 23.7 %. To get it: ``prepare download --corpus emodb``, or
version 1 from emodb.bilderbar.info. Licence: free; read the terms that come with the data.

* A name such as 03a01Wa is speaker 03, sentence a01, emotion W, version a.
* Version 2.0 in audformat (zenodo.org/records/17651657, ``emodb_2.0.zip``) may hold more
  recordings than the 535 that others report results on. A copy with other counts is refused.

Source: emodb.bilderbar.info; counts of the published list of the 535 files of version 1.
[P2V] V-A, Fig. 7 takes German emotional references; it does not name its corpus.
"""

import logging
import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from espnet2_ext.corpora.acted import Copy, Recording, write_corpus
from espnet2_ext.corpora.copies import Faults, self_check
from espnet2_ext.corpora.esd import (
    choose_speakers,
    expected_ids,
    find_release,
    read_release,
    survey_release,
)
from espnet2_ext.data.conversion_list import ListedConversion, write_conversion_list
from espnet2_ext.data.directory import Utterance, read_data_directory
from espnet2_ext.data.tables import read_rejected

logger = logging.getLogger(__name__)

# By the first letter of the German word, such as Wut.
EMOTIONS = dict(W="angry", L="bored", E="disgusted", A="fearful", F="happy", T="sad", N="neutral")
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
GENDERS = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), "m"),
    **dict.fromkeys(("08", "09", "13", "14", "16"), "f"),
}
_OF_SPEAKERS = (49, 58, 43, 38, 55, 35, 61, 69, 56, 71)
_OF_SENTENCES = (49, 60, 51, 62, 55, 51, 51, 52, 52, 52)
EXPECTED = {
    "utterances": 535,
    **dict(angry=127, bored=81, disgusted=46, fearful=69, happy=71, sad=62, neutral=79),
    **{f"speaker {name}": number for name, number in zip(sorted(GENDERS), _OF_SPEAKERS)},
    **{f"sentence {code}": number for code, number in zip(SENTENCES, _OF_SENTENCES)},
}

_NAME = re.compile(rf"({'|'.join(GENDERS)})({'|'.join(SENTENCES)})([{''.join(EMOTIONS)}])[a-f]")
_EXPECTED_FILES = "the folder wav with 03a01Fa.wav to 16b10Wb.wav"
_AUDFORMAT = ("db.yaml", "db.files.csv", "db.emotion.csv")


def parse_name(stem: str) -> Recording | None:
    """Return the recording of a name without ending, None where EmoDB has no such name."""
    match = _NAME.fullmatch(stem)
    return Recording(match[1], stem, EMOTIONS[match[3]], match[2]) if match else None


def prepare(db: str | Path, data: str | Path, *, allow_incomplete: bool = False) -> list[Utterance]:
    """Write the data directory of EmoDB and return its utterances, sorted by id.

    Args:
        db: the folder of ``wav``, that folder itself, or up to two above it.
        data: gets the directory ``emodb``.
    """
    utterances, rejected, hours = read_copy(db, allow_incomplete=allow_incomplete)
    folder = Path(data) / "emodb"
    write_corpus(folder, utterances, GENDERS, rejected)
    logger.info(f"{folder}: {len(utterances)} utterances, {hours:.2f} h (whole: 0.41 h)")
    return utterances


def read_copy(
    root: str | Path, *, allow_incomplete: bool
) -> tuple[list[Utterance], dict[str, str], float]:
    """Return utterances by id, reasons for the wavs left out, and hours; raises as `prepare`."""
    copy = Copy.find(root, "EmoDB", parse_name, _EXPECTED_FILES)
    folder = copy.listing.root
    found: Counter[str] = Counter()
    for each in copy.survey.readable:
        speaker, sentence = f"speaker {each.speaker}", f"sentence {each.sentence}"
        found.update(("utterances", each.emotion, speaker, sentence))
    signs = [place / name for place in (folder, folder.parent) for name in _AUDFORMAT]
    remedy = "it may hold more than the 535 files of version 1, with which results compare"
    faults: Faults = {}
    if found != EXPECTED:
        faults = {"signs of version 2.0": {str(each): remedy for each in signs if each.is_file()}}
    faults = {**faults, **copy.faults}
    self_check(folder, "EmoDB", EXPECTED, found, faults, allow_incomplete=allow_incomplete)
    utterances, rejected = copy.keep(
        sorted(copy.listing.wavs), SENTENCES, "deu", classes=EMOTIONS.values(), left_out={}
    )
    if not utterances:
        raise ValueError(f"{folder}: no wav can be read; get the corpus again")
    return utterances, rejected | copy.listing.extra, copy.survey.hours


# ---------------------------------------------------------------- conversion list
# English neutral utterances with the prosody of German emotional ones. Source: [P2V] V-A, Fig. 7.
# Deviation: the paper names neither sources nor references; both are drawn.

CONDITION = "cross_lingual"
TARGETS = ("angry", "happy", "sad")


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

    A source is converted to angry, happy and sad with an utterance of EmoDB in that emotion and
    the voice of another neutral utterance of its speaker, or its own where there is no other.

    Args:
        db: a copy of EmoDB.
        sources: a copy of ESD or a data directory.
        data: gets the directory ``emodb_style``.
        num_sources: so many sources, speaker by speaker in turn.
    """
    if num_sources < 1:
        raise ValueError(f"{num_sources} sources are asked for; ask for at least 1")
    utterances, _, _ = read_copy(db, allow_incomplete=allow_incomplete)
    references = {
        emotion: [each.wav for each in utterances if each.emotion == emotion] for emotion in TARGETS
    }
    for emotion, wavs in references.items():
        if not wavs:
            raise ValueError(f"{db}: no {emotion} reference is there; get EmoDB again")
        random.Random(f"{seed} {emotion}").shuffle(wavs)
    chosen = _choose(read_sources(sources), num_sources, seed, sources)
    conversions: list[ListedConversion] = []
    for place, (source, (wav, voice)) in enumerate(chosen):
        utterance_id = re.sub(r"[^A-Za-z0-9._-]", "_", source.utterance_id)
        text = " ".join((source.text or "").split())
        for emotion, wavs in references.items():
            name = f"{CONDITION}-{len(conversions):03d}-{utterance_id}-to-german_{emotion}"
            prosody = wavs[place % len(wavs)]
            conversions.append(ListedConversion(name, CONDITION, wav, prosody, voice, text))
    list_file = Path(data) / "emodb_style/list.tsv"
    write_conversion_list(list_file, conversions)
    logger.info(f"{list_file}: {len(conversions)} conversions of {len(chosen)} sources")
    return conversions


def read_sources(folder: str | Path) -> list[Utterance]:
    """Return the neutral English utterances of a data directory or a copy of ESD, sorted by id.

    Of ESD these are the neutral test sentences (21 to 50) of the English speakers, which models
    fine-tuned on ESD have not been trained on; of a data directory those that are ``neutral`` by
    ``utt2emo`` and ``eng`` by ``utt2lang``, or all where there is no such table.
    """
    folder = Path(folder)
    is_directory = (folder / "wav.scp").is_file()
    found = _of_data_directory(folder) if is_directory else _of_esd(folder)
    if not found:
        raise ValueError(f"{folder}: no neutral English utterance is there; give other --sources")
    return sorted(found, key=lambda each: each.utterance_id)


def _of_data_directory(folder: Path) -> list[Utterance]:
    optional = [name for name in ("utt2emo", "utt2lang", "text") if (folder / name).is_file()]
    tables = read_data_directory(folder, names=optional)
    if "utt2emo" not in tables:
        logger.warning("%s: no utt2emo; every utterance is taken for neutral", folder)
    emotions, languages, texts = (tables.get(key, {}) for key in ("utt2emo", "utt2lang", "text"))
    rejected = read_rejected(folder)
    return [
        Utterance(key, tables["utt2spk"][key], wav, texts.get(key))
        for key, wav in tables["wav.scp"].items()
        if key not in rejected
        and emotions.get(key, "neutral") == "neutral"
        and languages.get(key, "eng") == "eng"
    ]


def _of_esd(folder: Path) -> list[Utterance]:
    try:
        root = find_release(folder)
    except ValueError as error:
        raise ValueError(f"no data directory (wav.scp) and no ESD: {error}") from error
    speakers = choose_speakers("english", None)
    ids = expected_ids(speakers)
    wanted = [key for key in ids if (key.emotion, key.split) == ("neutral", "test")]
    release = read_release(root, speakers)
    kept = survey_release(release, wanted)[0].readable
    if len(kept) < len(wanted):
        logger.warning("%s: %d of %d sources are there", root, len(kept), len(wanted))
    return [
        Utterance(
            key.utterance_id, key.speaker, f"{root}/{release.wavs[key]}", release.texts.get(key)
        )
        for key in kept
    ]


def _choose(
    found: Sequence[Utterance], number: int, seed: int, folder: str | Path
) -> list[tuple[Utterance, list[str]]]:
    """Return the sources, speaker by speaker in turn, each with its audio and that of its voice."""
    if len(found) < number:
        raise ValueError(f"{folder}: {len(found)} sources are there, {number} asked for; lower it")
    by_speaker: dict[str, list[Utterance]] = {}
    voices: dict[str, str] = {}
    for source in found:
        by_speaker.setdefault(source.speaker, []).append(source)
    for speaker, own in by_speaker.items():
        random.Random(f"{seed} {speaker}").shuffle(own)
        if len(own) > 1:
            voices |= {own[place].utterance_id: own[place - 1].wav for place in range(len(own))}
    turns = [each for turn in zip_longest(*by_speaker.values()) for each in turn if each]
    return [
        (each, [_file(each, wav, folder) for wav in (each.wav, voices.get(each.utterance_id, ""))])
        for each in turns[:number]
    ]


def _file(source: Utterance, wav: str, folder: str | Path) -> str:
    """Return the absolute path of a wav; data directories name them from their recipe's folder."""
    if not wav:
        return ""
    for place in (Path(), *Path(folder).resolve().parents):
        if (place / wav).is_file():
            return str((place / wav).resolve())
    raise ValueError(f"{folder}: {source.utterance_id}: {wav}: no such file; correct wav.scp")
