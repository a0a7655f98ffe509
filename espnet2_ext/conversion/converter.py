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
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.prosody2vec.contour_tables import SpeakerStatistics
from espnet2_ext.prosody2vec.contours import contours_of, summarise
from espnet2_ext.prosody2vec.decoding import Generated, GenerationLimits, generate
from espnet2_ext.prosody2vec.explicit_model import ExplicitProsody2VecModel, GeneratedProsody
from espnet2_ext.prosody2vec.mels import LOG_MEL_FLOOR, normalised_mels
from espnet2_ext.prosody2vec.model import Prosody2VecModel
from espnet2_ext.prosody2vec.predictor import ProsodyControl


@dataclass(frozen=True)
class VarianceCompensation:
    """What one model's mels lack (see ``compensation.py``); arrays are (M,), in normalised mels."""

    generated_mean: np.ndarray  # of generated frames
    true_mean: np.ndarray  # of the frames that they should have been
    gain: np.ndarray  # deviation of those over that of the generated ones, at least 1
    lost_level_db: dict[str, float] = field(default_factory=dict)
    """By vocoder, how much quieter its speech is than recordings."""
    pitch_range: float = 1.0
    """Of the explicit path: deviation of true pitch over that of generated pitch, at least 1."""
    speaker_regression: list[list[float]] | None = None
    """Of the explicit path: (speaker_dim + 1, 3), from a speaker vector and 1 to statistics."""

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
        return cls(
            generated_mean,
            true_mean,
            gain,
            kept.get("lost_level_db", {}),
            kept.get("pitch_range", 1.0),
            kept.get("speaker_regression"),
        )

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
    """Units, prosody (a waveform or else a vector) and voice of one utterance to be generated.

    The rest is of the explicit prosody path. Statistics are those of SpeakerStatisticsTable; None
    takes those of the waveform itself for the reference's speaker. Without the source's vector
    and length the durations are as predicted.
    """

    units: np.ndarray  # (U,) de-duplicated unit ids of the source
    prosody: np.ndarray | None  # (N,) 16 kHz waveform of the prosody reference
    speaker_embedding: np.ndarray  # (speaker_dim,)
    prosody_embedding: np.ndarray | None = None  # (P,)
    speaker_statistics: np.ndarray | None = None  # (3,) of who shall speak
    prosody_statistics: np.ndarray | None = None  # (3,) of the speaker of ``prosody``
    source_embedding: np.ndarray | None = None  # (P,)
    source_samples: int | None = None

    def __post_init__(self) -> None:
        if (self.prosody is None) == (self.prosody_embedding is None):
            raise ValueError("a request takes either a prosody waveform or a prosody_embedding")


@dataclass(frozen=True)
class Conversion:
    """One converted utterance."""

    mel: np.ndarray  # (T, M) natural-log mel, as the vocoder takes it
    attention: np.ndarray  # (S, U)
    is_stopped: bool  # whether the stop token ended it
    unit_prosody: np.ndarray | None = None  # (U, 4) of the explicit path; see GeneratedProsody


class Prosody2VecConverter:
    """Convert with a trained model; a batch gives the same as each request alone.

    ``compensation`` is applied to every mel (None leaves them as generated); it also restores
    the level that the vocoder ``vocoder_name`` loses, where that was measured. ``control`` says
    how conversions depart from what is predicted on the explicit prosody path.

    Source: [P2V] IV-D, V and Fig. 6.

    Example:
        >>> converter = Prosody2VecConverter.from_file("exp/p2v/best.pth")  # doctest: +SKIP
        >>> [conversion] = converter.convert([request])  # doctest: +SKIP
    """

    def __init__(
        self,
        model: Prosody2VecModel | ExplicitProsody2VecModel,
        limits: GenerationLimits = GenerationLimits(),
        device: str = "cpu",
    ):
        self.model = model.to(device).eval()
        self.control = ProsodyControl()
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
    def prosody_embeddings(
        self,
        waveforms: Sequence[np.ndarray],
        statistics: Sequence[np.ndarray | None] | None = None,
    ) -> torch.Tensor:
        """Return prosody_embedding (B, P) of waveforms (N,) at 16 kHz.

        On the explicit prosody path they are relative to the ``statistics`` (3,) of their
        speakers; where these are None, to the waveform's own.
        """
        inputs, lengths = encoder_inputs(self.model, waveforms, statistics)
        return self.model.vector(self.model.prosody_encoder(inputs, lengths))

    def normalised_mel(self, waveform: np.ndarray) -> np.ndarray:
        """Return the mel (T, M) of a waveform (N,) at 16 kHz, as the decoder's target."""
        mels, _ = normalised_mels(
            self.model.features, self.model.normalize, *_padded(self.model, [waveform])
        )
        return mels[0].cpu().numpy()

    def statistics(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """Return the speaker statistics (3,) of recordings (N,) of a speaker; explicit path.

        Raises:
            ValueError: none has a pitch.
        """
        assert isinstance(self.model, ExplicitProsody2VecModel)
        return _statistics(
            [contours_of(each, self.model.features, self.model.f0_tracker) for each in waveforms]
        )

    def convert(self, requests: Sequence[ConversionRequest]) -> list[Conversion]:
        """Return one conversion for each request; raises as ``generate``."""
        return [
            Conversion(
                self.denormalize(item.mel),
                item.attention.cpu().numpy(),
                item.is_stopped,
                item.unit_prosody.cpu().numpy() if isinstance(item, GeneratedProsody) else None,
            )
            for item in self.generate(requests)
        ]

    @torch.no_grad()
    def generate(self, requests: Sequence[ConversionRequest]) -> list[Generated]:
        """Return what the decoder generates for each request, in normalised mels."""
        if any(len(request.units) == 0 for request in requests):
            raise ValueError("a source without units cannot be converted")
        padded = pad_sequence(
            [torch.as_tensor(request.units, dtype=torch.long) for request in requests],
            batch_first=True,
        ).to(self.device)
        lengths = torch.tensor([len(request.units) for request in requests], device=self.device)
        speaker = self._stacked([request.speaker_embedding for request in requests])
        vectors = self._prosody_of(requests)
        if isinstance(self.model, ExplicitProsody2VecModel):
            return [*self._generate_explicit(requests, padded, lengths, speaker, vectors)]
        memory = self.model.memory(padded, lengths, speaker, vectors)
        return generate(self.model.decoder, memory, self.limits)

    def _stacked(self, rows: Sequence[np.ndarray]) -> torch.Tensor:
        return torch.as_tensor(np.stack(rows), dtype=torch.float32, device=self.device)

    def _generate_explicit(
        self,
        requests: Sequence[ConversionRequest],
        units: torch.Tensor,
        lengths: torch.Tensor,
        speaker: torch.Tensor,
        vectors: torch.Tensor,
    ) -> list[GeneratedProsody]:
        assert isinstance(self.model, ExplicitProsody2VecModel)
        statistics, source_frames, source_vectors = [], [], []
        for request, vector in zip(requests, vectors.cpu().numpy(), strict=True):
            if request.speaker_statistics is None:
                raise ValueError("this model needs speaker_statistics (explicit prosody path)")
            statistics.append(request.speaker_statistics)
            frames, source_vector = np.nan, vector
            if request.source_samples is not None and request.source_embedding is not None:
                frames = request.source_samples // self.model.features.hop_length + 1
                source_vector = request.source_embedding
            source_frames.append(np.float32(frames))
            source_vectors.append(source_vector)
        gain = self.compensation.pitch_range if self.compensation is not None else 1.0
        return self.model.generate(
            units,
            lengths,
            speaker,
            self._stacked(statistics),
            vectors,
            torch.tensor(source_frames, device=self.device),
            self._stacked(source_vectors),
            replace(self.control, pitch_range=gain * self.control.pitch_range),
        )

    def _prosody_of(self, requests: Sequence[ConversionRequest]) -> torch.Tensor:
        """Return prosody_embedding (B, P), computed where a waveform is given."""
        width = self.model.prosody_encoder.output_dim
        vectors = torch.zeros(len(requests), width, device=self.device)
        waveforms = {i: r.prosody for i, r in enumerate(requests) if r.prosody is not None}
        if waveforms:
            statistics = [requests[row].prosody_statistics for row in waveforms]
            vectors[list(waveforms)] = self.prosody_embeddings([*waveforms.values()], statistics)
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


def _padded(model: nn.Module, waveforms: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return waveforms (N,) as a batch (B, N) on the model's device, and lengths (B,)."""
    device = next(model.parameters()).device
    speech = [torch.as_tensor(waveform, dtype=torch.float32) for waveform in waveforms]
    lengths = torch.tensor([len(waveform) for waveform in speech], device=device)
    return pad_sequence(speech, batch_first=True).to(device), lengths


@torch.no_grad()
def encoder_inputs(
    model: Prosody2VecModel | ExplicitProsody2VecModel,
    waveforms: Sequence[np.ndarray],
    statistics: Sequence[np.ndarray | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the prosody encoder reads (B, T, D) and lengths (B,); see prosody_embeddings."""
    speech, lengths = _padded(model, waveforms)
    if not isinstance(model, ExplicitProsody2VecModel):
        return model.mels(speech, lengths)
    contours = [contours_of(each, model.features, model.f0_tracker) for each in waveforms]
    rows = [
        _statistics([each]) if row is None else row
        for each, row in zip(contours, statistics or [None] * len(contours), strict=True)
    ]
    mels, relative, mel_lengths = model.read(
        pad_sequence([*map(torch.from_numpy, contours)], batch_first=True).to(speech.device),
        torch.as_tensor(np.stack(rows), dtype=torch.float32, device=speech.device),
        speech,
        lengths,
    )
    return model.encoder_input(mels, relative, mel_lengths), mel_lengths


def _statistics(contours: Sequence[np.ndarray]) -> np.ndarray:
    """Return the speaker statistics (3,) of a speaker's contours (T, 3)."""
    return np.array(SpeakerStatistics.of(map(summarise, contours)), dtype=np.float32)


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
    model: Prosody2VecModel | ExplicitProsody2VecModel,
    encoders: Mapping[str, nn.Module],
    wavs: Sequence[str],
    statistics: Sequence[np.ndarray] | None = None,
    *,
    batch_size: int = 16,
) -> dict[str, np.ndarray]:
    """Return ``{encoder: (n, P)}``, one vector a file and in their order.

    ``statistics`` (3,) are of the speakers, for the explicit prosody path. Model, which gives the
    encoders' input, and encoders are in eval mode and on one device. The vectors do not depend on
    ``batch_size``.
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
                    inputs, lengths = encoder_inputs(
                        model,
                        [waveforms[place] for place in batch],
                        None if statistics is None else [statistics[place] for place in batch],
                    )
                except ValueError as error:
                    raise ValueError(f"{wavs[batch[0]]}: {error}") from error
                for name, encoder in encoders.items():
                    vectors = encoder(inputs, lengths)
                    if isinstance(model, ExplicitProsody2VecModel):
                        if encoder is model.prosody_encoder:  # whose own bottleneck it is
                            vectors = model.vector(vectors)
                    vectors = vectors.float().cpu().numpy()
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
