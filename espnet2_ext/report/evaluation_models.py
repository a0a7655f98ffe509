"""The models that evaluate conversions: emotion, voice, words and quality of a waveform."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import yaml

from espnet2_ext.data.tables import read_table, require_keys
from espnet2_ext.metrics.content import (
    installed_whisper,
    spoken_words,
    whisper_transcriber,
)
from espnet2_ext.metrics.models import Predict, Predictions, dnsmos, load_dnsmos
from espnet2_ext.ser.recogniser import (
    EmotionRecogniser,
    RecogniserFiles,
    find_recognisers,
    voices_text,
)
from espnet2_ext.speaker.encoder import build_speaker_encoder


@dataclass(frozen=True)
class EvaluationModels:
    """Which models evaluate; None or False where one does not.

    See ``find_recognisers``, ``build_speaker_encoder``, ``whisper_transcriber`` and ``dnsmos``.
    """

    emotion_model: str | None = None
    speaker_encoder: str | None = None
    whisper_model: str | None = None
    with_dnsmos: bool = False
    device: str = "cpu"

    def predictor(self) -> Predict | None:
        """Return the function that runs the models on a waveform; None where there are none."""
        is_idle = self == EvaluationModels(device=self.device)
        return None if is_idle else partial(predict, models=self)

    def protocol(self, data_dir: str | Path, pairs_dir: str | Path) -> list[str]:
        """Return a phrase for each model; ValueError if its package is not installed."""
        texts = []
        if self.emotion_model is not None:
            recognisers = find_recognisers(self.emotion_model)
            speakers = read_table(Path(data_dir) / "utt2spk")
            targets = read_table(Path(pairs_dir) / "targets").values()
            voices = voices_text(recognisers, {speakers[target] for target in targets})
            number = f"{len(recognisers)} recogniser{'s' if len(recognisers) > 1 else ''}"
            texts.append(f"emotion by {number} {self.emotion_model}, {voices}")
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
        """Return the ``text`` of utterances; ValueError if a source or target has no words."""
        if self.whisper_model is None:
            return {}
        path = Path(data_dir) / "text"
        texts = read_table(path)
        sources = [value.split()[0] for value in read_table(Path(pairs_dir) / "pairs").values()]
        names = [*sources, *read_table(Path(pairs_dir) / "targets").values()]
        with_words = {name: text for name, text in texts.items() if spoken_words(text)}
        require_keys(path, with_words, names, "the word error rate needs their words")
        return texts


def predict(waveform: np.ndarray, models: EvaluationModels) -> Predictions:
    """Return what the models say of a waveform (N,) at 16 kHz; each is loaded once a process."""
    emotions = vector = words = None
    if models.emotion_model is not None:
        [emotions] = _load_panel(models.emotion_model, models.device)([waveform])
    if models.speaker_encoder is not None:
        vector = _load_speaker_encoder(models.speaker_encoder, models.device)(waveform)
    if models.whisper_model is not None:
        words = _load_whisper(models.whisper_model, device=models.device)(waveform)
    return Predictions(emotions, vector, words, dnsmos(waveform) if models.with_dnsmos else None)


class RecogniserPanel:
    """The mean probabilities of several recognisers, which must know the same ``emotions``."""

    def __init__(self, recognisers: Sequence[RecogniserFiles], device: str = "cpu"):
        self.members = []
        for each in recognisers:
            with tempfile.TemporaryDirectory() as folder:
                config = Path(folder) / "config.yaml"
                config.write_text(yaml.safe_dump(each.config), encoding="utf-8")
                member = EmotionRecogniser(each.model_file, config, device)
            self.members.append(member)
            self.emotions = sorted(self.members[0].emotions)
            if sorted(member.emotions) != self.emotions:
                raise ValueError(
                    f"{each.model_file}: knows {' '.join(sorted(member.emotions))}, the first "
                    f"{' '.join(self.emotions)}; give recognisers of one experiment"
                )

    def __call__(self, waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """Return ``{emotion: mean probability}`` of each waveform (N,) at 16 kHz."""
        answers = [member(waveforms) for member in self.members]
        return [
            {name: float(np.mean([one[name] for one in of_wave])) for name in self.emotions}
            for of_wave in zip(*answers, strict=True)
        ]


@lru_cache(maxsize=1)
def _load_panel(emotion_model: str, device: str) -> RecogniserPanel:
    return RecogniserPanel(find_recognisers(emotion_model), device)


_load_speaker_encoder = lru_cache(maxsize=1)(build_speaker_encoder)
_load_whisper = lru_cache(maxsize=1)(whisper_transcriber)
