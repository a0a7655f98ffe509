"""A process pool that shows its progress and keeps the order of its items."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNKS_AHEAD = 8
"""Chunks in flight per process: enough to keep all busy, and memory bounded."""


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    description: str,
    num_workers: int = 1,
    chunk_size: int = 1,
    total: int | None = None,
    count: Callable[[Result], int] | None = None,
    initializer: Callable[..., None] | None = None,
    initializer_arguments: tuple = (),
    start_method: str | None = None,
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of the items, with a bar of rate and time left.

    With one worker everything runs in this process, which keeps tracebacks and
    debuggers useful. An exception in the function stops the map and is raised
    here; return a value that describes a bad item to go on without it. Only a few
    chunks are in flight at a time, so neither do items have to be in memory together,
    nor do results pile up before a slow consumer.

    Args:
        function: picklable (a module's top level) when ``num_workers`` is above 1.
        items: what to work on, taken when it is their turn.
        description: stands before the bar.
        num_workers: processes; results do not depend on it.
        chunk_size: items sent to a process at a time.
        total: length of the bar; None for the number of items, if that is known.
        count: how far a result moves the bar; None for one.
        initializer: run once in every process (also with one worker), for models.
        initializer_arguments: its arguments.
        start_method: ``spawn`` for libraries that do not survive a fork (torch with
            threads, C libraries with state); None for the platform's own.
    """
    size = len(items) if isinstance(items, Sized) else None
    total = size if total is None else total
    with tqdm(total=total, desc=description, dynamic_ncols=True, mininterval=1.0) as bar:
        if num_workers <= 1 or (size is not None and size <= 1):
            if initializer is not None:
                initializer(*initializer_arguments)
            results: Iterable[Result] = map(function, items)
        else:
            if size is not None:
                num_workers = min(num_workers, -(-size // chunk_size))
            context = multiprocessing.get_context(start_method)
            executor = ProcessPoolExecutor(
                num_workers, context, _start_worker, (initializer, initializer_arguments)
            )
            chunks = _chunks(items, chunk_size)
            results = _pool_map(executor, function, chunks, num_workers * _CHUNKS_AHEAD)
        for result in results:
            bar.update(1 if count is None else count(result))
            yield result


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of so many."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _pool_map(
    executor: ProcessPoolExecutor,
    function: Callable[[Item], Result],
    chunks: Iterable[Sequence[Item]],
    ahead: int,
) -> Iterator[Result]:
    """Yield the results in order, at most so many chunks ahead of the consumer."""
    pending: deque[Future[list[Result]]] = deque()
    with executor:
        try:
            for chunk in chunks:
                pending.append(executor.submit(_apply, function, chunk))
                if len(pending) >= ahead:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _start_worker(initializer: Callable[..., None] | None, arguments: tuple) -> None:
    """Prepare one worker process, which ends when its parent is killed."""
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*arguments)


def _exit_with_parent() -> None:
    """Wait for the parent's end; without this a kill -9 leaves idle workers behind for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _apply(function: Callable[[Item], Result], chunk: Sequence[Item]) -> list[Result]:
    """Return the results of one chunk (runs in a worker)."""
    return [function(item) for item in chunk]
