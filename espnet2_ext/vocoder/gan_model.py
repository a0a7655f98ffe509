"""A HiFi-GAN in training: generator, discriminators and their losses."""

from typing import NamedTuple

import torch
from espnet2.gan_tts.hifigan.loss import (
    DiscriminatorAdversarialLoss,
    FeatureMatchLoss,
    GeneratorAdversarialLoss,
)
from espnet2.torch_utils.device_funcs import force_gatherable
from espnet2.train.abs_gan_espnet_model import AbsGANESPnetModel

from espnet2_ext.vocoder.mel import HOP_SAMPLES

GENERATOR_TURN, DISCRIMINATOR_TURN = 0, 1
"""Number of the optimizer, as ESPnet's trainer counts them."""

LossAndStats = tuple[torch.Tensor, dict[str, torch.Tensor]]


class Segments(NamedTuple):
    """One segment of each utterance: mels (B, M, S), waveforms (B, 1, 256 * S).

    Frame t is centred on sample 256 * t.
    """

    mels: torch.Tensor
    waveforms: torch.Tensor


def segment_starts(
    speech_lengths: torch.Tensor, num_frames: int, *, is_random: bool
) -> torch.Tensor:
    """Return (B,) the first frame of a segment: drawn uniformly or, if not ``is_random``, centred.

    ``speech_lengths`` (B,) are samples, at least 256 * ``num_frames``.
    """
    last = speech_lengths // HOP_SAMPLES - num_frames
    if not is_random:
        return last // 2
    drawn = torch.rand(len(last), device=last.device, dtype=torch.float64)
    # A product may round up to the number of places.
    return torch.minimum((drawn * (last + 1)).long(), last)


class VocoderModel(AbsGANESPnetModel):
    """Waveforms from mels, told from speech by discriminators.

    A segment is cut out of the mel of the whole utterance, as in conversion.

    Source: Kong, Kim and Bae, 2020, sections 2.3 and 3; least-squares losses summed over the
    discriminators, features of all layers including the last.
    Deviation: there, the mel is computed of the cut segment, of audio at 22.05 kHz.

    Args:
        features: (B, N), (B,) -> mels (B, T, 80), lengths; the model's ``HifiGanMel``.
        generator: (B, 80, T) -> (B, 1, 256 * T).
        discriminator: (B, 1, N) -> a list a discriminator of features (B, ...).
        segment_frames: S; 32 frames are the published 8192 samples.
        adversarial_start_updates: on the mel's error alone, at half the cost; 0 as published.
    """

    def __init__(
        self,
        features: torch.nn.Module,
        generator: torch.nn.Module,
        discriminator: torch.nn.Module,
        segment_frames: int = 32,
        mel_weight: float = 45.0,
        adversarial_weight: float = 1.0,
        feature_match_weight: float = 2.0,
        adversarial_start_updates: int = 0,
    ) -> None:
        super().__init__()
        if HOP_SAMPLES * segment_frames <= 512:
            raise ValueError(f"segment_frames {segment_frames}: a mel needs 3 at least")
        self.features = features
        self.generator = generator
        self.discriminator = discriminator
        self.segment_frames = segment_frames
        self.mel_weight = mel_weight
        self.adversarial_weight = adversarial_weight
        self.feature_match_weight = feature_match_weight
        self.adversarial_start_updates = adversarial_start_updates
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        self.adversarial_loss = GeneratorAdversarialLoss(average_by_discriminators=False)
        self.discriminator_loss = DiscriminatorAdversarialLoss(average_by_discriminators=False)
        self.feature_match_loss = FeatureMatchLoss(
            average_by_layers=False, average_by_discriminators=False, include_final_outputs=True
        )
        self._shared: tuple[torch.Tensor, Segments, torch.Tensor] | None = None

    def forward(
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        forward_generator: bool = True,
        **_: object,
    ) -> dict[str, object]:
        """Return loss, stats, weight and optim_idx of one turn, as ESPnet's trainer takes them.

        Training draws segments at random, validation takes the middle of each utterance (B, N).
        Both turns of a batch see the same ones.
        """
        if self._shared is not None and self._shared[0] is speech:  # the second turn
            segments, fake = self._shared[1:]
            self._shared = None
        else:
            segments = self._cut(speech, speech_lengths)
            fake = self.generator(segments.mels)
            self._shared = speech, segments, fake
        turn = self._generator_turn if forward_generator else self._discriminator_turn
        loss, stats = turn(segments, fake)
        if self.training and forward_generator:
            self.updates += 1
        batch_size = torch.tensor(float(len(speech)), device=loss.device)
        loss, values, weight = force_gatherable((loss, stats, batch_size), loss.device)
        number = GENERATOR_TURN if forward_generator else DISCRIMINATOR_TURN
        return {"loss": loss, "stats": values, "weight": weight, "optim_idx": number}

    def collect_feats(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor, **_: object
    ) -> dict[str, torch.Tensor]:
        """Return the mels ``feats`` (B, T, 80) and their lengths."""
        mels, mel_lengths = self.features(speech, speech_lengths)
        return {"feats": mels, "feats_lengths": mel_lengths}

    @torch.no_grad()
    def _cut(self, speech: torch.Tensor, speech_lengths: torch.Tensor) -> Segments:
        """Return one segment of each utterance; silence follows short ones."""
        samples = torch.arange(HOP_SAMPLES * self.segment_frames, device=speech.device)
        speech = torch.nn.functional.pad(speech, (0, max(len(samples) - speech.size(1), 0)))
        position = torch.arange(speech.size(1), device=speech.device)
        speech = speech.masked_fill(position >= speech_lengths[:, None], 0.0)
        lengths = speech_lengths.clamp(min=len(samples))
        mels = self._mel(speech, lengths)
        starts = segment_starts(lengths, self.segment_frames, is_random=self.training)[:, None]
        frames = (starts + samples[: self.segment_frames])[:, :, None].expand(-1, -1, mels.size(2))
        waveforms = speech.gather(1, HOP_SAMPLES * starts + samples)
        return Segments(mels.gather(1, frames).transpose(1, 2), waveforms[:, None])

    def _mel(self, speech: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return mels (B, T, 80) in full precision."""
        with torch.autocast(speech.device.type, enabled=False):
            return self.features(speech.float(), lengths)[0]

    def _is_adversarial(self) -> bool:
        """Return whether discriminators take part by now."""
        return int(self.updates) >= self.adversarial_start_updates + (not self.training)

    def _generator_turn(self, segments: Segments, fake: torch.Tensor) -> LossAndStats:
        """Return the generator's loss and its parts."""
        lengths = torch.full((len(fake),), fake.size(2), device=fake.device)
        wanted = self._mel(segments.waveforms[:, 0], lengths)
        mel_loss = torch.nn.functional.l1_loss(self._mel(fake[:, 0], lengths), wanted)
        loss = self.mel_weight * mel_loss
        stats = {"mel_loss": mel_loss.detach()}
        if self._is_adversarial():
            judged_fake = self.discriminator(fake)
            with torch.no_grad():
                judged_real = self.discriminator(segments.waveforms)
            adversarial_loss = self.adversarial_loss(judged_fake)
            feature_match_loss = self.feature_match_loss(judged_fake, judged_real)
            loss = loss + self.adversarial_weight * adversarial_loss
            loss = loss + self.feature_match_weight * feature_match_loss
            stats["adversarial_loss"] = adversarial_loss.detach()
            stats["feature_match_loss"] = feature_match_loss.detach()
        return loss, {"loss": loss.detach(), **stats}

    def _discriminator_turn(self, segments: Segments, fake: torch.Tensor) -> LossAndStats:
        """Return the discriminators' loss and its parts; zero before they take part."""
        if not self._is_adversarial():
            # ESPnet's trainer goes back through the loss of every turn.
            nothing = sum(weight.sum() for weight in self.discriminator.parameters())
            return torch.as_tensor(0.0 * nothing), {}
        real_loss, fake_loss = self.discriminator_loss(
            self.discriminator(fake.detach()), self.discriminator(segments.waveforms)
        )
        loss = real_loss + fake_loss
        return loss, {
            "discriminator_loss": loss.detach(),
            "discriminator_real_loss": real_loss.detach(),
            "discriminator_fake_loss": fake_loss.detach(),
        }
