"""All folds of a protocol, and hashes that say which lists and labels they were.

The hash of a list is the sha256 of its lines ``<utterance> <emotion>``, so that

    utils/filter_scp.pl fold_1/test data/x/utt2emo | sha256sum

gives it too; the hash of a fold is that of the lines ``train <hash>``, ``valid
<hash>``, ``test <hash>``, and that of all is that of the lines ``<fold> <hash>``.
Names of protocols and seeds are not in it: equal lists have equal hashes.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from espnet2_ext.ser.protocols import Allowance
from espnet2_ext.ser.splits import Fold


@dataclass(frozen=True)
class FoldSet:
    """All folds of a protocol, and what a reader of a result has to know of them.

    Attributes:
        protocol: its name.
        description: who tests, validates, trains.
        source: who introduced the protocol.
        deviation: where the lists differ from those of others; empty if nowhere.
        seed: of everything drawn.
        max_train: limit of the training lists, None for none.
        emotions: in the order of every count and confusion matrix.
        declared: overlaps that the protocol or the user allows.
        leak_check: lines of `check_folds`.
        folds: the lists.
        labels: ``{utterance: emotion}`` of every utterance in them.
        pretraining_checked: whether they were compared with all data of a pretraining.
        model_sha256: of the weights whose pretraining that was; empty where directories
            were named without a model.
    """

    protocol: str
    description: str
    source: str
    deviation: str
    seed: int
    max_train: int | None
    emotions: tuple[str, ...]
    declared: tuple[Allowance, ...]
    leak_check: tuple[str, ...]
    folds: tuple[Fold, ...]
    labels: Mapping[str, str]
    pretraining_checked: bool = False
    model_sha256: str = ""

    @property
    def hash(self) -> str:
        """Return the sha256 of all lists and labels, in hexadecimal."""
        return _hash_lines(f"{fold.name} {fold_hash(fold, self.labels)}" for fold in self.folds)


def list_hash(utterances: Iterable[str], labels: Mapping[str, str]) -> str:
    """Return the sha256 of a list and its labels, whatever order it comes in."""
    return _hash_lines(f"{utterance} {labels[utterance]}" for utterance in sorted(utterances))


def fold_hash(fold: Fold, labels: Mapping[str, str]) -> str:
    """Return the sha256 of a fold's three lists and labels, in hexadecimal."""
    return _hash_lines(f"{part} {list_hash(ids, labels)}" for part, ids in fold.parts.items())


def short_hash(digest: str) -> str:
    """Return the first 8 digits, for tables."""
    return digest[:8]


def _hash_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
