"""The mel-spectrogram of the 16 kHz HiFi-GAN vocoder, identical in a batch and alone."""

import math

import torch
from espnet2.asr.specaug.specaug import SpecAug
from espnet2.layers.mask_along_axis import MaskAlongAxisVariableMaxWidth
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from torch import nn

from espnet2_ext.prosody2vec.memory import length_mask

# ---------------------------------------------------------------- features

LOG_MEL_FLOOR = math.log(1.0e-5)


class HifiGanMel(torch.nn.Module):
    """Natural-log mel magnitudes, floored at ln(1e-5), as the HiFi-GAN vocoder expects.

    Each item is reflected at its own end before the transform, so that its last
    frames do not depend on the padding of the batch (ESPnet's ``Stft`` reflects the
    padded batch).

    Source: [P2V] IV-B (1024 bins, 64 ms window, 16 ms stride, 80 bands).
    Deviation: band limits, slaney scale, log and floor are the vocoder's; not in paper.

    Args:
        sample_rate_hz: sampling rate of the input.
        n_fft: length of the transform and of the Hann window, samples.
        hop_length: samples between frames.
        mel_dim: M, number of bands.
        min_hz: lower edge of the first band.
        max_hz: upper edge of the last band.
    """

    def __init__(
        self,
        sample_rate_hz: int = 16000,
        n_fft: int = 1024,
        hop_length: int = 256,
        mel_dim: int = 80,
        min_hz: int = 0,
        max_hz: int = 8000,
    ):
        super().__init__()
        self.sample_rate_hz = sample_rate_hz
        self.hop_length = hop_length
        self.mel_dim = mel_dim
        self.padding = n_fft // 2
        self.log_mel = LogMelFbank(
            fs=sample_rate_hz,
            n_fft=n_fft,
            win_length=n_fft,
            hop_length=hop_length,
            center=False,
            n_mels=mel_dim,
            fmin=min_hz,
            fmax=max_hz,
            log_base=None,
        )

    def forward(
        self, speech: torch.Tensor, speech_lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mels (B, T, M), zero past their end, and mel_lengths (B,) = N // hop + 1.

        Args:
            speech: (B, N) samples in [-1, 1]; what lies past the lengths is ignored.
            speech_lengths: (B,) samples of each item, each above half the window.

        Raises:
            ValueError: an item is shorter than half the window.
        """
        if int(speech_lengths.min()) <= self.padding:
            raise ValueError(
                f"an utterance of {int(speech_lengths.min())} samples is too short for a window "
                f"of {2 * self.padding}: drop it with the length filter"
            )
        padded = self._reflect_at_own_end(speech, speech_lengths)
        mels, mel_lengths = self.log_mel(padded, speech_lengths + 2 * self.padding)
        mask = length_mask(mel_lengths, mels.size(1))
        mels = mels.clamp(min=LOG_MEL_FLOOR).masked_fill(~mask[:, :, None], 0.0)
        return mels, mel_lengths

    def _reflect_at_own_end(self, speech: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return (B, N + 2 * padding): each item with both its ends reflected."""
        position = torch.arange(
            -self.padding, speech.size(1) + self.padding, device=speech.device
        ).abs()[None, :]
        last = lengths[:, None] - 1
        position = torch.where(position > last, 2 * last - position, position).clamp(min=0)
        return speech.gather(1, position)


# ---------------------------------------------------------------- mel input
# What a model hears: normalised mels of the audio, or of mels that were kept.


def normalised_mels(
    features: HifiGanMel,
    normalize: nn.Module | None,
    speech: torch.Tensor | None,
    speech_lengths: torch.Tensor | None,
    feats: torch.Tensor | None = None,
    feats_lengths: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised mels (B, T, M) float32, zero past the end, and mel_lengths (B,).

    Args:
        features: waveform to mel.
        normalize: ESPnet's GlobalMVN, or None.
        speech: (B, N); or None where feats are given.
        speech_lengths: (B,).
        feats: (B, T, M) what ``features`` gave; or None.
        feats_lengths: (B,).

    Raises:
        ValueError: neither speech nor feats, or both.
    """
    if speech is not None and feats is None:
        with torch.no_grad(), torch.autocast(speech.device.type, enabled=False):
            mels, mel_lengths = features(speech.float(), speech_lengths)
    elif feats is not None and feats_lengths is not None and speech is None:
        # A copy: ESPnet's GlobalMVN works in place on an input without gradient.
        mels, mel_lengths = feats.float().clone(), feats_lengths
    else:
        raise ValueError("of speech and feats exactly one must be given as data")
    if normalize is not None:
        with torch.no_grad(), torch.autocast(mels.device.type, enabled=False):
            mels, mel_lengths = normalize(mels, mel_lengths)
    return mels, mel_lengths


# ---------------------------------------------------------------- tempo
# Stretch mels in time without changing their units, so that tempo must come from prosody.
#
# Fast speech has fewer frame-wise units than slow speech of the same words, so a decoder
# can read the tempo off the units and need not ask the prosody vector; given the units of
# a neutral sentence and the prosody of a fast one, it then speaks at the neutral tempo.
# Not in paper: [P2V] IV-B perturbs the speed of the audio, units with it.


def stretch_mels(
    mels: torch.Tensor, mel_lengths: torch.Tensor, factors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mels (B, T', M) that last ``factors`` times as long, and their lengths (B,).

    Linear interpolation between frames, each item within its own frames: frame t of the
    result stands where frame t / factor stood. Pitch and formants stay.

    Args:
        mels: (B, T, M).
        mel_lengths: (B,).
        factors: (B,) above 0.
    """
    lengths = (mel_lengths * factors).round().long().clamp(min=1)
    frames = torch.arange(int(lengths.max()), device=mels.device)
    last = (mel_lengths - 1)[:, None].to(mels.dtype)
    positions = torch.minimum(frames / factors[:, None], last)  # (B, T')
    lower = positions.floor().long()
    upper = torch.minimum(lower + 1, (mel_lengths - 1)[:, None])
    weight = (positions - lower)[:, :, None].to(mels.dtype)
    width = (-1, -1, mels.size(2))
    stretched = torch.lerp(
        mels.gather(1, lower[:, :, None].expand(width)),
        mels.gather(1, upper[:, :, None].expand(width)),
        weight,
    )
    mask = length_mask(lengths, len(frames))[:, :, None]
    return stretched.masked_fill(~mask, 0.0), lengths


def draw_factors(count: int, widest: float, device: torch.device) -> torch.Tensor:
    """Return (count,) factors between 1 / widest and widest, even on a logarithmic scale."""
    exponent = 2.0 * torch.rand(count, device=device) - 1.0
    return torch.as_tensor(widest, device=device) ** exponent


# ---------------------------------------------------------------- prosody crop
# A random stretch of each mel for the prosody encoder, so that it cannot hear the whole.
#
# At conversion the prosody comes from another sentence, often of another length. A vector
# of the whole utterance may tell its length and its words, which are then of no use; one
# of a part can only tell what holds for the rest too. Not in paper.


def crop_mels(
    mels: torch.Tensor, mel_lengths: torch.Tensor, frames: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mels (B, T', M), T' at most ``frames``, zero past the end, and lengths (B,).

    Each item's stretch starts anywhere within it; items that are shorter stay whole.

    Args:
        mels: (B, T, M).
        mel_lengths: (B,).
        frames: how many to keep.
    """
    frames = min(frames, mels.size(1))
    spare = (mel_lengths - frames).clamp(min=0)
    starts = (torch.rand(len(mels), device=mels.device) * (spare + 1)).long()
    chosen = starts[:, None] + torch.arange(frames, device=mels.device)
    chosen = chosen.clamp(max=mels.size(1) - 1)[:, :, None].expand(-1, -1, mels.size(2))
    lengths = mel_lengths.clamp(max=frames)
    mask = length_mask(lengths, frames)[:, :, None]
    return mels.gather(1, chosen).masked_fill(~mask, 0.0), lengths


# ---------------------------------------------------------------- specaugment
# SpecAugment with a width and a position for each mask.
#
# Source: D. S. Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
#     Recognition", Interspeech 2019, section 2; [P2V] IV-B: "two frequency masks (maximum width
#     of 50)".


class SpecAugment(SpecAug):
    """ESPnet's SpecAug (the same options, the same time warp) with masks drawn as in Park et al.

    ESPnet draws all positions of a batch below ``D - widest mask of the batch``: with widths up
    to 50 of 80 bands the upper bands are hardly ever masked, the fewer the larger the batch.
    Here every mask has its own width f, uniform over the integers of its range, and its own
    position, uniform over all ``D - f + 1`` places where it fits.

    Ranges are read as ESPnet reads them, the upper end left out: Park's F = 50 is
    ``freq_mask_width_range: [0, 51]``. An integer N stands for ``[0, N]``. D is the number of
    bands for frequency masks and the utterance's own number of frames for time masks;
    ``time_mask_width_ratio_range`` counts in utterance lengths, rounded down. A mask that is
    wider than D covers all of it.

    How many random numbers are drawn depends on the number of utterances and masks only, so
    that under one seed an utterance's masks do not depend on how far the batch is padded (time
    warp apart).

    Deviation: Park writes f0 in [0, D - f). Over integers that would never mask the topmost
        band, which f0 = D - f does; that place is drawn too.
    """

    def forward(
        self, x: torch.Tensor, x_lengths: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return (B, T, M) with masked places filled, not in place, and the lengths as given.

        Args:
            x: mels (B, T, M).
            x_lengths: (B,) frames; None: all are T long. Frames past the end are not touched.

        Masked places become 0, which is the mean of normalised mels; with
        ``replace_with_zero: false`` the utterance's mean.
        """
        if self.time_warp is not None:
            x, x_lengths = self.time_warp(x, x_lengths)
        batch, frames, bands = x.shape
        if x_lengths is None:
            lengths = torch.full((batch,), frames, device=x.device)
        else:
            lengths = x_lengths.to(x.device)
        inside = length_mask(lengths, frames)[:, :, None]
        if self.freq_mask is not None:
            widths = self.freq_mask.mask_width_range
            low, high = (torch.full_like(lengths, width) for width in widths)
            mask = drawn_mask(
                low, high, torch.full_like(lengths, bands), bands, self.freq_mask.num_mask
            )
            value = _fill_value(x, inside, self.freq_mask.replace_with_zero)
            x = torch.where(mask[:, None, :] & inside, value, x)
        if self.time_mask is not None:
            if isinstance(self.time_mask, MaskAlongAxisVariableMaxWidth):
                ratios = self.time_mask.mask_width_ratio_range
                low, high = ((lengths.double() * ratio).floor().long() for ratio in ratios)
            else:
                widths = self.time_mask.mask_width_range
                low, high = (torch.full_like(lengths, width) for width in widths)
            mask = drawn_mask(low, high, lengths, frames, self.time_mask.num_mask)
            value = _fill_value(x, inside, self.time_mask.replace_with_zero)
            x = torch.where(mask[:, :, None] & inside, value, x)
        return x, x_lengths


def drawn_mask(
    low: torch.Tensor, high: torch.Tensor, sizes: torch.Tensor, max_size: int, num_mask: int
) -> torch.Tensor:
    """Return (B, max_size) bool, True where at least one of an item's masks lies.

    Args:
        low: (B,) least width of a mask.
        high: (B,) widths lie below it; where it is not above low, the width is low.
        sizes: (B,) places of the axis; masks lie inside of them.
        max_size: width of the padded axis.
        num_mask: masks an item, which may overlap.
    """
    low, high, sizes = low[:, None], high[:, None], sizes[:, None]
    # torchaudio's mask_along_axis_iid draws real numbers and rounds width and position down
    # separately: start D - width never comes, the one before it half as often as the others.
    width = low + _uniform_below((high - low).clamp(min=1), num_mask)
    width = torch.minimum(width, sizes)
    start = _uniform_below(sizes - width + 1, num_mask)
    place = torch.arange(max_size, device=sizes.device)
    masks = (place >= start[:, :, None]) & (place < (start + width)[:, :, None])
    return masks.any(dim=1)


def _uniform_below(bounds: torch.Tensor, num_mask: int) -> torch.Tensor:
    """Return (B, num_mask) integers from 0 to bounds - 1, bounds (B, 1) or (B, num_mask).

    ``torch.randint`` takes one bound for all. The remainder favours no value by more than
    ``bounds / 2**62``.
    """
    draws = torch.randint(2**62, (bounds.size(0), num_mask), device=bounds.device)
    return draws % bounds


def _fill_value(x: torch.Tensor, inside: torch.Tensor, zero: bool) -> torch.Tensor:
    """Return 0, or each utterance's mean (B, 1, 1) over its own frames."""
    if zero:
        return x.new_zeros(())
    total = (x * inside).sum(dim=(1, 2), keepdim=True)
    return total / (inside.sum(dim=(1, 2), keepdim=True).clamp(min=1) * x.size(2))
