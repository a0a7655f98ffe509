"""Protocols of emotion recognition as data: who tests, who validates, what may be shared.

``splits.py`` turns them into folds, ``leaks.py`` refuses every overlap that they do not declare.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from espnet2_ext.ser.attributes import ATTRIBUTES

PAIRS = ("train/test", "valid/test", "train/valid")
"""The lists of a fold that are compared with each other."""
PRETRAINING_PAIRS = ("pretraining/test", "pretraining/valid")
"""Pretraining with what is scored, and with what chooses the checkpoint."""
PRETRAINING_ATTRIBUTES = ("utterance", "audio", "content", "speaker", "sentence")
"""Names of sessions and dialogues mean nothing across corpora."""


@dataclass(frozen=True)
class Allowance:
    """An overlap that a protocol declares, to be printed beside every result."""

    between: str
    attribute: str
    reason: str

    @property
    def name(self) -> str:
        """Return the short form, such as ``train/test:sentence``."""
        return f"{self.between}:{self.attribute}"


@dataclass(frozen=True)
class Protocol:
    """How utterances become folds.

    ``test_by`` is what one fold tests: ``session``, ``speaker``, ``speaker group``, ``utterance
    group`` or ``given``. ``valid_by`` is ``drawn group`` (another of the tested kind, by seed),
    ``partner`` (the other speaker of the session), ``share`` (of what is not tested, by seed),
    ``superb`` (S3PRL's published share), ``next group``, ``given`` or ``nothing``. ``allowances``
    are overlaps that follow from the protocol; ``deviation`` says where lists or the choice of the
    epoch differ from others'.
    """

    name: str
    description: str
    source: str
    test_by: str
    valid_by: str
    allowances: tuple[Allowance, ...] = ()
    deviation: str = ""


def _allow(pairs: Iterable[str], attributes: str, reason: str) -> tuple[Allowance, ...]:
    return tuple(Allowance(pair, name, reason) for pair in pairs for name in attributes.split())


_SCRIPTED = _allow(PAIRS, "sentence", "sessions share scripted dialogues, and short answers recur")
_SPLIT_VALID = _SCRIPTED[:2] + _allow(
    ["train/valid"],
    "speaker session dialogue sentence",
    "validation is split off the utterances of the training sessions",
)
_PARTNERS = _allow(
    ["valid/test"], "session dialogue", "validation is the partner in the test dialogues"
)
_SAME_WORDS = _allow(PAIRS, "sentence", "acted corpora have every speaker say the same words")
_UNKNOWN_SPEAKERS = _allow(
    PAIRS,
    "speaker session dialogue sentence",
    "utterances are drawn whoever speaks: no result for unknown speakers",
)

_ALL = (
    Protocol(
        name="loso",
        description="leave one session out: test one session, validate on another, drawn one, "
        "train on the rest",
        source="[P2V] IV-C1, leave-one-session-out",
        test_by="session",
        valid_by="drawn group",
        allowances=_SCRIPTED,
        deviation="[P2V] does not name its validation sessions; ours are drawn by the seed",
    ),
    Protocol(
        name="lospko",
        description="leave one speaker out: test one speaker, validate on the other of the "
        "session, train on the other sessions",
        source="[P2V] IV-C1, leave-one-speaker-out",
        test_by="speaker",
        valid_by="partner",
        allowances=_PARTNERS + _SCRIPTED,
    ),
    Protocol(
        name="superb",
        description="test one session, validate on the 20 % of the utterances of the others that "
        "S3PRL's random_split chooses, train on the rest",
        source="SUPERB, emotion recognition on IEMOCAP (s3prl, downstream/emotion)",
        test_by="session",
        valid_by="superb",
        allowances=_SPLIT_VALID,
    ),
    # EmoBox publishes no validation lists of IEMOCAP. Its split_sets is called with the ratio
    # [80, 20] and takes int(80 * n) utterances to train, which are all of them. Its example recipe
    # calls it so, too, or with the [0.8, 0.2] of its yaml files, which ends in a KeyError.
    Protocol(
        name="emobox",
        description="test one session, train on all others, validate on nothing",
        source="EmoBox, IEMOCAP, folds 1 to 5, as its code reads them (EmoDataset.py)",
        test_by="session",
        valid_by="nothing",
        allowances=_SCRIPTED[:1],
        deviation="EmoBox scores every epoch on the test list and says of none that it is the "
        "result; here the last one is",
    ),
    Protocol(
        name="loso_share",
        description="test one session, validate on 20 % of the utterances of the others, drawn by "
        "the seed, train on the rest",
        source="ours: the sizes of superb, for any corpus with sessions",
        test_by="session",
        valid_by="share",
        allowances=_SPLIT_VALID,
        deviation="the validation lists are drawn by our seed and are nobody else's",
    ),
    Protocol(
        name="speakers",
        description="k folds of whole speakers, drawn: test one group, validate on the next, train "
        "on the rest",
        source="ours, for data without sessions",
        test_by="speaker group",
        valid_by="next group",
        allowances=_SAME_WORDS,
    ),
    Protocol(
        name="random",
        description="k folds of utterances, drawn by emotion: test one group, validate on the "
        "next, train on the rest",
        source="ours, for data whose speakers are unknown",
        test_by="utterance group",
        valid_by="next group",
        allowances=_UNKNOWN_SPEAKERS,
    ),
    Protocol(
        name="given",
        description="lists of a csv file",
        source="the user's csv file",
        test_by="given",
        valid_by="given",
    ),
)

PROTOCOLS = {protocol.name: protocol for protocol in _ALL}
"""The protocols by name."""


def parse_allowance(name: str) -> Allowance:
    """Return the overlap that a user declares, such as ``pretraining/test:sentence``."""
    between, _, attribute = name.partition(":")
    known = PRETRAINING_ATTRIBUTES if between in PRETRAINING_PAIRS else ATTRIBUTES
    if between not in PAIRS + PRETRAINING_PAIRS or attribute not in known:
        raise ValueError(
            f"declared overlap {name!r}: unknown; write one of {', '.join(PAIRS)}, "
            f"{', '.join(PRETRAINING_PAIRS)}, a colon and one of {', '.join(known)}"
        )
    return Allowance(between, attribute, "by the user")
