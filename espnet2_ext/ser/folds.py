"""From a data directory to checked folds on disk, with hashes that say which lists they are.

``<directory>/folds.json`` names protocol, seed, declared overlaps and hashes;
``<directory>/<fold>/{train,valid,test}`` hold one utterance id a line, sorted.

The hash of a list is the sha256 of its lines ``<utterance> <emotion>``, as given by

    utils/filter_scp.pl fold_1/test data/x/utt2emo | sha256sum

The hash of a fold is that of the lines ``train <hash>``, ``valid <hash>``, ``test <hash>``, and
the hash of all folds that of the lines ``<fold> <hash>``. Protocol and seed do not count: equal
lists have equal hashes.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.ser.attributes import attributes_of, content_digests, labels_of, read_utterances
from espnet2_ext.ser.leaks import check_folds, find_pretraining_data
from espnet2_ext.ser.protocols import PROTOCOLS, Allowance, parse_allowance
from espnet2_ext.ser.splits import PARTS, Fold, make_folds, read_superb

logger = logging.getLogger(__name__)

FOLDS_JSON = "folds.json"
SUPERB_LISTS = "downloads/superb_lists"

_SETTINGS = ("protocol", "description", "source", "deviation", "seed", "max_train")


@dataclass(frozen=True)
class FoldSet:
    """All folds of a protocol, and what a reader of a result must know of them.

    ``max_train`` limits the training lists, ``declared`` are the overlaps that the protocol or the
    user allows, ``leak_check`` the lines of `check_folds`, ``labels`` the emotions of all
    utterances in the folds; ``pretraining_checked`` says whether they were compared with all data
    of a pretraining, ``model_sha256`` of which weights ("" where directories were named without
    any).
    """

    protocol: str
    description: str
    source: str
    deviation: str
    seed: int
    max_train: int | None
    declared: tuple[Allowance, ...]
    leak_check: tuple[str, ...]
    folds: tuple[Fold, ...]
    labels: Mapping[str, str]
    pretraining_checked: bool = False
    model_sha256: str = ""

    @property
    def emotions(self) -> tuple[str, ...]:
        """Return the emotions, sorted: the order of every count and confusion matrix."""
        return tuple(sorted(set(self.labels.values())))

    @property
    def hash(self) -> str:
        """Return the sha256 of all lists and labels, in hexadecimal."""
        return _hash_lines(f"{fold.name} {fold_hash(fold, self.labels)}" for fold in self.folds)


def _used(labels: Mapping[str, str], folds: Iterable[Fold]) -> dict[str, str]:
    """Return the labels of the utterances in the folds."""
    used = {key for fold in folds for ids in fold.parts.values() for key in ids}
    return {key: labels[key] for key in sorted(used)}


def list_hash(utterances: Iterable[str], labels: Mapping[str, str]) -> str:
    """Return the sha256 of a list and its labels, whatever its order."""
    return _hash_lines(f"{utterance} {labels[utterance]}" for utterance in sorted(utterances))


def fold_hash(fold: Fold, labels: Mapping[str, str]) -> str:
    """Return the sha256 of a fold's three lists and labels, in hexadecimal."""
    return _hash_lines(f"{part} {list_hash(ids, labels)}" for part, ids in fold.parts.items())


def _hash_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def write_folds(directory: str | Path, fold_set: FoldSet) -> None:
    """Write the lists and, last, ``folds.json``; files with the same content are kept.

    ``folds.json`` is removed before the first change: a directory that has it is complete.
    """
    directory = Path(directory)
    lists = {
        directory / fold.name / part: "".join(f"{utterance}\n" for utterance in ids)
        for fold in fold_set.folds
        for part, ids in fold.parts.items()
    }
    summary = directory / FOLDS_JSON
    text = json.dumps(_to_json(fold_set), ensure_ascii=False, indent=2) + "\n"
    changed = [path for path in lists if not _holds(path, lists[path])]
    former = sorted(set(directory.glob("fold_*/*")) - lists.keys())
    if summary.is_file() and (changed or former):
        logger.warning("%s: lists of another run are replaced", directory)
        summary.unlink()
    for path in changed:
        with atomic_open(path) as stream:
            stream.write(lists[path])
    for path in former:
        if path.name in PARTS and path.is_file():
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
    if not _holds(summary, text):
        with atomic_open(summary) as stream:
            stream.write(text)


def _holds(path: Path, content: str) -> bool:
    return path.is_file() and path.read_bytes() == content.encode()


def _to_json(fold_set: FoldSet) -> dict[str, object]:
    """Return the content of ``folds.json``."""
    labels = fold_set.labels
    return {
        **{name: getattr(fold_set, name) for name in _SETTINGS},
        "emotions": list(fold_set.emotions),
        "declared": [asdict(allowance) for allowance in fold_set.declared],
        "leak_check": list(fold_set.leak_check),
        "pretraining": {
            "checked": fold_set.pretraining_checked,
            "model_sha256": fold_set.model_sha256,
        },
        "hash": fold_set.hash,
        "folds": [
            {
                "name": fold.name,
                "description": fold.description,
                "hash": fold_hash(fold, labels),
                **{
                    part: {"utterances": len(ids), "sha256": list_hash(ids, labels)}
                    for part, ids in fold.parts.items()
                },
            }
            for fold in fold_set.folds
        ],
    }


def read_folds(directory: str | Path, labels: Mapping[str, str]) -> FoldSet:
    """Return the folds of a directory, checked against the labels of the data directory.

    FileNotFoundError where ``folds.json`` or a list is missing, ValueError where one is malformed
    or has changed.
    """
    directory = Path(directory)
    summary = directory / FOLDS_JSON
    if not summary.is_file():
        raise FileNotFoundError(f"{summary}: no such file; run ser_folds first")
    try:
        stored: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
        if "pretraining" not in stored:  # written by an earlier version
            unchecked = any(x.startswith("unchecked: pretraining") for x in stored["leak_check"])
            stored["pretraining"] = {"checked": not unchecked, "model_sha256": ""}
        folds = []
        for fold in stored["folds"]:
            paths = {part: directory / fold["name"] / part for part in PARTS}
            lists = {p: _read_list(paths[p], fold[p]["sha256"], labels) for p in PARTS}
            folds.append(Fold(fold["name"], **lists, description=fold["description"]))
        fold_set = FoldSet(
            **{name: stored[name] for name in _SETTINGS},
            declared=tuple(Allowance(**item) for item in stored["declared"]),
            leak_check=tuple(stored["leak_check"]),
            folds=tuple(folds),
            labels=_used(labels, folds),
            pretraining_checked=stored["pretraining"]["checked"],
            model_sha256=stored["pretraining"]["model_sha256"],
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{summary}: not written by ser_folds ({reason}); run it again") from error
    if _to_json(fold_set) != stored:
        raise ValueError(f"{summary}: counts or hashes have been edited; run ser_folds again")
    return fold_set


def _read_list(path: Path, expected: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of a list whose hash is the expected one."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; run ser_folds again")
    ids = path.read_text(encoding="utf-8").splitlines()
    for utterance in ids:
        if utterance not in labels:
            where = "in the data directory; run ser_folds again"
            raise ValueError(f"{path}: {utterance!r:.80}: has no emotion {where}")
    found = list_hash(ids, labels)
    if found != expected or ids != sorted(ids):
        raise ValueError(
            f"{path}: the list or its labels have changed (hash {found[:8]}, written as "
            f"{expected[:8]}); run ser_folds again, or protocol given for lists of your own"
        )
    return tuple(ids)


def prepare_folds(
    data_dir: str | Path,
    protocol: str,
    out_dir: str | Path | None = None,
    *,
    seed: int = 0,
    max_train: int | None = None,
    superb_lists: str | Path = SUPERB_LISTS,
    pretrained_model: str | Path | None = None,
    pretraining_data_dirs: Sequence[str | Path] = (),
    allow: Sequence[str] = (),
    compare_content: bool = False,
    **splitting: Any,
) -> FoldSet:
    """Make folds, check them for leaks, and only then write and return them.

    For ``splitting`` and the options see `make_folds`, `read_superb`, `find_pretraining_data` and
    `parse_allowance`; ``compare_content`` compares the samples of files of equal length too.
    Without ``out_dir``, ``<data_dir>/folds`` gets the folder of the protocol. LeakError where lists
    share what is not declared; ValueError where a data directory or an option breaks a rule.
    """
    rules = PROTOCOLS[protocol]
    declared = {item.name: item for item in (*map(parse_allowance, allow), *rules.allowances)}
    validate_data_directory(data_dir)
    utterances = read_utterances(data_dir)
    folds = make_folds(
        rules,
        utterances,
        seed=seed,
        max_train=max_train,
        superb=read_superb(superb_lists) if rules.valid_by == "superb" else None,
        **splitting,
    )
    pretraining = find_pretraining_data(pretrained_model, pretraining_data_dirs)
    before = {path: read_utterances(path) for path in pretraining.directories}
    digests = content_digests(utterances, [*before.values()]) if compare_content else None
    lines = check_folds(
        folds,
        attributes_of(str(data_dir), utterances, digests),
        declared.values(),
        [attributes_of(name, group, digests) for name, group in before.items()],
        pretraining.unknown,
    )
    fold_set = FoldSet(
        protocol=rules.name,
        **{name: getattr(rules, name) for name in ("description", "source", "deviation")},
        seed=seed,
        max_train=max_train,
        declared=tuple(declared.values()),
        leak_check=tuple(lines),
        folds=tuple(folds),
        labels=_used(labels_of(utterances), folds),
        pretraining_checked=not pretraining.unknown,
        model_sha256=pretraining.sha256,
    )
    write_folds(Path(out_dir or Path(data_dir) / "folds") / rules.name, fold_set)
    return fold_set


def format_folds(fold_set: FoldSet) -> str:
    """Return a table of the folds: sizes, class counts, hashes, and the leak check below it."""
    rows = [["fold", *PARTS, "hash", ""]]
    for fold in fold_set.folds:
        sizes = []
        for ids in fold.parts.values():  # such as 5 (2/0/3)
            counts = Counter(fold_set.labels[key] for key in ids)
            by_emotion = "/".join(str(counts[emotion]) for emotion in fold_set.emotions)
            sizes.append(f"{len(ids)} ({by_emotion})")
        digest = fold_hash(fold, fold_set.labels)[:8]
        rows.append([fold.name, *sizes, digest, fold.description])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    limit = "" if fold_set.max_train is None else f", at most {fold_set.max_train} to train on"
    title = (
        f"{fold_set.protocol}: {fold_set.description}; seed {fold_set.seed}{limit}; "
        f"counts of {'/'.join(fold_set.emotions)}; hash {fold_set.hash[:8]}"
    )
    deviation = [f"deviation: {fold_set.deviation}"] if fold_set.deviation else []
    return "\n".join([title, *table, *deviation, *fold_set.leak_check])
