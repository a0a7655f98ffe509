"""The leak check: what lists share is refused unless the protocol declares it.

Training, validation and test lists are compared with each other, and pretraining with validation
and test. What a data directory does not tell is reported as unchecked.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet2_ext.data.weights import read_training_config
from espnet2_ext.ser.attributes import ATTRIBUTES, Attributes
from espnet2_ext.ser.pretrained import CONFIG, WEIGHTS
from espnet2_ext.ser.protocols import (
    PAIRS,
    PRETRAINING_ATTRIBUTES,
    PRETRAINING_PAIRS,
    Allowance,
)
from espnet2_ext.ser.splits import PARTS, Fold

NOT_NAMED = "no data directories of it were named"
"""Why pretraining is unchecked where neither a model nor directories were given."""

_PLURALS = {name: f"{name}s" for name in ATTRIBUTES}
_PLURALS |= {"audio": "audio files", "content": "audio contents"}

Index = dict[str, list[str]]
"""From the value of an attribute to the utterances that have it."""


class LeakError(ValueError):
    """Lists share what their protocol does not declare; one line with examples and remedy."""


def check_folds(
    folds: Sequence[Fold],
    attributes: Attributes,
    allowances: Iterable[Allowance],
    pretraining: Sequence[Attributes] = (),
    pretraining_unknown: str = "",
) -> list[str]:
    """Return what to print beside a result: declared overlaps, their size, what is unchecked.

    ``attributes`` are of the data directory of the folds, ``pretraining`` of each that pretraining
    used; ``pretraining_unknown`` says why those are not all ("" where they are). LeakError for the
    first overlap of the first fold that is not declared.
    """
    declared = {(item.between, item.attribute): item.reason for item in allowances}
    # In percent of the right list, one value a comparison; None where nothing could be compared.
    shares: dict[tuple[str, str], list[float | None]] = {}
    before = [
        (f"pretraining ({source.name})", _indices(source, PRETRAINING_ATTRIBUTES))
        for source in pretraining
    ]
    for fold in folds:
        sides = {part: _indices(attributes, ATTRIBUTES, ids) for part, ids in fold.parts.items()}
        pairs = [(pair, pair.split("/")[0], sides[pair.split("/")[0]]) for pair in PAIRS]
        pairs += [(pair, *left) for pair in PRETRAINING_PAIRS for left in before]
        for between, left_name, left in pairs:
            part = between.split("/")[1]
            for name in left:
                share, fault = _compare(name, left_name, left[name], part, sides[part][name])
                if fault and (between, name) not in declared:
                    raise LeakError(
                        f"{attributes.name}: {fold.name}: {fault}, or declare the overlap "
                        f"{between}:{name}"
                    )
                shares.setdefault((between, name), []).append(share)
    lines = _lines(shares, declared)
    for source in (attributes, *pretraining):
        names = ATTRIBUTES if source is attributes else PRETRAINING_ATTRIBUTES
        reasons = [f"{name} ({source.lacking[name]})" for name in names if name in source.lacking]
        if reasons:
            lines.append(f"unchecked in {source.name}: {', '.join(reasons)}")
    if pretraining:
        lines.append(f"pretraining: {', '.join(source.name for source in pretraining)}")
    else:
        pretraining_unknown = pretraining_unknown or NOT_NAMED
    if pretraining_unknown:
        lines.append(f"unchecked: pretraining ({pretraining_unknown})")
    return lines


def _indices(
    source: Attributes, names: Sequence[str], ids: Iterable[str] | None = None
) -> dict[str, Index]:
    """Return the utterances by attribute and value, of the given ids or of all."""
    indices: dict[str, Index] = {name: {} for name in names}
    for name, index in indices.items():
        values = source.values[name]
        for utterance in source.values["utterance"] if ids is None else ids:
            if utterance in values:
                index.setdefault(values[utterance], []).append(utterance)
    return indices


def _compare(
    attribute: str, left_name: str, left: Index, right_name: str, right: Index
) -> tuple[float | None, str]:
    """Return the percentage (None: unknown) of right utterances that share a value, and why."""
    common = sorted(left.keys() & right.keys())
    known = sum(map(len, right.values()))
    affected = sum(len(right[value]) for value in common)
    share = 100 * affected / known if left and right else None
    if not common:
        return share, ""
    first = common[0]
    value = "" if attribute == "content" else f" {first!r:.80}"
    remedy = "keep them in one list" if left_name in PARTS else "pretrain without them"
    return share, (
        f"{attribute}{value} is in {left_name} ({left[first][0]}) and in {right_name} "
        f"({right[first][0]}): {len(common)} of {len(right)} {_PLURALS[attribute]}, "
        f"{affected} of {known} utterances of {right_name} are affected; {remedy}"
    )


def _lines(
    shares: Mapping[tuple[str, str], Sequence[float | None]],
    declared: Mapping[tuple[str, str], str],
) -> list[str]:
    """Return the size of each declared overlap, those of one reason on one line, then the rest."""
    texts: dict[tuple[str, str], list[str]] = {}
    for (between, attribute), reason in declared.items():
        percents = [share for share in shares.get((between, attribute), []) if share is not None]
        if percents:
            left, right = between.split("/")
            low, high = f"{min(percents):.1f}", f"{max(percents):.1f}"
            text = f"by {left} and {right}: {low}{f' to {high}' * (low != high)} % of {right}"
            texts.setdefault((attribute, reason), []).append(text)
    clean: dict[str, list[str]] = {}
    for between, attribute in shares:
        if (between, attribute) not in declared and None not in shares[between, attribute]:
            clean.setdefault(between, []).append(attribute)
    return [
        f"{_PLURALS[attribute]} shared {'; '.join(parts)} (declared: {reason})"
        for (attribute, reason), parts in texts.items()
    ] + [f"nothing shared by {between}: {', '.join(names)}" for between, names in clean.items()]


SPEAKER_OPTIONS = ("train_speaker_dir", "valid_speaker_dir")
"""Options in the config.yaml of a Prosody2Vec training that name its data directories."""


@dataclass(frozen=True)
class PretrainingData:
    """Directories of pretraining, why they are not all of them, and the sha256 of the weights.

    ``unknown`` is "" where they are all, ``sha256`` where there are no weights.
    """

    directories: tuple[str, ...]
    unknown: str
    sha256: str


def find_pretraining_data(
    model_file: str | Path | None, directories: Sequence[str | Path] = ()
) -> PretrainingData:
    """Return the data of a model's pretraining and of the weights that it started from.

    They are named in the ``config.yaml`` beside the weights and in that of its ``init_param``. Not
    followed: the data of HuBERT or another upstream, and what units and speaker vectors were learnt
    from. Directories that the user names are taken for all.
    """
    digest, unknown = "", [NOT_NAMED]
    found: dict[str, None] = {}
    if model_file is not None:
        model_file = Path(model_file)
        unknown = [f"{model_file} is not there"]
        if model_file.is_file():
            digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
            unknown = _follow(model_file, found, set())
    if directories:
        return PretrainingData(tuple(map(str, directories)), "", digest)
    return PretrainingData(tuple(found), "; ".join(unknown), digest)


def _follow(model_file: Path, directories: dict[str, None], seen: set[Path]) -> list[str]:
    """Add the data directories of a model and its ancestors; return what is not known."""
    path = Path(os.path.abspath(model_file)).parent / CONFIG
    if path in seen:  # fine-tuned in its own folder
        return []
    seen.add(path)
    shown = os.path.relpath(path)
    try:
        config = read_training_config(path)
    except (OSError, ValueError):
        return [f"{shown} cannot be read"]
    named = [config.get(option) for option in SPEAKER_OPTIONS]
    ancestors = [str(entry).split(":")[0] for entry in config.get("init_param") or []]
    if not all(named):
        return [f"{shown} names no data directories"]
    unknown = []
    for name, file, how in (
        *((each, f"{each}/wav.scp", "names") for each in named),
        *((each, each, "started from") for each in ancestors),
    ):
        # Named from the recipe, a folder somewhere above.
        found = next((above / file for above in path.parents if (above / file).is_file()), None)
        if found is None:
            unknown.append(f"{name}, which {shown} {how}, is not there")
        elif how == "names":
            directories[os.path.relpath(found.parent)] = None
        else:
            unknown += _follow(found, directories, seen)
    return unknown


def pretraining_status(options: Mapping[str, Any], *, checked: bool, model_sha256: str) -> str:
    """Return the column on pretraining data of a result row: none, checked or not checked.

    ``options`` are those of the trained system; for the others see `espnet2_ext.ser.folds.FoldSet`.
    """
    parts = {}
    encoder = Path(options.get("prosody_encoder_dir") or "")
    if options.get("use_prosody", True) and options.get("prosody_init") != "random":
        is_the_model = not model_sha256
        if model_sha256 and encoder.name and (encoder / CONFIG).is_file():
            is_the_model = read_training_config(encoder / CONFIG).get("sha256") == model_sha256
        parts["Prosody2Vec"] = "checked" if checked and is_the_model else "not checked"
    sources = {str(entry).split(":")[0] for entry in options.get("init_param") or []}
    if sources - {str(encoder / WEIGHTS)}:
        parts["other weights"] = "not checked"
    if options.get("upstream") is not None:
        parts["upstream"] = "not checked"
    states = set(parts.values())
    if len(states) <= 1:
        return states.pop() if states else "none"
    return ", ".join(f"{part} {state}" for part, state in parts.items())
