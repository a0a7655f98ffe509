"""Work in processes, parts and shares, with a progress bar, and files written at once."""

import hashlib
import json
import logging
import multiprocessing
import os
import re
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar

from tqdm import tqdm

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

SHARE_HELP = "do only this share of the utterances, such as 3/32; a run without it completes them"
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
    start_method: str = "spawn",
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of the items, with a bar of rate and time left.

    With one worker everything runs in this process. An exception in the function stops the
    map and is raised here. Neither items nor results are in memory together.

    Args:
        function: picklable when ``num_workers`` is above 1.
        items: taken when it is their turn.
        description: stands before the bar.
        num_workers: processes; results do not depend on it.
        chunk_size: items sent to a process at a time.
        total, count: length of the bar, and how far a result moves it; by default items.
        initializer, initializer_arguments: run once in every process, also with one worker.
        start_method: of processes; torch's threads survive no other than ``spawn``.
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
            ahead = num_workers * _CHUNKS_AHEAD
            results = _pool_map(executor, function, items, chunk_size, ahead)
        for result in results:
            bar.update(1 if count is None else count(result))
            yield result


def _pool_map(
    executor: ProcessPoolExecutor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    chunk_size: int,
    ahead: int,
) -> Iterator[Result]:
    """Yield the results in order, at most so many chunks ahead of the consumer."""
    pending: deque[Future[list[Result]]] = deque()
    iterator = iter(items)
    with executor:
        try:
            while chunk := list(islice(iterator, chunk_size)):
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
    """Return the results of one chunk."""
    return [function(item) for item in chunk]


def spawn_map(
    function: Callable[[Item], Result], items: Sequence[Item], *, num_workers: int, **options: Any
) -> list[Result]:
    """Return ``parallel_map`` by processes of one CPU thread each; one worker keeps its threads."""
    start = use_one_thread if num_workers > 1 else None
    return list(
        parallel_map(function, items, num_workers=num_workers, initializer=start, **options)
    )


def use_one_thread() -> None:
    """Give numpy, scikit-learn and torch one CPU thread from now on (an initializer)."""
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


@dataclass(frozen=True)
class Share:
    """Share ``index`` of ``count``, from 1 on, as tasks of a cluster's array are numbered."""

    index: int
    count: int

    def has(self, part: int) -> bool:
        """Return whether the part, numbered from 0, belongs to this share."""
        return part % self.count == self.index - 1


def parse_share(text: str) -> Share:
    """Return the share that ``3/32`` means; ValueError for any other form."""
    match = re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"share {text!r}: give one such as 3/32, the first is 1/32")
    return Share(int(match[1]), int(match[2]))


def run_parts(
    prefix: Path,
    facts: Mapping[str, object],
    function: Callable[[tuple[Path, Sequence[Item]]], object],
    items: Sequence[Item],
    size: int,
    *,
    suffix: str,
    share: Share | None,
    num_workers: int,
) -> dict[Path, Sequence[Item]]:
    """Return the file of every part of the items, in order, with its items; a killed run resumes.

    ``function``, with one CPU thread, writes the ``(file, items)`` of every part of the share whose
    file is not there, whole. Files lie in the hidden folder ``prefix`` and a hash of the ``facts``
    that they depend on (not ``num_workers`` or ``share``); folders of other facts are removed.
    """
    text = json.dumps({**facts, "part_utterances": size}, sort_keys=True)
    folder = Path(f"{prefix}{hashlib.sha256(text.encode()).hexdigest()[:16]}")
    for other in prefix.parent.glob(f"{prefix.name}*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)  # another share may be at it
    folder.mkdir(exist_ok=True)
    parts = {
        folder / f"{number:06d}{suffix}": items[first : first + size]
        for number, first in enumerate(range(0, len(items), size))
    }
    own = [each for n, each in enumerate(parts.items()) if share is None or share.has(n)]
    waiting = [(path, chunk) for path, chunk in own if not path.is_file()]
    if len(waiting) < len(own):
        logger.info("%s: %d of %d parts are there", folder, len(own) - len(waiting), len(own))
    with one_thread():
        for _ in parallel_map(
            function,
            waiting,
            description=f"{prefix.name.strip('._')} (x{size})",
            num_workers=num_workers,
            initializer=use_one_thread if waiting else None,
        ):
            pass
    return parts


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path, of the same suffix, that becomes ``path`` when the block succeeds."""
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
