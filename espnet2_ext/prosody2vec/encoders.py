"""The trained encoders: U2V over units, and prosody encoders over mels.

Padding changes no result, in training mode either; for ESPnet's encoders see
``EspnetProsodyEncoder``.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet2_ext.prosody2vec.fast.lstm import lstm_over_gates
from espnet2_ext.prosody2vec.memory import length_mask

# ---------------------------------------------------------------- masked batch norm


class MaskedBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation whose statistics, while training, are those of real frames.

    Outputs, gradients, running statistics and state dict are those of ``nn.BatchNorm1d`` on
    the real frames of all processes put side by side, so that padding and the number of
    processes change nothing beyond rounding. Statistics are computed in float32 at least, under
    autocast too, and without waiting for a GPU. (Where no frame is padding, one process on a CPU
    uses PyTorch's own kernels, which are faster.)

    In training mode all processes of torch.distributed's default group must run forward and
    backward passes together, as DistributedDataParallel wants anyway. Eval mode, which is also
    that of frozen layers, never waits for another process. The threads of ``nn.DataParallel``
    each see their own part of a batch, as with ``nn.BatchNorm1d``.

    Source: Ioffe and Szegedy 2015, Algorithm 1. Deviation: SpeechBrain's ECAPA-TDNN, like
    most, counts the padding.
    """

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return the normalised frames, zero where the mask is.

        ``hidden`` is (B, C, T), or (B, C) without a mask; ``mask`` (B, 1, T) is 1 at real frames
        and 0 at the others, None where all are real. A single frame, which has no variance, is a
        ValueError while training (beside padding it is not detected and becomes the bias).
        """
        from_batch = self.training or self.running_mean is None
        shared = self.training and _num_processes() > 1
        # Of a GPU's mask it is not known without waiting for it.
        all_real = mask is None or (mask.device.type == "cpu" and bool(mask.all()))
        single = hidden.numel() == self.num_features
        if not from_batch or ((all_real or single) and not shared):
            normalised = super().forward(hidden)
            return normalised if mask is None else normalised * mask
        self._check_input_dim(hidden)
        frames = hidden if hidden.dim() == 3 else hidden[:, :, None]
        if mask is None:
            mask = frames.new_ones(len(frames), 1, frames.size(2))
        normalised, count, mean, variance = _Normalise.apply(
            frames, mask, self.weight, self.bias, self.eps, shared
        )
        if self.training:
            self._update(count, mean, variance)
        return normalised.reshape(hidden.shape)

    @torch.no_grad()
    def _update(self, count: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Update the running statistics, if any, the variance without bias."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share: Any = self.momentum
        if share is None:  # the mean of all batches so far
            share = self.num_batches_tracked.to(self.running_mean.dtype).reciprocal()
        unbiased = variance * (count / (count - 1).clamp(min=1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)


class _Normalise(torch.autograd.Function):
    """Normalise real frames by their mean and variance; the gradient in closed form."""

    @staticmethod
    def forward(
        ctx: Any,
        frames: torch.Tensor,
        mask: torch.Tensor,
        weight: torch.Tensor | None,
        bias: torch.Tensor | None,
        eps: float,
        shared: bool,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return normalised frames (B, C, T), their count (1,), mean and variance (C,)."""
        output_dtype = torch.promote_types(frames.dtype, mask.dtype)
        dtype = torch.promote_types(frames.dtype, torch.float32)
        with torch.autocast(frames.device.type, enabled=False):
            mask = mask.to(dtype)
            masked = frames * mask
            sums = torch.cat([masked.sum(dim=(0, 2)), mask.sum().view(1)])
            sums = _over_processes(sums, shared)
            count = sums[-1:]
            mean = sums[:-1] / count
            centred = masked.sub_(mean[:, None]).mul_(mask)
            squares = torch.linalg.vector_norm(centred, dim=2).square_().sum(dim=0)
            variance = _over_processes(squares, shared) / count
            scale = (variance + eps).rsqrt_()
            if weight is not None:
                scale *= weight
            normalised = centred.mul_(scale[:, None])
            if bias is not None:
                normalised.add_(bias[:, None]).mul_(mask)
        ctx.save_for_backward(frames, mask, weight, count, mean, variance)
        ctx.eps, ctx.shared = eps, shared
        ctx.mark_non_differentiable(count, mean, variance)
        return normalised.to(output_dtype), count, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor, *unused: torch.Tensor) -> tuple:
        """Return the gradients of frames, weight and bias."""
        frames, mask, weight, count, mean, variance = ctx.saved_tensors
        with torch.autocast(frames.device.type, enabled=False):
            values = frames.to(mean.dtype)
            gradient = gradient * mask
            _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
                *(gradient, values, weight, mean, variance, None, None, False, ctx.eps),
                [False, True, True],
            )
            # A process's frames move the mean and the variance of all.
            sums = _over_processes(torch.cat([of_bias, of_weight]), ctx.shared)
            to_mean, to_deviation = (sums / count).chunk(2)
            inverse = (variance + ctx.eps).rsqrt_()
            scale = inverse if weight is None else inverse * weight
            slope = scale * inverse * to_deviation
            of_frames = gradient.mul_(scale[:, None]).sub_(values * slope[:, None])
            of_frames.sub_((scale * to_mean - slope * mean)[:, None]).mul_(mask)
        needed = ctx.needs_input_grad
        return (
            of_frames.to(frames.dtype),
            None,
            of_weight if needed[2] else None,
            of_bias if needed[3] else None,
            None,
            None,
        )


def _num_processes() -> int:
    """Return how many processes train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def _over_processes(sums: torch.Tensor, shared: bool) -> torch.Tensor:
    """Return the sums, reduced in place over all processes if shared."""
    if shared:
        distributed.all_reduce(sums)
    return sums


# ---------------------------------------------------------------- prosody encoder


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
        """Return the output, zero where the mask (B, 1, T) is."""
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
    """Channel gates from the mean over valid frames."""

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
        # A convolution of frame, mean and deviation side by side; its part over the two that
        # are the same at all frames is computed once.
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
    hidden: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weighted mean and standard deviation over frames, (B, C, 1) each."""
    mean = (weights * hidden).sum(dim=2, keepdim=True)
    variance = (weights * (hidden - mean).square()).sum(dim=2, keepdim=True)
    return mean, variance.clamp(min=1.0e-12).sqrt()


INPUT_NORMALIZATIONS = ("none", "level", "mean", "mean_variance")
SMALLEST_DEVIATION = 1.0e-3
"""Floor for a band's deviation over an utterance, such as that of a masked band."""


class ProsodyEncoder(nn.Module):
    """ECAPA-TDNN: one vector an utterance, for what units and speaker vector do not carry.

    Source: [P2V] III-B and Fig. 2: ECAPA-TDNN, channels 1024, kernel 3, dilations 2 3 4,
    192 dimensions, randomly initialised; "the same as the speaker encoder".
    Deviation: convolutions see zeros past an utterance's end (SpeechBrain's reflect the padded
    batch) and batch normalisation real frames only: padding changes nothing.
    Not in paper: the first layer's kernel of 5, the widths of attention and bottleneck, and the
    aggregation of 1536, as in the ECAPA-TDNN paper, whose 0.87 % equal error rate [P2V] III-B
    quotes (SpeechBrain's has 3072: ``conf/tuning/train_p2v_aggregation3072.yaml``).

    Args:
        mel_dim: M of the input.
        channels: width of the first layer and of the blocks, one block for each of the dilations.
        aggregation_channels: width after the outputs of the blocks are concatenated.
        attention_channels: of the pooling.
        bottleneck_channels: of the squeeze-excitation.
        res2net_scale: channel groups of a block.
        input_normalization: what each utterance is normalised by: ``level``, the mean over all
            bands and frames (one number); ``mean``, that of each band; ``mean_variance``, the
            deviation of each band too. These carry the voice's level and much of its timbre,
            but the level alone not its pitch. Not in paper; SpeechBrain's ECAPA-TDNN subtracts
            the mean.
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
        input_normalization: str = "none",
    ):
        super().__init__()
        if input_normalization not in INPUT_NORMALIZATIONS:
            known = ", ".join(INPUT_NORMALIZATIONS)
            raise ValueError(f"input_normalization: {known}; not {input_normalization!r}")
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
        """Return prosody_embedding (B, output_dim) of normalised mels (B, T, M)."""
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
    """Return mels (B, M, T) normalised as chosen (ESPnet's UtteranceMVN counts the padding)."""
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


class EspnetProsodyEncoder(nn.Module):
    """Any encoder of ESPnet's ASR task, pooled over time and projected; not in paper.

    Padding does not change a vector where ESPnet's encoder masks it: ``rnn``, and
    ``transformer`` with ``input_layer: linear``. Encoders with subsampling or convolutions
    (``input_layer: conv2d``, ``conformer``) look past an utterance's end by a few frames.

    Args:
        mel_dim: M of the input.
        encoder: name in ``espnet2.tasks.asr.encoder_choices``, such as ``conformer``.
        encoder_conf: its keyword arguments without ``input_size``; None for its defaults.
        pooling: over time: ``mean`` or ``attentive_statistics``, as in ECAPA-TDNN.
    """

    def __init__(
        self,
        mel_dim: int = 80,
        encoder: str = "transformer",
        encoder_conf: dict[str, Any] | None = None,
        pooling: str = "mean",
        output_dim: int = 192,
    ):
        super().__init__()
        # Takes seconds: it imports every model of ESPnet's ASR.
        from espnet2.tasks.asr import encoder_choices

        if pooling not in ("mean", "attentive_statistics"):
            raise ValueError(f"pooling: mean or attentive_statistics, not {pooling!r}")
        encoder_class = encoder_choices.get_class(encoder)
        self.encoder = encoder_class(input_size=mel_dim, **(encoder_conf or {}))
        width = self.encoder.output_size()
        self.pooling: AttentiveStatisticsPooling | None = None
        if pooling == "attentive_statistics":
            self.pooling = AttentiveStatisticsPooling(width, attention_channels=128)
            width = 2 * width
        self.output_dim = output_dim
        self.projection = nn.Linear(width, output_dim)

    def forward(self, mels: torch.Tensor, mel_lengths: torch.Tensor) -> torch.Tensor:
        """Return prosody_embedding (B, output_dim); arguments as for ProsodyEncoder."""
        # ESPnet's masks are as wide as the longest item.
        mels = mels[:, : int(mel_lengths.max())]
        hidden, lengths, *_ = self.encoder(mels, mel_lengths)
        if isinstance(hidden, tuple):  # with the outputs of intermediate layers
            hidden = hidden[0]
        # Subsampling may leave nothing of an utterance that is much shorter than the longest.
        lengths = lengths.to(hidden.device).clamp(min=1)
        mask = length_mask(lengths, hidden.size(1))[:, None, :].to(hidden.dtype)
        hidden = hidden.transpose(1, 2) * mask
        if self.pooling is not None:
            return self.projection(self.pooling(hidden, mask))
        return self.projection(hidden.sum(dim=2) / lengths[:, None])


# ---------------------------------------------------------------- unit encoder


class UnitEncoder(nn.Module):
    """Embedding, convolutions and a bidirectional LSTM over de-duplicated units.

    Channels are the width of the embedding and of every convolution, the kernel size is odd, and
    the LSTM has H = ``lstm_units`` in each direction.

    Source: [P2V] III-A and Table II, rows U2V.
    Deviation: the paper names no normalisation or dropout between convolutions. Layer
    normalisation sees one position only, so that padding cannot change a result.
    """

    def __init__(
        self,
        num_units: int,
        channels: int = 512,
        kernel_size: int = 5,
        num_convolutions: int = 3,
        lstm_units: int = 256,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.num_units = num_units
        self.output_dim = 2 * lstm_units
        self.embedding = nn.Embedding(num_units, channels)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2)
            for _ in range(num_convolutions)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(num_convolutions))
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(channels, lstm_units, batch_first=True, bidirectional=True)

    def forward(self, units: torch.Tensor, unit_lengths: torch.Tensor) -> torch.Tensor:
        """Return (B, U, 2H), zero past each item's end, of unit ids (B, U).

        Ids lie in 0 to num_units - 1, anything past the lengths (B,), which are at least 1.
        """
        mask = length_mask(unit_lengths, units.size(1))[:, :, None]
        hidden = self.embedding(units.masked_fill(~mask.squeeze(2), 0))
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = convolution((hidden * mask).transpose(1, 2)).transpose(1, 2)
            hidden = self.dropout(torch.relu(norm(hidden)))
        if hidden.device.type == "cpu":
            return self._both_directions(hidden, unit_lengths) * mask
        packed = pack_padded_sequence(
            hidden, unit_lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        encoded, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=units.size(1)
        )
        return encoded

    def _both_directions(self, hidden: torch.Tensor, unit_lengths: torch.Tensor) -> torch.Tensor:
        """Return (B, U, 2H) of the LSTM; on a CPU several times as fast as packed sequences."""
        positions = torch.arange(hidden.size(1), device=hidden.device)
        mirrored = unit_lengths[:, None] - 1 - positions
        mirrored = torch.where(mirrored < 0, positions, mirrored)  # padding stays where it is
        outputs = []
        for weights, is_backward in zip(self.lstm.all_weights, (False, True), strict=True):
            weight, recurrent, bias, other_bias = weights
            sequence = _reordered(hidden, mirrored) if is_backward else hidden
            gates = F.linear(sequence, weight, bias + other_bias).transpose(0, 1)
            output = lstm_over_gates(gates, recurrent).transpose(0, 1)
            outputs.append(_reordered(output, mirrored) if is_backward else output)
        return torch.cat(outputs, dim=2)


def _reordered(sequence: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Return (B, U, C): each item's vectors in the order of positions (B, U)."""
    return sequence.gather(1, positions[:, :, None].expand_as(sequence))
