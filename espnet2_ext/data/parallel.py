"""A process pool with a progress bar, one CPU thread for exact sums, and files written at once."""

import multiprocessing
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNKS_AHEAD = 8
"""Chunks in flight per process: enough to keep all busy, and memory bounded."""
_LEFTOVER = re.compile(r"\..+\.\d+\.part(\.\w+)?")


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

    With one worker everything runs in this process. An exception in the function stops the
    map and is raised here. Only a few chunks are in flight at a time: neither items nor
    results are in memory together.

    Args:
        function: picklable (a module's top level) when ``num_workers`` is above 1.
        items: taken when it is their turn.
        description: stands before the bar.
        num_workers: processes; results do not depend on it.
        chunk_size: items sent to a process at a time.
        total: length of the bar; None for the number of items, if that is known.
        count: how far a result moves the bar; None for one.
        initializer: run once in every process (also with one worker), for models.
        initializer_arguments: its arguments.
        start_method: ``spawn`` for libraries that do not survive a fork (torch with
            threads); None for the platform's own.
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
    """Wait for the parent's end: without this a kill -9 leaves idle workers behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _apply(function: Callable[[Item], Result], chunk: Sequence[Item]) -> list[Result]:
    """Return the results of one chunk (runs in a worker)."""
    return [function(item) for item in chunk]


def spawn_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    description: str,
    num_workers: int,
    chunk_size: int = 1,
) -> list[Result]:
    """Return ``parallel_map`` by spawned processes of one CPU thread each.

    For torch and other libraries whose threads do not survive a fork. With one worker everything
    runs in this process, whose threads are left as they are.
    """
    return list(
        parallel_map(
            function,
            items,
            description=description,
            num_workers=num_workers,
            chunk_size=chunk_size,
            initializer=_use_one_thread if num_workers > 1 else None,
            start_method="spawn",
        )
    )


def _use_one_thread() -> None:
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Give numpy, scikit-learn and torch one CPU thread inside the block.

    Sums split over threads differ in their last bits from run to run.
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


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` when the block succeeds.

    It keeps the suffix, by which writers of audio and numpy choose their format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_open(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Yield a file opened for writing that replaces ``path`` when the block succeeds.

    Text is UTF-8 with ``\\n`` line ends, as Kaldi's and ESPnet's readers expect.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    with atomic_path(path) as temporary:
        # open's overloads want the mode as a literal.
        with open(temporary, mode, **text) as stream:  # type: ignore[call-overload]
            yield stream


def temporary_path(path: Path) -> Path:
    """Return a hidden name beside ``path`` that this process alone uses."""
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def remove_leftovers(directory: str | Path, *, is_deep: bool = True) -> int:
    """Remove what a killed writer left, at any depth or in the directory alone; return how many.

    Only for a directory that no other process is writing to.
    """
    count = 0
    for folder, folders, names in os.walk(directory):
        if not is_deep:
            folders.clear()
        for name in names:
            if _LEFTOVER.fullmatch(name):
                os.unlink(os.path.join(folder, name))
                count += 1
    return count
