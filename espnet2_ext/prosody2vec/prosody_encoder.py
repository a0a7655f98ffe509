"""The trainable prosody encoder: an ECAPA-TDNN over mel frames."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import nn

from espnet2_ext.prosody2vec.ecapa import AttentiveStatisticsPooling, SeRes2Block, TdnnBlock
from espnet2_ext.prosody2vec.masked_batch_norm import MaskedBatchNorm1d
from espnet2_ext.prosody2vec.masks import length_mask

InputNormalization = Literal["none", "level", "mean", "mean_variance"]

SMALLEST_DEVIATION = 1.0e-3
"""Of a band over an utterance; a masked or silent band stays as flat as it is."""


class ProsodyEncoder(nn.Module):
    """One vector an utterance that carries what units and speaker vector do not.

    Source: [P2V] III-B and Fig. 2: ECAPA-TDNN, channels 1024, kernel 3, dilations 2 3 4,
    192 dimensions, randomly initialised; "the same as the speaker encoder".
    Deviation: convolutions see zeros past an utterance's end (SpeechBrain's reflect the
    padded batch) and batch normalisation real frames only (SpeechBrain's the padding too).
    So padding changes neither vectors nor gradients nor running statistics, in training
    mode either, and in eval mode a batch gives what each utterance gives alone.
    The aggregation is 1536 wide, as in the ECAPA-TDNN paper, whose 0.87 % equal error rate
    [P2V] III-B quotes; the speaker encoder that is used here, SpeechBrain's published one,
    has 3072 (``conf/tuning/train_p2v_aggregation3072.yaml``). The paper does not say which;
    nor the first layer's kernel of 5, the attention's width and the bottleneck's, which both
    have in common.

    Args:
        mel_dim: M of the input.
        channels: width of the first layer and of the three blocks.
        kernel_size: of the blocks.
        dilations: one block each.
        aggregation_channels: width after the three blocks are put together.
        attention_channels: of the pooling.
        bottleneck_channels: of the squeeze-excitation.
        res2net_scale: channel groups of a block.
        output_dim: width of the vector.
        input_normalization: what is taken off each utterance: ``level``, the mean of all
            bands and frames (one number); ``mean``, that of each band; ``mean_variance``,
            the deviation of each band too. The voice's level and much of its timbre are
            there, which then need not be told from emotion; so is the pitch, but not in the
            level. Not in paper; SpeechBrain's ECAPA-TDNN takes the mean off.

    Raises:
        ValueError: an input_normalization that there is not.
    """

    def __init__(
        self,
        mel_dim: int = 80,
        channels: int = 1024,
        kernel_size: int = 3,
        dilations: Sequence[int] = (2, 3, 4),
        aggregation_channels: int = 1536,
        attention_channels: int = 128,
        bottleneck_channels: int = 128,
        res2net_scale: int = 8,
        output_dim: int = 192,
        input_normalization: InputNormalization = "none",
    ):
        super().__init__()
        if input_normalization not in get_args(InputNormalization):
            raise ValueError(
                f"input_normalization: {', '.join(get_args(InputNormalization))};"
                f" not {input_normalization!r}"
            )
        self.input_normalization = input_normalization
        self.output_dim = output_dim
        self.first = TdnnBlock(mel_dim, channels, kernel_size=5)
        self.blocks = nn.ModuleList(
            SeRes2Block(channels, kernel_size, dilation, res2net_scale, bottleneck_channels)
            for dilation in dilations
        )
        self.aggregation = TdnnBlock(len(dilations) * channels, aggregation_channels, 1)
        self.pooling = AttentiveStatisticsPooling(aggregation_channels, attention_channels)
        self.pooling_norm = MaskedBatchNorm1d(2 * aggregation_channels)
        self.projection = nn.Linear(2 * aggregation_channels, output_dim)

    def forward(self, mels: torch.Tensor, mel_lengths: torch.Tensor) -> torch.Tensor:
        """Return prosody_embedding (B, output_dim).

        Args:
            mels: (B, T, M) normalised mels, zero past the lengths.
            mel_lengths: (B,) frames of each item.
        """
        mask = length_mask(mel_lengths, mels.size(1))[:, None, :].to(mels.dtype)
        hidden = mels.transpose(1, 2) * mask
        hidden = _normalised(hidden, mask, self.input_normalization)
        hidden = self.first(hidden, mask)
        outputs = []
        for block in self.blocks:
            hidden = block(hidden, mask)
            outputs.append(hidden)
        hidden = self.aggregation(torch.cat(outputs, dim=1), mask)
        return self.projection(self.pooling_norm(self.pooling(hidden, mask)))


def _normalised(mels: torch.Tensor, mask: torch.Tensor, choice: str) -> torch.Tensor:
    """Return mels (B, M, T) less what the choice takes off each utterance.

    ESPnet's UtteranceMVN counts the padding into the deviation, so that it would depend on
    the batch.

    Args:
        mels: zero where the mask (B, 1, T) is.
        choice: of ProsodyEncoder's input_normalization.
    """
    if choice == "none":
        return mels
    frames = mask.sum(dim=2, keepdim=True)
    mean = mels.sum(dim=2, keepdim=True) / frames
    if choice == "level":
        mean = mean.mean(dim=1, keepdim=True)
    mels = (mels - mean) * mask
    if choice == "mean_variance":
        variance = mels.square().sum(dim=2, keepdim=True) / frames
        mels = mels / variance.sqrt().clamp(min=SMALLEST_DEVIATION)
    return mels
