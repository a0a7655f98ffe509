"""From units and prosody vector to pitch, voicing, level and duration of every unit; not in paper.

The idea is FastPitch's (Lancucki 2021) and Daft-Exprt's (Zaidi et al. 2022): prosody is predicted
at the level of symbols, and the decoder reads it beside them.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec.contours import UnitProsody

LOG_FRAMES_LIMITS = (-2.0, 4.0)
"""Natural log of the shortest and longest predicted duration, mel frames."""


class ProsodyPredictor(nn.Module):
    """Predicts how each unit is spoken.

    Units are read without gradient: what the predictor wants must not change what they say.

    Args:
        encoded_dim: E, width of U2V's output.
        prosody_dim: P.
        channels: width of its layers.
        kernel_size: units seen by a convolution, odd.
        num_layers: residual convolutions.
    """

    def __init__(
        self,
        encoded_dim: int,
        prosody_dim: int,
        channels: int = 128,
        kernel_size: int = 5,
        num_layers: int = 2,
    ):
        super().__init__()
        self.input = nn.Linear(encoded_dim + prosody_dim, channels)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2)
            for _ in range(num_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(num_layers + 1))
        self.output = nn.Linear(channels, 4)
        self.tempo = nn.Linear(prosody_dim, 1)

    def forward(
        self, encoded: torch.Tensor, mask: torch.Tensor, prosody_embedding: torch.Tensor
    ) -> torch.Tensor:
        """Return (B, U, 4): pitch, logit of voicing, level, natural log of the duration in frames.

        Args:
            encoded: (B, U, E) of U2V.
            mask: (B, U) True at valid units.
            prosody_embedding: (B, P).
        """
        valid = mask[:, :, None].to(encoded.dtype)
        beside = prosody_embedding[:, None].expand(-1, encoded.size(1), -1)
        hidden = self.input(torch.cat([encoded.detach(), beside], dim=2))
        hidden = F.gelu(self.norms[0](hidden)) * valid
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            change = convolution(hidden.transpose(1, 2)).transpose(1, 2)
            hidden = hidden + F.gelu(norm(change)) * valid
        return self.output(hidden)

    def log_tempo(self, prosody_embedding: torch.Tensor) -> torch.Tensor:
        """Return (B,) the natural log of the tempo, relative to the speaker's own.

        Units of slow speech are more rather than longer, so that durations predicted for the
        units of a source are of its tempo; this moves them to that of the reference.
        """
        return self.tempo(prosody_embedding).squeeze(1)


def predicted_prosody(predictions: torch.Tensor, mask: torch.Tensor) -> UnitProsody:
    """Return what ``ProsodyPredictor`` says as the decoder reads it.

    Args:
        predictions: (B, U, 4).
        mask: (B, U) True at valid units; durations of the others are 0.
    """
    pitch, voicing, level, log_frames = predictions.unbind(dim=2)
    frames = log_frames.clamp(*LOG_FRAMES_LIMITS).exp() * mask
    return UnitProsody(pitch, voicing.sigmoid(), level, frames)


@dataclass(frozen=True)
class ProsodyControl:
    """How conversions depart from what is predicted.

    Attributes:
        pitch_semitones: added to the pitch.
        pitch_range: factor of the pitch's deviations from the utterance's mean.
        tempo: factor of the speed; 2 is twice as fast.
        level_db: added to the level.

    Raises:
        ValueError: a value is not finite, or a factor is not positive.
    """

    pitch_semitones: float = 0.0
    pitch_range: float = 1.0
    tempo: float = 1.0
    level_db: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            is_factor = field.name in ("pitch_range", "tempo")
            if not math.isfinite(value) or (is_factor and value <= 0.0):
                wanted = "a positive factor" if is_factor else "a finite number"
                raise ValueError(f"{field.name} {value}: must be {wanted}")

    def apply(self, prosody: UnitProsody) -> UnitProsody:
        """Return the units' prosody as it is asked for."""
        voiced = prosody.voicing * prosody.frames
        weights = voiced / voiced.sum(dim=1, keepdim=True).clamp(min=1.0e-6)
        mean = (prosody.pitch * weights).sum(dim=1, keepdim=True)
        shift = self.pitch_semitones * math.log(2.0) / 12.0
        return UnitProsody(
            mean + self.pitch_range * (prosody.pitch - mean) + shift,
            prosody.voicing,
            prosody.level + self.level_db * math.log(10.0) / 20.0,
            prosody.frames / self.tempo,
        )


def predictor_losses(
    predictions: torch.Tensor, targets: UnitProsody, mask: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return the four losses of a batch, scalars.

    Pitch: squared error where voiced, of 5 times the natural log. Voicing: binary cross-entropy.
    Level: squared error. Duration: Poisson likelihood of the frames. Units without a frame (a
    shortened utterance may have some) count for the duration alone.

    Args:
        predictions: (B, U, 4).
        targets: of the same units.
        mask: (B, U) True at valid units.
    """
    pitch, voicing, level, log_frames = predictions.float().unbind(dim=2)
    valid = mask.float()
    has_frames = valid * (targets.frames > 0)
    voiced = has_frames * targets.voicing
    log_frames = log_frames.clamp(*LOG_FRAMES_LIMITS)

    def mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return (values * weights).sum() / weights.sum().clamp(min=1.0)

    cross_entropy = F.binary_cross_entropy_with_logits(voicing, targets.voicing, reduction="none")
    return {
        "pitch_loss": mean((5.0 * (pitch - targets.pitch)).square(), voiced),
        "voicing_loss": mean(cross_entropy, has_frames),
        "level_loss": mean((level - targets.level).square(), has_frames),
        "duration_loss": mean(log_frames.exp() - targets.frames * log_frames, valid),
    }


class UnitProsodyEmbedding(nn.Module):
    """How a unit is spoken, as the decoder reads it beside the unit.

    The speaker's mean pitch and level are added back: the decoder is told which harmonics to
    draw and how strong, and need not guess.

    Args:
        output_dim: width beside each unit.
        bins: places on the pitch axis.
        min_hz: the lowest of them.
        max_hz: the highest.
        width: of a bin, natural log.
    """

    def __init__(
        self,
        output_dim: int = 48,
        bins: int = 24,
        min_hz: float = 65.0,
        max_hz: float = 480.0,
        width: float = 0.09,
    ):
        super().__init__()
        centres = torch.linspace(math.log(min_hz), math.log(max_hz), bins)
        self.centres: torch.Tensor
        self.register_buffer("centres", centres, persistent=False)
        self.width = width
        self.output = nn.Linear(bins + 3, output_dim)
        self.output_dim = output_dim
        self.speaker_dim = bins + 1

    def _bins(self, log_f0: torch.Tensor) -> torch.Tensor:
        """Return (*, bins): how near the pitch is to each place."""
        return torch.exp(-0.5 * ((log_f0[..., None] - self.centres) / self.width).square())

    def forward(self, prosody: UnitProsody, statistics: torch.Tensor) -> torch.Tensor:
        """Return (B, U, output_dim).

        Args:
            prosody: true in training, predicted in generation.
            statistics: (B, 2 or more) log_f0 and level of the speaker who shall speak.
        """
        bins = self._bins(prosody.pitch + statistics[:, :1]) * prosody.voicing[..., None]
        level = prosody.level + statistics[:, 1:2]
        rest = torch.stack([prosody.voicing, prosody.level, 0.5 * level], dim=2)
        return self.output(torch.cat([bins, rest], dim=2))

    def speaker(self, statistics: torch.Tensor) -> torch.Tensor:
        """Return (B, speaker_dim): the speaker's mean pitch and level."""
        return torch.cat([self._bins(statistics[:, 0]), 0.5 * statistics[:, 1:2]], dim=1)
