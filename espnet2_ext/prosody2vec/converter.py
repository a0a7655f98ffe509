"""A trained model that converts: units of one utterance, prosody of another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from espnet2_ext.prosody2vec.espnet_model import Prosody2VecModel
from espnet2_ext.prosody2vec.features import LOG_MEL_FLOOR
from espnet2_ext.prosody2vec.generation import Generated, GenerationLimits, generate

if TYPE_CHECKING:
    from espnet2_ext.prosody2vec.contrast import Contrast


@dataclass(frozen=True)
class ConversionRequest:
    """What is to be said, how, and in whose voice.

    Attributes:
        units: (U,) de-duplicated unit ids of the source.
        prosody: (N,) waveform that gives the prosody, 16 kHz; None where the vector is given.
        speaker_embedding: (speaker_dim,).
        prosody_embedding: (P,) prosody vector, in place of a waveform (see prosody_mix.py).

    Raises:
        ValueError: both a waveform and a vector give the prosody, or neither.
    """

    units: np.ndarray
    prosody: np.ndarray | None
    speaker_embedding: np.ndarray
    prosody_embedding: np.ndarray | None = None

    def __post_init__(self) -> None:
        if (self.prosody is None) == (self.prosody_embedding is None):
            raise ValueError("a request takes either a prosody waveform or a prosody_embedding")


@dataclass(frozen=True)
class Conversion:
    """One converted utterance.

    Attributes:
        mel: (T, M) natural-log mel, as the vocoder takes it.
        attention: (S, U).
        is_stopped: whether the stop token ended it.
    """

    mel: np.ndarray
    attention: np.ndarray
    is_stopped: bool


class Prosody2VecConverter:
    """Convert with a trained model; a batch gives what each request gives alone.

    Source: [P2V] IV-D, V and Fig. 6.

    Args:
        model: in any mode; put into eval mode.
        limits: when to stop and how far attention may move.
        device: ``cpu`` or ``cuda``.

    Attributes:
        contrast: restored in every mel, see contrast.py; None leaves them as generated.
        vocoder_name: its loss of level is restored too, where the contrast knows it.

    Example:
        >>> converter = Prosody2VecConverter.from_file("exp/p2v/best.pth")  # doctest: +SKIP
        >>> [conversion] = converter.convert([request])  # doctest: +SKIP
    """

    def __init__(
        self,
        model: Prosody2VecModel,
        limits: GenerationLimits = GenerationLimits(),
        device: str = "cpu",
    ):
        self.model = model.to(device).eval()
        self.limits = limits
        self.device = device
        self.contrast: Contrast | None = None
        self.vocoder_name: str | None = None

    @classmethod
    def from_file(
        cls,
        model_file: str | Path,
        train_config: str | Path | None = None,
        limits: GenerationLimits = GenerationLimits(),
        device: str = "cpu",
    ) -> "Prosody2VecConverter":
        """Return the converter of a trained model.

        Args:
            model_file: weights, for instance ``exp/p2v_<tag>/valid.loss.ave.pth``.
            train_config: None takes config.yaml beside the weights.
            limits: see GenerationLimits.
            device: where to run.

        Raises:
            FileNotFoundError: a file is not there.
        """
        # The task registers itself with ESPnet when imported: seconds that the rest of
        # the package does not need.
        from espnet2_ext.tasks.prosody2vec import Prosody2VecTask

        if not Path(model_file).is_file():
            raise FileNotFoundError(f"{model_file}: no such model; train one first (stage 8)")
        model, _ = Prosody2VecTask.build_model_from_file(train_config, model_file, device)
        return cls(model, limits, device)

    @torch.no_grad()
    def prosody_embeddings(self, waveforms: Sequence[np.ndarray]) -> torch.Tensor:
        """Return prosody_embedding (B, P) of waveforms (N,) at 16 kHz."""
        speech = [torch.as_tensor(waveform, dtype=torch.float32) for waveform in waveforms]
        lengths = torch.tensor([len(waveform) for waveform in speech])
        padded = pad_sequence(speech, batch_first=True)
        mels, mel_lengths = self.model.mels(padded.to(self.device), lengths.to(self.device))
        return self.model.prosody(mels, mel_lengths)

    def normalised_mel(self, waveform: np.ndarray) -> np.ndarray:
        """Return the mel (T, M) of a waveform (N,) at 16 kHz as the decoder should say it."""
        speech = torch.as_tensor(waveform, dtype=torch.float32, device=self.device)[None]
        mels, _ = self.model.mels(speech, torch.tensor([speech.size(1)], device=self.device))
        return mels[0].cpu().numpy()

    def convert(self, requests: Sequence[ConversionRequest]) -> list[Conversion]:
        """Return one conversion for each request.

        Raises: see ``generate``.
        """
        return [
            Conversion(self.denormalize(item.mel), item.attention.cpu().numpy(), item.is_stopped)
            for item in self.generate(requests)
        ]

    @torch.no_grad()
    def generate(self, requests: Sequence[ConversionRequest]) -> list[Generated]:
        """Return what the decoder says to each request, in normalised mels.

        Raises:
            ValueError: a request holds no units, a prosody reference that is too short, or
                a prosody vector of another width.
        """
        if any(len(request.units) == 0 for request in requests):
            raise ValueError("a source without units cannot be converted")
        units = [torch.as_tensor(request.units, dtype=torch.long) for request in requests]
        lengths = torch.tensor([len(item) for item in units], device=self.device)
        speaker = np.stack([request.speaker_embedding for request in requests])
        memory = self.model.memory(
            pad_sequence(units, batch_first=True).to(self.device),
            lengths,
            torch.as_tensor(speaker, dtype=torch.float32, device=self.device),
            self._prosody_of(requests),
        )
        return generate(self.model.decoder, memory, self.limits)

    def _prosody_of(self, requests: Sequence[ConversionRequest]) -> torch.Tensor:
        """Return prosody_embedding (B, P), computed where a waveform gives it.

        Raises:
            ValueError: a given vector has another width than the model's.
        """
        width = self.model.prosody_encoder.output_dim
        vectors = torch.zeros(len(requests), width, device=self.device)
        waveforms = {i: r.prosody for i, r in enumerate(requests) if r.prosody is not None}
        if waveforms:
            vectors[list(waveforms)] = self.prosody_embeddings(list(waveforms.values()))
        for row, request in enumerate(requests):
            given = request.prosody_embedding
            if given is None:
                continue
            if np.shape(given) != (width,):
                raise ValueError(
                    f"prosody_embedding of shape {np.shape(given)}: this model takes ({width},); "
                    "make it with the same model"
                )
            vectors[row] = torch.as_tensor(given, dtype=torch.float32, device=self.device)
        return vectors

    def denormalize(self, mel: torch.Tensor) -> np.ndarray:
        """Return the vocoder's mel (T, M) of a normalised one, contrast and level restored."""
        level_db = 0.0
        if self.contrast is not None:
            mel = self.contrast.restore(mel)
            level_db = self.contrast.lost_level_db.get(self.vocoder_name or "", 0.0)
        if self.model.normalize is not None:
            lengths = torch.tensor([len(mel)], device=mel.device)
            mel = self.model.normalize.inverse(mel[None].clone(), lengths)[0][0]
        mel = mel.float() + level_db * math.log(10.0) / 20.0
        return mel.clamp(min=LOG_MEL_FLOOR).cpu().numpy()
