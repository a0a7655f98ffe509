"""The guard against leaks: what lists share, refused unless the protocol declares it.

Compared are train with test, validation with test, train with validation, and
pretraining with test and validation, by id, audio file, samples (where asked),
speaker, sentence and, but for pretraining, session and dialogue, whose names say
nothing across corpora. What a data directory does not know is
reported as unchecked: silence never means that all is well.
"""

import hashlib
import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from espnet2_ext.ser.attributes import ATTRIBUTES, Attributes
from espnet2_ext.ser.pretrained import CONFIG, WEIGHTS
from espnet2_ext.ser.protocols import (
    PAIRS,
    PRETRAINING_ATTRIBUTES,
    PRETRAINING_PAIRS,
    Allowance,
)
from espnet2_ext.ser.splits import Fold

# ---------------------------------------------------------------- leaks

_PLURALS = {
    "utterance": "utterances",
    "audio": "audio files",
    "content": "audio contents",
    "speaker": "speakers",
    "session": "sessions",
    "dialogue": "dialogues",
    "sentence": "sentences",
}

NOT_NAMED = "no data directories of it were named"
"""Why pretraining is unchecked where nobody said anything of it."""

Index = Mapping[str, Sequence[str]]
"""From the value of an attribute to the utterances that have it."""


class LeakError(ValueError):
    """Lists share what their protocol does not declare; one line with examples and remedy."""


@dataclass(frozen=True)
class Overlap:
    """What two lists share of one attribute.

    Attributes:
        shared: values on both sides.
        values: different values of the right side.
        utterances: of the right side, whose value is shared.
        known: utterances of the right side that have a value.
        compared: whether any value is known on both sides.
        value: a shared one, None where there is none.
        left: an utterance of the left side with that value.
        right: one of the right side.
    """

    shared: int
    values: int
    utterances: int
    known: int
    compared: bool
    value: str | None = None
    left: str = ""
    right: str = ""

    @property
    def percent(self) -> float:
        """Return the share of the right side's utterances, in percent."""
        return 100 * self.utterances / self.known if self.known else 0.0


def check_folds(
    folds: Sequence[Fold],
    attributes: Attributes,
    allowances: Iterable[Allowance],
    pretraining: Sequence[Attributes] = (),
    pretraining_unknown: str = "",
) -> list[str]:
    """Return what to print beside a result: declared overlaps, their size, what is unchecked.

    Args:
        folds: to check.
        attributes: of the data directory that the folds are made of.
        allowances: overlaps that the protocol, or the user, declares.
        pretraining: attributes of each data directory that pretraining used.
        pretraining_unknown: why those are not all that it used; empty where they are.

    Raises:
        LeakError: an overlap that is not declared; the first of the first such fold.
    """
    declared = {(item.between, item.attribute): item for item in allowances}
    found: dict[tuple[str, str], list[Overlap]] = {}
    before = {source.name: _all_indices(source, PRETRAINING_ATTRIBUTES) for source in pretraining}
    for fold in folds:
        for between, left, left_index, right, right_index in _pairs(fold, attributes, before):
            for attribute in left_index:
                overlap = find_overlap(left_index[attribute], right_index[attribute])
                if overlap.shared and (between, attribute) not in declared:
                    message = _message(between, attribute, left, right, overlap)
                    raise LeakError(f"{attributes.name}: {fold.name}: {message}")
                found.setdefault((between, attribute), []).append(overlap)
    lines = _declared_lines(declared.values(), found)
    lines += _other_lines(found, declared, attributes, pretraining)
    if pretraining:
        lines.append(f"pretraining: {', '.join(source.name for source in pretraining)}")
    else:
        pretraining_unknown = pretraining_unknown or NOT_NAMED
    if pretraining_unknown:
        lines.append(f"unchecked: pretraining ({pretraining_unknown})")
    return lines


def find_overlap(left: Index, right: Index) -> Overlap:
    """Return what two lists, indexed by one attribute, have in common."""
    common = sorted(left.keys() & right.keys())
    example = (common[0], left[common[0]][0], right[common[0]][0]) if common else (None, "", "")
    return Overlap(
        len(common),
        len(right),
        sum(len(right[value]) for value in common),
        sum(map(len, right.values())),
        bool(left and right),
        *example,
    )


def _index(table: Mapping[str, str], ids: Iterable[str]) -> Index:
    """Return the utterances by value; those without a value are left out."""
    index: dict[str, list[str]] = {}
    for utterance in ids:
        if utterance in table:
            index.setdefault(table[utterance], []).append(utterance)
    return index


def _all_indices(
    source: Attributes, names: Sequence[str], ids: Iterable[str] | None = None
) -> dict[str, Index]:
    """Return the indices by attribute, of the named or of all utterances."""
    return {
        name: _index(source.values[name], source.values["utterance"] if ids is None else ids)
        for name in names
    }


def _pairs(
    fold: Fold, attributes: Attributes, pretraining: Mapping[str, Mapping[str, Index]]
) -> Iterable[tuple[str, str, Mapping[str, Index], str, Mapping[str, Index]]]:
    """Yield ``(between, left name, left indices, right name, right indices)``."""
    sides = {
        part: _all_indices(attributes, ATTRIBUTES, ids=ids) for part, ids in fold.parts.items()
    }
    for between in PAIRS:
        left, _, right = between.partition("/")
        yield between, left, sides[left], right, sides[right]
    for between in PRETRAINING_PAIRS:
        right = between.partition("/")[2]
        for name, indices in pretraining.items():
            yield between, f"pretraining ({name})", indices, right, sides[right]


def _message(between: str, attribute: str, left: str, right: str, overlap: Overlap) -> str:
    """Return what is shared without being declared, with examples and remedy."""
    value = "" if attribute == "content" else f" {overlap.value!r:.80}"
    remedy = "pretrain without them" if left.startswith("pretraining") else "keep them in one list"
    return (
        f"{attribute}{value} is in {left} ({overlap.left}) and in {right} "
        f"({overlap.right}): {overlap.shared} of {overlap.values} {_PLURALS[attribute]}, "
        f"{overlap.utterances} of {overlap.known} utterances of {right} are affected; {remedy}, "
        f"or declare the overlap {between}:{attribute}"
    )


def _declared_lines(
    declared: Iterable[Allowance], found: Mapping[tuple[str, str], Sequence[Overlap]]
) -> list[str]:
    """Return how much of each declared overlap there is, lists of one reason on one line."""
    shares: dict[tuple[str, str], list[str]] = {}
    for item in declared:
        overlaps = found.get((item.between, item.attribute), [])
        percents = sorted(overlap.percent for overlap in overlaps if overlap.compared)
        if percents:
            left, _, right = item.between.partition("/")
            low, high = f"{percents[0]:.1f}", f"{percents[-1]:.1f}"
            share = f"{low} %" if low == high else f"{low} to {high} %"
            texts = shares.setdefault((item.attribute, item.reason), [])
            texts.append(f"by {left} and {right}: {share} of {right}")
    return [
        f"{_PLURALS[attribute]} shared {'; '.join(texts)} (declared: {reason})"
        for (attribute, reason), texts in shares.items()
    ]


def _other_lines(
    found: Mapping[tuple[str, str], Sequence[Overlap]],
    declared: Container[tuple[str, str]],
    attributes: Attributes,
    pretraining: Sequence[Attributes],
) -> list[str]:
    """Return what was compared without a find, and what could not be compared."""
    clean: dict[str, list[str]] = {}
    for between, attribute in found:
        compared = all(overlap.compared for overlap in found[between, attribute])
        if compared and (between, attribute) not in declared:
            clean.setdefault(between, []).append(attribute)
    lines = [f"nothing shared by {between}: {', '.join(names)}" for between, names in clean.items()]
    for source in (attributes, *pretraining):
        names = ATTRIBUTES if source is attributes else PRETRAINING_ATTRIBUTES
        reasons = [f"{name} ({source.lacking[name]})" for name in names if name in source.lacking]
        if reasons:
            lines.append(f"unchecked in {source.name}: {', '.join(reasons)}")
    return lines


# ---------------------------------------------------------------- pretraining data
# What a model was pretrained on, so that a test on the same speech can be refused.
#
# ``p2v.sh`` keeps no list of utterances beside a checkpoint, but its ``config.yaml`` names the
# data directories of training and validation, and ``init_param`` the weights that it started
# from, whose own ``config.yaml`` does the same. Where one of them is not there any more,
# nothing is known, and a result says so in its row.
#
# Not followed: what HuBERT's or another upstream's makers trained on, and what units and
# speaker vectors were learnt from beside the training set.

SPEAKER_OPTIONS = ("train_speaker_dir", "valid_speaker_dir")
"""Of config.yaml: the data directories of a Prosody2Vec training."""
CHECKED, UNCHECKED = "checked", "not checked"


@dataclass(frozen=True)
class PretrainingData:
    """What can be compared with test and validation lists.

    Attributes:
        directories: data directories of training and validation, those that were found.
        unknown: why that is not all; empty where it is.
        sha256: of the weights; empty where they are not there.
    """

    directories: tuple[str, ...]
    unknown: str
    sha256: str


def find_pretraining_data(model_file: str | Path) -> PretrainingData:
    """Return the data of a model's pretraining, and of what that started from.

    Args:
        model_file: weights of bin/p2v_train, such as ``valid.loss.best.pth``; they need not
            be there yet.
    """
    model_file = Path(model_file)
    if not model_file.is_file():
        return PretrainingData((), f"{model_file} is not there", "")
    directories: dict[str, None] = {}
    unknown = _follow(model_file, directories, set())
    digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
    return PretrainingData(tuple(directories), "; ".join(unknown), digest)


def _follow(model_file: Path, directories: dict[str, None], seen: set[Path]) -> list[str]:
    """Add the data directories of a model and its ancestors; return what is not known."""
    path = Path(os.path.abspath(model_file)).parent / CONFIG
    if path in seen:  # fine-tuned in its own folder
        return []
    seen.add(path)
    shown = os.path.relpath(path)
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        named = [config.get(option) for option in SPEAKER_OPTIONS]
        ancestors = [str(entry).split(":")[0] for entry in config.get("init_param") or []]
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return [f"{shown} cannot be read"]
    if not all(named):
        return [f"{shown} names no data directories"]
    unknown = []
    for directory in named:
        found = _find_above(path, Path(directory) / "wav.scp")
        if found is None:
            unknown.append(f"{directory}, which {shown} names, is not there")
        else:
            directories[os.path.relpath(found.parent)] = None
    for ancestor in ancestors:
        found = _find_above(path, Path(ancestor))
        if found is None:
            unknown.append(f"{ancestor}, which {shown} started from, is not there")
        else:
            unknown += _follow(found, directories, seen)
    return unknown


def _find_above(config: Path, name: Path) -> Path | None:
    """Return a file that a configuration names from its recipe, a folder somewhere above it."""
    for parent in config.parents:
        if (parent / name).is_file():
            return parent / name
    return None


def pretraining_status(options: Mapping[str, Any], *, checked: bool, model_sha256: str) -> str:
    """Return what a row says of its pretraining data: none, checked or not checked.

    Args:
        options: of the trained system, as its config.yaml has them.
        checked: whether the lists were compared with all data of a pretraining.
        model_sha256: of the model whose pretraining that was; empty where directories were
            named without a model.
    """
    parts = {}
    encoder = options.get("prosody_encoder_dir")
    if options.get("use_prosody", True) and options.get("prosody_init") != "random":
        is_the_model = not model_sha256 or model_sha256 == _exported_sha256(encoder)
        parts["Prosody2Vec"] = CHECKED if checked and is_the_model else UNCHECKED
    sources = {str(entry).split(":")[0] for entry in options.get("init_param") or []}
    if sources - {str(Path(encoder or "") / WEIGHTS)}:
        parts["other weights"] = UNCHECKED
    if options.get("upstream") is not None:
        parts["upstream"] = UNCHECKED
    states = set(parts.values())
    if len(states) <= 1:
        return states.pop() if states else "none"
    return ", ".join(f"{part} {state}" for part, state in parts.items())


def _exported_sha256(encoder: str | None) -> str | None:
    """Return the sha256 of the model that a prosody encoder was exported from."""
    path = Path(encoder or "") / CONFIG
    if encoder is None or not path.is_file():
        return None
    return yaml.safe_load(path.read_text(encoding="utf-8")).get("sha256")
