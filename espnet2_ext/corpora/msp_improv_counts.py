"""What the whole of MSP-IMPROV holds, by scenario, label and session.

Source: Busso et al. 2017, Tables 3 and 4, as transcribed by readers of the corpus; the
numbers of the sessions from the log of one. That letters of the ids stand for these
scenarios is what the comparison of the counts shows.
"""

from collections import Counter
from collections.abc import Iterable

from espnet2_ext.corpora.msp_improv_labels import EMOTIONS, SCENARIOS, ImprovId

_LABELS_OF_SCENARIO = {
    #    A    S    H     N     O   X
    "P": (38, 66, 1372, 1164, 11, 134),
    "S": (470, 633, 1048, 1789, 70, 371),
    "T": (115, 106, 136, 283, 1, 11),
    "R": (169, 80, 88, 241, 3, 39),
}
_SESSIONS = {"sessions 1 to 4": 5311, "session 5": 1505, "session 6": 1622}
_FOUR_CLASSES = ("A", "S", "H", "N")
HOURS = 9.5
"""As in [P2V] Table III."""


def expected_counts() -> dict[str, int]:
    """Return all counts by name; ``utterances``, ``angry``, ``target read``, ``session 5`` ..."""
    counts: Counter[str] = Counter()
    for scenario, numbers in _LABELS_OF_SCENARIO.items():
        for label, number in zip("ASHNOX", numbers, strict=True):
            for name in _names(scenario, label):
                counts[name] += number
    return {**counts, **_SESSIONS, "speakers": 12, "speakers of target read": 8}


def _names(scenario: str, label: str) -> list[str]:
    """Return the counts to which an utterance adds, from the whole to the single cell."""
    place, emotion = SCENARIOS[scenario], EMOTIONS[label]
    four = ["of four classes"] if label in _FOUR_CLASSES else []
    return ["utterances", *four, place, emotion, f"{emotion} in {place}"]


def count(utterances: Iterable[tuple[ImprovId, str]]) -> Counter[str]:
    """Return the counts of utterances with their labels, by the names of the expected ones."""
    counts: Counter[str] = Counter()
    speakers, readers = set(), set()
    for key, label in utterances:
        counts.update(_names(key.scenario, label))
        counts["sessions 1 to 4" if key.session <= 4 else f"session {key.session}"] += 1
        speakers.add(key.actor)
        if key.scenario == "R":
            readers.add(key.actor)
    counts["speakers"], counts["speakers of target read"] = len(speakers), len(readers)
    return counts
