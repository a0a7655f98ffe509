"""Segments of speech to train a vocoder on: mel frames and the samples that they stand for."""

from dataclasses import dataclass

import torch

from espnet2_ext.vocoder.mel import HOP_SAMPLES


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
