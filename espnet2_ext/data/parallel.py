"""A process pool that shows its progress and keeps the order of its items."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNKS_AHEAD = 8
"""Chunks in flight per process: enough to keep all busy, and memory bounded."""


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    description: str,
    num_workers: int = 1,
    chunk_size: int = 1,
    initializer: Callable[..., None] | None = None,
    initializer_arguments: tuple = (),
    start_method: str | None = None,
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of the items, with a bar of rate and time left.

    With one worker everything runs in this process, which keeps tracebacks and
    debuggers useful. An exception in the function stops the map and is raised
    here; return a value that describes a bad item to go on without it. Only a few
    chunks are in flight at a time, so results do not pile up before a slow consumer.

    Args:
        function: picklable (a module's top level) when ``num_workers`` is above 1.
        items: what to work on.
        description: stands before the bar.
        num_workers: processes; results do not depend on it.
        chunk_size: items sent to a process at a time.
        initializer: run once in every process (also with one worker), for models.
        initializer_arguments: its arguments.
        start_method: ``spawn`` for libraries that do not survive a fork (torch with
            threads, C libraries with state); None for the platform's own.
    """
    with tqdm(total=len(items), desc=description, dynamic_ncols=True, mininterval=1.0) as bar:
        if num_workers <= 1 or len(items) <= 1:
            if initializer is not None:
                initializer(*initializer_arguments)
            for item in items:
                result = function(item)
                bar.update()
                yield result
            return
        context = multiprocessing.get_context(start_method)
        num_workers = min(num_workers, -(-len(items) // chunk_size))
        with ProcessPoolExecutor(
            num_workers, context, _start_worker, (initializer, initializer_arguments)
        ) as executor:
            pending: deque[Future[list[Result]]] = deque()
            try:
                for start in range(0, len(items), chunk_size):
                    chunk = items[start : start + chunk_size]
                    pending.append(executor.submit(_apply, function, chunk))
                    if len(pending) >= num_workers * _CHUNKS_AHEAD:
                        yield from _advance(bar, pending.popleft().result())
                while pending:
                    yield from _advance(bar, pending.popleft().result())
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


def _advance(bar: tqdm, results: list[Result]) -> Iterator[Result]:
    """Yield the results of one chunk, counting each on the bar."""
    for result in results:
        bar.update()
        yield result
