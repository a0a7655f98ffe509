"""A trained model that converts: units of one utterance, prosody of another."""

import copy
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.prosody2vec.decoding import Generated, GenerationLimits, generate
from espnet2_ext.prosody2vec.mels import LOG_MEL_FLOOR
from espnet2_ext.prosody2vec.model import Prosody2VecModel


@dataclass(frozen=True)
class Contrast:
    """What one model's mels lack; arrays are (M,), in normalised mels.

    Attributes:
        generated_mean: of generated frames.
        true_mean: of the frames they should have been.
        gain: standard deviation of those over that of the generated ones, at least 1.
        lost_level_db: by vocoder, how much its speech is quieter than recordings.
    """

    generated_mean: np.ndarray
    true_mean: np.ndarray
    gain: np.ndarray
    lost_level_db: dict[str, float] = field(default_factory=dict)

    @classmethod
    def between(cls, generated: np.ndarray, true: np.ndarray) -> "Contrast":
        """Return what turns the mean of one and, if smaller, the variance into the other's.

        Args:
            generated: (T, M) frames, of many utterances together.
            true: (T', M) frames.
        """
        spread = np.maximum(generated.std(axis=0), 1.0e-3)
        return cls(
            generated.mean(axis=0), true.mean(axis=0), np.maximum(true.std(axis=0) / spread, 1.0)
        )

    @classmethod
    def load(cls, path: str | Path) -> "Contrast":
        """Return what a ``<model>.contrast.json`` says.

        Raises:
            FileNotFoundError: there is none; converting pairs with restore_contrast writes it.
        """
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(
            np.array(kept["generated_mean"]),
            np.array(kept["true_mean"]),
            np.array(kept["gain"]),
            kept.get("lost_level_db", {}),
        )

    def save(self, path: str | Path, key: str) -> None:
        """Write it to a file that ``load`` reads, with the key of what it was measured on."""
        arrays = {name: getattr(self, name).tolist() for name in ("generated_mean", "true_mean")}
        kept = {
            "key": key,
            **arrays,
            "gain": self.gain.tolist(),
            "lost_level_db": dict(self.lost_level_db),
        }
        with atomic_open(path) as stream:
            json.dump(kept, stream)

    def restore(self, mel: torch.Tensor) -> torch.Tensor:
        """Return a normalised mel (T, M) with the contrast of speech."""
        generated_mean, true_mean, gain = (
            torch.as_tensor(each, dtype=mel.dtype, device=mel.device)
            for each in (self.generated_mean, self.true_mean, self.gain)
        )
        return true_mean + gain * (mel - generated_mean)


# ---------------------------------------------------------------- converter

if TYPE_CHECKING:
    from espnet2_ext.conversion.converter import Contrast


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
        from espnet2_ext.prosody2vec.task import Prosody2VecTask

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


# ---------------------------------------------------------------- prosody mix
# Arithmetic on prosody vectors: average of references, a way between two, an intensity.
#
# Not in paper: [P2V] IV-D and V take the vector of one reference as it is. Vectors of the
# same encoder share a space in which the decoder was trained on points only, so what lies
# between or beyond them is a guess that scores have to confirm.

MAX_INTENSITY = 3.0
"""Not in paper. With the demo's model speech is overdriven from 3 on and noise at 8."""


def average_prosody(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean (P,) float32 of n prosody vectors (P,).

    What a single sentence adds to its emotion or style is averaged out.

    Raises:
        ValueError: no vectors, or vectors of different widths.
    """
    if not len(vectors):
        raise ValueError("an average of no prosody vectors is not defined: give a reference")
    checked = np.stack([_checked(vector, vectors[0]) for vector in vectors])
    return checked.mean(axis=0).astype(np.float32)


def weighted_prosody(vectors: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return the weighted sum (P,) float32 of n prosody vectors (P,).

    Weights 1/n give the average, ``1 - a`` and ``a`` an intensity of ``a``.

    Raises:
        ValueError: no vectors, another number of weights, a weight that is not finite, or
            vectors of different widths.
    """
    if not len(vectors) or len(vectors) != len(weights):
        raise ValueError(f"{len(vectors)} prosody vectors, {len(weights)} weights: give as many")
    if not np.isfinite(weights).all():
        raise ValueError(f"weights {list(weights)}: must be finite numbers")
    checked = np.stack([_checked(vector, vectors[0]) for vector in vectors])
    return (np.asarray(weights, dtype=np.float64) @ checked).astype(np.float32)


def interpolate_prosody(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Return the vector (P,) float32 that lies ``share`` of the way from start to end.

    Args:
        start: (P,), what a share of 0 gives.
        end: (P,), what a share of 1 gives.
        share: 0 to 1; ``scale_intensity`` goes further.

    Raises:
        ValueError: the share lies outside 0 to 1, or the widths differ.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share {share}: must lie in 0 to 1; scale_intensity goes beyond the ends")
    return scale_intensity(start, end, share)


def scale_intensity(neutral: np.ndarray, target: np.ndarray, intensity: float) -> np.ndarray:
    """Return neutral + intensity * (target - neutral), (P,) float32.

    Args:
        neutral: (P,), prosody without the emotion or style.
        target: (P,), prosody with it.
        intensity: 0 gives neutral, 1 the target, more than 1 exaggerates and less than 0
            goes the other way.

    Raises:
        ValueError: the intensity lies outside -3 to 3, or the widths differ.
    """
    if not abs(intensity) <= MAX_INTENSITY:
        raise ValueError(
            f"intensity {intensity:g}: must lie in {-MAX_INTENSITY:g} to {MAX_INTENSITY:g}; "
            "further out no speech is left"
        )
    start, end = _checked(neutral, neutral), _checked(target, neutral)
    # In this form 0 and 1 give the two vectors to the bit.
    return ((1.0 - intensity) * start + intensity * end).astype(np.float32)


def _checked(vector: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return a vector (P,) in double precision, of the same width as another."""
    vector = np.asarray(vector, dtype=np.float64)
    if vector.ndim != 1 or vector.shape != np.shape(like):
        raise ValueError(
            f"prosody vectors of shapes {np.shape(like)} and {vector.shape} cannot be mixed: "
            "they must be one-dimensional and of one model"
        )
    return vector


# ---------------------------------------------------------------- prosody vectors
# Prosody vectors of many utterances, and an untrained encoder to compare them with.

CHUNK_SIZE = 128
"""Utterances read at a time and sorted by length, so that batches hold little padding."""


@torch.no_grad()
def prosody_vectors(
    model: Prosody2VecModel,
    encoders: Mapping[str, nn.Module],
    wavs: Sequence[str],
    *,
    batch_size: int = 16,
) -> dict[str, np.ndarray]:
    """Return ``{encoder: (n, P)}``, one vector a file and in their order.

    Args:
        model: gives the normalised mels; in eval mode.
        encoders: ProsodyEncoder modules in eval mode, on the model's device.
        wavs: paths of the audio.
        batch_size: utterances at a time; vectors do not depend on it.

    Raises:
        AudioError: a file is missing or broken; the message names it.
        ValueError: a file is too short for a mel, a module is in train mode, or there are
            no files.
    """
    if not wavs:
        raise ValueError("no utterances to compute prosody vectors of")
    if model.training or any(encoder.training for encoder in encoders.values()):
        raise ValueError("prosody vectors need model and encoders in eval mode")
    rows: dict[str, list[np.ndarray]] = {name: [np.empty(0)] * len(wavs) for name in encoders}
    with tqdm(total=len(wavs), desc="prosody vectors", dynamic_ncols=True, mininterval=1.0) as bar:
        for start in range(0, len(wavs), CHUNK_SIZE):
            places = range(start, min(start + CHUNK_SIZE, len(wavs)))
            waveforms = {place: read_audio(wavs[place]) for place in places}
            order = sorted(places, key=lambda place: len(waveforms[place]))
            for first in range(0, len(order), batch_size):
                batch = order[first : first + batch_size]
                mels, lengths = _mels(model, [waveforms[p] for p in batch], wavs[batch[0]])
                for name, encoder in encoders.items():
                    vectors = encoder(mels, lengths).float().cpu().numpy()
                    for place, vector in zip(batch, vectors, strict=True):
                        rows[name][place] = vector
                bar.update(len(batch))
    return {name: np.stack(vectors) for name, vectors in rows.items()}


def untrained_encoder(encoder: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy with the weights that training starts from, in eval mode.

    What can be read from its vectors needs no training: a random network passes on much
    of its input.

    Args:
        encoder: gives the sizes and the device.
        seed: of the weights, which depend on it alone.

    Raises:
        ValueError: a module has weights but no way to draw them anew.
    """
    device = next(encoder.parameters()).device
    fresh = copy.deepcopy(encoder).cpu()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for module in fresh.modules():
            reset = getattr(module, "reset_parameters", None)
            if reset is not None:
                reset()
            elif next(module.parameters(recurse=False), None) is not None:
                raise ValueError(f"{type(module).__name__}: its weights cannot be drawn anew")
    return fresh.to(device).eval()


def _mels(
    model: Prosody2VecModel, waveforms: Sequence[np.ndarray], shortest: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised mels (B, T, M) and lengths (B,); ``shortest`` names the first file."""
    device = next(model.parameters()).device
    speech = [torch.as_tensor(waveform, dtype=torch.float32) for waveform in waveforms]
    lengths = torch.tensor([len(waveform) for waveform in speech], device=device)
    try:
        return model.mels(pad_sequence(speech, batch_first=True).to(device), lengths)
    except ValueError as error:
        raise ValueError(f"{shortest}: {error}") from error
