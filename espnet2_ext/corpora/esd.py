"""ESD: twenty speakers say the same sentences in five emotions (Zhou et al. 2022).

0001 to 0010 speak Mandarin, 0011 to 0020 English; each says 350 sentences in each of
neutral, angry, happy, sad and surprised: 35,000 utterances of 1.1 to 8.1 s, 29.07 h (English
13.41 h). Sentences 1 to 20 are the corpus's evaluation split, here ``esd_valid``, 21 to 50
``esd_test``, 51 to 350 ``esd_train``. Zhou's seq2seq-EVC and Emovox convert the evaluation
sentences of speaker 0013: for these, score the pairs of ``esd_valid``.

* The id says everything: ``0011_000351`` is spoken by 0011; counted from 1, every 350 numbers
  are an emotion, in the order of ``FOLDERS``, with the same sentences in each. A wav whose
  folders contradict its id is a fault. Source: the published lists of all 35,000 files, and
  for the split those of seq2seq-EVC and Emovox, which [P2V] IV-D calls the standard one.
* There are two layouts, ``0011/Angry/0011_000351.wav`` (today's archive) and
  ``0011/Angry/{evaluation,test,train}/0011_000351.wav``; they may be mixed.
* Transcripts (``0011/0011.txt``) come in four encodings. A line is ``id<TAB>words<TAB>label``;
  the label may be Chinese or wrong and is not used. Where tabs are missing, as in 15 lines of
  0012 to 0015, the words are what stands between id and label. Source:
  github.com/HLTSingapore/Emotional-Speech-Data, issues 1 and 3.
* The five readings of a sentence may differ in words: partners are found by id.

Source: [P2V] IV-A, Table III (20 speakers, 35k utterances, 29 h) and IV-D.
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet2_ext.corpora.acted import pairs_of_set, write_corpus
from espnet2_ext.corpora.copies import (
    Faults,
    Listing,
    Survey,
    find_release_folder,
    log_left_out,
    read_any_text,
    self_check,
    survey_wavs,
    visible,
)
from espnet2_ext.data.directory import Utterance
from espnet2_ext.data.pairs import DEFAULT_TARGETS, PairTables, check_targets, write_pairs
from espnet2_ext.data.parallel import atomic_open

logger = logging.getLogger(__name__)

FOLDERS = dict(Neutral="neutral", Angry="angry", Happy="happy", Sad="sad", Surprise="surprised")
"""Emotion by the name of its folder, in the order of the ids."""
EMOTIONS = tuple(FOLDERS.values())
NUM_SENTENCES = 350
SPLITS = {"evaluation": range(1, 21), "test": range(21, 51), "train": range(51, 351)}
"""Sentence numbers of each split."""
SET_OF_SPLIT = {"train": "esd_train", "evaluation": "esd_valid", "test": "esd_test"}
SPEAKERS = tuple(f"{number:04d}" for number in range(1, 21))
_WOMEN = {1, 2, 3, 7, 9, 15, 16, 17, 18, 19}
GENDERS = {speaker: "f" if int(speaker) in _WOMEN else "m" for speaker in SPEAKERS}
"""As the ReadMe of the corpus has them."""
LANGUAGES = {"english": "eng", "mandarin": "cmn"}
"""ISO 639-3 code of each language."""
HOURS_OF_ALL = 29.07
TEXT_REPAIRS = "text_repairs.tsv"

LABELS = {**FOLDERS, **dict(zip(("中立", "生气", "快乐", "伤心", "惊喜"), EMOTIONS, strict=True))}
"""Emotion by the label of a transcript's third column."""

_NAME = re.compile(rf"({'|'.join(SPEAKERS)})_(\d{{6}})", re.ASCII)
_LINE_END = re.compile(r"\r\n?|\n")
_ID_AND_REST = re.compile(r"(\d{4}_\d{6})(?!\d)(.*)", re.ASCII)
# A label stands apart from the words or follows their full stop: 今天很快乐 ends in no label.
_LABEL_AT_END = re.compile(rf"(?:^|\s|(?<=[.!?,;。！？，；]))(?:{'|'.join(LABELS)})$")
_EXPECTED = (
    "folders 0001 to 0020 with Neutral, Angry, Happy, Sad, Surprise and <speaker>.txt in each; "
    "give the folder 'Emotion Speech Dataset'"
)


class EsdId(NamedTuple):
    """One of the 35,000 utterances; ``number`` is 1 to 1,750."""

    speaker: str
    number: int

    def __str__(self) -> str:
        """Return the original id, such as ``0011_000351``."""
        return f"{self.speaker}_{self.number:06d}"

    @property
    def utterance_id(self) -> str:
        return f"{self.speaker}-{self}"

    @property
    def emotion(self) -> str:
        return EMOTIONS[(self.number - 1) // NUM_SENTENCES]

    @property
    def sentence(self) -> int:
        """Return 1 to 350."""
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
    key = EsdId(match[1], int(match[2])) if match else None
    return key if key and 1 <= key.number <= len(EMOTIONS) * NUM_SENTENCES else None


def expected_ids(speakers: Iterable[str]) -> list[EsdId]:
    """Return all ids of the speakers, 1,750 each."""
    numbers = range(1, len(EMOTIONS) * NUM_SENTENCES + 1)
    return [EsdId(speaker, number) for speaker in speakers for number in numbers]


def language_of(speaker: str) -> str:
    """Return ``mandarin`` for 0001 to 0010, ``english`` for 0011 to 0020."""
    return "mandarin" if int(speaker) <= 10 else "english"


def choose_speakers(language: str, speakers: Sequence[str] | None) -> tuple[str, ...]:
    """Return the sorted speakers of a language (or of ``both``), all or the named ones.

    ValueError for a speaker or a language that there is not, or that do not fit.
    """
    if language not in (*LANGUAGES, "both"):
        raise ValueError(f"language is {language!r}; give {', '.join(LANGUAGES)} or both")
    for speaker in speakers or ():
        if speaker not in SPEAKERS:
            raise ValueError(f"speaker {speaker!r}: ESD has 0001 to 0020; give four digits")
        if language not in (own := language_of(speaker), "both"):
            raise ValueError(f"speaker {speaker} speaks {own}, not {language}; give {own} or both")
    if speakers:
        return tuple(sorted(set(speakers)))
    return tuple(name for name in SPEAKERS if language in (language_of(name), "both"))


def tally(ids: Iterable[EsdId]) -> Counter[str]:
    """Return the numbers of utterances in all and by part; a cell is ``0013/angry/train``."""
    counts: Counter[str] = Counter()
    for key in ids:
        parts = (key.speaker, key.emotion, key.split)
        counts.update(("utterances", "/".join(parts), *parts, language_of(key.speaker)))
    return counts


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
    """Write the data directories and pairs of ESD and return the utterances by set.

    ``text_repairs.tsv`` lists the words that do not stand in a whole line.

    Args:
        db: the folder of the speakers' folders, or up to two above it.
        data: gets ``esd_train``, ``esd_valid`` and ``esd_test``, the latter two with
            ``pairs/same_voice`` and ``pairs/parallel``.
        language: ``english``, ``mandarin`` or ``both``.
        speakers: such as 0013; none for all of the language.
        targets: emotions to which the pairs convert neutral utterances.

    Raises:
        ValueError: no copy of ESD at ``db``, or one that is not whole; nothing is written then.
    """
    chosen = choose_speakers(language, speakers)
    check_targets(targets, EMOTIONS)
    expected = expected_ids(chosen)
    release = read_release(find_release(db), chosen)
    root, wavs = release.root, release.wavs
    survey, without_words = survey_release(release, expected)
    log_left_out(root, release.left_out)
    logger.info(f"{root}: {len(release.repairs)} texts repaired, listed in {TEXT_REPAIRS}")
    faults: Faults = {
        "folders or transcripts not there": release.absent,
        "wavs missing": [str(key) for key in expected if key not in wavs],
        "wavs too many": release.extra,
        "wavs unreadable": survey.unreadable,
        "wavs whose folder contradicts their id": release.misplaced,
        "utterances without words in the transcripts": [key.utterance_id for key in without_words],
    }
    counts = tally(expected), tally(survey.readable)
    self_check(root, "ESD", *counts, faults, allow_incomplete=allow_incomplete)
    if without_words:
        logger.warning("%s: the table text is left out of all sets", root)
    rejected: dict[str, dict[str, str]] = {split: {} for split in SPLITS}
    for key, reason in release.unusable(expected, survey).items():
        rejected[key.split][key.utterance_id] = reason
    for wav, reason in (release.extra | release.misplaced).items():
        named = parse_id(Path(wav).stem)
        rejected[named.split if named else "train"][wav] = reason
    members = {split: [key for key in survey.readable if key.split == split] for split in SPLITS}
    pairs: dict[str, dict[str, PairTables]] = {}
    for split, name in SET_OF_SPLIT.items():
        if not members[split]:
            raise ValueError(f"{root}: no utterance of {name} is there; unpack it again")
        if split != "train":
            pairs[split] = pairs_of_set(name, members[split], targets, seed)
    sets = {}
    for split, name in SET_OF_SPLIT.items():
        path = Path(data) / name
        sets[name] = [
            Utterance(
                key.utterance_id,
                key.speaker,
                f"{root}/{wavs[key]}",
                text=None if without_words else release.texts[key],
                emotion=key.emotion,
                language=LANGUAGES[language_of(key.speaker)],
            )
            for key in members[split]
        ]
        write_corpus(path, sets[name], GENDERS, rejected[split])
        with atomic_open(path / TEXT_REPAIRS) as stream:
            for key in members[split]:
                if key in release.repairs:
                    stream.write(f"{key.utterance_id}\t{release.repairs[key]}\n")
        for rule, tables in pairs.get(split, {}).items():
            write_pairs(path / "pairs" / rule, tables)
    logger.info(
        f"{data}: {len(survey.readable)} utterances of {len(chosen)} speakers, "
        f"{survey.hours:.2f} h (all of ESD: {HOURS_OF_ALL} h)"
    )
    return sets


@dataclass(frozen=True)
class Release(Listing[EsdId]):
    """What a copy holds of some speakers; ``repairs`` say whence words without whole lines come."""

    texts: dict[EsdId, str] = field(default_factory=dict)
    repairs: dict[EsdId, str] = field(default_factory=dict)


def find_release(root: str | Path) -> Path:
    """Return the absolute folder of the speakers' folders; ValueError for none or two."""
    return find_release_folder(
        root, "ESD", lambda path: any((path / name).is_dir() for name in SPEAKERS), _EXPECTED
    )


def read_release(root: Path, speakers: Sequence[str]) -> Release:
    """Return the wavs and words of the speakers; what is wrong is listed, not raised."""
    release = Release(root)
    emotions = {name.lower(): emotion for name, emotion in FOLDERS.items()}
    for speaker in speakers:
        folder, transcript = root / speaker, root / speaker / f"{speaker}.txt"
        if not folder.is_dir():
            release.absent.append(f"{speaker}/")
            continue
        for entry in visible(folder, release.left_out):
            emotion = emotions.get(entry.name.lower())
            if entry.is_dir() and emotion is not None:
                _list_wavs(release, entry.path, (speaker, emotion))
            elif entry.name != transcript.name:
                release.left_out["files and folders beside those of the emotions"] += 1
        if transcript.is_file():
            read_transcript(release, transcript, speaker)
        else:
            release.absent.append(f"{speaker}/{speaker}.txt")
    return release


def _list_wavs(release: Release, folder: str, by_folder: tuple[str, ...]) -> None:
    """Enter the wavs of a speaker and emotion, and perhaps of a split, and those below by split."""
    for entry in visible(Path(folder), release.left_out):
        stem, suffix = os.path.splitext(entry.name)
        if entry.is_dir() and len(by_folder) == 2:
            if (split := entry.name.lower()) in SPLITS:
                _list_wavs(release, entry.path, (*by_folder, split))
            else:
                release.left_out["folders of an emotion that are no split"] += 1
        elif suffix.lower() != ".wav":
            release.left_out["files among the wavs that are no wav"] += 1
        else:
            key = parse_id(stem)
            by_id = (key.speaker, key.emotion, key.split) if key else ()
            wrong = [
                f"{first} by its id, {second} by its folder"
                for first, second in zip(by_id, by_folder)
                if first != second
            ]
            release.add_wav(os.path.relpath(entry.path, release.root), key, ", ".join(wrong))


def read_transcript(release: Release, path: Path, speaker: str) -> None:
    """Enter the words of a speaker, the first of an utterance; ValueError where undecodable."""
    encoding = "gb18030" if language_of(speaker) == "mandarin" else "cp1252"
    lines = map(str.strip, _LINE_END.split(read_any_text(path, encoding, errors="strict")))
    for line in filter(None, lines):
        match = _ID_AND_REST.match(line)
        key = parse_id(match[1]) if match else None
        if match is None or key is None or key.speaker != speaker:
            release.left_out["lines of transcripts that name no utterance of the speaker"] += 1
            continue
        fields = [" ".join(field.split()) for field in line.split("\t")]
        whole = len(fields) == 3 and fields[0] == match[1] and fields[1] and fields[2] in LABELS
        words = fields[1] if whole else _LABEL_AT_END.sub("", " ".join(match[2].split())).strip()
        if not words:
            release.left_out["lines of transcripts without words"] += 1
        elif key in release.texts:
            release.left_out["lines of transcripts for an utterance that had one"] += 1
        else:
            release.texts[key] = words
            if not whole:
                release.repairs[key] = "the line is not id, words and label with tabs"
            elif LABELS[fields[2]] != key.emotion:
                release.left_out["labels of transcripts that contradict the id"] += 1


def survey_release(release: Release, wanted: Iterable[EsdId]) -> tuple[Survey[EsdId], list[EsdId]]:
    """Return the headers of the wanted wavs, and which of the readable lack even borrowed words.

    An utterance without words gets those that most of its speaker's other emotions have for the
    sentence, the first of equals; that is what was to be said, if not to the letter what was.
    """
    wavs = {key: release.wavs[key] for key in wanted if key in release.wavs}
    survey = survey_wavs(release.root, wavs, 16000)
    own = dict(release.texts)
    without = []
    for key in (key for key in survey.readable if key not in own):
        others = [other for emotion in EMOTIONS if (other := key.in_emotion(emotion)) in own]
        if not others:
            without.append(key)
            continue
        words, _ = Counter(own[other] for other in others).most_common(1)[0]
        giver = next(other for other in others if own[other] == words)
        release.texts[key] = words
        release.repairs[key] = f"no line of its own; the words of {giver}, the same sentence"
    return survey, without
