"""Give every training example the speaker vector of another utterance."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from espnet2_ext.data.table import iterate_table
from espnet2_ext.speaker.sampling import SpeakerVectorSampler
from espnet2_ext.speaker.vector_table import VectorTable


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
        utt2spk, vectors = _tables(directory)
        self.sampler = SpeakerVectorSampler(
            iterate_table(utt2spk),
            VectorTable(vectors),
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


def shared_preprocessor(directory: str | Path, is_deterministic: bool) -> SpeakerVectorPreprocessor:
    """Return the preprocessor of a directory: the same one as long as its tables are the same.

    ESPnet asks for one at each split of the training tables in each epoch.
    """
    stats = [table.stat() for table in _tables(directory)]
    version = tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)
    return _built(Path(directory), is_deterministic, version)


@lru_cache(maxsize=2)  # of training and of validation
def _built(
    directory: Path, is_deterministic: bool, version: tuple[tuple[int, ...], ...]
) -> SpeakerVectorPreprocessor:
    return SpeakerVectorPreprocessor(directory, is_deterministic)


def _tables(directory: str | Path) -> tuple[Path, Path]:
    return Path(directory) / "utt2spk", Path(directory) / "spk_embed.scp"
