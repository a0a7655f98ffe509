"""From a data directory to checked folds on disk, and the table that shows them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from espnet2_ext.data.data_directory import validate_data_directory
from espnet2_ext.ser.attributes import Utterances, attributes_of, labels_of, read_utterances
from espnet2_ext.ser.audio_content import content_digests
from espnet2_ext.ser.fold_set import FoldSet, fold_hash, short_hash
from espnet2_ext.ser.folds import write_folds
from espnet2_ext.ser.leaks import NOT_NAMED, check_folds
from espnet2_ext.ser.pretraining_data import PretrainingData, find_pretraining_data
from espnet2_ext.ser.protocols import Allowance, Protocol, get_protocol, parse_allowance
from espnet2_ext.ser.splits import Fold, make_folds
from espnet2_ext.ser.superb_lists import read_superb

SUPERB_LISTS = "downloads/superb_lists"


def prepare_folds(
    data_dir: str | Path,
    protocol: str,
    out_dir: str | Path | None = None,
    *,
    seed: int = 0,
    num_folds: int | None = None,
    max_train: int | None = None,
    folds_csv: str | Path | None = None,
    superb_lists: str | Path = SUPERB_LISTS,
    pretrained_model: str | Path | None = None,
    pretraining_data_dirs: Sequence[str | Path] = (),
    allow: Sequence[str] = (),
    compare_content: bool = False,
) -> FoldSet:
    """Make folds, check them for leaks, and only then write and return them.

    Args:
        data_dir: with ``utt2emo`` and what the protocol splits by.
        protocol: name in `espnet2_ext.ser.protocols.PROTOCOLS`.
        out_dir: gets a folder of the protocol; None for ``<data_dir>/folds``.
        seed, num_folds, max_train, folds_csv: see `make_folds`.
        superb_lists: folder of the published lists, which the protocol ``superb`` alone
            reads and fetches where they are not, see `read_superb`.
        pretrained_model: weights, whose config.yaml names the data of pretraining.
        pretraining_data_dirs: every data directory that pretraining used, validation
            included: it chose the checkpoint. None: those that the model's files name.
        allow: overlaps to declare beside the protocol's, see `parse_allowance`.
        compare_content: compare the samples of files of equal length, too.

    Raises:
        LeakError: lists share what is not declared; nothing is written.
        ValueError: a data directory or an option breaks a rule (see `make_folds`).
        OSError: the lists cannot be written.
    """
    rules = get_protocol(protocol)
    declared = {item.name: item for item in (*map(parse_allowance, allow), *rules.allowances)}
    validate_data_directory(data_dir)
    utterances = read_utterances(data_dir)
    folds = make_folds(
        rules,
        utterances,
        seed=seed,
        num_folds=num_folds,
        max_train=max_train,
        folds_csv=folds_csv,
        superb=read_superb(superb_lists) if rules.valid_by == "superb" else None,
    )
    pretraining = _pretraining(pretrained_model, pretraining_data_dirs)
    before = {path: read_utterances(path) for path in pretraining.directories}
    digests = content_digests(utterances, [*before.values()]) if compare_content else None
    lines = check_folds(
        folds,
        attributes_of(str(data_dir), utterances, digests),
        declared.values(),
        [attributes_of(name, group, digests) for name, group in before.items()],
        pretraining.unknown,
    )
    fold_set = replace(
        _fold_set(rules, folds, utterances, tuple(declared.values()), lines, seed, max_train),
        pretraining_checked=not pretraining.unknown,
        model_sha256=pretraining.sha256,
    )
    out = Path(data_dir) / "folds" if out_dir is None else Path(out_dir)
    write_folds(out / rules.name, fold_set)
    return fold_set


def _pretraining(model: str | Path | None, directories: Sequence[str | Path]) -> PretrainingData:
    """Return the data to compare with; directories that the user names are taken for all."""
    found = PretrainingData((), NOT_NAMED, "")
    if model is not None:
        found = find_pretraining_data(model)
    if directories:
        return PretrainingData(tuple(map(str, directories)), "", found.sha256)
    return found


def _fold_set(
    rules: Protocol,
    folds: Sequence[Fold],
    utterances: Utterances,
    declared: tuple[Allowance, ...],
    lines: Sequence[str],
    seed: int,
    max_train: int | None,
) -> FoldSet:
    """Return the checked folds with what a reader has to know of them."""
    labels = labels_of(utterances)
    used = sorted({key for fold in folds for ids in fold.parts.values() for key in ids})
    return FoldSet(
        protocol=rules.name,
        description=rules.description,
        source=rules.source,
        deviation=rules.deviation,
        seed=seed,
        max_train=max_train,
        emotions=tuple(sorted({labels[key] for key in used})),
        declared=declared,
        leak_check=tuple(lines),
        folds=tuple(folds),
        labels={key: labels[key] for key in used},
    )


def format_folds(fold_set: FoldSet) -> str:
    """Return a table of the folds: sizes, class counts, hashes, and the leak check below it."""
    header = ["fold", "train", "valid", "test", "hash", ""]
    rows = [header]
    for fold in fold_set.folds:
        counts = [_counts(ids, fold_set) for ids in fold.parts.values()]
        digest = short_hash(fold_hash(fold, fold_set.labels))
        rows.append([fold.name, *counts, digest, fold.description])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    limit = "" if fold_set.max_train is None else f", at most {fold_set.max_train} to train on"
    title = (
        f"{fold_set.protocol}: {fold_set.description}; seed {fold_set.seed}{limit}; "
        f"counts of {'/'.join(fold_set.emotions)}; hash {short_hash(fold_set.hash)}"
    )
    deviation = [f"deviation: {fold_set.deviation}"] if fold_set.deviation else []
    return "\n".join([title, *table, *deviation, *fold_set.leak_check])


def _counts(utterances: Sequence[str], fold_set: FoldSet) -> str:
    """Return the size of a list and its emotions, such as ``5 (2/0/3)``."""
    counts = Counter(fold_set.labels[key] for key in utterances)
    return f"{len(utterances)} ({'/'.join(str(counts[name]) for name in fold_set.emotions)})"
