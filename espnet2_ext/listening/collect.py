"""The files of all listeners, less those that cannot count, each with its reason."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.listening.key import ListeningTest
from espnet2_ext.listening.results import ListenerResult, read_result

logger = logging.getLogger(__name__)

EXCLUDED = "excluded.tsv"


@dataclass(frozen=True)
class Collection:
    """What was handed in.

    Attributes:
        results: that count, by listener.
        excluded: paths of the others to the reason.
    """

    results: tuple[ListenerResult, ...]
    excluded: Mapping[str, str]


def collect_results(
    result_dir: str | Path, test: ListeningTest, *, max_failed_checks: int = 0
) -> Collection:
    """Return the sessions of a folder.

    Left out are files that ``read_result`` refuses, listeners who failed too many checks
    of attention, and listener numbers that stand for different answers; of files with the
    same answers of a listener the first counts.

    Args:
        result_dir: all its ``.json`` files, at any depth.
        test: that they answer.
        max_failed_checks: more than that exclude a listener. # not in paper

    Raises:
        ValueError: there is no file, or none that counts.
    """
    paths = sorted(Path(result_dir).rglob("*.json"))
    if not paths:
        raise ValueError(f"{result_dir}: holds no .json file; put there what listeners saved")
    excluded: dict[str, str] = {}
    by_listener: dict[int, list[ListenerResult]] = {}
    for path in paths:
        try:
            result = read_result(path, test)
        except ValueError as error:
            excluded[str(path)] = str(error)
            continue
        by_listener.setdefault(result.listener, []).append(result)
    counted = []
    for listener in sorted(by_listener):
        kept = _one_of(by_listener[listener], excluded)
        if kept is None:
            continue
        failed, checks = kept.checks
        if failed > max_failed_checks:
            excluded[kept.path] = f"failed {failed} of {checks} checks of attention"
        else:
            counted.append(kept)
    for name, reason in excluded.items():
        logger.warning("%s: left out: %s", name, reason)
    if not counted:
        name, reason = next(iter(excluded.items()))
        raise ValueError(
            f"{result_dir}: none of {len(paths)} files counts; for example {name}: {reason}"
        )
    return Collection(tuple(counted), excluded)


def _one_of(results: Sequence[ListenerResult], excluded: dict[str, str]) -> ListenerResult | None:
    """Return the session of a listener number, None where files contradict each other."""
    first, *others = results
    listener = first.listener
    if any(other.answers != first.answers for other in others):
        names = " and ".join(Path(result.path).name for result in results)
        for result in results:
            excluded[result.path] = (
                f"listener {listener} stands in {names} with different answers; keep one of them"
            )
        return None
    for other in others:
        excluded[other.path] = f"the same answers of listener {listener} as {first.path}"
    return first


def write_excluded(path: str | Path, collection: Collection) -> None:
    """Write ``file<TAB>reason``, also an empty list, which says that every file counts."""
    with atomic_open(path) as stream:
        for name in sorted(collection.excluded):
            stream.write(f"{name}\t{collection.excluded[name]}\n")
