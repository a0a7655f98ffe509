"""Corpora of acted speech, one wav an utterance, whose file names hold speaker and emotion.

A parser says what a name means and how many utterances the whole corpus has; what is common to
such parsers is here.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import Survey, survey_wavs, visible
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import write_rejected, write_table


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


@dataclass(frozen=True)
class Copy:
    """The wavs of a copy of a corpus; paths are relative to ``root``.

    Attributes:
        root: of the copy.
        wavs: path of each recording.
        extra: wavs that are no recording of the corpus, or a second one, each with the reason.
        survey: of the wavs.
    """

    root: Path
    wavs: dict[Recording, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    survey: Survey = field(default_factory=Survey)

    @property
    def readable(self) -> list[Recording]:
        """Return the recordings whose wavs can be read, sorted by id."""
        readable = set(self.survey.readable)
        return [each for each in sorted(self.wavs, key=str) if str(each) in readable]

    @property
    def faults(self) -> dict[str, Mapping[str, str]]:
        """Return what the self-check is to name."""
        return {"wavs unreadable": self.survey.unreadable, "wavs too many": self.extra}


def read_copy(
    root: Path,
    paths: Iterable[str],
    parse: Callable[[str], Recording | str],
    rate_hz: Callable[[Recording], int],
) -> Copy:
    """Return the copy after reading the header of every recording.

    Args:
        root: of the copy.
        paths: of its wavs; of two wavs of a recording the first counts.
        parse: returns the recording of a path, or why there is none.
        rate_hz: returns the rate of the released wav.
    """
    wavs: dict[Recording, str] = {}
    extra: dict[str, str] = {}
    for path in paths:
        found = parse(path)
        if isinstance(found, str):
            extra[path] = found
        elif found in wavs:
            extra[path] = f"a second wav of {found} beside {wavs[found]}"
        else:
            wavs[found] = path
    by_id = {str(each): wavs[each] for each in sorted(wavs, key=str)}
    survey = survey_wavs(root, by_id, {str(each): rate_hz(each) for each in wavs})
    return Copy(root, wavs, extra, survey)


def wavs_in(folder: Path) -> list[str]:
    """Return the names of the wavs in a folder, hidden ones left out."""
    names = [entry.name for entry in visible(folder, Counter())]
    return [name for name in names if name.lower().endswith(".wav")]


def keep(
    copy: Copy,
    wanted: Iterable[Recording],
    words: Mapping[str, str],
    language: str,
    *,
    classes: Collection[str],
    left_out: Mapping[Recording, str],
) -> tuple[list[Utterance], dict[str, str]]:
    """Return the utterances in the given order, and by id why the others are left out.

    Args:
        copy: of the corpus.
        wanted: recordings that the corpus has.
        words: by sentence.
        language: of all.
        classes: emotions to keep.
        left_out: further recordings to leave out, with the reason.
    """
    utterances = []
    rejected = {}
    for each in wanted:
        path = copy.wavs.get(each)
        if path is None:
            rejected[str(each)] = f"no wav in {copy.root}"
        elif each in left_out:
            rejected[str(each)] = left_out[each]
        elif path in copy.survey.unreadable:
            rejected[str(each)] = f"{path}: {copy.survey.unreadable[path]}"
        elif each.emotion not in classes:
            rejected[str(each)] = f"{each.emotion}: not among the classes"
        else:
            wav, text = str(copy.root / path), words.get(each.sentence)
            utterances.append(
                Utterance(
                    str(each), each.speaker, wav, text, emotion=each.emotion, language=language
                )
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
