"""Which utterance is converted with whose prosody and whose voice.

A pairs directory holds the table ``pairs`` and, where the prosody is not that of one
utterance as it is, ``prosody_mix``: ``pair_id utterance weight utterance weight ...``. The
vector taken is then the weighted sum of theirs: an average of references, or a point on
the way from neutral to an emotion (``prosody_mix.py``). Readers that know nothing of mixes
find the utterance that counts most in ``pairs``.
"""

from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.data.table import read_table

PAIRS = "pairs"
PROSODY_MIX = "prosody_mix"


@dataclass(frozen=True)
class Pair:
    """One conversion to do.

    Attributes:
        pair_id: names the result.
        source: utterance whose units are said.
        prosody: utterance whose prosody is taken.
        speaker: utterance whose speaker vector is taken.
        mix: utterances with their weights, whose prosody vectors' weighted sum is taken in
            place of that of ``prosody``; empty for that one alone.
    """

    pair_id: str
    source: str
    prosody: str
    speaker: str
    mix: tuple[tuple[str, float], ...] = ()

    @property
    def prosody_utterances(self) -> tuple[str, ...]:
        """Return every utterance whose prosody counts."""
        return tuple(utterance for utterance, _ in self.mix) or (self.prosody,)


def read_pairs(path: str | Path) -> list[Pair]:
    """Return the pairs of a table ``pair_id source prosody [speaker]``, sorted by id.

    Without a third utterance the source speaks for its own voice, which an utterance never
    does in training ([P2V] III-B); every list that this project writes has a third one. A
    table ``prosody_mix`` beside it is read too.

    Raises:
        ValueError: a line has fewer than two or more than three utterances, or the mixes
            are not those of the same pairs, or one is not utterances and weights in turn.
    """
    path = Path(path)
    table = read_table(path)
    mix_path = path.with_name(PROSODY_MIX)
    mixes = read_mixes(mix_path) if mix_path.is_file() else None
    if mixes is not None and mixes.keys() != table.keys():
        odd = min(mixes.keys() ^ table.keys())
        raise ValueError(f"{mix_path}: its pairs are not those of {path}, see {odd}; write both")
    pairs = []
    for pair_id, value in sorted(table.items()):
        utterances = value.split()
        if not 2 <= len(utterances) <= 3:
            raise ValueError(
                f"{path}: {pair_id}: expected 'source prosody [speaker]', got {value!r}"
            )
        source, prosody = utterances[:2]
        speaker = utterances[2] if len(utterances) == 3 else source
        pairs.append(Pair(pair_id, source, prosody, speaker, mixes[pair_id] if mixes else ()))
    return pairs


def read_mixes(path: str | Path) -> dict[str, tuple[tuple[str, float], ...]]:
    """Return utterances and weights of every pair in a table ``prosody_mix``.

    Raises:
        ValueError: a line is not utterances and weights in turn.
    """
    mixes = {}
    for pair_id, value in read_table(path).items():
        words = value.split()
        try:
            weights = [float(word) for word in words[1::2]]
        except ValueError:
            weights = []
        if not weights or len(words) != 2 * len(weights):
            raise ValueError(f"{path}: {pair_id}: expected 'utterance weight ...', got {value!r}")
        mixes[pair_id] = tuple(zip(words[::2], weights, strict=True))
    return mixes


def mix_text(mix: tuple[tuple[str, float], ...]) -> str:
    """Return the line of a table ``prosody_mix`` that ``read_mixes`` reads back."""
    return " ".join(f"{utterance} {weight!r}" for utterance, weight in mix)
