"""The transcripts of ESD: ``<speaker>/<speaker>.txt`` in four encodings, some lines damaged.

A line is ``id<TAB>words<TAB>label``, with blank lines in between::

    0011_000351<TAB>The clock stopped at nine.<TAB>Angry
    0004_000702<TAB>今天天气很好。<TAB>快乐

As distributed, 0003 0006 0007 0008 0010 0012 0013 0014 0018 0019 are UTF-16 with a
byte-order mark, 0001 0002 0004 0005 0009 GB2312, 0016 and 0017 cp1252, the others ASCII;
a copy saved again may be UTF-8 throughout.

Labels are read only to be told from words: the emotion is in the id. Where tabs
are missing (``KNOWN_DEFECTS``) the words are what stands between id and label. The line is
believed rather than the speaker's other readings of the sentence, since those differ:
speakers slipped, and the text was often, but not always, adapted to what they said.

Source: github.com/HLTSingapore/Emotional-Speech-Data, issues 1 and 3.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from espnet2_ext.corpora.esd_ids import EMOTIONS, FOLDERS, EsdId, language_of, parse_id

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
