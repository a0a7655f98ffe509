"""One CPU thread for sums that must not depend on the machine's number of cores."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Give numpy, scikit-learn and torch one CPU thread inside the block.

    Sums split over threads differ in their last bits from run to run; with one thread a
    process, results depend neither on the machine's cores nor on the number of workers.
    """
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)
