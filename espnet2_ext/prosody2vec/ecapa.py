"""The blocks of ECAPA-TDNN, with masks: padding changes no embedding, in training mode either."""

import torch
from torch import nn
from torch.nn import functional as F

from espnet2_ext.prosody2vec.masked_batch_norm import MaskedBatchNorm1d


class TdnnBlock(nn.Module):
    """Convolution, ReLU, batch normalisation; (B, C_in, T) -> (B, C_out, T)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1):
        super().__init__()
        self.convolution = nn.Conv1d(
            in_channels,
            out_channels,
            kernel_size,
            dilation=dilation,
            padding=dilation * (kernel_size - 1) // 2,
        )
        self.norm = MaskedBatchNorm1d(out_channels)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the block's output, zero where the mask (B, 1, T) is."""
        return self.norm(torch.relu(self.convolution(hidden)), mask)


class Res2NetBlock(nn.Module):
    """Dilated convolutions over channel groups, each seeing the group before it."""

    def __init__(self, channels: int, kernel_size: int, dilation: int, scale: int):
        super().__init__()
        if channels % scale != 0:
            raise ValueError(f"channels {channels} are not a multiple of the scale {scale}")
        self.scale = scale
        self.blocks = nn.ModuleList(
            TdnnBlock(channels // scale, channels // scale, kernel_size, dilation)
            for _ in range(scale - 1)
        )

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        groups = hidden.chunk(self.scale, dim=1)
        outputs = [groups[0]]
        for index, block in enumerate(self.blocks):
            group = groups[index + 1]
            outputs.append(block(group if index == 0 else group + outputs[-1], mask))
        return torch.cat(outputs, dim=1)


class SqueezeExcitation(nn.Module):
    """Scale channels by what their mean over valid frames says."""

    def __init__(self, channels: int, bottleneck: int):
        super().__init__()
        self.squeeze = nn.Conv1d(channels, bottleneck, 1)
        self.excite = nn.Conv1d(bottleneck, channels, 1)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        mean = (hidden * mask).sum(dim=2, keepdim=True) / mask.sum(dim=2, keepdim=True)
        return hidden * torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))


class SeRes2Block(nn.Module):
    """1x1 TDNN, Res2Net, 1x1 TDNN, squeeze-excitation, and a residual around them."""

    def __init__(self, channels: int, kernel_size: int, dilation: int, scale: int, bottleneck: int):
        super().__init__()
        self.first = TdnnBlock(channels, channels, 1)
        self.res2net = Res2NetBlock(channels, kernel_size, dilation, scale)
        self.last = TdnnBlock(channels, channels, 1)
        self.squeeze_excitation = SqueezeExcitation(channels, bottleneck)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        inner = self.last(self.res2net(self.first(hidden, mask), mask), mask)
        return self.squeeze_excitation(inner, mask) + hidden


class AttentiveStatisticsPooling(nn.Module):
    """Attention-weighted mean and standard deviation; (B, C, T) -> (B, 2C).

    The attention sees each frame beside the mean and deviation of the utterance.
    """

    def __init__(self, channels: int, attention_channels: int):
        super().__init__()
        self.tdnn = TdnnBlock(3 * channels, attention_channels, 1)
        self.score = nn.Conv1d(attention_channels, channels, 1)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        mean, deviation = _weighted_statistics(hidden, mask / mask.sum(dim=2, keepdim=True))
        # The convolution of frame, mean and deviation side by side; what it makes of the
        # two that are the same at all frames is computed once.
        of_frame, of_utterance = self.tdnn.convolution.weight.split(
            [hidden.size(1), 2 * hidden.size(1)], dim=1
        )
        constant = F.conv1d(
            torch.cat([mean, deviation], dim=1), of_utterance, self.tdnn.convolution.bias
        )
        context = torch.relu(F.conv1d(hidden, of_frame) + constant)
        scores = self.score(torch.tanh(self.tdnn.norm(context, mask)))
        weights = scores.masked_fill(mask == 0, float("-inf")).softmax(dim=2)
        mean, deviation = _weighted_statistics(hidden, weights)
        return torch.cat([mean, deviation], dim=1).squeeze(2)


def _weighted_statistics(
    hidden: torch.Tensor, weights: torch.Tensor, floor: float = 1.0e-12
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weighted mean and standard deviation over frames, (B, C, 1) each."""
    mean = (weights * hidden).sum(dim=2, keepdim=True)
    variance = (weights * (hidden - mean).square()).sum(dim=2, keepdim=True)
    return mean, variance.clamp(min=floor).sqrt()
