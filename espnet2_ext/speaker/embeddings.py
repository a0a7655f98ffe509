"""Speaker vectors of a data directory ([P2V] III-B): extracted, read from disk, and sampled.

``extract_speaker_vectors`` writes ``spk_embed.scp`` and ``spk_embed.ark``; `VectorTable`
reads them on demand; `SpeakerVectorSampler` picks a different utterance of the same voice.
"""

import json
import logging
import shutil
import zlib
from array import array
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from heapq import merge
from operator import itemgetter
from pathlib import Path

import numpy as np

from espnet2_ext._compat import load_ark_array, write_ark_scp_rows
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import Share, atomic_open, atomic_path, run_parts
from espnet2_ext.data.tables import iterate_sorted_table, read_table, replace_rejected
from espnet2_ext.speaker.encoder import (
    SpeakerEncoder,
    find_model_directory,
    inputs_digest,
    model_fingerprint,
)

logger = logging.getLogger(__name__)

CHUNK_UTTERANCES = 100
"""Utterances a part file holds: what is lost when a run is killed."""


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
    ``rejected.tsv``. ``source`` and ``device`` are those of `build_speaker_encoder`. With a
    ``share``, only its utterances are embedded and no tables written; a run without it does that.

    Raises:
        ValueError: there is no ``wav.scp``, the encoder cannot be loaded, or no utterance at all
            could be embedded.
    """
    data_dir = Path(data_dir)
    if not (data_dir / "wav.scp").is_file():
        raise ValueError(f"{data_dir}: has no wav.scp; prepare the data directory first")
    is_local = Path(source).is_dir()
    origin = {  # a hub name stands for its content: a complete directory needs no network
        "source": str(source),
        "model": model_fingerprint(find_model_directory(source)) if is_local else str(source),
        "inputs": inputs_digest(data_dir, "wav.scp", "utt2num_samples"),
        "scale": "length sqrt(dim)",
    }
    scp, record = data_dir / "spk_embed.scp", data_dir / "spk_embed.json"
    if scp.is_file() and scp.with_suffix(".ark").is_file() and record.is_file():
        done = json.loads(record.read_text(encoding="utf-8"))
        if origin.items() <= done.items():
            logger.info("%s is complete (%d vectors), nothing to do", scp, done["vectors"])
            return done["vectors"]
    record.unlink(missing_ok=True)  # from here to the end the scp is not to be trusted
    scp.unlink(missing_ok=True)
    wavs = sorted(read_table(data_dir / "wav.scp").items())
    if not wavs:
        raise ValueError(f"{data_dir}: no utterance could be embedded (wav.scp is empty)")
    parts = run_parts(
        data_dir / ".spk_embed_parts_",
        origin,
        partial(_embed_part, (find_model_directory(source), source, device, origin["model"])),
        wavs,
        CHUNK_UTTERANCES,
        suffix=".npz",
        share=share,
        num_workers=num_workers,
    )
    if share is not None:
        return sum(len(chunk) for n, chunk in enumerate(parts.values()) if share.has(n))
    rejected = {utterance: reason for utterance, _, reason in _results(parts) if reason}
    replace_rejected(data_dir, "spk_embed.scp", rejected, len(wavs))
    first = next(iter(parts))
    if len(rejected) == len(wavs):
        shutil.rmtree(first.parent)  # a rerun reads the audio again
        reason = next(iter(rejected.values()))
        raise ValueError(f"{data_dir}: no utterance could be embedded ({reason})")
    write_ark_scp_rows(
        scp, ((key, vector) for key, vector, reason in _results(parts) if not reason)
    )
    with np.load(first) as part, atomic_open(record) as stream:
        number, dim = len(wavs) - len(rejected), part["vectors"].shape[1]
        json.dump({**origin, "vectors": number, "dim": dim}, stream, indent=2)
    shutil.rmtree(first.parent)
    return number


_Chunk = Sequence[tuple[str, str]]
"""``(utterance, wav)`` of the utterances of a part."""


@lru_cache(maxsize=1)
def _encoder(directory: Path, name: str, device: str, model: str) -> SpeakerEncoder:
    """Return the encoder of this process; another ``model`` is another content of the files."""
    return SpeakerEncoder(directory, name, device)


def _embed_part(arguments: tuple[Path, str, str, str], part: tuple[Path, _Chunk]) -> None:
    """Write one part: vectors (n, dim), and per utterance the reason it has none, or ""."""
    path, chunk = part
    encoder = _encoder(*arguments)
    vectors = np.zeros((len(chunk), encoder.dim), dtype=np.float32)
    reasons = [""] * len(chunk)
    for row, (_, wav) in enumerate(chunk):
        try:
            vectors[row] = encoder(read_audio(wav))
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


# ---------------------------------------------------------------- tables on disk


def _array_of(names: Iterable[str]) -> np.ndarray:
    """Return names as bytes of equal length, which loader processes share; strings take more."""
    return np.array([name.encode() for name in names], dtype=np.bytes_)


def _find(names: np.ndarray, name: str) -> int:
    """Return the place of a name in a sorted array of `_array_of`, -1 where it is not there."""
    encoded = name.encode()
    if len(encoded) > names.itemsize:  # which would copy the array
        return -1
    place = int(np.searchsorted(names, np.bytes_(encoded)))
    return place if place < len(names) and names[place] == encoded else -1


class VectorTable(Mapping[str, np.ndarray]):
    """``{utterance: (dim,)}`` over tables ``spk_embed.scp``; iterates in sorted order.

    Vectors are read on demand. Tables have sorted lines ``utterance ark:offset``, as
    `write_ark_scp` writes them, else ValueError; the first table that has an utterance counts.
    ``among`` holds the utterances to keep.
    """

    def __init__(self, *paths: str | Path, among: Container[str] | None = None) -> None:
        arks: dict[str, int] = {}
        names: list[str] = []
        self._ark_numbers, self._offsets = array("i"), array("q")
        for utterance, ark, offset in merge(*map(_places, paths), key=itemgetter(0)):
            is_new = not names or utterance != names[-1]
            if is_new and (among is None or utterance in among):
                self._ark_numbers.append(arks.setdefault(ark, len(arks)))
                self._offsets.append(offset)
                names.append(utterance)
        self._arks, self._names = list(arks), _array_of(names)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return (name.decode() for name in self._names)

    def __contains__(self, utterance: object) -> bool:
        return isinstance(utterance, str) and _find(self._names, utterance) >= 0

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Read one vector from its ark."""
        place = _find(self._names, utterance)
        if place < 0:
            raise KeyError(utterance)
        return load_ark_array(self._arks[self._ark_numbers[place]], self._offsets[place])


def _places(path: str | Path) -> Iterator[tuple[str, str, int]]:
    """Yield ``(utterance, ark, offset)`` of a table."""
    for utterance, place in iterate_sorted_table(path):
        ark, _, offset = place.rpartition(":")
        if not ark or not offset.isdecimal():
            raise ValueError(f"{path}: {utterance}: expected 'ark:offset', got {place!r:.80}")
        yield utterance, ark, int(offset)


# ---------------------------------------------------------------- sampling


class SpeakerVectorSampler:
    """Draws the speaker vector of *another* utterance of the same speaker.

    The vector of the utterance itself would pass its prosody to the decoder, bypassing the prosody
    encoder. A speed-perturbed speaker (``sp0.9-x``) is a speaker of its own. An utterance
    whose speaker has no other one gets its own vector; such speakers are listed in
    `single_utterance_speakers` and logged once.

    ``utt2spk`` are (utterance, speaker) of all that may be asked for, sorted. If ``deterministic``,
    for validation, the other utterance depends on the utterance's name alone, by a checksum. (The
    next one in sorted order is in many corpora, as in ESD, of the same emotion.)

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
        numbers: dict[str, int] = {}
        names, has_vector, speaker_numbers = [], array("b"), array("i")
        for utterance, speaker in utt2spk:
            names.append(utterance)
            has_vector.append(utterance in vectors)
            speaker_numbers.append(numbers.setdefault(speaker, len(numbers)))
        self._names, self._speakers = _array_of(names), list(numbers)
        self._speaker_numbers = np.array(speaker_numbers)
        # Utterances with a vector, speaker by speaker: those of speaker s stand from
        # _first[s] to _first[s + 1]; _own says where among them an utterance is.
        members = np.flatnonzero(has_vector)
        order = np.argsort(self._speaker_numbers[members], kind="stable")
        self._members = members[order].astype(np.int32)
        speakers = self._speaker_numbers[self._members]
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
        speakers' other utterances are in the training set, ``other``, of which only those speakers
        are kept. An utterance of both counts once. ValueError where a table is malformed or not
        sorted, or the sets disagree on a speaker.
        """
        directories = [Path(each) for each in (directory, other) if each is not None]
        names = None if other is None else {utterance for utterance, _ in _utt2spk(*directories)}
        vectors = VectorTable(*(each / "spk_embed.scp" for each in directories), among=names)
        return cls(_utt2spk(*directories), vectors, deterministic=deterministic)

    def choose(self, utterance_id: str, rng: np.random.Generator | None = None) -> str:
        """Return the id of the utterance whose vector stands for this one's speaker.

        It need not have a vector itself; ``rng`` is not used when deterministic. ValueError where
        the utterance is unknown or its speaker has no vector at all.
        """
        number = _find(self._names, utterance_id)
        if number < 0:
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
        else:
            assert rng is not None
            drawn = int(rng.integers(others))
        # A step of 1..n-1 from its own place reaches every other one equally often.
        place = (own + 1 + drawn) % (end - first)
        return self._names[self._members[first + place]].decode()

    def draw(self, utterance_id: str, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the vector (dim,) float32 of the utterance that `choose` gives."""
        return np.asarray(self.vectors[self.choose(utterance_id, rng)], dtype=np.float32)


def _utt2spk(directory: Path, other: Path | None = None) -> Iterator[tuple[str, str]]:
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
