"""Which utterance is converted with whose prosody and whose voice."""

from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.data.table import read_table


@dataclass(frozen=True)
class Pair:
    """One conversion to do.

    Attributes:
        pair_id: names the result.
        source: utterance whose units are said.
        prosody: utterance whose prosody is taken.
        speaker: utterance whose speaker vector is taken.
    """

    pair_id: str
    source: str
    prosody: str
    speaker: str


def read_pairs(path: str | Path) -> list[Pair]:
    """Return the pairs of a table ``pair_id source prosody [speaker]``, sorted by id.

    Without a third utterance the source speaks for its own voice.

    Raises:
        ValueError: a line has fewer than two or more than three utterances.
    """
    pairs = []
    for pair_id, value in sorted(read_table(path).items()):
        utterances = value.split()
        if not 2 <= len(utterances) <= 3:
            raise ValueError(
                f"{path}: {pair_id}: expected 'source prosody [speaker]', got {value!r}"
            )
        source, prosody = utterances[:2]
        speaker = utterances[2] if len(utterances) == 3 else source
        pairs.append(Pair(pair_id, source, prosody, speaker))
    return pairs
