"""Which utterance speaks for the speaker: a different one of the same voice."""

import logging
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from pathlib import Path

import numpy as np

from espnet2_ext.data.table import iterate_sorted_table
from espnet2_ext.speaker.sorted_names import SortedNames
from espnet2_ext.speaker.vector_table import VectorTable

logger = logging.getLogger(__name__)


class SpeakerVectorSampler:
    """Draws the speaker vector of *another* utterance of the same speaker.

    The vector of the utterance itself would hand its prosody to the decoder past the
    prosody encoder. A speed-perturbed speaker (``sp0.9-x``) is a speaker of its own, as
    its pitch is. An utterance whose speaker has no other one gets its own vector; such
    speakers are counted in `single_utterance_speakers` and logged once.

    Vectors are read when drawn (the mapping may be a `VectorTable`), and what is kept of an
    utterance is its name and 20 bytes, which loader processes share, see `SortedNames`.

    Source: [P2V] III-B, "we input a different audio belonging to the same speaker".
    Deviation: uniform over the speaker's other utterances, and the own vector for a speaker
    of one utterance (not in paper).

    Example:
        >>> vectors = {"a-1": np.zeros(2), "a-2": np.ones(2)}
        >>> pairs = [("a-1", "a"), ("a-2", "a")]
        >>> sampler = SpeakerVectorSampler(pairs, vectors, deterministic=True)
        >>> sampler.draw("a-1")
        array([1., 1.], dtype=float32)
    """

    def __init__(
        self,
        utt2spk: Iterable[tuple[str, str]],
        vectors: Mapping[str, np.ndarray],
        *,
        deterministic: bool,
    ) -> None:
        """Index the utterances that have a vector by speaker.

        Args:
            utt2spk: (utterance, speaker) of all that may be asked for, sorted.
            vectors: ``{utterance: (dim,)}``, which iterates in sorted order.
            deterministic: for validation: which other utterance it is depends on the name
                of the utterance alone, by a checksum, so that it is the same in every epoch
                and run. The next one in sorted order would not do: in many corpora, as in
                ESD, it is of the same emotion, which an utterance drawn in training is not.

        Raises:
            ValueError: ``utt2spk`` is not sorted.
        """
        self.vectors = vectors
        self.deterministic = deterministic
        self._speakers: list[str] = []
        self._speaker_numbers = array("i")
        self._names = SortedNames(self._read(utt2spk), "utt2spk")
        # Utterances with a vector, speaker by speaker: those of speaker s stand from
        # _first[s] to _first[s + 1]; _own says where among them an utterance is.
        speakers = np.array(self._speaker_numbers, dtype=np.int32)
        has_vector = np.fromiter(_are_among(self._names, vectors), bool, len(self._names))
        members = np.flatnonzero(has_vector)
        self._members = members[np.argsort(speakers[members], kind="stable")].astype(np.int32)
        speakers = speakers[self._members]
        self._first = np.searchsorted(speakers, np.arange(len(self._speakers) + 1))
        self._own = np.full(len(self._names), -1, dtype=np.int32)
        self._own[self._members] = np.arange(len(members)) - self._first[speakers]
        self.single_utterance_speakers = self._find_single_utterance_speakers()

    @classmethod
    def from_directory(
        cls, directory: str | Path, other: str | Path | None = None, *, deterministic: bool
    ) -> "SpeakerVectorSampler":
        """Return the sampler of a set whose vectors are drawn from it and from another set.

        Few of 500 validation utterances share their speaker with another one of them; their
        speakers' other utterances are in the training set. Of that set only what the
        speakers of the first say is kept. An utterance of both sets counts once.

        Args:
            directory: the set of the utterances that are asked for: ``utt2spk`` and
                ``spk_embed.scp``, sorted.
            other: the other set, with the same tables; None draws from the first alone.
            deterministic: see the class.

        Raises:
            FileNotFoundError: a table is missing.
            ValueError: a table is malformed or not sorted, or an utterance is of one speaker
                in one set and of another in the other.
        """
        first, second = Path(directory), None if other is None else Path(other)
        if second is None:
            vectors = VectorTable(first / "spk_embed.scp")
        else:
            names = (utterance for utterance, _ in _utt2spk(first, second))
            vectors = VectorTable(first / "spk_embed.scp", second / "spk_embed.scp", among=names)
        return cls(_utt2spk(first, second), vectors, deterministic=deterministic)

    def _read(self, utt2spk: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Yield the utterances and note their speakers."""
        numbers: dict[str, int] = {}
        for utterance, speaker in utt2spk:
            self._speaker_numbers.append(numbers.setdefault(speaker, len(numbers)))
            yield utterance
        self._speakers = list(numbers)

    def _find_single_utterance_speakers(self) -> list[str]:
        """Return them sorted, and log how many there are."""
        sizes = np.diff(self._first)
        found = sorted(self._speakers[number] for number in np.flatnonzero(sizes == 1))
        if found:
            logger.warning(
                "%d of %d speakers have one utterance with a speaker vector and get their own: %s",
                len(found),
                np.count_nonzero(sizes),
                " ".join(found[:10]),
            )
        return found

    def choose(self, utterance_id: str, rng: np.random.Generator | None = None) -> str:
        """Return the id of the utterance that speaks for this one's speaker.

        Args:
            utterance_id: an utterance of ``utt2spk``; it need not have a vector itself.
            rng: source of chance; not used, and may be None, when deterministic.

        Raises:
            ValueError: the utterance is unknown, its speaker has no vector at all, or a
                random draw is asked for without ``rng``.
        """
        number = self._names.find(utterance_id)
        if number is None:
            raise ValueError(f"{utterance_id}: not in utt2spk; rebuild the data directory")
        speaker, own = self._speaker_numbers[number], int(self._own[number])
        first, end = map(int, self._first[speaker : speaker + 2])
        if first == end:
            raise ValueError(
                f"{utterance_id}: speaker {self._speakers[speaker]} has no vector in "
                "spk_embed.scp; see rejected.tsv, or extract the vectors again"
            )
        if own >= 0 and end - first == 1:
            return utterance_id
        others = end - first - (own >= 0)
        if self.deterministic:
            drawn = zlib.crc32(utterance_id.encode()) % others
        elif rng is not None:
            drawn = int(rng.integers(others))
        else:
            raise ValueError("a random draw needs rng, a numpy.random.Generator")
        # A step of 1..n-1 from its own place reaches every other one equally often.
        place = (own + 1 + drawn) % (end - first)
        return self._names[int(self._members[first + place])]

    def draw(self, utterance_id: str, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the vector (dim,) float32 of the utterance that `choose` gives."""
        return np.asarray(self.vectors[self.choose(utterance_id, rng)], dtype=np.float32)


def _are_among(names: Iterable[str], others: Iterable[str]) -> Iterator[bool]:
    """Say of each name whether it is among the others; both are sorted."""
    rest = iter(others)
    other = next(rest, None)
    for name in names:
        while other is not None and other < name:
            other = next(rest, None)
        yield other == name


def _utt2spk(directory: Path, other: Path | None) -> Iterator[tuple[str, str]]:
    """Yield (utterance, speaker) of a set and, of its speakers, of the other one; sorted.

    Raises:
        ValueError: an utterance is of one speaker here and of another there.
    """
    rows = iterate_sorted_table(directory / "utt2spk")
    if other is None:
        yield from rows
        return
    speakers = {speaker for _, speaker in iterate_sorted_table(directory / "utt2spk")}
    theirs = (row for row in iterate_sorted_table(other / "utt2spk") if row[1] in speakers)
    previous = ("", "")
    for row in merge(rows, theirs):
        if row[0] != previous[0]:
            yield row
        elif row != previous:
            raise ValueError(
                f"{row[0]}: of speaker {previous[1]} and of {row[1]} in {directory}/utt2spk and "
                f"{other}/utt2spk; rename the utterance in one of them"
            )
        previous = row
