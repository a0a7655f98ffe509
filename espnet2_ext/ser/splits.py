"""From utterances to folds, as a protocol says."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from espnet2_ext.corpora.download import RemoteFile, download
from espnet2_ext.data.tables import read_csv
from espnet2_ext.ser.attributes import Utterances, labels_of, speakers_unknown
from espnet2_ext.ser.protocols import Protocol

# ---------------------------------------------------------------- draw
# Draws that depend on a seed and on names alone, not on a library's random numbers.
#
# Fold lists are published and compared by hash. They must come out the same with every
# version of Python and numpy and for every order in which utterances are read, so names
# are put in the order of the sha256 of seed, purpose and name.


def drawn_order(names: Iterable[str], *key: object) -> list[str]:
    """Return the names in an order that looks random and follows from the key alone.

    Args:
        names: without repetition; their order does not matter.
        key: seed and what the draw is for; another key gives another order.
    """
    prefix = "\n".join(map(str, key))
    return sorted(names, key=lambda name: hashlib.sha256(f"{prefix}\n{name}".encode()).digest())


def proportional_counts(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """Return how many of each name make up ``total``, in proportion (largest remainders).

    Equal remainders go to the name that sorts first. Integers only: no rounding error.

    Args:
        sizes: how many there are of each name.
        total: 0 to the sum of the sizes.
    """
    whole = sum(sizes.values())
    counts = {name: total * size // whole for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(total * sizes[name] % whole), name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def stratified_subset(
    utterances: Iterable[str], labels: Mapping[str, str], count: int, *key: object
) -> list[str]:
    """Return ``count`` of the utterances, sorted; emotions keep their proportions.

    With the same key a larger subset of an emotion contains the smaller one.

    Args:
        utterances: to draw from; all of them come back where they are no more.
        labels: ``{utterance: emotion}``.
        count: how many to draw.
        key: seed and purpose, see `drawn_order`.

    Raises:
        ValueError: the count is below 1 or leaves an emotion without any utterance.
    """
    pool = sorted(utterances)
    if count >= len(pool):
        return pool
    by_emotion: dict[str, list[str]] = {}
    for utterance in pool:
        by_emotion.setdefault(labels[utterance], []).append(utterance)
    sizes = {emotion: len(members) for emotion, members in by_emotion.items()}
    counts = proportional_counts(sizes, max(count, 0))
    for emotion in sorted(counts):
        if counts[emotion] == 0:
            raise ValueError(
                f"a subset of {count} of {len(pool)} utterances has none of {sizes[emotion]} "
                f"{emotion!r}; draw more"
            )
    return sorted(
        utterance
        for emotion, members in by_emotion.items()
        for utterance in drawn_order(members, *key)[: counts[emotion]]
    )


# ---------------------------------------------------------------- superb lists
# SUPERB's validation lists of IEMOCAP, rebuilt from what S3PRL publishes.
#
# S3PRL publishes, for each tested session, the turns of the other four in an order. At every
# start it seeds PyTorch with 0 and lets ``random_split`` choose int(0.8 n) of the n turns to
# train on; the others validate.
#
# So the lists follow from the order, and from a generator that is the same on every machine.
# The order of dialogues is that of ``os.listdir`` on the publisher's disk: no rule gives it.
# It is read from the published files, which are fetched once and compared with their sha256;
# what comes out is compared with its sha256, too.
#
# Source: github.com/s3prl/s3prl (Apache-2.0), ``s3prl/downstream/emotion/expert.py`` and
# ``meta_data/Session{1..5}/train_meta_data.json``, unchanged since 2022; its newer
# ``s3prl/problem/common/superb_er.py`` splits in the same way.

SEED = 0
VALID_RATIO = 0.2
COMMIT = "ec8064b5889f81ca460fbe2c094ce576a6f120b7"
URL = f"https://raw.githubusercontent.com/s3prl/s3prl/{COMMIT}/s3prl/downstream/emotion/meta_data"
REMEDY = "give the folder downstream/emotion/meta_data of a copy of S3PRL as superb_lists"


@dataclass(frozen=True)
class PublishedList:
    """What is known of a published file and of the validation list that comes of it.

    Attributes:
        size_bytes: of the file.
        sha256: of the file.
        valid_sha256: of the validation turns, sorted, one a line.
    """

    size_bytes: int
    sha256: str
    valid_sha256: str


PUBLISHED = {
    "Ses01": PublishedList(
        510511,
        "198c0fc2f6ac98ead33eeddc22d44dc37ab9beae7202ce0259661f6018d498a0",
        "33c8de5c79e5e8cea79faf09011a97aa9e418b5dbaa1a3602cec5ecc82040304",
    ),
    "Ses02": PublishedList(
        517881,
        "4ae76fff972ac9c0b7624c7c40483f49459ad18c56578c65181f664dee942d14",
        "00f791a1337ba72c38dffd352e0af0fd7acf6d0180c97793108d9445f87296bd",
    ),
    "Ses03": PublishedList(
        503059,
        "3866e3f503b3b9c787164ca63d85e092c664d5f8760b4861480603f32c14f10a",
        "d3d99472e551388e03c2ec74718e2a7a09cb03e578cac4edaa82dd8ffbdb91c4",
    ),
    "Ses04": PublishedList(
        516961,
        "e000c70412b2bbe4d6a5197025231ea8d69a9c1d26cb66e611315f2175955b19",
        "85dfd624b3f014bf53d49b8e22977243a9c0b7da6850046f3a5892d63687483a",
    ),
    "Ses05": PublishedList(
        493315,
        "bd0bcd3aabf847a867926375337de63d48907f852a1fd9192151cb2663a3fad4",
        "14b9e23610ff3b082413f4dba47d06268aa042cb5adfa2656d396cc11c512076",
    ),
}
"""By tested session, named as in our data directory."""


@dataclass(frozen=True)
class SuperbSplit:
    """The turns of four sessions, such as ``Ses02F_impro03_M000``, in the order of the split.

    Attributes:
        train: 80 %, rounded down.
        valid: the others.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...]


def read_superb(folder: str | Path) -> dict[str, SuperbSplit]:
    """Return the split for each tested session.

    Args:
        folder: has ``Session<i>/train_meta_data.json``, as ``meta_data`` of S3PRL; files
            that are not there are fetched.

    Raises:
        DownloadError: a file is not there and cannot be fetched.
        ValueError: a file, or the list that comes of it, is not S3PRL's.
    """
    splits = {}
    for session, published in PUBLISHED.items():
        name = f"Session{session[-1]}/train_meta_data.json"
        path = Path(folder) / name
        if not path.is_file():  # what is there may be somebody's copy of S3PRL
            checksum = f"sha256:{published.sha256}"
            remote = RemoteFile(f"{URL}/{name}", published.size_bytes, checksum, REMEDY)
            download(remote, path, show=False)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != published.sha256:
            raise ValueError(f"{path}: not the file that S3PRL publishes ({URL}/{name})")
        split = split_turns([Path(turn["path"]).stem for turn in json.loads(content)["meta_data"]])
        lines = "".join(f"{turn}\n" for turn in sorted(split.valid))
        if hashlib.sha256(lines.encode()).hexdigest() != published.valid_sha256:
            raise ValueError(
                f"{path}: this version of PyTorch permutes otherwise, so SUPERB's validation list "
                "does not come out; use the version that tools/setup.sh installs"
            )
        splits[session] = split
    return splits


def split_turns(turns: Sequence[str]) -> SuperbSplit:
    """Return what S3PRL makes of turns in their published order.

    A generator of its own gives what the global one gives after ``torch.manual_seed(0)``.
    """
    # Other protocols need no PyTorch, which takes seconds to load.
    import torch
    from torch.utils.data import Dataset, random_split

    num_train = int((1 - VALID_RATIO) * len(turns))
    parts = random_split(
        cast(Dataset, turns),
        [num_train, len(turns) - num_train],
        generator=torch.Generator().manual_seed(SEED),
    )
    train, valid = (tuple(turns[index] for index in part.indices) for part in parts)
    return SuperbSplit(train, valid)


# ---------------------------------------------------------------- fold groups
# Which utterances a fold tests, and which of the others validate.

Groups = dict[str, list[str]]

Validation = Callable[[str, str], tuple[list[str], str]]
"""From the fold's name and the tested group to the validation list and what it is."""


def test_groups(
    protocol: Protocol,
    utterances: Utterances,
    labels: Mapping[str, str],
    seed: int,
    num_folds: int,
) -> Groups:
    """Return what each fold tests: ``{name: sorted ids}``, every utterance once.

    Raises:
        ValueError: an utterance lacks what the protocol splits by, or there are fewer
            speakers than folds.
    """
    if protocol.test_by == "utterance group":
        return _utterance_groups(labels, seed, num_folds)
    if protocol.test_by == "session":
        return _by(protocol.name, utterances, "session")
    if len(speakers_unknown(utterances)) == len(utterances):
        raise ValueError(
            f"{protocol.name}: every utterance is its own speaker, so speakers are unknown; "
            "use protocol random, or give the speakers"
        )
    speakers = _by(protocol.name, utterances, "speaker")
    if protocol.test_by == "speaker":
        return speakers
    return _speaker_groups(protocol.name, speakers, seed, num_folds)


def _by(protocol: str, utterances: Utterances, attribute: str) -> Groups:
    """Return the utterances by session or speaker, sorted."""
    groups: Groups = {}
    for key in sorted(utterances):
        value = getattr(utterances[key], attribute)
        if value is None:
            raise ValueError(
                f"{protocol}: {key}: has no {attribute}; the data directory needs "
                f"utt2{attribute}, or use protocol speakers or random"
            )
        groups.setdefault(value, []).append(key)
    return dict(sorted(groups.items()))


def _speaker_groups(protocol: str, speakers: Groups, seed: int, num_folds: int) -> Groups:
    """Return groups of whole speakers: in drawn order, each joins the smallest group."""
    if len(speakers) < num_folds:
        raise ValueError(
            f"{protocol}: {len(speakers)} speakers do not fill {num_folds} folds; lower num_folds"
        )
    groups: list[list[str]] = [[] for _ in range(num_folds)]
    for speaker in drawn_order(speakers, seed, "speaker groups"):
        min(groups, key=len).extend(speakers[speaker])
    return {f"group {index}": sorted(group) for index, group in enumerate(groups, start=1)}


def _utterance_groups(labels: Mapping[str, str], seed: int, num_folds: int) -> Groups:
    """Return groups of equal size up to one, dealt emotion by emotion."""
    order = drawn_order(labels, seed, "utterance groups")
    order.sort(key=lambda key: labels[key])  # stable: drawn order within an emotion
    return {f"group {i + 1}": sorted(order[i::num_folds]) for i in range(num_folds)}


def validation_rule(
    protocol: Protocol,
    utterances: Utterances,
    groups: Groups,
    seed: int,
    superb: Mapping[str, SuperbSplit] | None = None,
) -> Validation:
    """Return the rule that chooses the validation list of a fold.

    Args:
        protocol: see there.
        utterances: by id.
        groups: what each fold tests.
        seed: of what is drawn.
        superb: of ``superb``, by session.

    Raises:
        ValueError: too few groups, or sessions that are not pairs where they must be.
    """
    if protocol.valid_by == "nothing":
        return _nothing
    if superb is not None:
        return partial(_superb, groups, superb)
    if protocol.valid_by == "share":
        return partial(_drawn_share, groups, seed, protocol.valid_share)
    if len(groups) < 3:
        raise ValueError(
            f"{protocol.name}: train, valid and test need at least 3 of {protocol.test_by}; the "
            f"data have {len(groups)}"
        )
    if protocol.valid_by == "next group":
        return partial(next_group, groups)
    if protocol.valid_by == "drawn group":
        return partial(_drawn_group, groups, seed)
    return partial(_partner, groups, _partners(protocol.name, utterances))


def _nothing(fold: str, tested: str) -> tuple[list[str], str]:
    return [], "nothing"


def _others(groups: Groups, tested: str) -> list[str]:
    """Return the utterances of all groups but the tested one."""
    return [key for name, members in groups.items() if name != tested for key in members]


def _superb(
    groups: Groups, splits: Mapping[str, SuperbSplit], fold: str, tested: str
) -> tuple[list[str], str]:
    """Return S3PRL's validation list of a session; its turns are ours without the speaker.

    Raises:
        ValueError: the session is none of IEMOCAP's, or has other utterances.
    """
    if tested not in splits:
        raise ValueError(
            f"superb: session {tested} is none of {', '.join(splits)}: the published lists are of "
            "IEMOCAP; use protocol loso_share"
        )
    published = {*splits[tested].train, *splits[tested].valid}
    ours = {key.partition("-")[2]: key for key in _others(groups, tested)}
    different = published ^ ours.keys()
    if different:
        raise ValueError(
            f"superb: {fold}: {len(published - ours.keys())} of {len(published)} published turns "
            f"are not in the data, {len(ours.keys() - published)} of the data are not published, "
            f"such as {min(different)}; prepare IEMOCAP with 4 classes, or use protocol loso_share"
        )
    valid = [ours[turn] for turn in splits[tested].valid]
    return valid, f"{len(valid)} utterances of the others, as S3PRL splits them"


def _drawn_share(
    groups: Groups, seed: int, share: float, fold: str, tested: str
) -> tuple[list[str], str]:
    rest = _others(groups, tested)
    # The training part is rounded down, as S3PRL does.
    num_valid = len(rest) - int((1 - share) * len(rest))
    chosen = drawn_order(rest, seed, fold, "validation utterances")[:num_valid]
    return chosen, f"{num_valid} drawn utterances of the others"


def _drawn_group(groups: Groups, seed: int, fold: str, tested: str) -> tuple[list[str], str]:
    others = [name for name in groups if name != tested]
    chosen = drawn_order(others, seed, fold, "validation group")[0]
    return groups[chosen], chosen


def next_group(groups: Groups, fold: str, tested: str) -> tuple[list[str], str]:
    """Return the group after the tested one, the first after the last, and its name."""
    names = list(groups)
    chosen = names[(names.index(tested) + 1) % len(names)]
    return groups[chosen], chosen


def _partner(
    groups: Groups, partners: Mapping[str, str], fold: str, tested: str
) -> tuple[list[str], str]:
    return groups[partners[tested]], partners[tested]


def _partners(protocol: str, utterances: Utterances) -> dict[str, str]:
    """Return ``{speaker: the other one of the session}``; sessions must be pairs."""
    partners: dict[str, str] = {}
    for session, members in _by(protocol, utterances, "session").items():
        speakers = sorted({utterances[key].speaker for key in members})
        if len(speakers) != 2 or partners.keys() & set(speakers):
            raise ValueError(
                f"{protocol}: session {session} has the speakers {', '.join(speakers[:5])}; it "
                "needs two, who are in no other session; use protocol loso or speakers"
            )
        partners |= {speakers[0]: speakers[1], speakers[1]: speakers[0]}
    return partners


# ---------------------------------------------------------------- given folds
# Folds that a user brings along: a csv ``utterance,fold`` or ``utterance,part``.

PARTS = ("train", "valid", "test")
UNUSED = "unused"
"""The part of an utterance that is in no list, said in so many words."""


def read_given(path: str | Path, utterances: Collection[str]) -> tuple[str, dict[str, str]]:
    """Return the column, ``fold`` or ``part``, and its value for every utterance.

    Args:
        path: csv with ``utterance`` and either ``fold`` (any names: the fold in which
            the utterance is tested) or ``part`` (train, valid, test or unused).
        utterances: ids of the data directory, each of which must have a row.

    Raises:
        FileNotFoundError: there is no such csv.
        ValueError: it is malformed, has both columns or none, an unknown part, an
            utterance that is unknown or stands twice, or lacks one.
    """
    path = Path(path)
    rows = read_csv(path, ["utterance"], ["fold", "part"])
    columns = [name for name in ("fold", "part") if name in rows[0][1]]
    if len(columns) != 1:
        raise ValueError(f"{path}: give one of the columns 'fold' and 'part', not {len(columns)}")
    values: dict[str, str] = {}
    for line, row in rows:
        utterance, value = row["utterance"], row[columns[0]]
        if utterance not in utterances:
            raise ValueError(
                f"{path}:{line}: {utterance}: not in the data directory, or rejected; remove the "
                "line or correct the id"
            )
        if utterance in values:
            raise ValueError(f"{path}:{line}: {utterance}: stands twice; remove one line")
        if columns == ["part"] and value not in (*PARTS, UNUSED):
            raise ValueError(
                f"{path}:{line}: part {value!r:.60}: unknown; write train, valid, test or {UNUSED}"
            )
        values[utterance] = value
    lacking = set(utterances) - values.keys()
    if lacking:
        remedy = f"add them, with part {UNUSED} where they are in no list"
        raise ValueError(
            f"{path}: {len(lacking)} utterances have no line, such as {min(lacking)}; "
            f"{remedy if columns == ['part'] else 'add them'}"
        )
    return columns[0], values


# ---------------------------------------------------------------- splits

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
