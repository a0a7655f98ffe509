"""Speaker vectors of a data directory ([P2V] III-B): extracted, read from disk, and sampled.

``extract_speaker_vectors`` writes ``spk_embed.scp`` and ``spk_embed.ark``; `VectorTable`
reads them on demand; `SpeakerVectorSampler` picks a different utterance of the same voice.
"""

import hashlib
import json
import logging
import shutil
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import compress, pairwise, tee
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch

from espnet2_ext._compat import load_ark_array, write_ark_scp_rows
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.formatting import Share
from espnet2_ext.data.parallel import atomic_open, atomic_path, one_thread, parallel_map
from espnet2_ext.data.tables import (
    iterate_sorted_table,
    read_rejected,
    read_table,
    report_rejected,
    write_rejected,
)
from espnet2_ext.speaker.encoder import (
    SpeakerEncoder,
    find_model_directory,
    inputs_digest,
    model_fingerprint,
)

logger = logging.getLogger(__name__)

CHUNK_UTTERANCES = 100
"""Utterances a part file holds: what is lost when a run is killed."""

_REASON_PREFIX = "spk_embed.scp: "

_encoder: SpeakerEncoder | None = None
"""The encoder of this process, loaded once by `_load_encoder`."""


# ---------------------------------------------------------------- extraction


def extract_speaker_vectors(
    data_dir: str | Path,
    source: str,
    *,
    num_workers: int = 1,
    device: str = "cpu",
    share: Share | None = None,
) -> int:
    """Write the speaker vector of every utterance and return how many there are.

    ``spk_embed.json`` records encoder and audio; a rerun with the same two does nothing, an
    interrupted one is resumed. Utterances that cannot be embedded are listed in
    ``rejected.tsv``. The vectors do not depend on ``num_workers``.

    ``source`` and ``device`` are those of `build_speaker_encoder`. With a ``share``, only its
    utterances are embedded and no tables written; a later run without it does the rest.

    Raises:
        ValueError: there is no ``wav.scp``, the encoder cannot be loaded (see
            `SpeakerModelError`), or no utterance at all could be embedded.
    """
    data_dir = Path(data_dir)
    if not (data_dir / "wav.scp").is_file():
        raise ValueError(f"{data_dir}: has no wav.scp; prepare the data directory first")
    origin = _origin(data_dir, source)
    scp, record = data_dir / "spk_embed.scp", data_dir / "spk_embed.json"
    if scp.is_file() and scp.with_suffix(".ark").is_file() and record.is_file():
        done = json.loads(record.read_text(encoding="utf-8"))
        if origin.items() <= done.items():
            logger.info("%s is complete (%d vectors), nothing to do", scp, done["vectors"])
            return done["vectors"]
    record.unlink(missing_ok=True)  # from here to the end the scp is not to be trusted
    scp.unlink(missing_ok=True)
    directory = _parts_directory(data_dir, origin)
    wavs = sorted(read_table(data_dir / "wav.scp").items())
    parts = {
        directory / f"{index:06d}.npz": wavs[first : first + CHUNK_UTTERANCES]
        for index, first in enumerate(range(0, len(wavs), CHUNK_UTTERANCES))
    }
    own = {p: c for i, (p, c) in enumerate(parts.items()) if share is None or share.has(i)}
    waiting = [(path, chunk) for path, chunk in own.items() if not path.is_file()]
    if waiting:
        with one_thread():
            for _ in parallel_map(
                _embed_chunk,
                waiting,
                description=f"speaker vectors of {data_dir.name} (x{CHUNK_UTTERANCES})",
                num_workers=num_workers,
                initializer=_load_encoder,
                initializer_arguments=(find_model_directory(source), source, device),
                start_method="spawn",  # torch's threads do not survive a fork
            ):
                pass
    if share is not None:
        return sum(map(len, own.values()))
    rejected = {utterance: reason for utterance, _, reason in _results(parts) if reason}
    _list_rejected(data_dir, rejected, len(wavs))
    if len(rejected) == len(wavs):
        shutil.rmtree(directory, ignore_errors=True)  # a rerun reads the audio again
        reason = next(iter(rejected.values()), "wav.scp is empty")
        raise ValueError(f"{data_dir}: no utterance could be embedded ({reason})")
    write_ark_scp_rows(
        scp, ((key, vector) for key, vector, reason in _results(parts) if not reason)
    )
    with np.load(next(iter(parts))) as part, atomic_open(record) as stream:
        number, dim = len(wavs) - len(rejected), part["vectors"].shape[1]
        json.dump({**origin, "vectors": number, "dim": dim}, stream, indent=2)
    shutil.rmtree(directory)
    return number


def _origin(data_dir: Path, source: str) -> dict[str, str]:
    """Return what the vectors depend on; a hub name stands for its content, read offline."""
    is_local = Path(source).is_dir()
    return {
        "source": str(source),
        "model": model_fingerprint(find_model_directory(source)) if is_local else str(source),
        "inputs": inputs_digest(data_dir, "wav.scp", "utt2num_samples"),
        "scale": "length sqrt(dim)",
    }


def _parts_directory(data_dir: Path, origin: dict[str, str]) -> Path:
    """Return where the parts of this encoder and audio lie; remove those of any other."""
    digest = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:16]
    parts = data_dir / f".spk_embed_parts_{digest}"
    for other in data_dir.glob(".spk_embed_parts_*"):
        if other != parts:
            shutil.rmtree(other, ignore_errors=True)  # another share may be at it
    return parts


_Chunk = Sequence[tuple[str, str]]
"""``(utterance, wav)`` of the utterances of a part."""


def _load_encoder(directory: Path, name: str, device: str) -> None:
    """Load the encoder of this process, which computes with one thread."""
    global _encoder
    torch.set_num_threads(1)
    _encoder = SpeakerEncoder(directory, name, device)


def _embed_chunk(job: tuple[Path, _Chunk]) -> None:
    """Write one part: vectors (n, dim), and per utterance the reason it has none, or ""."""
    path, chunk = job
    assert _encoder is not None
    vectors = np.zeros((len(chunk), _encoder.dim), dtype=np.float32)
    reasons = [""] * len(chunk)
    for row, (_, wav) in enumerate(chunk):
        try:
            vectors[row] = _encoder(read_audio(wav))
        except ValueError as error:  # AudioError among them
            reasons[row] = str(error)
    with atomic_path(path) as temporary:
        np.savez(temporary, vectors=vectors, reasons=np.array(reasons))


def _results(parts: Mapping[Path, _Chunk]) -> Iterator[tuple[str, np.ndarray, str]]:
    """Yield ``(utterance, vector, why it has none or "")``, a part in memory at a time."""
    for path, chunk in parts.items():
        with np.load(path, allow_pickle=False) as part:
            for (key, _), vector, reason in zip(
                chunk, part["vectors"], part["reasons"], strict=True
            ):
                yield key, vector, str(reason)


def _list_rejected(data_dir: Path, rejected: dict[str, str], total: int) -> None:
    """Replace this stage's lines of ``rejected.tsv``, keep those of other stages, log both."""
    own = {utterance: _REASON_PREFIX + reason for utterance, reason in rejected.items()}
    others = {
        utterance: reason
        for utterance, reason in read_rejected(data_dir).items()
        if not reason.startswith(_REASON_PREFIX)
    }
    write_rejected(data_dir, others | own)
    report_rejected(data_dir, own, total)


# ---------------------------------------------------------------- tables on disk


class SortedNames(Sequence[str]):
    """Sorted names, found by bisection; 8 bytes each besides their own.

    A dictionary takes some 200 each, and more in every forked process, since reference counts
    write to its pages; these arrays are shared by loader processes. ``source`` names the names in
    the ValueError for a name that is not greater than the one before it.
    """

    def __init__(self, names: Iterable[str], source: str = "names") -> None:
        text, ends = bytearray(), array("q", [0])
        previous = b""
        for name in names:
            encoded = name.encode()
            if encoded <= previous:
                raise ValueError(
                    f"{source}: {name} stands after {previous.decode()}; sort it by key, as "
                    "LC_ALL=C sort does, and leave out what stands twice"
                )
            text += encoded
            ends.append(len(text))
            previous = encoded
        self._text = bytes(text)
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number):
        """Return the name at a place, which counts from 0."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self._encoded(number).decode()

    def __iter__(self) -> Iterator[str]:
        for start, end in pairwise(self._ends):
            yield self._text[start:end].decode()

    def find(self, name: str) -> int | None:
        """Return the place of a name; None if it is not there."""
        encoded = name.encode()
        number = bisect_left(range(len(self)), encoded, key=self._encoded)
        return number if number < len(self) and self._encoded(number) == encoded else None

    def _encoded(self, number: int) -> bytes:
        return self._text[self._ends[number] : self._ends[number + 1]]


class VectorTable(Mapping[str, np.ndarray]):
    """``{utterance: (dim,)}`` over tables ``spk_embed.scp``; iterates in sorted order.

    Keeps 20 bytes and the name per utterance, see `SortedNames`, and reads vectors on demand.

    Tables have sorted lines ``utterance ark:offset``, as `write_ark_scp` writes them, else
    ValueError; the first table that has an utterance counts. ``among`` are the utterances to
    keep, sorted.
    """

    def __init__(self, *paths: str | Path, among: Iterable[str] | None = None) -> None:
        self._arks: list[str] = []
        self._ark_numbers = array("i")
        self._offsets = array("q")
        self._names = SortedNames(self._read(paths, among))

    def _read(self, paths: Iterable[str | Path], among: Iterable[str] | None) -> Iterator[str]:
        """Yield the utterances and note where their vectors are."""
        numbers: dict[str, int] = {}
        rows: Iterator[tuple[str, str, int]] = merge(*map(_places, paths), key=itemgetter(0))
        if among is not None:
            rows, again = tee(rows)
            rows = compress(rows, _are_among(map(itemgetter(0), again), among))
        previous = ""
        for utterance, ark, offset in rows:
            if utterance == previous:
                continue
            self._ark_numbers.append(numbers.setdefault(ark, len(numbers)))
            self._offsets.append(offset)
            yield utterance
            previous = utterance
        self._arks = list(numbers)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, utterance: object) -> bool:
        return isinstance(utterance, str) and self._names.find(utterance) is not None

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Read one vector from its ark."""
        number = self._names.find(utterance)
        if number is None:
            raise KeyError(utterance)
        return load_ark_array(self._arks[self._ark_numbers[number]], self._offsets[number])


def _places(path: str | Path) -> Iterator[tuple[str, str, int]]:
    """Yield ``(utterance, ark, offset)`` of a table."""
    for utterance, place in iterate_sorted_table(path):
        ark, _, offset = place.rpartition(":")
        if not ark or not offset.isdecimal():
            raise ValueError(f"{path}: {utterance}: expected 'ark:offset', got {place!r:.80}")
        yield utterance, ark, int(offset)


def _are_among(names: Iterable[str], others: Iterable[str]) -> Iterator[bool]:
    """Yield for each name whether it is among the others; both are sorted."""
    rest = iter(others)
    other = next(rest, None)
    for name in names:
        while other is not None and other < name:
            other = next(rest, None)
        yield other == name


# ---------------------------------------------------------------- sampling


class SpeakerVectorSampler:
    """Draws the speaker vector of *another* utterance of the same speaker.

    The vector of the utterance itself would pass its prosody to the decoder, bypassing the prosody
    encoder. A speed-perturbed speaker (``sp0.9-x``) is a speaker of its own. An utterance
    whose speaker has no other one gets its own vector; such speakers are listed in
    `single_utterance_speakers` and logged once.

    Args:
        utt2spk: (utterance, speaker) of all that may be asked for, sorted, else ValueError.
        vectors: ``{utterance: (dim,)}``, which iterates in sorted order, as `VectorTable`.
        deterministic: for validation: the other utterance depends on the utterance's name alone,
            by a checksum. (The next one in sorted order is in many corpora, as in ESD, of the
            same emotion, which an utterance drawn in training is not.)

    Source: [P2V] III-B, "we input a different audio belonging to the same speaker".
    Deviation: uniform over the speaker's other utterances, and the own vector for a speaker
        of one utterance (not in paper).
    """

    def __init__(
        self,
        utt2spk: Iterable[tuple[str, str]],
        vectors: Mapping[str, np.ndarray],
        *,
        deterministic: bool,
    ) -> None:
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
        sizes = np.diff(self._first)
        self.single_utterance_speakers = sorted(
            self._speakers[number] for number in np.flatnonzero(sizes == 1)
        )
        if self.single_utterance_speakers:
            logger.warning(
                "%d of %d speakers have one utterance with a speaker vector and get their own: %s",
                len(self.single_utterance_speakers),
                np.count_nonzero(sizes),
                " ".join(self.single_utterance_speakers[:10]),
            )

    @classmethod
    def from_directory(
        cls, directory: str | Path, other: str | Path | None = None, *, deterministic: bool
    ) -> "SpeakerVectorSampler":
        """Return the sampler of a set whose vectors are drawn from it and from another set.

        Few of 500 validation utterances share their speaker with another one of them; their
        speakers' other utterances are in the training set, ``other``. Both have sorted
        ``utt2spk`` and ``spk_embed.scp``. Of ``other`` only the speakers of the first set are
        kept, and an utterance of both counts once.

        Raises:
            FileNotFoundError: a table is missing.
            ValueError: a table is malformed or not sorted, or the sets disagree on a speaker.
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

    def choose(self, utterance_id: str, rng: np.random.Generator | None = None) -> str:
        """Return the id of the utterance whose vector stands for this one's speaker.

        The utterance need not have a vector itself; ``rng`` is not used when deterministic.

        Raises:
            ValueError: the utterance is unknown, its speaker has no vector at all, or a random
                draw is asked for without ``rng``.
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


def _utt2spk(directory: Path, other: Path | None) -> Iterator[tuple[str, str]]:
    """Yield (utterance, speaker) of a set and, of its speakers, of the other one; sorted."""
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
