"""Linear warm-up, then one cosine down to a floor, stepped once an update."""

import math
import warnings

import torch
from espnet2.schedulers.abs_scheduler import AbsBatchStepScheduler


class WarmupCosineLR(torch.optim.lr_scheduler.LRScheduler, AbsBatchStepScheduler):
    """Scale every group's own rate, so that rates of several groups keep their ratio.

    Source: [P2V] IV-B: 3000 warm-up steps, cosine decay from 1e-3.
    Deviation: the length of the decay and its floor are not in paper. ESPnet's
    CosineAnnealingWarmupRestarts would set all groups to one rate and start over.

    Args:
        optimizer: whose groups' rates are the highest they get.
        warmup_steps: updates from (nearly) 0 to the full rate.
        total_steps: updates until the floor is reached; it stays there.
        final_ratio: the floor as a share of the full rate.
        last_epoch: updates done, for resuming; PyTorch's name.

    Raises:
        ValueError: total_steps is not above warmup_steps.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        warmup_steps: int = 3000,
        total_steps: int = 300000,
        final_ratio: float = 0.0,
        last_epoch: int = -1,
    ):
        if total_steps <= warmup_steps:
            raise ValueError(
                f"scheduler_conf: total_steps {total_steps} must be above "
                f"warmup_steps {warmup_steps}"
            )
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.final_ratio = final_ratio
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:  # type: ignore[override]  # never tensors
        """Return the rate of each group for the update to come.

        Python floats: ESPnet 202611 refuses checkpoints that hold anything else.
        """
        ratio = self._ratio(self.last_epoch + 1)
        return [float(base * ratio) for base in self.base_lrs]

    def step(self, epoch: int | None = None) -> None:
        """Go on by one update; called by ESPnet's trainer after each."""
        with warnings.catch_warnings():
            # Resuming constructs the scheduler before the optimizer has stepped.
            warnings.filterwarnings("ignore", message="Detected call of")
            super().step(epoch)

    def _ratio(self, step: int) -> float:
        """Return the share of the full rate at the given update, counted from 1."""
        if step <= self.warmup_steps:
            return step / self.warmup_steps
        progress = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
        return self.final_ratio + (1.0 - self.final_ratio) * cosine
