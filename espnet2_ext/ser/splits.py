"""Which utterances train, validate and test: the folds of a protocol.

Fold lists are published and compared by hash. They depend on the seed and on names alone, not on
a library's random numbers nor on the order in which utterances are read: whatever is drawn is
sorted by the sha256 of seed, purpose and name.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet2_ext.corpora.download import RemoteFile, download
from espnet2_ext.data.tables import read_csv
from espnet2_ext.ser.attributes import Utterances, labels_of, speakers_unknown
from espnet2_ext.ser.protocols import Protocol

PARTS = ("train", "valid", "test")
UNUSED = "unused"
"""Part of an utterance that a user's csv assigns to no list."""
NUM_FOLDS = 5
"""Default of protocols that draw their groups."""

Groups = dict[str, list[str]]
"""Sorted utterance ids by what is tested together: a session, a speaker or a drawn group."""


@dataclass(frozen=True)
class Fold:
    """One round: train, choose the checkpoint on ``valid``, score ``test``; ids are sorted.

    ``valid`` is empty where the protocol does not validate; ``description`` names the groups.
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


def drawn_order(names: Iterable[str], *key: object) -> list[str]:
    """Return distinct names in an order drawn from the key (seed, purpose) alone."""
    prefix = "\n".join(map(str, key))
    return sorted(names, key=lambda name: hashlib.sha256(f"{prefix}\n{name}".encode()).digest())


def stratified_subset(
    utterances: Collection[str], labels: Mapping[str, str], count: int, *key: object
) -> list[str]:
    """Return ``count`` of the utterances, sorted, with the emotions in proportion.

    With the same key a larger subset of an emotion contains the smaller one. A ValueError says
    which emotion would have no utterance.
    """
    whole, sizes = len(utterances), Counter(labels[utterance] for utterance in utterances)
    # Largest remainders, equal ones to the name that sorts first; integers have no rounding error.
    counts = {emotion: count * size // whole for emotion, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(count * sizes[name] % whole), name))
    for emotion in by_remainder[: count - sum(counts.values())]:
        counts[emotion] += 1
    chosen: list[str] = []
    for emotion in sorted(counts):
        if counts[emotion] == 0:
            raise ValueError(
                f"a subset of {count} of {whole} utterances has none of {sizes[emotion]} "
                f"{emotion!r}; draw more"
            )
        members = [utterance for utterance in utterances if labels[utterance] == emotion]
        chosen += drawn_order(members, *key)[: counts[emotion]]
    return sorted(chosen)


VALID_RATIO = 0.2
"""Of the utterances that are not tested, also in protocol ``loso_share``."""
COMMIT = "ec8064b5889f81ca460fbe2c094ce576a6f120b7"
URL = f"https://raw.githubusercontent.com/s3prl/s3prl/{COMMIT}/s3prl/downstream/emotion/meta_data"
REMEDY = "give the folder downstream/emotion/meta_data of a copy of S3PRL as superb_lists"
PUBLISHED = {
    "Ses01": (510511, "198c0fc2f6ac98ead33eeddc22d44dc37ab9beae7202ce0259661f6018d498a0"),
    "Ses02": (517881, "4ae76fff972ac9c0b7624c7c40483f49459ad18c56578c65181f664dee942d14"),
    "Ses03": (503059, "3866e3f503b3b9c787164ca63d85e092c664d5f8760b4861480603f32c14f10a"),
    "Ses04": (516961, "e000c70412b2bbe4d6a5197025231ea8d69a9c1d26cb66e611315f2175955b19"),
    "Ses05": (493315, "bd0bcd3aabf847a867926375337de63d48907f852a1fd9192151cb2663a3fad4"),
}
"""Bytes and sha256 of the list of each tested session."""


class SuperbSplit(NamedTuple):
    """Turns of the other four sessions, such as ``Ses02F_impro03_M000``, in S3PRL's order."""

    train: tuple[str, ...]
    valid: tuple[str, ...]


def read_superb(folder: str | Path) -> dict[str, SuperbSplit]:
    """Return SUPERB's training and validation turns of IEMOCAP for each tested session.

    S3PRL publishes the turns of the four training sessions in the order of ``os.listdir`` on its
    authors' disk, seeds PyTorch with 0 and lets ``random_split`` choose int(0.8 n) of the n turns
    to train on; the others validate. Files missing in the folder are downloaded (or DownloadError);
    one that is not S3PRL's is a ValueError.

    Source: github.com/s3prl/s3prl (Apache-2.0), ``s3prl/downstream/emotion/expert.py`` and
    ``meta_data``, unchanged since 2022; its ``problem/common/superb_er.py`` splits alike.
    """
    splits = {}
    for session, (size_bytes, sha256) in PUBLISHED.items():
        name = f"Session{session[-1]}/train_meta_data.json"
        path = Path(folder) / name
        if not path.is_file():  # what is there may belong to somebody's copy of S3PRL
            remote = RemoteFile(f"{URL}/{name}", size_bytes, f"sha256:{sha256}", REMEDY)
            download(remote, path, show=False)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError(f"{path}: not the file that S3PRL publishes ({URL}/{name})")
        turns = [Path(turn["path"]).stem for turn in json.loads(content)["meta_data"]]
        splits[session] = split_turns(turns)
    return splits


def split_turns(turns: Sequence[str]) -> SuperbSplit:
    """Return S3PRL's split of turns in their published order.

    PyTorch's ``randperm`` under seed 0 is a Fisher-Yates shuffle by the raw numbers of a Mersenne
    Twister, which numpy's old generator gives too, whatever version of PyTorch is installed.
    """
    order, count = list(turns), len(turns)
    drawn = np.random.RandomState(0).randint(2**32, size=count - 1, dtype=np.uint32)
    for place, number in enumerate(drawn.tolist()):
        other = place + number % (count - place)
        order[place], order[other] = order[other], order[place]
    num_train = int((1 - VALID_RATIO) * count)
    return SuperbSplit(tuple(order[:num_train]), tuple(order[num_train:]))


def _superb_validation(
    fold: str, tested: str, rest: Sequence[str], superb: Mapping[str, SuperbSplit]
) -> list[str]:
    """Return the ids of S3PRL's validation turns, which are ours without the speaker."""
    if tested not in superb:
        raise ValueError(
            f"superb: session {tested} is none of {', '.join(superb)}: the published lists are of "
            "IEMOCAP; use protocol loso_share"
        )
    published = {*superb[tested].train, *superb[tested].valid}
    ours = {key.partition("-")[2]: key for key in rest}
    different = published ^ ours.keys()
    if different:
        raise ValueError(
            f"superb: {fold}: {len(published - ours.keys())} of {len(published)} published turns "
            f"are not in the data, {len(ours.keys() - published)} of the data are not published, "
            f"such as {min(different)}; prepare IEMOCAP with 4 classes, or use protocol loso_share"
        )
    return [ours[turn] for turn in superb[tested].valid]


def read_given(path: str | Path, utterances: Collection[str]) -> tuple[str, Groups]:
    """Return the column of a user's csv, ``fold`` or ``part``, and the utterances by its value.

    ``fold`` (any names) is the fold that tests the utterance, ``part`` train, valid, test or
    unused. ValueError for both columns or none, an unknown part, or an utterance that the csv
    lacks, repeats or invents.
    """
    rows = read_csv(path, ["utterance"], ["fold", "part"])
    columns = [name for name in ("fold", "part") if name in rows[0][1]]
    if len(columns) != 1:
        raise ValueError(f"{path}: give one of the columns 'fold' and 'part', not {len(columns)}")
    [column] = columns
    values: dict[str, str] = {}
    for line, row in rows:
        utterance, value = row["utterance"], row[column]
        fault = ""
        if utterance not in utterances:
            fault = "not in the data directory, or rejected; remove the line or correct the id"
        elif utterance in values:
            fault = "stands twice; remove one line"
        elif column == "part" and value not in (*PARTS, UNUSED):
            fault = f"part {value!r:.60}: unknown; write train, valid, test or {UNUSED}"
        if fault:
            raise ValueError(f"{path}:{line}: {utterance}: {fault}")
        values[utterance] = value
    lacking = set(utterances) - values.keys()
    if lacking:
        where = f", with part {UNUSED} where they are in no list" if column == "part" else ""
        raise ValueError(
            f"{path}: {len(lacking)} utterances have no line, such as {min(lacking)}; "
            f"add them{where}"
        )
    return column, _by_value(values)


def _by_value(values: Mapping[str, str]) -> Groups:
    """Return the utterances by their value, those of a value sorted."""
    groups: Groups = {}
    for key in sorted(values):
        groups.setdefault(values[key], []).append(key)
    return groups


def _by_attribute(protocol: str, utterances: Utterances, attribute: str) -> Groups:
    """Return the utterances by session or speaker, sorted."""
    values = {key: getattr(utterances[key], attribute) for key in sorted(utterances)}
    for key, value in values.items():
        if value is None:
            raise ValueError(
                f"{protocol}: {key}: has no {attribute}; the data directory needs "
                f"utt2{attribute}, or use protocol speakers or random"
            )
    return dict(sorted(_by_value(values).items()))


def _test_groups(
    protocol: Protocol,
    utterances: Utterances,
    labels: Mapping[str, str],
    seed: int,
    num_folds: int,
) -> Groups:
    """Return what each fold tests; every utterance is in one group."""
    groups: list[list[str]] = [[] for _ in range(num_folds)]
    if protocol.test_by == "utterance group":
        order = drawn_order(labels, seed, "utterance groups")
        order.sort(key=lambda key: labels[key])  # stable: drawn order within an emotion
        groups = [order[index::num_folds] for index in range(num_folds)]
    elif protocol.test_by == "session":
        return _by_attribute(protocol.name, utterances, "session")
    elif len(speakers_unknown(utterances)) == len(utterances):
        raise ValueError(
            f"{protocol.name}: every utterance is its own speaker, so speakers are unknown; "
            "use protocol random, or give the speakers"
        )
    else:
        speakers = _by_attribute(protocol.name, utterances, "speaker")
        if protocol.test_by == "speaker":
            return speakers
        if len(speakers) < num_folds:
            raise ValueError(
                f"{protocol.name}: {len(speakers)} speakers do not fill {num_folds} folds; lower "
                "num_folds"
            )
        for speaker in drawn_order(speakers, seed, "speaker groups"):
            min(groups, key=len).extend(speakers[speaker])
    return {f"group {index}": sorted(group) for index, group in enumerate(groups, start=1)}


def _partner(protocol: str, utterances: Utterances, speaker: str) -> str:
    """Return the other speaker of the speaker's session."""
    partners: dict[str, str] = {}
    for session, members in _by_attribute(protocol, utterances, "session").items():
        speakers = sorted({utterances[key].speaker for key in members})
        if len(speakers) != 2 or partners.keys() & set(speakers):
            raise ValueError(
                f"{protocol}: session {session} has the speakers {', '.join(speakers[:5])}; it "
                "needs two, who are in no other session; use protocol loso or speakers"
            )
        partners |= {speakers[0]: speakers[1], speakers[1]: speakers[0]}
    return partners[speaker]


def _validation(
    protocol: Protocol,
    fold: str,
    tested: str,
    groups: Groups,
    utterances: Utterances,
    seed: int,
    superb: Mapping[str, SuperbSplit],
) -> tuple[list[str], str]:
    """Return the validation list of a fold and its description."""
    names = list(groups)
    others = [name for name in names if name != tested]
    rest = [key for name in others for key in groups[name]]
    match protocol.valid_by:
        case "nothing":
            return [], "nothing"
        case "superb":
            valid = _superb_validation(fold, tested, rest, superb)
            return valid, f"{len(valid)} utterances of the others, as S3PRL splits them"
        case "share":
            # The training part is rounded down, as in S3PRL.
            num_valid = len(rest) - int((1 - VALID_RATIO) * len(rest))
            valid = drawn_order(rest, seed, fold, "validation utterances")[:num_valid]
            return valid, f"{num_valid} drawn utterances of the others"
    if len(groups) < 3:
        kind = "fold" if protocol.test_by == "given" else protocol.test_by
        raise ValueError(
            f"{protocol.name}: train, valid and test need at least 3 of {kind}; "
            f"the data have {len(groups)}"
        )
    match protocol.valid_by:
        case "drawn group":
            chosen = drawn_order(others, seed, fold, "validation group")[0]
        case "partner":
            chosen = _partner(protocol.name, utterances, tested)
        case _:  # the next group, also of a user's folds
            chosen = names[(names.index(tested) + 1) % len(names)]
    return groups[chosen], chosen


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
    """Return the folds, which do not depend on the order of the utterances.

    ``num_folds`` is of protocols that draw groups (None: `NUM_FOLDS`), ``max_train`` the size of
    the training lists, emotions in proportion (None: all), ``folds_csv`` of the protocol ``given``,
    see `read_given`, ``superb`` of the protocol ``superb``, see `read_superb`. ValueError where an
    option does not belong to the protocol, the utterances lack what it splits by or have too few
    groups, or a list is empty or lacks an emotion.
    """
    labels = labels_of(utterances)
    fault = ""
    if num_folds is not None and not protocol.test_by.endswith(" group"):
        fault = "num_folds follows from the data; leave it out"
    elif num_folds is not None and num_folds < 3:
        fault = f"num_folds is {num_folds}; train, valid and test need at least 3"
    elif max_train is not None and max_train < 1:
        fault = f"max_train is {max_train}; give at least 1 or leave out"
    elif (protocol.test_by == "given") != (folds_csv is not None):
        fault = "protocol 'given' and folds_csv go together"
    elif (protocol.valid_by == "superb") != (superb is not None):
        fault = "protocol 'superb' and its published lists go together"
    if fault:
        raise ValueError(f"{protocol.name}: {fault}")
    column = ""
    if folds_csv is None:
        groups = _test_groups(protocol, utterances, labels, seed, num_folds or NUM_FOLDS)
    else:
        column, found = read_given(folds_csv, utterances)
        names = sorted(found, key=lambda name: (not name.isdecimal(), len(name), name))
        groups = {name: found[name] for name in names}
    if column == "part":
        lists = {part: tuple(groups.get(part, ())) for part in PARTS}
        folds = [Fold("fold_1", **lists, description="test, valid and train as given")]
    else:
        folds = []
        for number, (tested, test) in enumerate(groups.items(), start=1):
            name = f"fold_{number}"
            valid, who = _validation(protocol, name, tested, groups, utterances, seed, superb or {})
            train = tuple(sorted(utterances.keys() - set(test) - set(valid)))
            description = f"test {tested}; valid {who}"
            folds.append(Fold(name, train, tuple(sorted(valid)), tuple(test), description))
    return [_limited(protocol, fold, labels, seed, max_train) for fold in folds]


def _limited(
    protocol: Protocol, fold: Fold, labels: Mapping[str, str], seed: int, max_train: int | None
) -> Fold:
    """Return the fold with at most ``max_train`` training utterances, after a check."""
    name = f"{protocol.name} {fold.name}"
    for part, ids in fold.parts.items():
        if not ids and not (part == "valid" and protocol.valid_by == "nothing"):
            raise ValueError(f"{name}: {part} is empty; use another protocol")
    trained = {labels[key] for key in fold.train}
    for key in fold.test + fold.valid:
        if labels[key] not in trained:
            raise ValueError(
                f"{name}: {key} is {labels[key]!r}, which no training utterance "
                "is; use another seed or protocol, or leave that emotion out"
            )
    if max_train is None or max_train >= len(fold.train):
        return fold
    try:
        train = stratified_subset(fold.train, labels, max_train, seed, fold.name, "max_train")
    except ValueError as error:
        raise ValueError(f"{name}: max_train: {error}") from error
    description = f"{fold.description}; train {max_train} drawn of {len(fold.train)}"
    return replace(fold, train=tuple(train), description=description)
