"""Folds on disk: lists that anybody can read, and a summary with their hashes.

``<directory>/folds.json`` names protocol, seed, declared overlaps and hashes;
``<directory>/<fold>/{train,valid,test}`` hold one utterance id a line, sorted.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from espnet2_ext.data.atomic import atomic_open
from espnet2_ext.ser.fold_set import FoldSet, fold_hash, list_hash, short_hash
from espnet2_ext.ser.given_folds import PARTS
from espnet2_ext.ser.protocols import Allowance
from espnet2_ext.ser.splits import Fold

__all__ = ["FoldSet", "fold_hash", "list_hash", "read_folds", "short_hash", "write_folds"]

logger = logging.getLogger(__name__)

FOLDS_JSON = "folds.json"

_SETTINGS = ("protocol", "description", "source", "deviation", "seed", "max_train")


def write_folds(directory: str | Path, fold_set: FoldSet) -> None:
    """Write the lists and, last, ``folds.json``; files that say the same already stay.

    ``folds.json`` goes away before the first change: a directory that has it is whole.
    Lists of folds that are no more are removed.
    """
    directory = Path(directory)
    lists = {
        directory / fold.name / part: "".join(f"{utterance}\n" for utterance in ids)
        for fold in fold_set.folds
        for part, ids in fold.parts.items()
    }
    summary = directory / FOLDS_JSON
    text = json.dumps(_to_json(fold_set), ensure_ascii=False, indent=2) + "\n"
    changed = [path for path, content in lists.items() if not _holds(path, content)]
    stale = sorted(set(directory.glob("fold_*/*")) - lists.keys())
    if summary.is_file() and (changed or stale):
        logger.warning("%s: lists of another run are replaced", directory)
        summary.unlink()
    for path in changed:
        with atomic_open(path) as stream:
            stream.write(lists[path])
    _remove_lists(stale)
    if not _holds(summary, text):
        with atomic_open(summary) as stream:
            stream.write(text)


def _holds(path: Path, content: str) -> bool:
    return path.is_file() and path.read_bytes() == content.encode()


def _remove_lists(paths: Iterable[Path]) -> None:
    """Remove lists of folds that are no more, and folders that are empty then."""
    for path in paths:
        if path.name in PARTS and path.is_file():
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def _to_json(fold_set: FoldSet) -> dict[str, object]:
    fields = {name: getattr(fold_set, name) for name in _SETTINGS}
    return {
        **fields,
        "emotions": list(fold_set.emotions),
        "declared": [asdict(allowance) for allowance in fold_set.declared],
        "leak_check": list(fold_set.leak_check),
        "pretraining": {
            "checked": fold_set.pretraining_checked,
            "model_sha256": fold_set.model_sha256,
        },
        "hash": fold_set.hash,
        "folds": [_fold_to_json(fold, fold_set.labels) for fold in fold_set.folds],
    }


def _fold_to_json(fold: Fold, labels: Mapping[str, str]) -> dict[str, object]:
    return {
        "name": fold.name,
        "description": fold.description,
        "hash": fold_hash(fold, labels),
        **{
            part: {"utterances": len(ids), "sha256": list_hash(ids, labels)}
            for part, ids in fold.parts.items()
        },
    }


def read_folds(directory: str | Path, labels: Mapping[str, str]) -> FoldSet:
    """Return folds from disk, after a check that they are the lists that were written.

    Args:
        directory: ``<out_dir>/<protocol>``.
        labels: ``{utterance: emotion}`` of the data directory now.

    Raises:
        FileNotFoundError: there is no ``folds.json``, or a list is missing.
        ValueError: ``folds.json`` is malformed, a list or a label has changed since, or
            an utterance has no label; file and remedy are named.
    """
    directory = Path(directory)
    summary = directory / FOLDS_JSON
    if not summary.is_file():
        raise FileNotFoundError(f"{summary}: no such file; run ser_folds first")
    try:
        stored = json.loads(summary.read_text(encoding="utf-8"))
        stored.setdefault("pretraining", _pretraining_before(stored["leak_check"]))
        fold_set = _from_json(stored)
        entries = [
            (fold["name"], fold["description"], {part: fold[part]["sha256"] for part in PARTS})
            for fold in stored["folds"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{summary}: not written by ser_folds ({reason}); run it again") from error
    folds = []
    for name, description, hashes in entries:
        train, valid, test = (
            _read_list(directory / name / part, hashes[part], labels) for part in PARTS
        )
        folds.append(Fold(name, train, valid, test, description))
    used = sorted({key for fold in folds for ids in fold.parts.values() for key in ids})
    fold_set = replace(fold_set, folds=tuple(folds), labels={key: labels[key] for key in used})
    if _to_json(fold_set) != stored:
        raise ValueError(f"{summary}: counts or hashes have been edited; run ser_folds again")
    return fold_set


def _from_json(stored: Mapping[str, Any]) -> FoldSet:
    """Return what ``folds.json`` says, without the lists."""
    return FoldSet(
        **{name: stored[name] for name in _SETTINGS},
        emotions=tuple(stored["emotions"]),
        declared=tuple(Allowance(**item) for item in stored["declared"]),
        leak_check=tuple(stored["leak_check"]),
        folds=(),
        labels={},
        pretraining_checked=stored["pretraining"]["checked"],
        model_sha256=stored["pretraining"]["model_sha256"],
    )


def _pretraining_before(leak_check: Sequence[str]) -> dict[str, object]:
    """Return what a ``folds.json`` of earlier versions says of pretraining, in a line alone."""
    unchecked = any(line.startswith("unchecked: pretraining") for line in leak_check)
    return {"checked": not unchecked, "model_sha256": ""}


def _read_list(path: Path, expected: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of a list whose hash is the expected one."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; run ser_folds again")
    ids = path.read_text(encoding="utf-8").splitlines()
    for utterance in ids:
        if utterance not in labels:
            raise ValueError(
                f"{path}: {utterance!r:.80}: has no emotion in the data directory; run ser_folds "
                "again"
            )
    found = list_hash(ids, labels)
    if found != expected or ids != sorted(ids):
        raise ValueError(
            f"{path}: the list or its labels have changed (hash {short_hash(found)}, written as "
            f"{short_hash(expected)}); run ser_folds again, or protocol given for lists of your own"
        )
    return tuple(ids)
