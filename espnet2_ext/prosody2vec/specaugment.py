"""SpecAugment with a width and a position for each mask.

Source: D. S. Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
    Recognition", Interspeech 2019, section 2; [P2V] IV-B: "two frequency masks (maximum width
    of 50)".
"""

import torch
from espnet2.asr.specaug.specaug import SpecAug
from espnet2.layers.mask_along_axis import MaskAlongAxisVariableMaxWidth

from espnet2_ext.prosody2vec.masks import length_mask


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
