"""What trained models hear in a waveform, for scores in many processes."""

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

from espnet2_ext.metrics.dnsmos import dnsmos
from espnet2_ext.metrics.heard import Heard
from espnet2_ext.metrics.word_error_rate import Transcriber, whisper_transcriber
from espnet2_ext.tasks.recogniser_files import RecogniserFiles, find_recognisers


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
        from espnet2_ext.tasks.ser_inference import EmotionRecogniser

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
