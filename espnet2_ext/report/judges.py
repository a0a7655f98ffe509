"""The models that are asked about conversions: whether they can be, and what a protocol says."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from espnet2_ext.data.table import read_table
from espnet2_ext.metrics.dnsmos import load_dnsmos
from espnet2_ext.metrics.heard import Listen
from espnet2_ext.metrics.word_error_rate import installed_whisper, spoken_words


@dataclass(frozen=True)
class Judges:
    """Which models are asked; None or False where one is not.

    Attributes:
        emotion_model: weights or a folder of trained recognisers, see ``find_recognisers``.
        speaker_encoder: hub name or directory.
        whisper_model: name or path, see ``whisper_transcriber``.
        with_dnsmos: ask for the quality.
        device: of the models.
    """

    emotion_model: str | None = None
    speaker_encoder: str | None = None
    whisper_model: str | None = None
    with_dnsmos: bool = False
    device: str = "cpu"

    def listener(self) -> Listen | None:
        """Return what asks the models; None where none is asked."""
        if self == Judges(device=self.device):
            return None
        # ESPnet takes seconds to import, which scores without models do not need.
        from espnet2_ext.tasks.hearing import hear

        return partial(
            hear,
            emotion_model=self.emotion_model,
            speaker_encoder=self.speaker_encoder,
            whisper_model=self.whisper_model,
            with_dnsmos=self.with_dnsmos,
            device=self.device,
        )

    def protocol(self, data_dir: str | Path, pairs_dir: str | Path) -> list[str]:
        """Return a phrase for each model, after a look at whether it can be asked.

        Args:
            data_dir: holds ``utt2spk``.
            pairs_dir: holds ``targets``.

        Raises:
            FileNotFoundError: there is no such model.
            ValueError: a package is not installed.
        """
        texts = []
        if self.emotion_model is not None:
            texts.append(_emotion_text(self.emotion_model, data_dir, pairs_dir))
        if self.speaker_encoder is not None:
            texts.append(f"speaker cosine by {self.speaker_encoder}")
        if self.whisper_model is not None:
            package = installed_whisper().replace("_", "-")
            texts.append(f"words by {package}, model {self.whisper_model}")
        if self.with_dnsmos:
            load_dnsmos()
            texts.append("DNSMOS by speechmos")
        return texts

    def texts(self, data_dir: str | Path, pairs_dir: str | Path) -> Mapping[str, str]:
        """Return what utterances say; nothing where no words are asked for.

        Args:
            data_dir: holds ``text``.
            pairs_dir: holds ``pairs`` and ``targets``.

        Raises:
            ValueError: there is no text, or none of a source or target.
        """
        if self.whisper_model is None:
            return {}
        path = Path(data_dir) / "text"
        if not path.is_file():
            raise ValueError(f"{path}: missing; the word error rate needs what is said")
        texts = read_table(path)
        sources = [value.split()[0] for value in read_table(Path(pairs_dir) / "pairs").values()]
        for name in (*sources, *read_table(Path(pairs_dir) / "targets").values()):
            if not spoken_words(texts.get(name, "")):
                raise ValueError(f"{path}: no words of {name}, which the word error rate needs")
        return texts


def _emotion_text(emotion_model: str, data_dir: str | Path, pairs_dir: str | Path) -> str:
    """Return who judges emotions and whether they have heard the voices that they judge."""
    from espnet2_ext.tasks.recogniser_files import find_recognisers, voices_text

    recognisers = find_recognisers(emotion_model)
    targets = read_table(Path(pairs_dir) / "targets").values()
    speakers = read_table(Path(data_dir) / "utt2spk")
    judged = {speakers[target] for target in targets}
    number = f"{len(recognisers)} recogniser{'s' if len(recognisers) > 1 else ''}"
    return f"emotion by {number} {emotion_model}, {voices_text(recognisers, judged)}"
