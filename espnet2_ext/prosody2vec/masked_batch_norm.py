"""Batch normalisation over real frames only, in one process or in many."""

from typing import Any

import torch
from torch import distributed, nn
from torch.autograd.function import once_differentiable


class MaskedBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation whose statistics, while training, are those of real frames.

    ``nn.BatchNorm1d`` on the real frames of all processes put side by side gives the same
    output, gradients and running statistics; the state dict is the same too. How far a
    batch is padded, and over how many processes it is spread, then changes nothing
    beyond rounding. Statistics are computed in float32 at least, under autocast too, and
    without waiting for a GPU. Where no frame is padding, one process on a CPU uses
    PyTorch's own kernels, which are faster.

    In training mode and with more than one process in torch.distributed's default group,
    the sums are reduced over them, twice in a forward and once in a backward pass. So all
    processes must run each forward pass in training mode together, and each backward pass
    (as DistributedDataParallel wants anyway): a process that leaves one out makes the
    others wait. ESPnet's trainer stops all of them when the first has no batch left. Eval
    mode, which is also that of frozen layers, never waits for another process. The threads
    of ``nn.DataParallel`` each see their own part of a batch, as with ``nn.BatchNorm1d``.

    Source: Ioffe and Szegedy 2015, Algorithm 1. Deviation: SpeechBrain's ECAPA-TDNN, as
    most, counts the padding.

    Args: those of ``nn.BatchNorm1d``.
    """

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return the normalised frames, zero where the mask is.

        Args:
            hidden: (B, C, T), or (B, C) without a mask.
            mask: (B, 1, T), 1 at real frames and 0 at the others; None where all are real.

        Raises:
            ValueError: while training, a single frame, which has no variance (one beside
                padding is not noticed: it becomes the bias); or another number of dimensions.
        """
        from_batch = self.training or self.running_mean is None
        shared = self.training and _num_processes() > 1
        single = hidden.numel() == self.num_features
        if not from_batch or ((_all_real(mask) or single) and not shared):
            normalised = super().forward(hidden)
            return normalised if mask is None else normalised * mask
        self._check_input_dim(hidden)
        frames = hidden if hidden.dim() == 3 else hidden[:, :, None]
        if mask is None:
            mask = frames.new_ones(len(frames), 1, frames.size(2))
        normalised, count, mean, variance = _Normalise.apply(
            frames, mask, self.weight, self.bias, self.eps, shared
        )
        if self.training and self.running_mean is not None:
            self._update(count, mean, variance)
        return normalised.reshape(hidden.shape)

    @torch.no_grad()
    def _update(self, count: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Move the running statistics towards a batch's, the variance without bias."""
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None and self.running_var is not None
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
        """Return normalised frames (B, C, T), their count (1,), mean and variance (C,).

        Args:
            ctx: keeps what the backward pass needs.
            frames: (B, C, T).
            mask: (B, 1, T).
            weight: (C,), or None.
            bias: (C,), or None.
            eps: added to the variance.
            shared: whether the statistics are those of all processes.
        """
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


def _all_real(mask: torch.Tensor | None) -> bool:
    """Return whether no frame is padding; False where looking would mean waiting for a GPU."""
    return mask is None or (mask.device.type == "cpu" and bool(mask.all()))


def _num_processes() -> int:
    """Return how many processes train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def _over_processes(sums: torch.Tensor, shared: bool) -> torch.Tensor:
    """Return the sums over all processes, in place, or as they are."""
    if shared:
        distributed.all_reduce(sums)
    return sums
