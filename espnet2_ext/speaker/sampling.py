"""Which utterance speaks for the speaker: a different one of the same voice."""

import logging
from collections.abc import Mapping

import numpy as np

logger = logging.getLogger(__name__)


class SpeakerVectorSampler:
    """Draws the speaker vector of *another* utterance of the same speaker.

    The vector of the utterance itself would hand its prosody to the decoder past the
    prosody encoder. A speed-perturbed speaker (``sp0.9-x``) is a speaker of its own, as
    its pitch is. An utterance whose speaker has no other one gets its own vector; such
    speakers are counted in `single_utterance_speakers` and logged once.

    Vectors are read when drawn (the mapping may be a lazy Kaldi scp): all of a large
    corpus in every loader process would not fit.

    Source: [P2V] III-B, "we input a different audio belonging to the same speaker".
    Deviation: uniform over the speaker's other utterances (not in paper).

    Example:
        >>> vectors = {"a-1": np.zeros(2), "a-2": np.ones(2)}
        >>> sampler = SpeakerVectorSampler({"a-1": "a", "a-2": "a"}, vectors, deterministic=True)
        >>> sampler.draw("a-1")
        array([1., 1.], dtype=float32)
    """

    def __init__(
        self,
        utt2spk: Mapping[str, str],
        vectors: Mapping[str, np.ndarray],
        *,
        deterministic: bool,
    ) -> None:
        """Index the utterances that have a vector by speaker.

        Args:
            utt2spk: speaker of every utterance that may be asked for.
            vectors: ``{utterance: (dim,)}``, for instance `load_ark_scp(spk_embed.scp)`.
            deterministic: validation and inference: the next utterance of the speaker in
                sorted order, from the last to the first, whatever the order of the set.
        """
        self.vectors = vectors
        self.deterministic = deterministic
        self._utt2spk = utt2spk
        self._utterances: dict[str, list[str]] = {}
        self._position: dict[str, int] = {}
        for utterance in sorted(utt2spk):
            if utterance in vectors:
                members = self._utterances.setdefault(utt2spk[utterance], [])
                self._position[utterance] = len(members)
                members.append(utterance)
        self.single_utterance_speakers = sorted(
            speaker for speaker, members in self._utterances.items() if len(members) == 1
        )
        if self.single_utterance_speakers:
            logger.warning(
                "%d of %d speakers have one utterance with a speaker vector and get their own: %s",
                len(self.single_utterance_speakers),
                len(self._utterances),
                " ".join(self.single_utterance_speakers[:10]),
            )

    def choose(self, utterance_id: str, rng: np.random.Generator | None = None) -> str:
        """Return the id of the utterance that speaks for this one's speaker.

        Args:
            utterance_id: an utterance of ``utt2spk``; it need not have a vector itself.
            rng: source of chance; not used, and may be None, when deterministic.

        Raises:
            ValueError: the utterance is unknown, its speaker has no vector at all, or a
                random draw is asked for without ``rng``.
        """
        speaker = self._utt2spk.get(utterance_id)
        if speaker is None:
            raise ValueError(f"{utterance_id}: not in utt2spk; rebuild the data directory")
        members = self._utterances.get(speaker)
        if not members:
            raise ValueError(
                f"{utterance_id}: speaker {speaker} has no vector in spk_embed.scp; see "
                "rejected.tsv, or extract the vectors again"
            )
        own = self._position.get(utterance_id)
        if own is not None and len(members) == 1:
            return utterance_id
        if self.deterministic:
            return members[0 if own is None else (own + 1) % len(members)]
        if rng is None:
            raise ValueError("a random draw needs rng, a numpy.random.Generator")
        if own is None:
            return members[rng.integers(len(members))]
        # A step of 1..n-1 from its own place reaches every other one equally often.
        return members[(own + rng.integers(1, len(members))) % len(members)]

    def draw(self, utterance_id: str, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the vector (dim,) float32 of the utterance that `choose` gives."""
        return np.asarray(self.vectors[self.choose(utterance_id, rng)], dtype=np.float32)
