"""The Prosody2Vec model behind the interface of ESPnet's trainer."""

import torch
from espnet2.torch_utils.device_funcs import force_gatherable
from espnet2.train.abs_espnet_model import AbsESPnetModel
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec import losses
from espnet2_ext.prosody2vec.decoder import Prosody2VecDecoder
from espnet2_ext.prosody2vec.decoding import SamplingSchedule
from espnet2_ext.prosody2vec.encoders import ProsodyEncoder, UnitEncoder
from espnet2_ext.prosody2vec.mels import (
    HifiGanMel,
    crop_mels,
    draw_factors,
    normalised_mels,
    stretch_mels,
)
from espnet2_ext.prosody2vec.memory import DecoderOutput, Memory, length_mask


class Prosody2VecModel(AbsESPnetModel):
    """Reconstruct a mel from units, another utterance's speaker vector and a prosody vector.

    Source: [P2V] III and Fig. 1. HuBERT and the speaker encoder are frozen in the paper; here
    their outputs are data, computed once.

    Args:
        features: waveform to mel.
        normalize: mel to normalised mel and back (ESPnet's GlobalMVN); or None.
        prosody_augmentation: SpecAugment on the prosody encoder's input only (what it is
            applied to is not in paper); or None.
        unit_stride_samples: samples between the upstream frames that unit durations count.
        unit_offset_samples: centre of the first of those frames.
        forced_alignment_updates: training updates with a given alignment before soft
            attention; 0 in the paper's configuration.
        guided_attention_weight: of the penalty on soft attention far from the known unit; 0
            in the paper's configuration.
        energy_weight: of the attention's cross-entropy while the alignment is given, computed at
            ``energy_share`` of the steps, at most ``energy_steps_max`` (memory stays linear).
        stop_positive_weight: weight of the last step within the stop loss.
        scheduled_sampling: fields of SamplingSchedule.
        tempo_stretch: widest factor of ``stretch_mels`` while training; 1 in the paper's.
        prosody_crop_frames: of ``crop_mels`` while training; None for all, as in the paper.
        frozen_batch_norm: batch normalisation keeps its statistics in training too. For
            fine-tuning on little data: batches of like length hold like emotions, and their
            common part would be normalised away.
    """

    def __init__(
        self,
        features: HifiGanMel,
        normalize: nn.Module | None,
        prosody_augmentation: nn.Module | None,
        unit_encoder: UnitEncoder,
        prosody_encoder: ProsodyEncoder,
        decoder: Prosody2VecDecoder,
        unit_stride_samples: int = 320,
        unit_offset_samples: int = 200,
        forced_alignment_updates: int = 0,
        guided_attention_weight: float = 0.0,
        energy_weight: float = 0.2,
        energy_share: float = 0.17,
        energy_steps_max: int = 32,
        stop_weight: float = 0.2,
        stop_positive_weight: float = 5.0,
        scheduled_sampling: dict | None = None,
        tempo_stretch: float = 1.0,
        prosody_crop_frames: int | None = None,
        frozen_batch_norm: bool = False,
    ):
        super().__init__()
        self.features = features
        self.normalize = normalize
        self.prosody_augmentation = prosody_augmentation
        self.unit_encoder = unit_encoder
        self.prosody_encoder = prosody_encoder
        self.decoder = decoder
        self.unit_stride_samples = unit_stride_samples
        self.unit_offset_samples = unit_offset_samples
        self.forced_alignment_updates = forced_alignment_updates
        self.guided_attention_weight = guided_attention_weight
        self.energy_weight = energy_weight
        self.energy_share = energy_share
        self.energy_steps_max = energy_steps_max
        self.stop_weight = stop_weight
        self.stop_positive_weight = stop_positive_weight
        if tempo_stretch < 1.0:
            raise ValueError(f"tempo_stretch must be at least 1: {tempo_stretch}")
        if prosody_crop_frames is not None and prosody_crop_frames < 1:
            raise ValueError(f"prosody_crop_frames must be at least 1: {prosody_crop_frames}")
        self.prosody_crop_frames = prosody_crop_frames
        self.tempo_stretch = tempo_stretch
        self.frozen_batch_norm = frozen_batch_norm
        self.sampling = SamplingSchedule(**(scheduled_sampling or {}))
        # Saved with the weights, so that a resumed run is in the same phase as an undisturbed
        # one; counted twice, since reading the buffer would wait for the GPU at every step.
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        self._updates = 0
        self.register_load_state_dict_post_hook(_count_from_buffer)

    def train(self, mode: bool = True) -> "Prosody2VecModel":
        """Set training or eval mode; frozen batch normalisation stays in eval mode."""
        super().train(mode)
        if self.frozen_batch_norm:
            freeze_batch_norm(self)
        return self

    def forward(
        self, **batch: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """Return loss, statistics and weight (the batch size), as ESPnet's trainer asks.

        In eval mode the attention is always soft, so that validation losses compare across
        the phases of training. The batch is as for ``inputs``.
        """
        memory, mels, mel_lengths, step_lengths, true_units = self.inputs(**batch)
        output = self._decoder_pass(memory, mels, true_units)
        loss, stats = self._losses(output, mels, mel_lengths, step_lengths, true_units)
        if self.training:
            self.updates += 1
            self._updates += 1
        batch_size = mels.new_tensor(len(mels))
        return force_gatherable((loss, stats, batch_size), loss.device)

    def inputs(
        self,
        units: torch.Tensor,
        units_lengths: torch.Tensor,
        unit_durations: torch.Tensor,
        speaker_embedding: torch.Tensor,
        speech: torch.Tensor | None = None,
        speech_lengths: torch.Tensor | None = None,
        feats: torch.Tensor | None = None,
        feats_lengths: torch.Tensor | None = None,
        **unused: object,
    ) -> tuple[Memory, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return memory, mels (B, S * r, M), mel_lengths, step_lengths (B,) and true units (B, S).

        Args:
            units: (B, U) ids, with ``units_lengths`` (B,).
            unit_durations: (B, U) in upstream frames, of the same lengths.
            speaker_embedding: (B, speaker_dim) of another utterance of the speaker.
            speech: (B, N), or None where feats are given.
            feats: (B, T, M) of collect_feats, or None.
        """
        mels, mel_lengths = self.mels(speech, speech_lengths, feats, feats_lengths)
        # A replica's part of a batch need not hold the longest utterance; whole batches do,
        # and reading lengths from a GPU would wait for all its work.
        if getattr(self, "_is_replica", False) or mels.device.type == "cpu":
            mels = mels[:, : int(mel_lengths.max())]
        stretch = torch.ones(len(mels), device=mels.device)
        if self.training and self.tempo_stretch > 1.0:
            stretch = draw_factors(len(mels), self.tempo_stretch, mels.device)
            mels, mel_lengths = stretch_mels(mels, mel_lengths, stretch)
        prosody_embedding = self.prosody(mels, mel_lengths)
        group = self.decoder.reduction_factor
        mels = F.pad(mels, (0, 0, 0, -mels.size(1) % group))
        step_lengths = -(-mel_lengths // group)
        hop = self.features.hop_length / stretch[:, None]  # samples of the units' audio
        true_units = losses.true_unit_of_step(
            unit_durations,
            units_lengths,
            step_lengths,
            mels.size(1) // group,
            samples_per_step=hop * group,
            first_step_centre_samples=hop * (group - 1) / 2,
            unit_stride_samples=self.unit_stride_samples,
            unit_offset_samples=self.unit_offset_samples,
        )
        memory = self.memory(units, units_lengths, speaker_embedding, prosody_embedding)
        return memory, mels, mel_lengths, step_lengths, true_units

    @property
    def frame_s(self) -> float:
        """Seconds from mel frame to mel frame."""
        return self.features.hop_length / self.features.sample_rate_hz

    def mel_frames(
        self,
        speech_lengths: torch.Tensor | None = None,
        feats_lengths: torch.Tensor | None = None,
        **unused: object,
    ) -> torch.Tensor:
        """Return (B,) the number of mel frames of each item, from the lengths alone."""
        if speech_lengths is not None:
            return speech_lengths // self.features.hop_length + 1
        assert feats_lengths is not None, "checked with the data options"
        return feats_lengths

    def collect_feats(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor, **unused: object
    ) -> dict[str, torch.Tensor]:
        """Return the mels (B, T, M), not normalised, for statistics and as precomputed features."""
        mels, mel_lengths = self.features(speech, speech_lengths)
        return {"feats": mels, "feats_lengths": mel_lengths}

    def attention_maps(
        self, **batch: torch.Tensor
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return, for each item, its soft attention (S, U) and true units (S,)."""
        memory, mels, _, step_lengths, true_units = self.inputs(**batch)
        attention = self.decoder.free(memory, self.decoder.step_inputs(mels)).attention
        assert attention is not None
        lengths = batch["units_lengths"].tolist()
        sizes = list(zip(step_lengths.tolist(), lengths, strict=True))
        maps = zip(attention.float().cpu(), sizes, strict=True)
        paths = zip(true_units.cpu(), sizes, strict=True)
        return (
            [item[:steps, :length] for item, (steps, length) in maps],
            [item[:steps] for item, (steps, _) in paths],
        )

    def mels(self, *given: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return normalised mels (B, T, M) and mel_lengths (B,); see ``normalised_mels``."""
        return normalised_mels(self.features, self.normalize, *given)

    def prosody(self, mels: torch.Tensor, mel_lengths: torch.Tensor) -> torch.Tensor:
        """Return prosody_embedding (B, P) of normalised mels, augmented while training."""
        if self.training and self.prosody_crop_frames is not None:
            mels, mel_lengths = crop_mels(mels, mel_lengths, self.prosody_crop_frames)
        if self.training and self.prosody_augmentation is not None:
            # espnet_specaug works in place on an input without gradient.
            mels, _ = self.prosody_augmentation(mels.clone(), mel_lengths)
        return self.vector(self.prosody_encoder(mels, mel_lengths))

    def vector(self, encoding: torch.Tensor) -> torch.Tensor:
        """Return the prosody vector (B, P) of the encoder's output, which is the same here."""
        return encoding

    def memory(
        self,
        units: torch.Tensor,
        unit_lengths: torch.Tensor,
        speaker_embedding: torch.Tensor,
        prosody_embedding: torch.Tensor,
    ) -> Memory:
        """Return the memory: U2V at every unit, speaker and prosody vectors beside it."""
        return Memory(
            self.unit_encoder(units, unit_lengths),
            torch.cat([speaker_embedding, prosody_embedding], dim=1),
            length_mask(unit_lengths, units.size(1)),
        )

    def _decoder_pass(
        self, memory: Memory, mels: torch.Tensor, true_units: torch.Tensor
    ) -> DecoderOutput:
        """Return the pass of this phase of training."""
        inputs = self.decoder.step_inputs(mels)
        # A replica of DataParallel lives for one step: only the buffer counts there.
        updates = int(self.updates) if getattr(self, "_is_replica", False) else self._updates
        if self.training and updates < self.forced_alignment_updates:
            steps = inputs.size(1)
            count = min(round(steps * self.energy_share), self.energy_steps_max)
            chosen = torch.randperm(steps, device=mels.device)[: max(1, count)]
            return self.decoder.forced(memory, inputs, true_units, chosen)
        probability = self.sampling.at(updates) if self.training else 0.0
        if probability > 0.0:
            return self.sampling.run(self.decoder, memory, inputs, probability)
        return self.decoder.free(memory, inputs)

    def _losses(
        self,
        output: DecoderOutput,
        mels: torch.Tensor,
        mel_lengths: torch.Tensor,
        step_lengths: torch.Tensor,
        true_units: torch.Tensor,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the weighted loss and its terms."""
        reconstruction = losses.mel_loss(output.mels, mels, mel_lengths)
        stop = losses.stop_loss(output.stop_logits, step_lengths, self.stop_positive_weight)
        loss = reconstruction + self.stop_weight * stop
        if output.log_attention is not None:
            at_steps = true_units[:, output.energy_steps]
            attention_loss = losses.energy_loss(output.log_attention, at_steps)
            near = losses.near_mass(output.log_attention.exp(), at_steps)
            loss = loss + self.energy_weight * attention_loss
        else:
            assert output.attention is not None
            at_steps = true_units
            attention_loss = losses.guided_attention_loss(output.attention, true_units)
            near = losses.near_mass(output.attention, true_units)
            if self.guided_attention_weight > 0.0:
                loss = loss + self.guided_attention_weight * attention_loss
        stats = {
            "loss": loss.detach(),
            "mel_loss": reconstruction.detach(),
            "stop_loss": stop.detach(),
            "attention_loss": attention_loss.detach(),
            "attention_near": near.detach().sum() / (at_steps >= 0).sum(),
        }
        return loss, stats


def freeze_batch_norm(model: nn.Module) -> None:
    """Set batch normalisation to eval mode."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _count_from_buffer(model: nn.Module, incompatible_keys: object) -> None:
    """Take over the number of updates of a checkpoint just loaded."""
    # torch calls the hook with a plain Module; it is registered on Prosody2VecModel only.
    model._updates = int(model.updates)  # type: ignore[arg-type, assignment]
