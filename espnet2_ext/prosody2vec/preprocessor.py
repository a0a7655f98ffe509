"""Give every training example the speaker vector of another utterance."""

from pathlib import Path

import numpy as np

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.data.table import read_table
from espnet2_ext.speaker.sampling import SpeakerVectorSampler


class SpeakerVectorPreprocessor:
    """ESPnet preprocess function that adds ``speaker_embedding`` to an example.

    Source: [P2V] III-B: "we input a different audio belonging to the same speaker".
    While training, the draw uses numpy's global generator, which ESPnet seeds by epoch
    and worker: every epoch draws anew, and a resumed run draws as an undisturbed one.

    Args:
        directory: holds ``utt2spk`` and ``spk_embed.scp``.
        is_deterministic: True in validation and inference.
    """

    def __init__(self, directory: str | Path, is_deterministic: bool):
        directory = Path(directory)
        self.sampler = SpeakerVectorSampler(
            read_table(directory / "utt2spk"),
            load_ark_scp(directory / "spk_embed.scp"),
            deterministic=is_deterministic,
        )
        self.is_deterministic = is_deterministic

    def __call__(self, utterance_id: str, data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the example with ``speaker_embedding`` (speaker_dim,) added."""
        generator = None
        if not self.is_deterministic:
            generator = np.random.default_rng(np.random.randint(2**31))
        data["speaker_embedding"] = self.sampler.draw(utterance_id, generator)
        return data
