"""Which utterances a fold tests, and which of the others validate."""

from collections.abc import Callable, Mapping
from functools import partial

from espnet2_ext.ser.attributes import Utterances, speakers_unknown
from espnet2_ext.ser.draw import drawn_order
from espnet2_ext.ser.protocols import Protocol
from espnet2_ext.ser.superb_lists import SuperbSplit

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
