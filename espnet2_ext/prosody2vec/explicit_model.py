"""Prosody2Vec with an explicit prosody path: contours in, predicted prosody out; not in paper.

contours less the speaker's means --> prosody encoder --> bottleneck --> the prosody vector
units --> U2V --+--> predictor (with the vector) --> pitch, voicing, level, duration of each unit
                +--> decoder, which reads all of these, and the speaker's mean pitch and level
"""

from dataclasses import dataclass

import torch
from espnet2.torch_utils.device_funcs import force_gatherable
from espnet2.train.abs_espnet_model import AbsESPnetModel
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec import losses
from espnet2_ext.prosody2vec.aligned_decoder import AlignedDecoder
from espnet2_ext.prosody2vec.bottleneck import AdversarialSpeakerClassifier
from espnet2_ext.prosody2vec.contours import (
    DEFAULT_TRACKER,
    UnitProsody,
    contour_input,
    relative_contours,
    revoiced,
    unit_prosody,
)
from espnet2_ext.prosody2vec.decoding import Generated
from espnet2_ext.prosody2vec.losses import true_unit_of_step
from espnet2_ext.prosody2vec.mels import (
    HifiGanMel,
    crop_mels,
    draw_factors,
    normalised_mels,
    stretch_mels,
)
from espnet2_ext.prosody2vec.memory import Memory, length_mask
from espnet2_ext.prosody2vec.model import Prosody2VecModel, freeze_batch_norm
from espnet2_ext.prosody2vec.predictor import (
    ProsodyControl,
    ProsodyPredictor,
    UnitProsodyEmbedding,
    predicted_prosody,
    predictor_losses,
)

PROSODY_INPUTS = ("contour", "mel", "both")


def input_width(prosody_input: str, mel_dim: int) -> int:
    """Return how many numbers a frame of the prosody encoder's input has.

    Raises:
        ValueError: no such input.
    """
    if prosody_input not in PROSODY_INPUTS:
        raise ValueError(f"prosody_input {prosody_input!r} is none of {', '.join(PROSODY_INPUTS)}")
    return {"contour": 3, "mel": mel_dim, "both": mel_dim + 3}[prosody_input]


class ExplicitProsody2VecModel(AbsESPnetModel):
    """Reconstruct a mel from units, what they are spoken with, and the speaker.

    Deviation from [P2V] III: everything that the module's drawing shows besides units, encoder
    and speaker vector.

    Args:
        features: waveform to mel.
        normalize: mel to normalised mel and back (ESPnet's GlobalMVN); None for neither.
        prosody_augmentation: SpecAugment on the mel that the prosody encoder reads; or None.
        unit_encoder: U2V.
        prosody_encoder: its ``mel_dim`` is 3, M or M + 3, as ``prosody_input`` says.
        bottleneck: what narrows the vector, or None.
        predictor: see there.
        unit_embedding: see there.
        decoder: see there.
        speaker_classifier: behind a reversed gradient, or None.
        f0_tracker: which made the contours; a method of ``metrics.pitch.f0_contour``.
        prosody_input: ``contour``, ``mel`` or ``both``.
        decoder_reads_vector: whether the decoder sees the vector itself, too.
        unit_stride_samples: samples between the frames that the durations count.
        unit_offset_samples: centre of the first of those frames.
        predictor_weight: of the predictor's losses.
        pitch_weight, voicing_weight, level_weight, duration_weight: of each within them.
        tempo_weight: of the tempo's squared error, of 5 times the natural log.
        tempo_slope: natural log of a length ratio over that of the syllable rates measured.
        classifier_weight: of the speaker classifier's loss; 0 for no classifier.
        tempo_stretch: widest factor of ``stretch_mels`` on mel and contours while training.
        prosody_crop_frames: of ``crop_mels`` on both while training; None for all.
        frozen_batch_norm: batch normalisation keeps its statistics in training too.
    """

    def __init__(
        self,
        features: HifiGanMel,
        normalize: nn.Module | None,
        prosody_augmentation: nn.Module | None,
        unit_encoder: nn.Module,
        prosody_encoder: nn.Module,
        bottleneck: nn.Module | None,
        predictor: ProsodyPredictor,
        unit_embedding: UnitProsodyEmbedding,
        decoder: AlignedDecoder,
        speaker_classifier: AdversarialSpeakerClassifier | None,
        f0_tracker: str = DEFAULT_TRACKER,
        prosody_input: str = "contour",
        decoder_reads_vector: bool = True,
        unit_stride_samples: int = 320,
        unit_offset_samples: int = 200,
        predictor_weight: float = 0.3,
        pitch_weight: float = 1.0,
        voicing_weight: float = 1.0,
        level_weight: float = 0.3,
        duration_weight: float = 1.0,
        tempo_weight: float = 1.0,
        tempo_slope: float = 1.15,
        classifier_weight: float = 0.0,
        tempo_stretch: float = 1.0,
        prosody_crop_frames: int | None = None,
        frozen_batch_norm: bool = False,
    ):
        super().__init__()
        input_width(prosody_input, features.mel_dim)
        if tempo_stretch < 1.0:
            raise ValueError(f"tempo_stretch must be at least 1: {tempo_stretch}")
        if prosody_crop_frames is not None and prosody_crop_frames < 1:
            raise ValueError(f"prosody_crop_frames must be at least 1: {prosody_crop_frames}")
        self.features = features
        self.normalize = normalize
        self.prosody_augmentation = prosody_augmentation
        self.unit_encoder = unit_encoder
        self.prosody_encoder = prosody_encoder
        self.bottleneck = bottleneck
        self.predictor = predictor
        self.unit_embedding = unit_embedding
        self.decoder = decoder
        self.speaker_classifier = speaker_classifier
        self.f0_tracker = f0_tracker
        self.prosody_input = prosody_input
        self.decoder_reads_vector = decoder_reads_vector
        self.unit_stride_samples = unit_stride_samples
        self.unit_offset_samples = unit_offset_samples
        self.predictor_weight = predictor_weight
        self.weights = {
            "pitch_loss": pitch_weight,
            "voicing_loss": voicing_weight,
            "level_loss": level_weight,
            "duration_loss": duration_weight,
        }
        self.tempo_weight = tempo_weight
        self.tempo_slope = tempo_slope
        self.classifier_weight = classifier_weight
        self.tempo_stretch = tempo_stretch
        self.prosody_crop_frames = prosody_crop_frames
        self.frozen_batch_norm = frozen_batch_norm

    def train(self, mode: bool = True) -> "ExplicitProsody2VecModel":
        """Set training or eval mode; frozen batch normalisation stays in eval mode."""
        super().train(mode)
        if self.frozen_batch_norm:
            freeze_batch_norm(self)
        return self

    def forward(
        self,
        units: torch.Tensor,
        units_lengths: torch.Tensor,
        unit_durations: torch.Tensor,
        speaker_embedding: torch.Tensor,
        speaker_statistics: torch.Tensor,
        relative_log_rate: torch.Tensor,
        contours: torch.Tensor,
        speaker_index: torch.Tensor | None = None,
        speech: torch.Tensor | None = None,
        speech_lengths: torch.Tensor | None = None,
        feats: torch.Tensor | None = None,
        feats_lengths: torch.Tensor | None = None,
        **unused: object,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """Return loss, statistics and weight (the batch size), as ESPnet's trainer asks.

        Args:
            units: (B, U) ids, with ``units_lengths`` (B,).
            unit_durations: (B, U) in upstream frames, of the same lengths.
            speaker_embedding: (B, speaker_dim) of another utterance of the speaker.
            speaker_statistics: (B, 3) of the speaker's other utterances.
            relative_log_rate: (B, 1) log syllable rate less that of those.
            contours: (B, T, 3) of ``make_contours``, as long as the mels.
            speaker_index: (B, 1); needed where there is a speaker classifier.
            speech: (B, N), or None where feats are given.
            feats: (B, T, M) of collect_feats, or None.

        Raises:
            ValueError: neither speech nor feats, or both; or contours of other frames.
        """
        mels, contours, mel_lengths = self.read(
            contours, speaker_statistics, speech, speech_lengths, feats, feats_lengths
        )
        stretch = torch.ones(len(mels), device=mels.device)
        if self.training and self.tempo_stretch > 1.0:
            stretch = draw_factors(len(mels), self.tempo_stretch, mels.device)
            both, mel_lengths = stretch_mels(
                torch.cat([mels, contours], dim=2), mel_lengths, stretch
            )
            mels, contours = both[:, :, :-3], revoiced(both[:, :, -3:])
        vector = self.prosody(mels, contours, mel_lengths)
        group = self.decoder.reduction_factor
        frames = mels.size(1)
        mels = F.pad(mels, (0, 0, 0, -frames % group))
        units_at = (unit_durations, units_lengths, stretch)
        unit_of_step = self._true_units(*units_at, -(-mel_lengths // group), group, mels.size(1))
        unit_of_frame = self._true_units(*units_at, mel_lengths, 1, frames)
        encoded = self.unit_encoder(units, units_lengths)
        mask = length_mask(units_lengths, units.size(1))
        targets = unit_prosody(contours, unit_of_frame, units.size(1))
        predictions = self.predictor(encoded, mask, vector)
        memory = self.memory(encoded, mask, speaker_embedding, speaker_statistics, vector, targets)
        output = self.decoder(memory, self.decoder.step_inputs(mels), unit_of_step)
        reconstruction = losses.mel_loss(output, mels, mel_lengths)
        parts = predictor_losses(predictions, targets, mask)
        predicted = sum(self.weights[name] * part for name, part in parts.items())
        log_tempo = self.tempo_slope * relative_log_rate.flatten() - stretch.log()
        tempo = (5.0 * (self.predictor.log_tempo(vector).float() - log_tempo)).square().mean()
        loss = reconstruction + self.predictor_weight * predicted + self.tempo_weight * tempo
        stats = {"mel_loss": reconstruction.detach(), "tempo_loss": tempo.detach()}
        stats |= {name: part.detach() for name, part in parts.items()}
        if self.speaker_classifier is not None and self.training:
            if speaker_index is None:
                raise ValueError("the speaker classifier needs speaker_index")
            classification, accuracy = self.speaker_classifier(vector, speaker_index.flatten())
            loss = loss + self.classifier_weight * classification
            stats |= {"speaker_loss": classification.detach(), "speaker_accuracy": accuracy}
        stats["loss"] = loss.detach()
        return force_gatherable((loss, stats, mels.new_tensor(len(mels))), loss.device)

    def read(
        self,
        contours: torch.Tensor,
        speaker_statistics: torch.Tensor,
        speech: torch.Tensor | None = None,
        speech_lengths: torch.Tensor | None = None,
        feats: torch.Tensor | None = None,
        feats_lengths: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return normalised mels (B, T, M), relative contours (B, T, 3), lengths (B,).

        Both are 0 past the end; arguments as for ``forward``.

        Raises:
            ValueError: neither speech nor feats, or both; or contours of other frames.
        """
        mels, lengths = normalised_mels(
            self.features, self.normalize, speech, speech_lengths, feats, feats_lengths
        )
        if contours.size(1) != mels.size(1):
            raise ValueError(
                f"contours of {contours.size(1)} frames for mels of {mels.size(1)}: made with "
                "another hop; extract the contours again"
            )
        mask = length_mask(lengths, mels.size(1))
        return mels, relative_contours(contours.float(), speaker_statistics, mask), lengths

    def prosody(
        self, mels: torch.Tensor, contours: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        """Return the prosody vector (B, P) of ``read``'s mels and contours."""
        if self.training and self.prosody_crop_frames is not None:
            both, lengths = crop_mels(
                torch.cat([mels, contours], dim=2), lengths, self.prosody_crop_frames
            )
            mels, contours = both[:, :, :-3], both[:, :, -3:]
        if (
            self.training
            and self.prosody_augmentation is not None
            and self.prosody_input != "contour"
        ):
            # espnet_specaug works in place on an input without gradient.
            mels, _ = self.prosody_augmentation(mels.clone(), lengths)
        inputs = self.encoder_input(mels, contours, lengths)
        return self.vector(self.prosody_encoder(inputs, lengths))

    def encoder_input(
        self, mels: torch.Tensor, contours: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        """Return what the prosody encoder reads (B, T, 3, M or M + 3) of ``read``'s.

        Of a mel its mean over the utterance is taken off, which carries the voice.
        """
        mask = length_mask(lengths, mels.size(1))[:, :, None]
        mean = (mels * mask).sum(dim=1, keepdim=True) / lengths[:, None, None]
        mels = (mels - mean) * mask
        parts = {"contour": [contour_input(contours)], "mel": [mels]}
        parts["both"] = parts["mel"] + parts["contour"]
        return torch.cat(parts[self.prosody_input], dim=2)

    def vector(self, encoding: torch.Tensor) -> torch.Tensor:
        """Return the prosody vector (B, P) of the encoder's output (B, P)."""
        return encoding if self.bottleneck is None else self.bottleneck(encoding)

    def memory(
        self,
        encoded: torch.Tensor,
        mask: torch.Tensor,
        speaker_embedding: torch.Tensor,
        speaker_statistics: torch.Tensor,
        vector: torch.Tensor,
        prosody: UnitProsody,
    ) -> Memory:
        """Return what the decoder reads.

        Args:
            encoded: (B, U, E) of U2V, with the mask (B, U).
            speaker_embedding: (B, speaker_dim).
            speaker_statistics: (B, 3).
            vector: (B, P).
            prosody: of the units: true in training, predicted in generation.
        """
        spoken = self.unit_embedding(prosody, speaker_statistics) * mask[:, :, None]
        shared = [speaker_embedding, self.unit_embedding.speaker(speaker_statistics)]
        if self.decoder_reads_vector:
            shared.append(vector)
        return Memory(torch.cat([encoded, spoken], dim=2), torch.cat(shared, dim=1), mask)

    @torch.no_grad()
    def generate(
        self,
        units: torch.Tensor,
        units_lengths: torch.Tensor,
        speaker_embedding: torch.Tensor,
        speaker_statistics: torch.Tensor,
        vector: torch.Tensor,
        source_frames: torch.Tensor | None = None,
        source_vector: torch.Tensor | None = None,
        control: ProsodyControl = ProsodyControl(),
    ) -> list["GeneratedProsody"]:
        """Return the speech of each item, the same in a batch as alone.

        Where the source's length and prosody are known, the whole lasts as long as the source
        times the ratio of the two tempos, distributed as the predicted durations are.

        Args:
            units: (B, U), with ``units_lengths`` (B,).
            speaker_embedding: (B, speaker_dim) of who shall speak.
            speaker_statistics: (B, 3) of the same.
            vector: (B, P) of the prosody reference.
            source_frames: (B,) mel frames of the source; nan where they are not known.
            source_vector: (B, P) of the source.

        Raises:
            ValueError: the model is in train mode.
        """
        encoded = self.unit_encoder(units, units_lengths)
        mask = length_mask(units_lengths, units.size(1))
        prosody = predicted_prosody(self.predictor(encoded, mask, vector), mask)
        if source_frames is not None and source_vector is not None:
            tempo = self.predictor.log_tempo(vector) - self.predictor.log_tempo(source_vector)
            total = prosody.frames.sum(dim=1)
            wanted = torch.where(source_frames.isnan(), total, source_frames * tempo.neg().exp())
            prosody = prosody._replace(frames=prosody.frames * (wanted / total)[:, None])
        prosody = control.apply(prosody)
        memory = self.memory(encoded, mask, speaker_embedding, speaker_statistics, vector, prosody)
        generated = []
        for item, (mel, units_of_steps) in enumerate(self.decoder.generate(memory, prosody.frames)):
            length = int(units_lengths[item])
            alignment = F.one_hot(units_of_steps, length).to(mel.dtype)
            of_units = torch.stack([part[item, :length] for part in prosody], dim=1)
            generated.append(GeneratedProsody(mel, alignment, True, of_units))
        return generated

    frame_s = Prosody2VecModel.frame_s
    mel_frames = Prosody2VecModel.mel_frames
    collect_feats = Prosody2VecModel.collect_feats

    @torch.no_grad()
    def attention_maps(
        self,
        units: torch.Tensor,
        units_lengths: torch.Tensor,
        unit_durations: torch.Tensor,
        speaker_embedding: torch.Tensor,
        speaker_statistics: torch.Tensor,
        contours: torch.Tensor,
        speech: torch.Tensor | None = None,
        speech_lengths: torch.Tensor | None = None,
        feats: torch.Tensor | None = None,
        feats_lengths: torch.Tensor | None = None,
        **unused: object,
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return, for each item, its alignment (S, U) as predicted and its true units (S,)."""
        mels, contours, lengths = self.read(
            contours, speaker_statistics, speech, speech_lengths, feats, feats_lengths
        )
        vector = self.prosody(mels, contours, lengths)
        generated = self.generate(
            units,
            units_lengths,
            speaker_embedding,
            speaker_statistics,
            vector,
            lengths.float(),
            vector,
        )
        group = self.decoder.reduction_factor
        steps = -(-lengths // group)
        stretch = torch.ones(len(mels), device=mels.device)
        most = int(steps.max()) * group
        true = self._true_units(unit_durations, units_lengths, stretch, steps, group, most).cpu()
        sizes = [min(len(item.attention), int(n)) for item, n in zip(generated, steps, strict=True)]
        return (
            [item.attention[:n].cpu() for item, n in zip(generated, sizes, strict=True)],
            [item[:n] for item, n in zip(true, sizes, strict=True)],
        )

    def _true_units(
        self,
        unit_durations: torch.Tensor,
        unit_lengths: torch.Tensor,
        stretch: torch.Tensor,
        step_lengths: torch.Tensor,
        frames_per_step: int,
        num_frames: int,
    ) -> torch.Tensor:
        """Return (B, S) the unit spoken at each step of so many frames, -1 past the end."""
        hop = self.features.hop_length / stretch[:, None]  # samples of the audio of the units
        return true_unit_of_step(
            unit_durations,
            unit_lengths,
            step_lengths,
            num_frames // frames_per_step,
            samples_per_step=hop * frames_per_step,
            first_step_centre_samples=hop * (frames_per_step - 1) / 2,
            unit_stride_samples=self.unit_stride_samples,
            unit_offset_samples=self.unit_offset_samples,
        )


@dataclass(frozen=True)
class GeneratedProsody(Generated):
    """One generated utterance with what its units are spoken with; ``attention`` is 0 or 1."""

    unit_prosody: torch.Tensor  # (U, 4) pitch, voicing, level, mel frames; relative to the speaker
