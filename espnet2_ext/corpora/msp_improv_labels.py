"""The names and text files of MSP-IMPROV: what an id says, labels, and words.

``MSP-IMPROV-S07H-M03-S-FM02`` is an utterance of the third session: target sentence 07,
which is to sound happy (the intention, not the label), spoken by M03 in the other
improvised turns; FM02 is the dyad and turn.

The label file holds blocks, whose first line is what the raters agreed on. It calls the
utterances by the names of their videos, has a space before the semicolon after D, and NaN
where a rater gave no value; raters may stand twice, and their free text may hold anything::

    UTD-IMPROV-S07H-M03-S-FM02.avi; H; A:2.333333; V:4.000000; D:2.666667 ; N:3.500000;
    P12-part01; Happy; Excited,Happy; A:2.000000; V:4.000000; D:NaN; N:4.000000;

Only the first line is read, and of it the label. The dimensions are not: the file's A runs
from 1, most active, to 5, the other way round from other corpora.
"""

import re
from pathlib import Path
from typing import NamedTuple

EMOTIONS = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "N": "neutral",
    "O": "other",
    "X": "no_agreement",
}
SCENARIOS = {
    "P": "natural interaction",
    "S": "other improvised",
    "T": "target improvised",
    "R": "target read",
}
_ID = re.compile(
    r"(S(?:0[1-9]|1\d|20)[AHSN])-([FM]0[1-6])-([PRST])-([FM][FM]\d\d)",
    re.ASCII,
)
_WAV_PREFIX, _LABEL_PREFIX = "MSP-IMPROV-", "UTD-IMPROV-"
_HEADER = re.compile(r"UTD-IMPROV-([A-Z0-9-]+)\.avi\s*;\s*([A-Z])\s*;", re.ASCII)


class ImprovId(NamedTuple):
    """One utterance; its text is the original id.

    Attributes:
        scene: target sentence and intended emotion, such as ``S07H``.
        actor: such as ``M03``; the digits are the session.
        scenario: key of ``SCENARIOS``.
        turn: dyad and number, such as ``FM02``.
    """

    scene: str
    actor: str
    scenario: str
    turn: str

    def __str__(self) -> str:
        """Return the original id, such as ``MSP-IMPROV-S07H-M03-S-FM02``."""
        return _WAV_PREFIX + "-".join(self)

    @property
    def speaker(self) -> str:
        """Return the name in data directories; that of other corpora is never the same."""
        return f"improv_{self.actor}"

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<original id>``."""
        return f"{self.speaker}-{self}"

    @property
    def session(self) -> int:
        """Return 1 to 6; a session has a woman and a man of its own."""
        return int(self.actor[1:])

    @property
    def folder(self) -> str:
        """Return the folder of the wav below that of the sessions."""
        return f"session{self.session}/{self.scene}/{self.scenario}"


def parse_id(name: str) -> ImprovId | None:
    """Return the utterance of an original id, None where the corpus has no such id."""
    match = _ID.fullmatch(name.removeprefix(_WAV_PREFIX)) if name.startswith(_WAV_PREFIX) else None
    return ImprovId(*match.groups()) if match else None


def read_labels(path: Path) -> dict[ImprovId, str]:
    """Return the label, key of ``EMOTIONS``, of every utterance.

    Raises:
        ValueError: the first line of a block is malformed, an utterance has two different
            labels, or there are none; the message names file and line.
    """
    labels: dict[ImprovId, str] = {}
    # Raters wrote free text, in whatever encoding.
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.startswith(_LABEL_PREFIX):
                continue
            match = _HEADER.match(line)
            key = parse_id(_WAV_PREFIX + match[1]) if match else None
            if match is None or key is None or match[2] not in EMOTIONS:
                raise ValueError(
                    f"{path}:{number}: expected 'UTD-IMPROV-<id>.avi; <{'|'.join(EMOTIONS)}>; "
                    f"...', got {line.strip()!r:.70}; get the file again"
                )
            if labels.setdefault(key, match[2]) != match[2]:
                raise ValueError(
                    f"{path}:{number}: {key} is labelled {match[2]} here and {labels[key]} before"
                )
    if not labels:
        raise ValueError(f"{path}: holds no labels; get the file again")
    return labels


def read_words(path: Path) -> str:
    """Return the words of a transcript on one line; empty where it holds none."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return " ".join(text.split())
