"""The learning rate of an update, and training tables that are read part by part."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.iterators.multiple_iter_factory import MultipleIterFactory
from espnet2.schedulers.abs_scheduler import AbsBatchStepScheduler
from torch.utils.data import DataLoader


class WarmupCosineLR(torch.optim.lr_scheduler.LRScheduler, AbsBatchStepScheduler):
    """Linear warm-up, then one cosine down to a floor, stepped once an update.

    Every group's own rate is scaled, so that rates of several groups keep their ratio.

    Source: [P2V] IV-B: 3000 warm-up steps, cosine decay from 1e-3.
    Deviation: the length of the decay and its floor are not in paper. ESPnet's
    CosineAnnealingWarmupRestarts would set all groups to one rate and start over.

    The floor, ``final_ratio`` of the full rate, is reached after ``total_steps`` updates and stays.
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
        """Return the rates, as Python floats: ESPnet 202611 refuses other types in checkpoints."""
        step = self.last_epoch + 1  # from 1
        if step <= self.warmup_steps:
            ratio = step / self.warmup_steps
        else:
            progress = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
            cosine = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
            ratio = self.final_ratio + (1.0 - self.final_ratio) * cosine
        return [float(base * ratio) for base in self.base_lrs]

    def step(self, epoch: int | None = None) -> None:
        """Go on by one update; called by ESPnet's trainer after each."""
        with warnings.catch_warnings():
            # Resuming constructs the scheduler before the optimizer has stepped.
            warnings.filterwarnings("ignore", message="Detected call of")
            super().step(epoch)


class SplitIterFactory(MultipleIterFactory):
    """ESPnet's in the same order, with one part in memory at a time and a length of its batches.

    The length serves the time left; ESPnet's batches are a generator.
    """

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> "SplitBatches":
        """Return the batches of an epoch."""
        shuffle = self.shuffle if shuffle is None else shuffle
        functions = list(self.build_funcs)
        if shuffle:
            np.random.RandomState(epoch + self.seed).shuffle(functions)
        return SplitBatches([partial(_loader, build, epoch, shuffle) for build in functions])


class SplitBatches(Iterable[tuple[list[str], dict]]):
    """The batches of all parts; ``len`` takes all parts to be as long as the first.

    The lines of a table go to the parts in turn, so it is off by a batch a part at most where
    batches have a fixed size, and by little where they have a fixed length.
    """

    def __init__(self, build_loaders: Sequence[Callable[[], DataLoader]]) -> None:
        self._build_loaders = build_loaders
        self._ready = [build_loaders[0]()]
        self._length = len(self._ready[0]) * len(build_loaders)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[list[str], dict]]:
        for build_loader in self._build_loaders:
            # No name holds the loader: it is gone before the next one is built.
            yield from self._ready.pop() if self._ready else build_loader()


def _loader(build: Callable[[], AbsIterFactory], epoch: int, shuffle: bool) -> DataLoader:
    return build().build_iter(epoch, shuffle)
