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

* Two layouts are about, and copies with a file in the wrong folder.
* Transcripts come in four encodings, some lines without tabs.
* Labels of transcripts can be Chinese or wrong: the emotion is that of the id, with
  which the folders must agree.
* The five readings of a sentence do not always have the same words: partners are found
  by id, never by text.
* A lost file shortens tables of scores without anybody noticing.

Source: [P2V] IV-A, Table III (20 speakers, 35k utterances, 29 h) and IV-D.
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.copies import (
    Faults,
    find_release_folder,
    self_check,
    survey_wavs,
    visible,
)
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.pairs import (
    DEFAULT_TARGETS,
    PairTables,
    check_targets,
    make_pairs,
    write_pairs,
)
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.data.tables import write_rejected, write_table

# The names of ESD: an utterance's id alone says speaker, emotion, sentence and split.
#
# ``0011_000351`` is spoken by 0011. Counted from 1, every block of 350 numbers is one
# emotion, in the order of ``EMOTIONS``, and within a block the sentences are the same: the
# utterances that say sentence k are k, k + 350, k + 700, ... Texts and folders of a copy
# may be wrong; over all 35,000 published names, ids are not.
#
# Source: the published lists of files; the split by sentence number is that of the lists
# in Zhou's seq2seq-EVC and Emovox, which [P2V] IV-D calls the standard one.

FOLDERS = {
    "Neutral": "neutral",
    "Angry": "angry",
    "Happy": "happy",
    "Sad": "sad",
    "Surprise": "surprised",
}
"""Emotion by the name of its folder, in the order of the ids."""

EMOTIONS = tuple(FOLDERS.values())
NUM_SENTENCES = 350
RATE_HZ = 16000
SPLITS = {"evaluation": range(1, 21), "test": range(21, 51), "train": range(51, 351)}
"""Sentence numbers of each split."""

LANGUAGES = {"english": "eng", "mandarin": "cmn"}
"""ISO 639-3 code of each language."""

_WOMEN = {1, 2, 3, 7, 9, 15, 16, 17, 18, 19}
_NAME = re.compile(r"(\d{4})_(\d{6})", re.ASCII)
_NUM_SPEAKERS = 20


class EsdId(NamedTuple):
    """One of the 35,000 utterances; ``number`` is 1 to 1,750."""

    speaker: str
    number: int

    def __str__(self) -> str:
        """Return the original id, such as ``0011_000351``."""
        return f"{self.speaker}_{self.number:06d}"

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<original id>``."""
        return f"{self.speaker}-{self}"

    @property
    def emotion(self) -> str:
        """Return one of ``EMOTIONS``."""
        return EMOTIONS[(self.number - 1) // NUM_SENTENCES]

    @property
    def sentence(self) -> int:
        """Return the number of the sentence, 1 to 350."""
        return (self.number - 1) % NUM_SENTENCES + 1

    @property
    def split(self) -> str:
        """Return ``evaluation``, ``test`` or ``train``."""
        return next(split for split, sentences in SPLITS.items() if self.sentence in sentences)

    def in_emotion(self, emotion: str) -> "EsdId":
        """Return the utterance of the same speaker and sentence in another emotion."""
        return EsdId(self.speaker, EMOTIONS.index(emotion) * NUM_SENTENCES + self.sentence)


def parse_id(name: str) -> EsdId | None:
    """Return the utterance of this original id, None where ESD has no such id."""
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in SPEAKERS:
        return None
    number = int(match[2])
    return EsdId(match[1], number) if 1 <= number <= len(EMOTIONS) * NUM_SENTENCES else None


def expected_ids(speakers: Iterable[str]) -> list[EsdId]:
    """Return all ids of the speakers, 1,750 each."""
    numbers = range(1, len(EMOTIONS) * NUM_SENTENCES + 1)
    return [EsdId(speaker, number) for speaker in speakers for number in numbers]


def language_of(speaker: str) -> str:
    """Return ``mandarin`` for 0001 to 0010, ``english`` for 0011 to 0020."""
    return "mandarin" if int(speaker) <= 10 else "english"


def gender_of(speaker: str) -> str:
    """Return ``f`` or ``m``, as the ReadMe of the corpus has it."""
    return "f" if int(speaker) in _WOMEN else "m"


SPEAKERS = tuple(f"{number:04d}" for number in range(1, _NUM_SPEAKERS + 1))


def choose_speakers(language: str, speakers: Sequence[str] | None) -> tuple[str, ...]:
    """Return the sorted speakers of a language, all or the named ones.

    Args:
        language: ``english``, ``mandarin`` or ``both``.
        speakers: such as ``["0013"]``; None or empty for all of the language.

    Raises:
        ValueError: no such language or speaker, or a speaker of the other language.
    """
    if language not in (*LANGUAGES, "both"):
        raise ValueError(f"language is {language!r}; give {', '.join(LANGUAGES)} or both")
    for speaker in speakers or ():
        if speaker not in SPEAKERS:
            raise ValueError(f"speaker {speaker!r}: ESD has 0001 to 0020; give four digits")
        if language not in (language_of(speaker), "both"):
            raise ValueError(
                f"speaker {speaker} speaks {language_of(speaker)}, not {language}; give language "
                f"{language_of(speaker)} or both"
            )
    if speakers:
        return tuple(sorted(set(speakers)))
    return tuple(name for name in SPEAKERS if language in (language_of(name), "both"))


logger = logging.getLogger(__name__)

HOURS_OF_ALL = 29.07
"""Hours of speech of the whole corpus; the English half has 13.41."""


def tally(ids: Iterable[EsdId]) -> Counter[str]:
    """Return counts by everything that an id can be added up by.

    The keys are ``utterances``, the cell such as ``0013/angry/train``, and by themselves its
    speaker, emotion, split and language.
    """
    counts: Counter[str] = Counter()
    for key in ids:
        parts = (key.speaker, key.emotion, key.split)
        counts.update(("utterances", "/".join(parts), *parts, language_of(key.speaker)))
    return counts


# The transcripts of ESD: ``<speaker>/<speaker>.txt`` in four encodings, some lines damaged.
#
# A line is ``id<TAB>words<TAB>label``, with blank lines in between::
#
#     0011_000351<TAB>The clock stopped at nine.<TAB>Angry
#     0004_000702<TAB>今天天气很好。<TAB>快乐
#
# As distributed, 0003 0006 0007 0008 0010 0012 0013 0014 0018 0019 are UTF-16 with a
# byte-order mark, 0001 0002 0004 0005 0009 GB2312, 0016 and 0017 cp1252, the others ASCII;
# a copy saved again may be UTF-8 throughout.
#
# Labels are read only to be told from words: the emotion is in the id. Where tabs
# are missing (``KNOWN_DEFECTS``) the words are what stands between id and label. The line is
# believed rather than the speaker's other readings of the sentence, since those differ:
# speakers slipped, and the text was often, but not always, adapted to what they said.
#
# Source: github.com/HLTSingapore/Emotional-Speech-Data, issues 1 and 3.

KNOWN_DEFECTS = frozenset(
    {
        "0012_001355",
        "0013_000431",
        "0013_000914",
        "0014_001590",
        "0015_000137",
        "0015_000138",
        "0015_000175",
        "0015_000187",
        "0015_000217",
        "0015_000668",
        "0015_000690",
        "0015_000875",
        "0015_001015",
        "0015_001531",
        "0015_001578",
    }
)
"""Ids whose lines are known to lack tabs or to hold doubtful words, as distributed."""

LABELS = {**FOLDERS, **dict(zip(("中立", "生气", "快乐", "伤心", "惊喜"), EMOTIONS, strict=True))}
"""Emotion by the label of the third column, which may be Chinese for 0001 to 0010."""

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LINE_END = re.compile(r"\r\n?|\n")
_ID_AND_REST = re.compile(r"(\d{4}_\d{6})(?!\d)(.*)", re.ASCII)
# A label stands apart from the words or follows their full stop: 今天很快乐 ends in no label.
_LABEL_AT_END = re.compile(rf"(?:^|\s|(?<=[.!?,;。！？，；]))(?:{'|'.join(LABELS)})$")


@dataclass(frozen=True)
class Transcript:
    """The words of one speaker, and what was not as it should be.

    Attributes:
        texts: words by id, white space made single.
        repairs: how words were found that do not stand in a whole line, by id.
        left_out: counts of what was passed over.
    """

    texts: dict[EsdId, str] = field(default_factory=dict)
    repairs: dict[EsdId, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def decode(content: bytes, speaker: str) -> str:
    """Return the text of a transcript, whichever of its encodings it is in.

    A byte-order mark means UTF-16; else it is UTF-8 where that decodes, or what the
    speaker's language was saved in.

    Raises:
        ValueError: it is none of these; the message says what was tried.
    """
    if content.startswith(_UTF16_MARKS):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030" if language_of(speaker) == "mandarin" else "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:  # UTF-16 without its mark is valid UTF-8, but not text
            return text
    raise ValueError(f"is not text in {' or '.join(encodings)}; save it as UTF-8")


def read_transcript(path: Path, speaker: str) -> Transcript:
    """Return the words of a speaker's transcript.

    Raises:
        ValueError: the file cannot be decoded; the message names it.
    """
    try:
        text = decode(path.read_bytes(), speaker)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    transcript = Transcript()
    for line in _LINE_END.split(text):
        if line.strip():
            _read_line(line.strip(), speaker, transcript)
    return transcript


def _read_line(line: str, speaker: str, transcript: Transcript) -> None:
    """Add what a line says to the transcript."""
    match = _ID_AND_REST.match(line)
    key = parse_id(match[1]) if match else None
    if match is None or key is None or key.speaker != speaker:
        transcript.left_out["lines of transcripts that name no utterance of the speaker"] += 1
        return
    fields = [" ".join(field.split()) for field in line.split("\t")]
    whole = len(fields) == 3 and fields[0] == match[1] and fields[1] and fields[2] in LABELS
    words = fields[1] if whole else _LABEL_AT_END.sub("", " ".join(match[2].split())).strip()
    if not words:
        transcript.left_out["lines of transcripts without words"] += 1
        return
    if key in transcript.texts:
        transcript.left_out["lines of transcripts for an utterance that had one"] += 1
        return
    transcript.texts[key] = words
    if whole:
        if LABELS[fields[2]] != key.emotion:
            transcript.left_out["labels of transcripts that contradict the id"] += 1
    else:
        known = "a known defect" if str(key) in KNOWN_DEFECTS else "not a known defect"
        transcript.repairs[key] = f"the line is not id, words and label with tabs ({known})"


def borrow_words(transcript: Transcript, ids: Iterable[EsdId]) -> list[EsdId]:
    """Give utterances without words those of the same sentence, and return who has none even so.

    The words are what most of the speaker's other emotions have, the first of equals;
    that is what was to be said, if not to the letter what was. Each case is entered
    in ``repairs``.
    """
    own = dict(transcript.texts)
    without = []
    for key in ids:
        if key in own:
            continue
        others = [other for emotion in EMOTIONS if (other := key.in_emotion(emotion)) in own]
        if not others:
            without.append(key)
            continue
        words, _ = Counter(own[other] for other in others).most_common(1)[0]
        giver = next(other for other in others if own[other] == words)
        transcript.texts[key] = words
        transcript.repairs[key] = f"no line of its own; the words of {giver}, the same sentence"
    return without


# A copy of ESD on disk: find its folder, list its wavs in either layout, read its words.
#
# Two layouts are about, the first with folders of the split and the second, today's
# archive, without; both may stand side by side::
#
#     <root>/0011/Angry/{evaluation,test,train}/0011_000351.wav
#     <root>/0011/Angry/0011_000351.wav
#     <root>/0011/0011.txt
#
# A wav is listed only where every folder above it says what its id says. Names that begin
# with a dot and ``__MACOSX`` are left out.

_EMOTION_OF_FOLDER = {name.lower(): emotion for name, emotion in FOLDERS.items()}


@dataclass(frozen=True)
class Release:
    """What a copy holds of some speakers; paths are relative to ``root``.

    Attributes:
        root: the folder of the speakers' folders.
        wavs: path of each utterance.
        extra: wavs that are no utterance of ESD, or a second one, each with the reason.
        misplaced: wavs whose folders contradict their id, each with the reason.
        transcripts: words by speaker.
        absent: folders and transcripts that are not there.
        left_out: counts of everything else that was passed over.
    """

    root: Path
    wavs: dict[EsdId, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    misplaced: dict[str, str] = field(default_factory=dict)
    transcripts: dict[str, Transcript] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder that holds the speakers' folders, or some of them.

    Raises:
        ValueError: there is nothing at ``root``, or no copy of ESD or two in it.
    """
    return find_release_folder(
        root,
        "ESD",
        lambda path: any((path / speaker).is_dir() for speaker in SPEAKERS),
        "folders 0001 to 0020 with Neutral, Angry, Happy, Sad, Surprise and <speaker>.txt in "
        "each; give the folder 'Emotion Speech Dataset'",
    )


def read_release(root: Path, speakers: Sequence[str]) -> Release:
    """Return the wavs and words of the speakers; what is wrong is listed, not raised.

    Raises:
        ValueError: a transcript cannot be decoded.
    """
    release = Release(root)
    for speaker in speakers:
        folder = root / speaker
        if not folder.is_dir():
            release.absent.append(f"{speaker}/")
            continue
        for entry in visible(folder, release.left_out):
            emotion = _EMOTION_OF_FOLDER.get(entry.name.lower())
            if entry.is_dir() and emotion is not None:
                _list_emotion(release, speaker, emotion, entry.name)
            elif entry.name != f"{speaker}.txt":
                release.left_out["files and folders beside those of the emotions"] += 1
        transcript = folder / f"{speaker}.txt"
        if transcript.is_file():
            release.transcripts[speaker] = read_transcript(transcript, speaker)
        else:
            release.absent.append(f"{speaker}/{speaker}.txt")
    return release


def _list_emotion(release: Release, speaker: str, emotion: str, name: str) -> None:
    """List the wavs of one emotion's folder, whose name is given, and of the splits in it."""
    place = f"{speaker}/{name}"
    for entry in visible(release.root / place, release.left_out):
        split = entry.name.lower()
        if not entry.is_dir():
            _list_file(release, f"{place}/{entry.name}", speaker, emotion, None)
        elif split in SPLITS:
            for below in visible(Path(entry.path), release.left_out):
                path = f"{place}/{entry.name}/{below.name}"
                _list_file(release, path, speaker, emotion, split)
        else:
            release.left_out["folders of an emotion that are no split"] += 1


def _list_file(release: Release, path: str, speaker: str, emotion: str, split: str | None) -> None:
    """Enter one file as a wav, as extra or as misplaced.

    Args:
        release: gets the entry.
        path: relative to the root.
        speaker: by the folders, as are the next two.
        emotion: likewise.
        split: None in the layout without folders for it.
    """
    stem, suffix = os.path.splitext(os.path.basename(path))
    if suffix.lower() != ".wav":
        release.left_out["files among the wavs that are no wav"] += 1
        return
    key = parse_id(stem)
    if key is None:
        release.extra[path] = "no utterance of ESD has this name"
        return
    by_id = (key.speaker, key.emotion, key.split)
    by_folder = (speaker, emotion, split or key.split)
    wrong = [
        f"{first} by its id, {second} by its folder"
        for first, second in zip(by_id, by_folder, strict=True)
        if first != second
    ]
    if wrong:
        release.misplaced[path] = ", ".join(wrong)
    elif key in release.wavs:
        release.extra[path] = f"a second wav of {key} beside {release.wavs[key]}"
    else:
        release.wavs[key] = path


# Which utterances of a copy of ESD can be used, with their words, and why others cannot.


@dataclass(frozen=True)
class Selection:
    """What can be used of a copy, and what cannot.

    Attributes:
        kept: utterances with a readable wav, in the order expected.
        words: of all of them but for ``without_words``.
        without_words: ids of these.
        rejected: ``(split, reason)`` of every utterance and every surplus wav left out, the
            wav by its path; where its name tells no split, it is entered under train.
        faults: what is wrong.
        hours: of speech in ``kept``.
    """

    kept: list[EsdId]
    words: Transcript
    without_words: list[str]
    rejected: dict[str, tuple[str, str]]
    faults: Faults
    hours: float


def select(release: Release, expected: Sequence[EsdId]) -> Selection:
    """Return which of the expected utterances have a readable wav, and their words."""
    paths = {str(key): release.wavs[key] for key in expected if key in release.wavs}
    survey = survey_wavs(release.root, paths, dict.fromkeys(paths, RATE_HZ))
    kept, missing = [], []
    rejected: dict[str, tuple[str, str]] = {}
    for key in expected:
        path = release.wavs.get(key)
        if path is None:
            missing.append(str(key))
            rejected[key.utterance_id] = (key.split, f"no wav in {release.root}")
        elif path in survey.unreadable:
            rejected[key.utterance_id] = (key.split, f"{path}: {survey.unreadable[path]}")
        else:
            kept.append(key)
    for path, reason in {**release.extra, **release.misplaced}.items():
        named = parse_id(Path(path).stem)
        rejected[path] = (named.split if named else "train", reason)
    words = Transcript()
    for transcript in release.transcripts.values():
        words.texts.update(transcript.texts)
        words.repairs.update(transcript.repairs)
        words.left_out.update(transcript.left_out)
    without_words = [key.utterance_id for key in borrow_words(words, kept)]
    faults: Faults = {
        "folders or transcripts not there": release.absent,
        "wavs missing": missing,
        "wavs too many": release.extra,
        "wavs unreadable": survey.unreadable,
        "wavs whose folder contradicts their id": release.misplaced,
        "utterances without words in the transcripts": without_words,
    }
    return Selection(kept, words, without_words, rejected, faults, survey.hours)


SET_OF_SPLIT = {"train": "esd_train", "evaluation": "esd_valid", "test": "esd_test"}
PAIRED_SPLITS = ("evaluation", "test")
TEXT_REPAIRS = "text_repairs.tsv"


def prepare(
    db: str | Path,
    data: str | Path,
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
        db: the folder of the speakers' folders, or up to two above it.
        data: gets ``esd_train``, ``esd_valid`` and ``esd_test``, the latter two with
            ``pairs/same_voice`` and ``pairs/parallel``.
        language: ``english``, ``mandarin`` or ``both``.
        speakers: such as 0013; none for all of the language.
        targets: emotions to which the pairs convert neutral utterances.
        seed: of the pairs.
        allow_incomplete: warn of what is missing or wrong and go on.

    Returns:
        The utterances by name of the set, sorted by id.

    Raises:
        ValueError: an option that ESD cannot serve, no copy of it at ``db``, an
            unreadable transcript, or a copy that is not whole; one line with the place
            and the remedy. Nothing is written then.
    """
    chosen = choose_speakers(language, speakers)
    check_targets(targets, EMOTIONS)
    release = read_release(find_release(db), chosen)
    selection = select(release, expected_ids(chosen))
    _log_left_out(release, selection.words)
    self_check(
        release.root,
        "ESD",
        tally(expected_ids(chosen)),
        tally(selection.kept),
        selection.faults,
        allow_incomplete=allow_incomplete,
    )
    if selection.without_words:
        logger.warning("%s: the table text is left out of all sets", release.root)
    members = {name: _of_split(selection.kept, split) for split, name in SET_OF_SPLIT.items()}
    for name, ids in members.items():
        if not ids:
            raise ValueError(f"{release.root}: no utterance of {name} is there; unpack it again")
    pairs = _make_all_pairs(members, targets, seed)
    utterances = {name: _utterances(release, ids, selection) for name, ids in members.items()}
    for name in utterances:
        _write_set(Path(data) / name, utterances[name], selection)
    for (name, rule), tables in pairs.items():
        write_pairs(Path(data) / name / "pairs" / rule, tables)
    logger.info(
        f"{data}: {len(selection.kept)} utterances of {len(chosen)} speakers, "
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
    return [
        Utterance(
            utterance_id=key.utterance_id,
            speaker=key.speaker,
            wav=f"{release.root}/{release.wavs[key]}",
            text=None if selection.without_words else selection.words.texts[key],
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
