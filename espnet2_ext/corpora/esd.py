"""ESD: twenty speakers say the same sentences in five emotions (Zhou et al. 2022).

0001 to 0010 speak Mandarin, 0011 to 0020 English; each says 350 sentences in each of
neutral, angry, happy, sad and surprised.

================  ==========  ==========  ==========  =========================================
set               sentences   a speaker   utterances  the corpus calls it
================  ==========  ==========  ==========  =========================================
esd_train         51 to 350   1,500       30,000      train, 24.81 h
esd_valid         1 to 20     100         2,000       evaluation, 1.66 h
esd_test          21 to 50    150         3,000       test, 2.60 h
sum               350         1,750       35,000      29.07 h; the English half 17,500, 13.41 h
================  ==========  ==========  ==========  =========================================

The corpus's evaluation split serves as our validation set. Others convert the evaluation
sentences and take mean emotion vectors from the test sentences (Zhou's seq2seq-EVC and
Emovox, speaker 0013 alone): for their sentences, score the pairs of ``esd_valid``.

To get it: fill in the licence form that github.com/HLTSingapore/Emotional-Speech-Data
links to and unpack the archive. The wavs are 16 kHz and last 1.1 to 8.1 s. Licence: that
form, research only; nothing of the corpus is passed on with this code.

Traps, and what is done here:

* Two layouts are about, and copies with a file in the wrong folder (``esd_release.py``).
* Transcripts come in four encodings, some lines without tabs (``esd_text.py``).
* Labels of transcripts can be Chinese or wrong: the emotion is that of the id, with
  which the folders must agree (``esd_ids.py``).
* The five readings of a sentence do not always have the same words: partners are found
  by id, never by text (``esd_pairs.py``).
* A lost file shortens tables of scores without anybody noticing (``esd_counts.py``).

Source: [P2V] IV-A, Table III (20 speakers, 35k utterances, 29 h) and IV-D.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet2_ext.corpora.esd_counts import HOURS_OF_ALL, self_check
from espnet2_ext.corpora.esd_ids import (
    LANGUAGES,
    SPLITS,
    EsdId,
    choose_speakers,
    expected_ids,
    gender_of,
    language_of,
)
from espnet2_ext.corpora.esd_pairs import DEFAULT_TARGETS, check_targets, make_pairs
from espnet2_ext.corpora.esd_release import Release, find_release, read_release
from espnet2_ext.corpora.esd_select import Selection, select
from espnet2_ext.corpora.esd_text import Transcript
from espnet2_ext.corpora.mini_emo_pairs import PairTables, write_pairs
from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.data.data_directory import write_data_directory
from espnet2_ext.data.rejected import write_rejected
from espnet2_ext.data.table import write_table
from espnet2_ext.data.utterance import Utterance

logger = logging.getLogger(__name__)

SET_OF_SPLIT = {"train": "esd_train", "evaluation": "esd_valid", "test": "esd_test"}
PAIRED_SPLITS = ("evaluation", "test")
TEXT_REPAIRS = "text_repairs.tsv"


def prepare(
    root: str | Path,
    out_data: str | Path,
    *,
    language: str = "both",
    speakers: Sequence[str] | None = None,
    targets: Sequence[str] = DEFAULT_TARGETS,
    seed: int = 0,
    allow_incomplete: bool = False,
) -> dict[str, list[Utterance]]:
    """Write the data directories and pairs of ESD and return the utterances.

    Beside the tables each set has ``spk2gender``, ``rejected.tsv`` with all that was left
    out, and ``text_repairs.tsv`` with the words that do not stand in a whole line.

    Args:
        root: the folder of the speakers' folders, or up to two above it.
        out_data: gets ``esd_train``, ``esd_valid`` and ``esd_test``, the latter two with
            ``pairs/same_voice`` and ``pairs/parallel``.
        language: ``english``, ``mandarin`` or ``both``.
        speakers: such as ``["0013"]``; None or empty for all of the language.
        targets: emotions to which the pairs convert neutral utterances.
        seed: of the pairs.
        allow_incomplete: warn of what is missing or wrong instead of raising.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an option that ESD cannot serve, no copy of it at ``root``, an
            unreadable transcript, or a copy that is not whole; one line with the place
            and the remedy. Nothing is written then.
    """
    chosen = choose_speakers(language, speakers)
    check_targets(targets)
    release = read_release(find_release(root), chosen)
    selection = select(release, expected_ids(chosen))
    _log_left_out(release, selection.words)
    self_check(
        release.root, chosen, selection.kept, selection.faults, allow_incomplete=allow_incomplete
    )
    if selection.faults.without_words:
        logger.warning("%s: the table text is left out of all sets", release.root)
    members = {name: _of_split(selection.kept, split) for split, name in SET_OF_SPLIT.items()}
    for name, ids in members.items():
        if not ids:
            raise ValueError(f"{release.root}: no utterance of {name} is there; unpack it again")
    pairs = _make_all_pairs(members, targets, seed)
    utterances = {name: _utterances(release, ids, selection) for name, ids in members.items()}
    for name in utterances:
        _write_set(Path(out_data) / name, utterances[name], selection)
    for (name, rule), tables in pairs.items():
        write_pairs(Path(out_data) / name / "pairs" / rule, tables)
    logger.info(
        f"{out_data}: {len(selection.kept)} utterances of {len(chosen)} speakers, "
        f"{selection.hours:.2f} h (all of ESD: {HOURS_OF_ALL} h)"
    )
    return utterances


def _log_left_out(release: Release, words: Transcript) -> None:
    """Log, one line a kind, what was passed over or repaired."""
    for reason, number in sorted((release.left_out + words.left_out).items()):
        logger.info("%s: passed over: %d %s", release.root, number, reason)
    for key, how in list(words.repairs.items())[:1]:
        logger.info(
            "%s: %d texts repaired, listed in %s; for example %s: %s",
            release.root,
            len(words.repairs),
            TEXT_REPAIRS,
            key,
            how,
        )


def _of_split(ids: Sequence[EsdId], split: str) -> list[EsdId]:
    return [key for key in ids if key.sentence in SPLITS[split]]


def _make_all_pairs(
    members: Mapping[str, Sequence[EsdId]], targets: Sequence[str], seed: int
) -> dict[tuple[str, str], PairTables]:
    """Return the tables by set and rule.

    Raises:
        ValueError: a set has no pair at all.
    """
    pairs = {}
    for name in (SET_OF_SPLIT[split] for split in PAIRED_SPLITS):
        tables, impossible = make_pairs(members[name], targets, seed)
        number = len(next(iter(tables.values()))["pairs"])
        if impossible:
            logger.warning(
                "%s: %d pairs left out, utterances are missing; first %s",
                name,
                len(impossible),
                impossible[0],
            )
        if not number:
            raise ValueError(
                f"{name}: no neutral utterance has a partner in {' '.join(targets)}; unpack again"
            )
        logger.info("%s: %d pairs in each of %s", name, number, " and ".join(tables))
        pairs.update({(name, rule): table for rule, table in tables.items()})
    return pairs


def _utterances(release: Release, ids: Sequence[EsdId], selection: Selection) -> list[Utterance]:
    """Return the utterances of a set; without text where any utterance of any set has none.

    A data directory has a text for every utterance or for none, and so have all sets.
    """
    silent = bool(selection.faults.without_words)
    return [
        Utterance(
            utterance_id=key.utterance_id,
            speaker=key.speaker,
            wav=f"{release.root}/{release.wavs[key]}",
            text=None if silent else selection.words.texts[key],
            emotion=key.emotion,
            language=LANGUAGES[language_of(key.speaker)],
        )
        for key in ids
    ]


def _write_set(path: Path, utterances: Sequence[Utterance], selection: Selection) -> None:
    """Write a data directory with what was left out of it and repaired in it."""
    split = next(split for split, name in SET_OF_SPLIT.items() if name == path.name)
    write_data_directory(path, utterances)
    write_table(path / "spk2gender", {u.speaker: gender_of(u.speaker) for u in utterances})
    write_rejected(
        path, {key: reason for key, (where, reason) in selection.rejected.items() if where == split}
    )
    with atomic_open(path / TEXT_REPAIRS) as stream:
        for key in _of_split(selection.kept, split):
            if key in selection.words.repairs:
                stream.write(f"{key.utterance_id}\t{selection.words.repairs[key]}\n")
