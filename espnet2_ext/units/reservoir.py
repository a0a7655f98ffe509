"""A uniform sample of all frames of a corpus, in bounded memory."""

import hashlib

import numpy as np

SLACK = 1.05
"""Rows held over rows kept: pruning now and then is cheaper than at every utterance."""
GROWTH = 1.25
"""New rows over old where room is made; rows grown in vain are memory."""
COLUMNS_AT_ONCE = 16
"""Columns that are put in order together, so that order costs no second copy of all."""


class Reservoir:
    """Keeps ``max_frames`` frames, every frame of the corpus being as likely as another.

    Each frame gets a random key drawn from the seed and its utterance's id; the frames with
    the smallest keys stay. The sample therefore depends on neither the order of the
    utterances nor the number of workers.

    Args:
        max_frames: frames to keep; all, while there are fewer.
        seed: another seed, another sample.
    """

    def __init__(self, max_frames: int, seed: int = 0) -> None:
        if max_frames < 1:
            raise ValueError(f"max_frames must be at least 1, got {max_frames}")
        self.max_frames = max_frames
        self.seed = seed
        self.num_seen = 0
        self._num_held = 0
        self._keys = np.empty(0)
        self._frames = np.empty((0, 0), np.float32)

    def add(self, utterance_id: str, features: np.ndarray) -> None:
        """Offer all frames (F, dim) of an utterance; each utterance once."""
        keys = utterance_generator(self.seed, utterance_id).random(len(features))
        self.num_seen += len(features)
        if self._num_held >= self.max_frames:
            below = keys < self._keys[: self._num_held].max()
            keys, features = keys[below], features[below]
        self._reserve(len(keys), features.shape[1])
        end = self._num_held + len(keys)
        self._keys[self._num_held : end] = keys
        self._frames[self._num_held : end] = features
        self._num_held = end
        if end > self.max_frames * SLACK:
            self._prune()

    def frames(self) -> np.ndarray:
        """Return the sample (min(max_frames, frames seen), dim) float32, in order of keys.

        Nothing can be added afterwards: the sample is put in order where it lies, as it may
        be as large as memory allows.
        """
        order = np.argsort(self._keys[: self._num_held], kind="stable")[: self.max_frames]
        for start in range(0, self._frames.shape[1], COLUMNS_AT_ONCE):
            columns = self._frames[:, start : start + COLUMNS_AT_ONCE]
            columns[: len(order)] = columns[order]
        frames = self._frames[: len(order)]
        self._frames, self._keys, self._num_held = np.empty((0, 0), np.float32), np.empty(0), 0
        return frames

    def _reserve(self, count: int, dim: int) -> None:
        """Make room for ``count`` more rows, by a quarter up to what is ever needed."""
        needed = self._num_held + count
        if needed <= len(self._keys):
            return
        grown = min(int(GROWTH * len(self._keys)), int(self.max_frames * SLACK) + 1)
        capacity = max(needed, grown)
        # In place: where memory is remapped, no second copy exists even for a moment.
        self._keys.resize(capacity, refcheck=False)
        self._frames.resize((capacity, dim), refcheck=False)

    def _prune(self) -> None:
        """Keep the smallest keys, moving kept rows of the tail into the holes before it."""
        kept = np.argpartition(self._keys[: self._num_held], self.max_frames)[: self.max_frames]
        is_kept = np.zeros(self._num_held, bool)
        is_kept[kept] = True
        holes = np.flatnonzero(~is_kept[: self.max_frames])
        movers = np.flatnonzero(is_kept[self.max_frames :]) + self.max_frames
        self._keys[holes] = self._keys[movers]
        self._frames[holes] = self._frames[movers]
        self._num_held = self.max_frames


def utterance_generator(seed: int, utterance_id: str) -> np.random.Generator:
    """Return a random generator that belongs to one utterance under one seed."""
    digest = hashlib.sha256(f"{seed} {utterance_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def choose_utterances(
    utterance_ids: list[str], portion: float, max_utterances: int | None, seed: int
) -> list[str]:
    """Return a random part of the utterances, sorted.

    Args:
        utterance_ids: all of them, any order.
        portion: share to keep, above 0 and at most 1.
        max_utterances: upper limit on top of that; None for none.
        seed: another seed, another choice.

    Raises:
        ValueError: portion or limit leave nothing.
    """
    if not 0 < portion <= 1:
        raise ValueError(f"portion must be above 0 and at most 1, got {portion}")
    count = max(1, round(portion * len(utterance_ids)))
    if max_utterances is not None:
        if max_utterances < 1:
            raise ValueError(f"max_utterances must be at least 1, got {max_utterances}")
        count = min(count, max_utterances)
    by_key = sorted(utterance_ids, key=lambda each: utterance_generator(seed, each).random())
    return sorted(by_key[:count])
