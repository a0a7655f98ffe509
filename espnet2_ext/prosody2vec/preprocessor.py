"""Give every training example the speaker vector of another utterance."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from espnet2_ext.speaker.sampling import SpeakerVectorSampler


class SpeakerVectorPreprocessor:
    """ESPnet preprocess function that adds ``speaker_embedding`` to an example.

    Source: [P2V] III-B: "we input a different audio belonging to the same speaker".
    While training, the draw uses numpy's global generator, which ESPnet seeds by epoch
    and worker: every epoch draws anew, and a resumed run draws as an undisturbed one. In
    validation an utterance has the same vector in every epoch.

    Args:
        directory: holds ``utt2spk`` and ``spk_embed.scp`` of the examples.
        is_deterministic: True in validation.
        other_directory: the same tables of a set whose utterances speak for these speakers
            too: in validation, the training set. None draws from ``directory`` alone.
    """

    def __init__(
        self,
        directory: str | Path,
        is_deterministic: bool,
        other_directory: str | Path | None = None,
    ):
        self.sampler = SpeakerVectorSampler.from_directory(
            directory, other_directory, deterministic=is_deterministic
        )
        self.is_deterministic = is_deterministic

    def __call__(self, utterance_id: str, data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the example with ``speaker_embedding`` (speaker_dim,) added."""
        generator = None
        if not self.is_deterministic:
            generator = np.random.default_rng(np.random.randint(2**31))
        data["speaker_embedding"] = self.sampler.draw(utterance_id, generator)
        return data


def shared_preprocessor(
    directory: str | Path, is_deterministic: bool, other_directory: str | Path | None = None
) -> SpeakerVectorPreprocessor:
    """Return the preprocessor of a directory: the same one as long as its tables are the same.

    ESPnet asks for one at each split of the training tables in each epoch.
    """
    folders = tuple(Path(each) for each in (directory, other_directory) if each is not None)
    stats = [(folder / name).stat() for folder in folders for name in ("utt2spk", "spk_embed.scp")]
    version = tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)
    return _built(is_deterministic, version, *folders)


@lru_cache(maxsize=2)  # of training and of validation
def _built(
    is_deterministic: bool,
    version: tuple[tuple[int, ...], ...],
    directory: Path,
    other: Path | None = None,
) -> SpeakerVectorPreprocessor:
    return SpeakerVectorPreprocessor(directory, is_deterministic, other)
