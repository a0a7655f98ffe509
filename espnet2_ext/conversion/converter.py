"""A trained model that converts: units of one utterance, prosody and speaker vectors of others.

Prosody vectors may be mixed: averaged over references, interpolated, scaled in intensity. Not
in paper: [P2V] IV-D and V take the vector of one reference as it is. The decoder was trained on
the encoder's own vectors, so that results between or beyond them have to be confirmed by scores.
"""

import copy
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

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
class VarianceCompensation:
    """What one model's mels lack (see ``compensation.py``); arrays are (M,), in normalised mels."""

    generated_mean: np.ndarray  # of generated frames
    true_mean: np.ndarray  # of the frames that they should have been
    gain: np.ndarray  # deviation of those over that of the generated ones, at least 1
    lost_level_db: dict[str, float] = field(default_factory=dict)
    """By vocoder, how much quieter its speech is than recordings."""

    @classmethod
    def between(cls, generated: np.ndarray, true: np.ndarray) -> "VarianceCompensation":
        """Return the compensation between generated and true frames (T, M) of many utterances."""
        spread = np.maximum(generated.std(axis=0), 1.0e-3)
        return cls(
            generated.mean(axis=0), true.mean(axis=0), np.maximum(true.std(axis=0) / spread, 1.0)
        )

    @classmethod
    def load(cls, path: str | Path, model_file: str | Path | None = None) -> "VarianceCompensation":
        """Return the compensation of a ``<model>.contrast.json``.

        ``model_file`` holds the weights that it must have been measured on, else a ValueError; None
        takes ``<model>.pth`` beside it, where there is one. Older files do not say which.
        """
        path = Path(path)
        kept = json.loads(path.read_text(encoding="utf-8"))
        beside = path.with_suffix("").with_suffix(".pth")
        model_file = Path(model_file or beside)
        if "weights" in kept and (model_file != beside or beside.is_file()):
            if kept["weights"] != file_hash(model_file):
                raise ValueError(
                    f"{path}: measured on other weights than {model_file}; convert pairs with "
                    "--variance_compensation true again (p2v.sh, stage 9), or say false here"
                )
        names = ("generated_mean", "true_mean", "gain")
        generated_mean, true_mean, gain = (np.array(kept[name]) for name in names)
        return cls(generated_mean, true_mean, gain, kept.get("lost_level_db", {}))

    def save(self, path: str | Path, key: str, weights: str | None = None) -> None:
        """Write it for ``load``; the key says what it was measured on, the weights are a hash."""
        kept = {"key": key, "weights": weights, **asdict(self)}
        if weights is None:
            del kept["weights"]
        with atomic_open(path) as stream:
            json.dump(kept, stream, default=np.ndarray.tolist)

    def restore(self, mel: torch.Tensor) -> torch.Tensor:
        """Return a normalised mel (T, M) with the variance of speech."""
        generated_mean, true_mean, gain = (
            torch.as_tensor(each, dtype=mel.dtype, device=mel.device)
            for each in (self.generated_mean, self.true_mean, self.gain)
        )
        return true_mean + gain * (mel - generated_mean)


def file_hash(model_file: str | Path) -> str:
    """Return the SHA-256 of a file of weights."""
    with open(model_file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# ---------------------------------------------------------------- converter


@dataclass(frozen=True)
class ConversionRequest:
    """Units, prosody (a waveform or else a vector) and voice of one utterance to be generated."""

    units: np.ndarray  # (U,) de-duplicated unit ids of the source
    prosody: np.ndarray | None  # (N,) 16 kHz waveform of the prosody reference
    speaker_embedding: np.ndarray  # (speaker_dim,)
    prosody_embedding: np.ndarray | None = None  # (P,)

    def __post_init__(self) -> None:
        if (self.prosody is None) == (self.prosody_embedding is None):
            raise ValueError("a request takes either a prosody waveform or a prosody_embedding")


@dataclass(frozen=True)
class Conversion:
    """One converted utterance."""

    mel: np.ndarray  # (T, M) natural-log mel, as the vocoder takes it
    attention: np.ndarray  # (S, U)
    is_stopped: bool  # whether the stop token ended it


class Prosody2VecConverter:
    """Convert with a trained model; a batch gives the same as each request alone.

    ``compensation`` is applied to every mel (None leaves them as generated); it also restores
    the level that the vocoder ``vocoder_name`` loses, where that was measured.

    Source: [P2V] IV-D, V and Fig. 6.

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
        self.compensation: VarianceCompensation | None = None
        self.vocoder_name: str | None = None

    @classmethod
    def from_file(
        cls,
        model_file: str | Path,
        train_config: str | Path | None = None,
        limits: GenerationLimits = GenerationLimits(),
        device: str = "cpu",
    ) -> "Prosody2VecConverter":
        """Return the converter of a trained model's weights, ``exp/p2v_<tag>/valid.loss.ave.pth``.

        The configuration is config.yaml beside them unless another is named.
        """
        # The task registers itself with ESPnet when imported, which takes seconds.
        from espnet2_ext.prosody2vec.task import Prosody2VecTask

        model, _ = Prosody2VecTask.build_model_from_file(train_config, model_file, device)
        return cls(model, limits, device)

    @torch.no_grad()
    def prosody_embeddings(self, waveforms: Sequence[np.ndarray]) -> torch.Tensor:
        """Return prosody_embedding (B, P) of waveforms (N,) at 16 kHz."""
        return self.model.prosody(*_mels(self.model, waveforms))

    def normalised_mel(self, waveform: np.ndarray) -> np.ndarray:
        """Return the mel (T, M) of a waveform (N,) at 16 kHz, as the decoder's target."""
        return _mels(self.model, [waveform])[0][0].cpu().numpy()

    def convert(self, requests: Sequence[ConversionRequest]) -> list[Conversion]:
        """Return one conversion for each request; raises as ``generate``."""
        return [
            Conversion(self.denormalize(item.mel), item.attention.cpu().numpy(), item.is_stopped)
            for item in self.generate(requests)
        ]

    @torch.no_grad()
    def generate(self, requests: Sequence[ConversionRequest]) -> list[Generated]:
        """Return what the decoder generates for each request, in normalised mels."""
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
        """Return prosody_embedding (B, P), computed where a waveform is given."""
        width = self.model.prosody_encoder.output_dim
        vectors = torch.zeros(len(requests), width, device=self.device)
        waveforms = {i: r.prosody for i, r in enumerate(requests) if r.prosody is not None}
        if waveforms:
            vectors[list(waveforms)] = self.prosody_embeddings(list(waveforms.values()))
        for row, vector in enumerate(request.prosody_embedding for request in requests):
            if vector is None:
                continue
            if vector.shape != (width,):
                raise ValueError(
                    f"prosody_embedding of shape {vector.shape}: this model takes ({width},); "
                    "make it with the same model"
                )
            vectors[row] = torch.as_tensor(vector, dtype=torch.float32, device=self.device)
        return vectors

    def denormalize(self, mel: torch.Tensor) -> np.ndarray:
        """Return the vocoder's mel (T, M) of a normalised one, variance and level restored."""
        level_db = 0.0
        if self.compensation is not None:
            mel = self.compensation.restore(mel)
            level_db = self.compensation.lost_level_db.get(self.vocoder_name or "", 0.0)
        if self.model.normalize is not None:
            lengths = torch.tensor([len(mel)], device=mel.device)
            mel = self.model.normalize.inverse(mel[None].clone(), lengths)[0][0]
        mel = mel.float() + level_db * math.log(10.0) / 20.0
        return mel.clamp(min=LOG_MEL_FLOOR).cpu().numpy()


def _mels(
    model: Prosody2VecModel, waveforms: Sequence[np.ndarray]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised mels (B, T, M) and lengths (B,) of waveforms (N,) at 16 kHz."""
    device = next(model.parameters()).device
    speech = [torch.as_tensor(waveform, dtype=torch.float32) for waveform in waveforms]
    lengths = torch.tensor([len(waveform) for waveform in speech], device=device)
    return model.mels(pad_sequence(speech, batch_first=True).to(device), lengths)


# ---------------------------------------------------------------- prosody mix

MAX_INTENSITY = 3.0
"""Not in paper. With the demo's model speech is overdriven from 3 on and noise at 8."""


def average_prosody(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean (P,) float32 of prosody vectors (P,), which averages out single sentences."""
    return _stacked(vectors).mean(axis=0).astype(np.float32)


def weighted_prosody(mix: Sequence[tuple[np.ndarray, float]]) -> np.ndarray:
    """Return the sum (P,) float32 of prosody vectors (P,) by their weights, which are finite."""
    vectors, weights = zip(*mix, strict=True)
    if not np.isfinite(weights).all():
        raise ValueError(f"weights {list(weights)}: must be finite numbers")
    return (np.array(weights) @ _stacked(vectors)).astype(np.float32)


def scale_intensity(neutral: np.ndarray, target: np.ndarray, intensity: float) -> np.ndarray:
    """Return neutral + intensity * (target - neutral), (P,) float32.

    More than 1 exaggerates, less than 0 goes the other way; outside -3 to 3 it is a ValueError.
    """
    if not abs(intensity) <= MAX_INTENSITY:
        raise ValueError(
            f"intensity {intensity:g}: must lie in {-MAX_INTENSITY:g} to {MAX_INTENSITY:g}; "
            "further out no speech is left"
        )
    start, end = _stacked([neutral, target])
    # In this form 0 and 1 give the two vectors to the bit.
    return ((1.0 - intensity) * start + intensity * end).astype(np.float32)


def _stacked(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return n vectors (P,) as (n, P) in double precision."""
    if not len(vectors):
        raise ValueError("an average of no prosody vectors is not defined: give a reference")
    for vector in vectors:
        if np.ndim(vector) != 1 or np.shape(vector) != np.shape(vectors[0]):
            raise ValueError(
                f"prosody vectors of shapes {np.shape(vectors[0])} and {np.shape(vector)} cannot "
                "be mixed: they must be one-dimensional and of one model"
            )
    return np.stack(vectors).astype(np.float64)


# ---------------------------------------------------------------- prosody vectors

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

    Model, which gives the normalised mels, and encoders are in eval mode and on one device. The
    vectors do not depend on ``batch_size``.
    """
    rows: dict[str, list[np.ndarray]] = {name: [np.empty(0)] * len(wavs) for name in encoders}
    with tqdm(total=len(wavs), desc="prosody vectors", dynamic_ncols=True, mininterval=1.0) as bar:
        for start in range(0, len(wavs), CHUNK_SIZE):
            places = range(start, min(start + CHUNK_SIZE, len(wavs)))
            waveforms = {place: read_audio(wavs[place]) for place in places}
            order = sorted(places, key=lambda place: len(waveforms[place]))
            for first in range(0, len(order), batch_size):
                batch = order[first : first + batch_size]
                try:
                    mels, lengths = _mels(model, [waveforms[place] for place in batch])
                except ValueError as error:
                    raise ValueError(f"{wavs[batch[0]]}: {error}") from error
                for name, encoder in encoders.items():
                    vectors = encoder(mels, lengths).float().cpu().numpy()
                    for place, vector in zip(batch, vectors, strict=True):
                        rows[name][place] = vector
                bar.update(len(batch))
    return {name: np.stack(vectors) for name, vectors in rows.items()}


def untrained_encoder(encoder: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy in eval mode with the weights that training starts from, by the seed.

    A random network passes on much of its input, which then needs no training to be read off
    its vectors. ValueError where a module has weights but no ``reset_parameters``.
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
