"""A HiFi-GAN in training: generator, discriminators and their losses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from espnet2.gan_tts.hifigan.loss import (
    DiscriminatorAdversarialLoss,
    FeatureMatchLoss,
    GeneratorAdversarialLoss,
)
from espnet2.torch_utils.device_funcs import force_gatherable
from espnet2.train.abs_gan_espnet_model import AbsGANESPnetModel

from espnet2_ext.vocoder.mel import HOP_SAMPLES
from espnet2_ext.vocoder.settings import check_vocoder_mel

# ---------------------------------------------------------------- segments
# Segments of speech to train a vocoder on: mel frames and the samples that they stand for.


@dataclass(frozen=True)
class Segments:
    """As many segments as utterances.

    Attributes:
        mels: (B, M, S) frames, as the generator takes them.
        waveforms: (B, 1, 256 * S) samples; frame t is centred on sample 256 * t.
    """

    mels: torch.Tensor
    waveforms: torch.Tensor


def lengthen(
    speech: torch.Tensor, speech_lengths: torch.Tensor, num_samples: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return speech (B, N) and lengths (B,), none below ``num_samples``; zeros are added.

    Also what lies past an utterance's end in the batch becomes zero.

    Args:
        speech: (B, N).
        speech_lengths: (B,).
        num_samples: of the shortest.
    """
    missing = max(num_samples - speech.size(1), 0)
    speech = torch.nn.functional.pad(speech, (0, missing))
    position = torch.arange(speech.size(1), device=speech.device)
    speech = speech.masked_fill(position[None] >= speech_lengths[:, None], 0.0)
    return speech, speech_lengths.clamp(min=num_samples)


def segment_starts(
    speech_lengths: torch.Tensor, num_frames: int, *, is_random: bool
) -> torch.Tensor:
    """Return (B,) the first frame of a segment of each utterance.

    Args:
        speech_lengths: (B,) samples, at least 256 * ``num_frames``.
        num_frames: S, of a segment.
        is_random: each place is as likely as another; otherwise the middle.
    """
    last = torch.div(speech_lengths, HOP_SAMPLES, rounding_mode="floor") - num_frames
    if not is_random:
        return torch.div(last, 2, rounding_mode="floor")
    drawn = torch.rand(len(last), device=last.device, dtype=torch.float64)
    # A product may round up to the number of places.
    return torch.minimum((drawn * (last + 1)).long(), last)


def cut_segments(
    mels: torch.Tensor, speech: torch.Tensor, starts: torch.Tensor, num_frames: int
) -> Segments:
    """Return the segments that begin at these frames.

    Args:
        mels: (B, T, M) of whole utterances.
        speech: (B, N).
        starts: (B,) frames.
        num_frames: S, of a segment.
    """
    frames = starts[:, None] + torch.arange(num_frames, device=starts.device)
    samples = HOP_SAMPLES * starts[:, None] + torch.arange(
        HOP_SAMPLES * num_frames, device=starts.device
    )
    index = frames[:, :, None].expand(-1, -1, mels.size(2))
    return Segments(mels.gather(1, index).transpose(1, 2), speech.gather(1, samples)[:, None])


# ---------------------------------------------------------------- gan model

GENERATOR_TURN, DISCRIMINATOR_TURN = 0, 1
"""Number of the optimizer, as ESPnet's trainer counts them."""


class VocoderModel(AbsGANESPnetModel):
    """Waveforms from mels, told from speech by discriminators.

    The mel is the one that conversion hands to the vocoder, of the whole utterance, and a
    segment of it is cut out: its first and last frames then hear the speech around them,
    as at use.

    Source: Kong, Kim and Bae, 2020, sections 2.3 and 3; least-squares losses summed over
    the discriminators, features of all layers including the last.
    Deviation: there, the mel is computed of the cut segment. Audio here is that of
    conversion: 16 kHz and 80 bands up to 8 kHz instead of 22.05 kHz.

    Args:
        features: (B, N), (B,) -> mels (B, T, 80), lengths; the model's ``HifiGanMel``.
        generator: (B, 80, T) -> (B, 1, 256 * T).
        discriminator: (B, 1, N) -> a list a discriminator of features (B, ...).
        segment_frames: S; 32 frames are the published 8192 samples.
        mel_weight: of the mel's L1 error.
        adversarial_weight: of the generator's adversarial loss.
        feature_match_weight: of the L1 distance of discriminators' features.
        adversarial_start_updates: updates on the mel's error alone before discriminators
            take part, which halves their cost; 0 as published.

    Raises:
        ValueError: a segment is too short for the mel's window.
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

    def forward(  # type: ignore[override]  # names what it uses of the batch
        self,
        speech: torch.Tensor,
        speech_lengths: torch.Tensor,
        forward_generator: bool = True,
        **_: object,
    ) -> dict[str, object]:
        """Return loss, stats, weight and optim_idx of one turn, as ESPnet's trainer takes them.

        Training draws segments at random, validation takes the middle of each utterance.
        Both turns of a batch see the same ones.

        Args:
            speech: (B, N) samples in [-1, 1].
            speech_lengths: (B,) samples.
            forward_generator: whose turn it is.
        """
        segments, fake = self._segments_and_fake(speech, speech_lengths)
        turn = self._generator_turn if forward_generator else self._discriminator_turn
        loss, stats = turn(segments, fake)
        if self.training and forward_generator:
            self.updates += 1
        batch_size = torch.tensor(float(len(speech)), device=loss.device)
        loss, values, weight = force_gatherable((loss, stats, batch_size), loss.device)
        number = GENERATOR_TURN if forward_generator else DISCRIMINATOR_TURN
        return {"loss": loss, "stats": values, "weight": weight, "optim_idx": number}

    def collect_feats(  # type: ignore[override]
        self, speech: torch.Tensor, speech_lengths: torch.Tensor, **_: object
    ) -> dict[str, torch.Tensor]:
        """Return the mels ``feats`` (B, T, 80) and their lengths."""
        mels, mel_lengths = self.features(speech, speech_lengths)
        return {"feats": mels, "feats_lengths": mel_lengths}

    def _segments_and_fake(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[Segments, torch.Tensor]:
        """Return segments and what the generator makes of them, in the first turn computed."""
        if self._shared is not None and self._shared[0] is speech:
            _, segments, fake = self._shared
            self._shared = None
            return segments, fake
        segments = self._cut(speech, speech_lengths)
        fake = self.generator(segments.mels)
        self._shared = speech, segments, fake
        return segments, fake

    @torch.no_grad()
    def _cut(self, speech: torch.Tensor, speech_lengths: torch.Tensor) -> Segments:
        """Return one segment of each utterance; short ones are followed by silence."""
        num_samples = HOP_SAMPLES * self.segment_frames
        speech, lengths = lengthen(speech, speech_lengths, num_samples)
        mels = self._mel(speech, lengths)
        starts = segment_starts(lengths, self.segment_frames, is_random=self.training)
        return cut_segments(mels, speech, starts, self.segment_frames)

    def _mel(self, speech: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return mels (B, T, 80) in full precision."""
        with torch.autocast(speech.device.type, enabled=False):
            return self.features(speech.float(), lengths)[0]

    def _is_adversarial(self) -> bool:
        """Return whether discriminators take part by now.

        In validation only after they took part in an update: the spectral norm of one that
        has not yet is no norm, and what it says is out of all measure.
        """
        updates = int(self.updates)
        if self.training:
            return updates >= self.adversarial_start_updates
        return updates > self.adversarial_start_updates

    def _generator_turn(
        self, segments: Segments, fake: torch.Tensor
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
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

    def _discriminator_turn(
        self, segments: Segments, fake: torch.Tensor
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
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


# ---------------------------------------------------------------- speechbrain generator
# A generator of SpeechBrain's HiFi-GAN as one of ESPnet's: the layers are the same.

NAMES = (
    (r"^conv_pre\.conv\.", "input_conv."),
    (r"^ups\.(\d+)\.conv\.", r"upsamples.\1.1."),
    (r"^resblocks\.(\d+)\.convs([12]?)\.(\d+)\.conv\.", r"blocks.\1.convs\2.\3.1."),
    (r"\.convs\.", ".convs1."),  # blocks without additional convolutions
    (r"^conv_post\.conv\.", "output_conv.1."),
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
)
"""SpeechBrain's names and ESPnet's, applied one after another."""


@dataclass(frozen=True)
class ConvertedGenerator:
    """What makes ESPnet's generator equal one of SpeechBrain's, with edges ``reflect``.

    Attributes:
        settings: keyword arguments of ESPnet's ``HiFiGANGenerator``.
        weights: its state dictionary, with weight norm.
    """

    settings: dict[str, object]
    weights: dict[str, torch.Tensor]


def load_speechbrain_generator(source: str) -> ConvertedGenerator:
    """Return the generator of a SpeechBrain HiFi-GAN.

    Args:
        source: hub name or directory, as of ``HifiGan``.

    Raises:
        FileNotFoundError: a local directory lacks one of its files.
        ValueError: it was made for another mel, or ESPnet has no such generator.
    """
    from speechbrain.inference.vocoders import HIFIGAN

    from espnet2_ext.vocoder.hifigan import local_overrides

    overrides = local_overrides(Path(source)) if Path(source).is_dir() else {}
    check_vocoder_mel(source)
    vocoder = HIFIGAN.from_hparams(
        source=source, overrides=overrides, run_opts={"device": "cpu"}, freeze_params=False
    )
    try:
        return convert_generator(vocoder.mods.generator)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def convert_generator(generator: Any) -> ConvertedGenerator:
    """Return settings and weights for ESPnet of a SpeechBrain generator with weight norm.

    Args:
        generator: a ``HifiganGenerator``; its library has no types.

    Raises:
        ValueError: it is conditioned, or has no weight norm any more.
    """
    if hasattr(generator, "cond_layer"):
        raise ValueError("a generator with cond_channels cannot be taken over")
    weights = rename(generator.state_dict())
    if "input_conv.weight_g" not in weights:
        raise ValueError("the generator has no weight norm; take the weights before its removal")
    bias = torch.zeros(generator.conv_post.conv.out_channels)
    return ConvertedGenerator(_settings(generator), {"output_conv.1.bias": bias, **weights})


def rename(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dictionary of SpeechBrain's generator under ESPnet's names."""
    renamed = {}
    for name, value in weights.items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value.detach().clone()
    return renamed


def _settings(generator: Any) -> dict[str, object]:
    """Return the keyword arguments of ESPnet's generator, read off the layers."""
    first, upsamples = generator.conv_pre.conv, [layer.conv for layer in generator.ups]
    blocks = list(generator.resblocks)[: generator.num_kernels]
    convolutions: list[list[Any]] = [
        [layer.conv for layer in _first_convolutions(block)] for block in blocks
    ]
    return {
        "in_channels": first.in_channels,
        "out_channels": generator.conv_post.conv.out_channels,
        "channels": first.out_channels,
        "kernel_size": first.kernel_size[0],
        "upsample_scales": [layer.stride[0] for layer in upsamples],
        "upsample_kernel_sizes": [layer.kernel_size[0] for layer in upsamples],
        "resblock_kernel_sizes": [layers[0].kernel_size[0] for layers in convolutions],
        "resblock_dilations": [[layer.dilation[0] for layer in layers] for layers in convolutions],
        "use_additional_convs": hasattr(blocks[0], "convs2"),
    }


def _first_convolutions(block: Any) -> torch.nn.ModuleList:
    return block.convs1 if hasattr(block, "convs1") else block.convs
