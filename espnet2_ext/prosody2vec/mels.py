"""Mel spectrograms: the frontend and the augmentations, the same in a batch as alone."""

import math

import torch
from espnet2.asr.specaug.abs_specaug import AbsSpecAug
from espnet2.asr.specaug.specaug import SpecAug
from espnet2.layers.mask_along_axis import MaskAlongAxisVariableMaxWidth
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec.memory import length_mask

LOG_MEL_FLOOR = math.log(1.0e-5)


class HifiGanMel(torch.nn.Module):
    """Natural-log mel magnitudes, floored at ln(1e-5), as the HiFi-GAN vocoder expects.

    Each item is reflected at its own end before the transform, so that its last
    frames do not depend on the padding of the batch (ESPnet's ``Stft`` reflects the
    padded batch). ``n_fft`` is also the length of the Hann window, M is ``mel_dim``; bands lie
    between ``min_hz`` and ``max_hz``.

    Source: [P2V] IV-B (1024 bins, 64 ms window, 16 ms stride, 80 bands).
    Deviation: band limits, slaney scale, log and floor are the vocoder's; not in paper.
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

        ``speech`` (B, N) holds samples in [-1, 1]; what lies past the lengths is ignored. An item
        that is shorter than half the window is a ValueError.
        """
        if int(speech_lengths.min()) <= self.padding:
            raise ValueError(
                f"an utterance of {int(speech_lengths.min())} samples is too short for a window "
                f"of {2 * self.padding}: drop it with the length filter"
            )
        ends = -self.padding, speech.size(1) + self.padding
        position = torch.arange(*ends, device=speech.device).abs()[None, :]
        last = speech_lengths[:, None] - 1
        position = torch.where(position > last, 2 * last - position, position).clamp(min=0)
        padded = speech.gather(1, position)
        mels, mel_lengths = self.log_mel(padded, speech_lengths + 2 * self.padding)
        mask = length_mask(mel_lengths, mels.size(1))
        mels = mels.clamp(min=LOG_MEL_FLOOR).masked_fill(~mask[:, :, None], 0.0)
        return mels, mel_lengths


def normalised_mels(
    features: HifiGanMel,
    normalize: nn.Module | None,
    speech: torch.Tensor | None,
    speech_lengths: torch.Tensor | None,
    feats: torch.Tensor | None = None,
    feats_lengths: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return normalised mels (B, T, M) float32, zero past the end, and mel_lengths (B,).

    Either ``speech`` (B, N), which ``features`` takes to mels, or ``feats`` (B, T, M), precomputed
    by them, is given with its lengths (else ValueError); ``normalize`` is GlobalMVN or None.
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


def stretch_mels(
    mels: torch.Tensor, mel_lengths: torch.Tensor, factors: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mels (B, T', M) that last ``factors`` (B,) times as long, and their lengths (B,).

    Time-stretch augmentation of the mels but not of their units, by linear interpolation within
    each item; pitch and formants stay. Not in paper ([P2V] IV-B perturbs the speed of the audio,
    units with it). Fast speech has fewer units than slow speech of the same words, so that a
    decoder can read the tempo off the units and ignore the prosody vector.
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
    """Return (count,) factors between 1 / widest and widest, log-uniform."""
    exponent = 2.0 * torch.rand(count, device=device) - 1.0
    return torch.as_tensor(widest, device=device) ** exponent


def crop_mels(
    mels: torch.Tensor, mel_lengths: torch.Tensor, frames: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a random crop of each mel (B, T', M), T' at most ``frames``, and lengths (B,).

    Items that are shorter stay whole. Not in paper: at conversion the prosody comes from another
    sentence, so that what a vector of a whole utterance encodes of its length and words is of no
    use; that of a crop holds only what is true of the rest too.
    """
    frames = min(frames, mels.size(1))
    spare = (mel_lengths - frames).clamp(min=0)
    starts = (torch.rand(len(mels), device=mels.device) * (spare + 1)).long()
    chosen = starts[:, None] + torch.arange(frames, device=mels.device)
    chosen = chosen.clamp(max=mels.size(1) - 1)[:, :, None].expand(-1, -1, mels.size(2))
    lengths = mel_lengths.clamp(max=frames)
    mask = length_mask(lengths, frames)[:, :, None]
    return mels.gather(1, chosen).masked_fill(~mask, 0.0), lengths


class SpecAugment(SpecAug):
    """ESPnet's SpecAug (the same options, the same time warp) with masks drawn as in Park et al.

    ESPnet draws all positions of a batch below ``D - widest mask of the batch``: with widths up
    to 50 of 80 bands the upper bands are hardly ever masked, the less the larger the batch.
    Here every mask has its own width f, uniform over its range, and its own position, uniform over
    all ``D - f + 1`` places where it fits; D is the utterance's own, so padding changes no mask
    (time warp apart). As in ESPnet, ranges lack the upper end (Park's F = 50 is
    ``freq_mask_width_range: [0, 51]``), and masked places become 0 or, with
    ``replace_with_zero: false``, the utterance's mean.

    Source: D. S. Park et al., "SpecAugment", Interspeech 2019, section 2; [P2V] IV-B: "two
    frequency masks (maximum width of 50)".
    Deviation: Park writes f0 in [0, D - f), which over integers never masks the topmost band.
    """

    def forward(
        self, x: torch.Tensor, x_lengths: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return masked mels (B, T, M), not in place, past no item's end, and the lengths."""
        if self.time_warp is not None:
            x, x_lengths = self.time_warp(x, x_lengths)
        batch, frames, bands = x.shape
        if x_lengths is None:
            lengths = torch.full((batch,), frames, device=x.device)
        else:
            lengths = x_lengths.to(x.device)
        inside = length_mask(lengths, frames)[:, :, None]
        for axis, masks in ((2, self.freq_mask), (1, self.time_mask)):
            if masks is None:
                continue
            sizes = lengths if axis == 1 else torch.full_like(lengths, bands)
            if isinstance(masks, MaskAlongAxisVariableMaxWidth):
                ratios = masks.mask_width_ratio_range
                low, high = ((lengths.double() * ratio).floor().long() for ratio in ratios)
            else:
                low, high = (torch.full_like(lengths, w) for w in masks.mask_width_range)
            mask = _draw_mask(low, high, sizes, x.size(axis), masks.num_mask)
            value = x.new_zeros(())
            if not masks.replace_with_zero:
                count = inside.sum(dim=(1, 2), keepdim=True).clamp(min=1) * bands
                value = (x * inside).sum(dim=(1, 2), keepdim=True) / count
            x = torch.where(mask.unsqueeze(3 - axis) & inside, value, x)
        return x, x_lengths


def _draw_mask(
    low: torch.Tensor, high: torch.Tensor, sizes: torch.Tensor, max_size: int, num_mask: int
) -> torch.Tensor:
    """Return (B, max_size) bool, True under masks of widths low to high - 1 (low at least)."""
    low, high, sizes = low[:, None], high[:, None], sizes[:, None]
    # torchaudio's mask_along_axis_iid rounds width and position down separately: start D - width
    # never comes, the one before it half as often as the others.
    width = low + _uniform_below((high - low).clamp(min=1), num_mask)
    width = torch.minimum(width, sizes)
    start = _uniform_below(sizes - width + 1, num_mask)
    place = torch.arange(max_size, device=sizes.device)
    masks = (place >= start[:, :, None]) & (place < (start + width)[:, :, None])
    return masks.any(dim=1)


def _uniform_below(bounds: torch.Tensor, num_mask: int) -> torch.Tensor:
    """Return (B, num_mask) integers from 0 to bounds - 1, bounds (B, 1) or (B, num_mask)."""
    # torch.randint takes one bound for all. The bias of the remainder is below bounds / 2**62.
    draws = torch.randint(2**62, (bounds.size(0), num_mask), device=bounds.device)
    return draws % bounds


class VoiceWarp(AbsSpecAug):
    """Random warps along frequency, of harmonics and of the envelope apart; not in paper.

    An utterance then sounds as of another voice, with another pitch and other formants, while
    its movements in time stay: what is left for a prosody encoder to learn. The envelope is the
    mel smoothed over bands; each part is read at ``band / factor``, factors log-uniform.

    Args:
        fine: the harmonics' factor lies between 1 over this and this.
        envelope: likewise the envelope's.
        smoothing_bands: deviation of the Gaussian that separates the two.

    Raises:
        ValueError: a factor is below 1.
    """

    def __init__(self, fine: float = 1.3, envelope: float = 1.15, smoothing_bands: float = 3.0):
        super().__init__()
        if min(fine, envelope) < 1.0:
            raise ValueError(f"voice_warp: factors must be at least 1: {fine}, {envelope}")
        self.fine = fine
        self.envelope = envelope
        reach = math.ceil(3 * smoothing_bands)
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / smoothing_bands).square())
        self.kernel: torch.Tensor
        self.register_buffer("kernel", (kernel / kernel.sum())[None, None], persistent=False)

    def forward(
        self, x: torch.Tensor, x_lengths: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return warped mels (B, T, M), not in place, and the lengths as given."""
        batch, frames, bands = x.shape
        flat = x.reshape(-1, 1, bands)
        reach = self.kernel.size(2) // 2
        padded = F.pad(flat, (reach, reach), mode="replicate")
        envelope = F.conv1d(padded, self.kernel).view(batch, frames, bands)
        warped = _warp_bands(envelope, draw_factors(batch, self.envelope, x.device))
        warped = warped + _warp_bands(x - envelope, draw_factors(batch, self.fine, x.device))
        return warped, x_lengths


def _warp_bands(mels: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Return mels (B, T, M) read at band / factor, between bands linearly."""
    last = mels.size(2) - 1
    place = torch.arange(last + 1, device=mels.device) / factors[:, None]  # (B, M)
    place = place.clamp(max=last)[:, None].expand(mels.shape)
    lower = place.long()
    upper = (lower + 1).clamp(max=last)
    return torch.lerp(mels.gather(2, lower), mels.gather(2, upper), place - lower)
