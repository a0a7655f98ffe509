"""From utterances to folds, as a protocol says."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from espnet2_ext.ser.attributes import Utterances, labels_of
from espnet2_ext.ser.draw import stratified_subset
from espnet2_ext.ser.fold_groups import (
    Groups,
    Validation,
    next_group,
    test_groups,
    validation_rule,
)
from espnet2_ext.ser.given_folds import PARTS, UNUSED, read_given
from espnet2_ext.ser.protocols import Protocol
from espnet2_ext.ser.superb_lists import SuperbSplit

NUM_FOLDS = 5
"""Of protocols that draw their groups, unless told."""


@dataclass(frozen=True)
class Fold:
    """One round: train, choose the checkpoint on ``valid``, score ``test``; ids are sorted.

    Attributes:
        name: ``fold_<i>``, from 1.
        train: utterance ids.
        valid: utterance ids; none where the protocol validates on nothing.
        test: utterance ids.
        description: who is tested and who validates, and the size of a subset.
    """

    name: str
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    description: str = ""

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Return the three lists by name."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def make_folds(
    protocol: Protocol,
    utterances: Utterances,
    *,
    seed: int = 0,
    num_folds: int | None = None,
    max_train: int | None = None,
    folds_csv: str | Path | None = None,
    superb: Mapping[str, SuperbSplit] | None = None,
) -> list[Fold]:
    """Return the folds; the same arguments give the same folds, in whatever order they come.

    Args:
        protocol: see `espnet2_ext.ser.protocols.PROTOCOLS`.
        utterances: by id, with emotions and what the protocol splits by.
        seed: of everything drawn.
        num_folds: of protocols that draw groups; None for `NUM_FOLDS`.
        max_train: keep so many training utterances of each fold, emotions in
            proportion; None for all. Validation and test stay whole.
        folds_csv: of the protocol ``given``, see `read_given`.
        superb: of the protocol ``superb``, see `read_superb`.

    Raises:
        ValueError: an option does not belong to the protocol, the utterances lack what
            it splits by or have too few groups, or a list is empty or lacks an emotion.
    """
    labels = labels_of(utterances)
    _check_options(protocol, num_folds, max_train, folds_csv)
    if (protocol.valid_by == "superb") != (superb is not None):
        raise ValueError(f"{protocol.name}: protocol 'superb' and its published lists go together")
    if folds_csv is not None:
        column, values = read_given(folds_csv, utterances)
        folds = _given(column, values)
    else:
        groups = test_groups(protocol, utterances, labels, seed, num_folds or NUM_FOLDS)
        folds = _leave_out(
            protocol.name, groups, validation_rule(protocol, utterances, groups, seed, superb)
        )
    return [_limited(protocol, fold, labels, seed, max_train) for fold in folds]


def _check_options(
    protocol: Protocol, num_folds: int | None, max_train: int | None, folds_csv: str | Path | None
) -> None:
    """Raise a ValueError for an option that this protocol does not have, or lacks."""
    if num_folds is not None and protocol.test_by not in ("speaker group", "utterance group"):
        raise ValueError(f"{protocol.name}: num_folds follows from the data; leave it out")
    if num_folds is not None and num_folds < 3:
        raise ValueError(
            f"{protocol.name}: num_folds is {num_folds}; train, valid and test need at least 3"
        )
    if max_train is not None and max_train < 1:
        raise ValueError(f"{protocol.name}: max_train is {max_train}; give at least 1 or leave out")
    if (protocol.test_by == "given") != (folds_csv is not None):
        raise ValueError(f"{protocol.name}: protocol 'given' and folds_csv go together")


def _leave_out(protocol: str, groups: Groups, validation: Validation) -> list[Fold]:
    """Return one fold for each group: that tests, the rule validates, the rest trains."""
    everything = sorted(key for members in groups.values() for key in members)
    folds = []
    for number, (tested, test) in enumerate(groups.items(), start=1):
        valid, who = validation(f"fold_{number}", tested)
        train = sorted(set(everything) - set(test) - set(valid))
        description = f"test {tested}; valid {who}"
        folds.append(
            Fold(f"fold_{number}", tuple(train), tuple(sorted(valid)), tuple(test), description)
        )
    return folds


def _given(column: str, values: Mapping[str, str]) -> list[Fold]:
    """Return the folds of a user's csv: one that names parts, or one for each value."""
    groups: Groups = {}
    for key in sorted(values):
        groups.setdefault(values[key], []).append(key)
    if column == "part":
        groups.pop(UNUSED, None)
        train, valid, test = (tuple(groups.get(part, ())) for part in PARTS)
        return [Fold("fold_1", train, valid, test, "test, valid and train as given")]
    if len(groups) < 3:
        raise ValueError(f"given: train, valid and test need at least 3 folds, not {len(groups)}")
    ordered = sorted(groups, key=lambda name: (not name.isdecimal(), len(name), name))
    groups = {name: groups[name] for name in ordered}
    return _leave_out("given", groups, partial(next_group, groups))


def _limited(
    rules: Protocol, fold: Fold, labels: Mapping[str, str], seed: int, max_train: int | None
) -> Fold:
    """Return the fold with at most ``max_train`` training utterances, after a check."""
    protocol = rules.name
    for part, ids in fold.parts.items():
        if not ids and not (part == "valid" and rules.valid_by == "nothing"):
            raise ValueError(f"{protocol} {fold.name}: {part} is empty; use another protocol")
    trained = {labels[key] for key in fold.train}
    for key in fold.test + fold.valid:
        if labels[key] not in trained:
            raise ValueError(
                f"{protocol} {fold.name}: {key} is {labels[key]!r}, which no training utterance "
                "is; use another seed or protocol, or leave that emotion out"
            )
    if max_train is None or max_train >= len(fold.train):
        return fold
    try:
        train = stratified_subset(fold.train, labels, max_train, seed, fold.name, "max_train")
    except ValueError as error:
        raise ValueError(f"{protocol} {fold.name}: max_train: {error}") from error
    description = f"{fold.description}; train {max_train} drawn of {len(fold.train)}"
    return Fold(fold.name, tuple(train), fold.valid, fold.test, description)
