"""Corpora of acted speech, one wav an utterance, whose file names hold speaker and emotion.

A parser says what a name means and how many utterances the whole corpus has; what is common to
such parsers is here.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import Listing, Survey, visible
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.pairs import PairTables, Reading, make_pairs
from espnet2_ext.data.tables import write_rejected, write_table

logger = logging.getLogger(__name__)


class Recording(NamedTuple):
    """One recording; ``stem`` is its file's name without ending, ``sentence`` a code."""

    speaker: str
    stem: str
    emotion: str
    sentence: str

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<stem>``."""
        return f"{self.speaker}-{self.stem}"

    def __str__(self) -> str:
        """Return the id, which no other recording has."""
        return self.utterance_id


def faults_of(
    listing: Listing[Recording], survey: Survey[Recording]
) -> dict[str, Mapping[str, str]]:
    """Return what is wrong with the wavs, for `self_check`."""
    return {
        "wavs unreadable": survey.unreadable,
        "wavs too many": listing.extra,
        "wavs whose folder contradicts their name": listing.misplaced,
    }


def wavs_in(folder: Path) -> list[str]:
    """Return the names of the wavs in a folder, hidden ones left out."""
    return [each.name for each in visible(folder) if each.name.lower().endswith(".wav")]


def keep(
    listing: Listing[Recording],
    survey: Survey[Recording],
    wanted: Iterable[Recording],
    words: Mapping[str, str],
    language: str,
    *,
    classes: Collection[str],
    left_out: Mapping[Recording, str],
) -> tuple[list[Utterance], dict[str, str]]:
    """Return the utterances in the given order, and by id why the others are left out.

    Args:
        listing: of the copy.
        survey: of its wavs.
        wanted: recordings that the corpus has.
        words: by sentence.
        language: of all.
        classes: emotions to keep.
        left_out: further recordings to leave out, with the reason.
    """
    wanted = list(wanted)
    unusable = listing.unusable(wanted, survey)
    utterances = []
    rejected = {}
    for each in wanted:
        reason = left_out.get(each) if each in listing.wavs else None
        reason = reason or unusable.get(each)
        if reason is None and each.emotion not in classes:
            reason = f"{each.emotion}: not among the classes"
        if reason is not None:
            rejected[str(each)] = reason
            continue
        wav, text = f"{listing.root}/{listing.wavs[each]}", words.get(each.sentence)
        utterances.append(
            Utterance(str(each), each.speaker, wav, text, emotion=each.emotion, language=language)
        )
    return utterances, rejected


def write_corpus(
    folder: Path,
    utterances: Iterable[Utterance],
    genders: Mapping[str, str],
    rejected: Mapping[str, str],
) -> None:
    """Write a data directory with ``rejected.tsv`` and, where genders are known, ``spk2gender``.

    Raises:
        ValueError: there is no utterance.
    """
    utterances = list(utterances)
    write_data_directory(folder, utterances)
    write_rejected(folder, rejected)
    known = {each.speaker for each in utterances} & genders.keys()
    if known:
        write_table(folder / "spk2gender", {name: genders[name] for name in sorted(known)})


def pairs_of_set(
    name: str, members: Iterable[Reading], targets: Sequence[str], seed: int
) -> dict[str, PairTables]:
    """Return the tables of a set's pairs by rule (`make_pairs`), and log their numbers.

    Raises:
        ValueError: the set has no pair at all.
    """
    tables, impossible = make_pairs(members, targets, seed)
    conditions = Counter(next(iter(tables.values()))["conditions"].values())
    if not conditions:
        raise ValueError(
            f"{name}: no neutral utterance has a partner in {' '.join(targets)}; unpack again"
        )
    numbers = ", ".join(f"{number} {condition}" for condition, number in sorted(conditions.items()))
    logger.info(
        f"{name}: {conditions.total()} pairs in each of {' and '.join(tables)}: {numbers}; "
        f"{len(impossible)} others lack an utterance"
    )
    return tables
