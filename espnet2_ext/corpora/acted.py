"""What the parsers of acted speech share: one wav an utterance, named by speaker and emotion."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import Listing, Survey, find_release_folder, survey_wavs, visible
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
        return f"{self.speaker}-{self.stem}"

    def __str__(self) -> str:
        return self.utterance_id


class Copy(NamedTuple):
    """A copy of a corpus: its files and what their headers say."""

    listing: Listing[Recording]
    survey: Survey[Recording]

    @classmethod
    def find(
        cls, root: str | Path, corpus: str, parse: Callable[[str], Recording | None], expected: str
    ) -> "Copy":
        """Return a copy of all wavs, of 16 kHz, in one folder; see `find_release_folder`.

        ``parse`` returns the recording of a file's name without ending, None for other names.
        """

        def has_wavs(place: Path) -> bool:
            return any(parse(Path(name).stem) for name in wavs_in(place))

        folder = find_release_folder(root, corpus, has_wavs, expected)
        listing: Listing[Recording] = Listing(folder)
        for name in wavs_in(folder):
            listing.add_wav(name, parse(Path(name).stem))
        return cls(listing, survey_wavs(folder, listing.wavs, 16000))

    @property
    def faults(self) -> dict[str, Mapping[str, str]]:
        """Return what `self_check` is told beside the counts."""
        return {
            "wavs unreadable": self.survey.unreadable,
            "wavs too many": self.listing.extra,
            "wavs whose folder contradicts their name": self.listing.misplaced,
        }

    def keep(
        self,
        wanted: Collection[Recording],
        words: Mapping[str, str],
        language: str,
        *,
        classes: Collection[str],
        left_out: Mapping[Recording, str],
    ) -> tuple[list[Utterance], dict[str, str]]:
        """Return the utterances of these classes in the given order, and reasons for the others.

        ``words`` are by sentence; ``left_out`` has reasons to leave out what could be used.
        """
        root, wavs = self.listing.root, self.listing.wavs
        unusable = self.listing.unusable(wanted, self.survey)
        utterances, rejected = [], {}
        for each in wanted:
            key, emotion = str(each), each.emotion
            if each in left_out and each in wavs:
                rejected[key] = left_out[each]
            elif each in unusable:
                rejected[key] = unusable[each]
            elif emotion not in classes:
                rejected[key] = f"{emotion}: not among the classes"
            else:
                optional = dict(emotion=emotion, language=language, text=words.get(each.sentence))
                utterances.append(Utterance(key, each.speaker, f"{root}/{wavs[each]}", **optional))
        return utterances, rejected

    def write_classes(
        self,
        folder: Path,
        wanted: Collection[Recording],
        words: Mapping[str, str],
        genders: Mapping[str, str],
        *,
        classes: Sequence[str],
        left_out: Mapping[Recording, str],
        passed_over: Mapping[str, str],
    ) -> list[Utterance]:
        """Write the data directory of an English corpus and return what is kept (`keep`).

        The name of the folder gets ``_<number of classes>`` unless there are four; ``passed_over``
        has reasons for files that are no wanted recording. ValueError where no utterance is left.
        """
        listing = self.listing
        utterances, rejected = self.keep(wanted, words, "eng", classes=classes, left_out=left_out)
        if not utterances:
            raise ValueError(f"{listing.root}: no wav of {', '.join(classes)}; get it again")
        if len(classes) != 4:
            folder = folder.with_name(f"{folder.name}_{len(classes)}")
        rejected |= {**listing.extra, **listing.misplaced, **passed_over}
        write_corpus(folder, utterances, genders, rejected)
        logger.info(
            f"{folder}: {len(utterances)} of {len(listing.wavs)} utterances; the copy has "
            f"{self.survey.hours:.2f} h; see rejected.tsv for the others"
        )
        return utterances


def wavs_in(folder: Path) -> list[str]:
    """Return the names of the wavs in a folder, hidden ones left out."""
    return [each.name for each in visible(folder) if each.name.lower().endswith(".wav")]


def write_corpus(
    folder: Path,
    utterances: Sequence[Utterance],
    genders: Mapping[str, str],
    rejected: Mapping[str, str],
) -> None:
    """Write a data directory with ``rejected.tsv`` and, where genders are known, ``spk2gender``."""
    write_data_directory(folder, utterances)
    write_rejected(folder, rejected)
    known = {each.speaker for each in utterances} & genders.keys()
    if known:
        write_table(folder / "spk2gender", {name: genders[name] for name in sorted(known)})


def pairs_of_set(
    name: str, members: Iterable[Reading], targets: Sequence[str], seed: int
) -> dict[str, PairTables]:
    """Return the tables of a set's pairs by rule (`make_pairs`); ValueError where there is none."""
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
