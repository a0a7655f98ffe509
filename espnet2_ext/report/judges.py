"""The models that are asked about conversions: whether they can be, and what a protocol says."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import yaml

from espnet2_ext.data.tables import read_table
from espnet2_ext.metrics.content import (
    Transcriber,
    installed_whisper,
    spoken_words,
    whisper_transcriber,
)
from espnet2_ext.metrics.models import Heard, Listen, dnsmos, load_dnsmos
from espnet2_ext.ser.recogniser import RecogniserFiles, find_recognisers

# ---------------------------------------------------------------- judges


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
        from espnet2_ext.report.judges import hear

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
    from espnet2_ext.ser.recogniser import find_recognisers, voices_text

    recognisers = find_recognisers(emotion_model)
    targets = read_table(Path(pairs_dir) / "targets").values()
    speakers = read_table(Path(data_dir) / "utt2spk")
    judged = {speakers[target] for target in targets}
    number = f"{len(recognisers)} recogniser{'s' if len(recognisers) > 1 else ''}"
    return f"emotion by {number} {emotion_model}, {voices_text(recognisers, judged)}"


# ---------------------------------------------------------------- hearing
# What trained models hear in a waveform, for scores in many processes.


class RecogniserPanel:
    """The mean answer of several recognisers.

    Args:
        recognisers: of the same emotions.
        device: torch device.

    Attributes:
        emotions: names, sorted.

    Raises:
        ValueError: the recognisers know different emotions.
    """

    def __init__(self, recognisers: Sequence[RecogniserFiles], device: str = "cpu"):
        # ESPnet takes seconds to import, which scores without a recogniser do not need.
        from espnet2_ext.ser.recogniser import EmotionRecogniser

        self.members = []
        for files in recognisers:
            with tempfile.TemporaryDirectory() as folder:
                config = Path(folder) / "config.yaml"
                config.write_text(yaml.safe_dump(files.config), encoding="utf-8")
                self.members.append(EmotionRecogniser(files.model_file, config, device))
        self.emotions = sorted(self.members[0].emotions)
        for files, member in zip(recognisers, self.members, strict=True):
            if sorted(member.emotions) != self.emotions:
                raise ValueError(
                    f"{files.model_file}: knows {' '.join(sorted(member.emotions))}, the first "
                    f"{' '.join(self.emotions)}; give recognisers of one experiment"
                )

    def __call__(self, waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """Return ``{emotion: mean probability}`` of each waveform (N,) at 16 kHz."""
        answers = [member(waveforms) for member in self.members]
        return [
            {name: float(np.mean([one[name] for one in of_wave])) for name in self.emotions}
            for of_wave in zip(*answers, strict=True)
        ]


def hear(
    waveform: np.ndarray,
    *,
    emotion_model: str | None = None,
    speaker_encoder: str | None = None,
    whisper_model: str | None = None,
    with_dnsmos: bool = False,
    device: str = "cpu",
) -> Heard:
    """Return what is heard in a waveform (N,) at 16 kHz; models are loaded once a process.

    Args:
        waveform: at least 50 ms.
        emotion_model: see ``find_recognisers``; None does not ask for the emotion.
        speaker_encoder: see ``build_speaker_encoder``; None does not ask for the voice.
        whisper_model: see ``whisper_transcriber``; None does not ask for the words.
        with_dnsmos: ask for the quality, see ``dnsmos``.
        device: torch device of all but the last.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: the waveform is too short for a model, or a package is not installed.
    """
    emotions = vector = None
    if emotion_model is not None:
        [emotions] = _load_panel(emotion_model, device)([waveform])
    if speaker_encoder is not None:
        vector = _load_speaker_encoder(speaker_encoder, device)(waveform)
    words = _load_whisper(whisper_model, device)(waveform) if whisper_model is not None else None
    return Heard(emotions, vector, words, dnsmos(waveform) if with_dnsmos else None)


@lru_cache(maxsize=1)
def _load_panel(emotion_model: str, device: str) -> RecogniserPanel:
    return RecogniserPanel(find_recognisers(emotion_model), device)


@lru_cache(maxsize=1)
def _load_speaker_encoder(source: str, device: str):
    from espnet2_ext.speaker.encoder import build_speaker_encoder

    return build_speaker_encoder(source, device)


@lru_cache(maxsize=1)
def _load_whisper(model: str, device: str) -> Transcriber:
    return whisper_transcriber(model, device=device)
