"""Training tables that are read one part after the other."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from torch.utils.data import DataLoader


class SplitIterFactory(AbsIterFactory):
    """ESPnet's MultipleIterFactory in the same order, but it lets go of a part before the next.

    What it builds also has a length, for the time left. ESPnet's is a generator, which has
    none, and holds the tables of two parts while it goes from one to the next.

    Args:
        build_functions: make the factory of one part each.
        seed: of the order of the parts, which differs from epoch to epoch.
        shuffle: False leaves them in order.
    """

    def __init__(
        self, build_functions: Sequence[Callable[[], AbsIterFactory]], seed: int, shuffle: bool
    ) -> None:
        self.build_functions = build_functions
        self.seed = seed
        self.shuffle = shuffle

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> "SplitBatches":
        """Return the batches of an epoch."""
        shuffle = self.shuffle if shuffle is None else shuffle
        functions = list(self.build_functions)
        if shuffle:
            # ESPnet's draw; numpy's types know no lists of functions.
            np.random.RandomState(epoch + self.seed).shuffle(functions)  # type: ignore[arg-type]
        return SplitBatches([_loader_of(function, epoch, shuffle) for function in functions])


class SplitBatches(Iterable[tuple[list[str], dict]]):
    """The batches of all parts; ``len`` takes all parts to be as long as the first.

    The lines of a table go to the parts in turn, so it is off by a batch a part at most
    where batches have a fixed size, and by little where they have a fixed length.
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


def _loader_of(
    build_function: Callable[[], AbsIterFactory], epoch: int, shuffle: bool
) -> Callable[[], DataLoader]:
    return lambda: build_function().build_iter(epoch, shuffle)
