"""The text files of IEMOCAP: turns and labels from EmoEvaluation, words from transcriptions.

``dialog/EmoEvaluation/<dialogue>.txt`` opens with a header line; then blocks follow,
whose first line names the turn and the label that the raters agreed on::

    [12.3400 - 15.6700]<TAB>Ses02F_impro04_M011<TAB>fru<TAB>[2.0000, 3.5000, 3.0000]
    C-E2:<TAB>Frustration;<TAB>()

``dialog/transcriptions/<dialogue>.txt`` has one line a turn. Some turns are called
``..._FXX0`` or ``..._MXX1``: they were never labelled and have no wav; other lines
name no turn::

    Ses02F_impro04_M011 [012.3400-015.6700]: No, not again.

Readers count every line that they leave out.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LABELS = ("ang", "hap", "exc", "neu", "sad", "fru", "sur", "fea", "dis", "oth", "xxx")
"""``xxx`` says that the raters did not agree."""

_DIALOGUE = r"Ses0[1-5][FM]_(?:impro\d\d[ab]?|script\d\d_\d[ab]?)"
_TURN = _DIALOGUE + r"_[FM]\d{3}"
_DIALOGUE_NAME = re.compile(_DIALOGUE)
_TURN_ID = re.compile(_TURN)
# White space and numbers are left free: a copy through an editor may change them.
_LABEL_LINE = re.compile(r"\[[^]]*\]\s+(\S+)\s+(\S+)\s+\[[^]]*\]")
_RATER_LINE = re.compile(r"[AC]-\w+:")
_TEXT_LINE = re.compile(rf"({_TURN})\s+\[[^]]*\]\s*:?(.*)")
_UNLABELLED_TURN = re.compile(_DIALOGUE + r"_[FM]XX\d\b")


@dataclass(frozen=True)
class Turn:
    """A turn of a dialogue and the raters' label; everything else is in its id.

    The first letter of ``Ses01F_impro01_M000`` says who wears the motion-capture
    markers, the last one who speaks.
    """

    turn_id: str
    label: str

    @property
    def session(self) -> str:
        """Return ``Ses01`` to ``Ses05``."""
        return self.turn_id[:5]

    @property
    def dialogue(self) -> str:
        """Return the dialogue, such as ``Ses03M_impro05a``."""
        return self.turn_id.rpartition("_")[0]

    @property
    def speaker(self) -> str:
        """Return the session and the last letter: ``Ses01M`` for Ses01F_impro01_M000."""
        return self.session + self.turn_id.rpartition("_")[2][0]

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<turn>``."""
        return f"{self.speaker}-{self.turn_id}"

    @property
    def wav(self) -> str:
        """Return the path of the wav below the release."""
        folder = f"Session{self.session[-1]}/sentences/wav"
        return f"{folder}/{self.dialogue}/{self.turn_id}.wav"


def is_dialogue(name: str) -> bool:
    """Return whether a file or folder name is that of a dialogue."""
    return _DIALOGUE_NAME.fullmatch(name) is not None


def read_labels(paths: Iterable[Path]) -> tuple[dict[str, Turn], Counter[str]]:
    """Return ``{turn id: turn}`` of EmoEvaluation files, and counts of what was left out.

    Raises:
        ValueError: the line of a turn is malformed, its turn or label is none of
            IEMOCAP's, or a turn has two different labels; the message names file and
            line.
    """
    turns: dict[str, Turn] = {}
    left_out: Counter[str] = Counter()
    places: dict[str, str] = {}
    for path in paths:
        for number, line in enumerate(_lines(path), start=1):
            if not line or line.startswith("%") or _RATER_LINE.match(line):
                continue
            if not (line.startswith("[") and "Ses0" in line):
                left_out["lines of EmoEvaluation that are neither turns nor ratings"] += 1
                continue
            place = f"{path}:{number}"
            turn = _parse_turn(place, line)
            earlier = turns.setdefault(turn.turn_id, turn)
            if earlier.label != turn.label:
                raise ValueError(
                    f"{place}: {turn.turn_id} is labelled {turn.label!r}, but {earlier.label!r} "
                    f"in {places[turn.turn_id]}; restore both files from the release"
                )
            if turn.turn_id in places:
                left_out["turns labelled twice, the same way"] += 1
            places.setdefault(turn.turn_id, place)
    return turns, left_out


def _parse_turn(place: str, line: str) -> Turn:
    """Return the turn of a label line; ``place`` is its file and number."""
    match = _LABEL_LINE.fullmatch(line)
    if match is None:
        raise ValueError(
            f"{place}: expected '[start - end]<TAB>turn<TAB>label<TAB>[V, A, D]', got "
            f"{line!r:.80}; restore the file from the release"
        )
    turn_id, label = match.groups()
    if _TURN_ID.fullmatch(turn_id) is None:
        raise ValueError(
            f"{place}: {turn_id!r:.60} is no turn of IEMOCAP, such as Ses01F_impro01_M000; "
            "restore the file from the release"
        )
    if label not in LABELS:
        raise ValueError(
            f"{place}: {turn_id} has the label {label!r:.40}, expected one of "
            f"{' '.join(LABELS)}; restore the file from the release"
        )
    return Turn(turn_id, label)


def read_transcriptions(paths: Iterable[Path]) -> tuple[dict[str, str], Counter[str]]:
    """Return ``{turn id: words}`` of transcription files, and counts of what was left out.

    White space within the words becomes single spaces: one turn of the release has a tab.
    """
    texts: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    for path in paths:
        for line in _lines(path):
            match = _TEXT_LINE.fullmatch(line)
            if match is None:
                if _UNLABELLED_TURN.match(line):
                    left_out["transcribed turns XX0, XX1, ... that have no wav"] += 1
                elif line:
                    left_out["lines of transcriptions without a turn"] += 1
                continue
            turn_id, text = match[1], " ".join(match[2].split())
            if not text:
                left_out["turns transcribed by no words"] += 1
            elif turn_id in texts:
                left_out["turns transcribed twice, the first is kept"] += 1
            else:
                texts[turn_id] = text
    return texts, left_out


def _lines(path: Path) -> list[str]:
    """Return the lines without white space around them; CRLF and a byte-order mark go too.

    Raters' comments are free text: what is not UTF-8 is read as Latin-1, which takes any byte.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return [line.strip() for line in text.split("\n")]
