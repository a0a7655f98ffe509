"""What publications print of emotion recognition on IEMOCAP and of conversion on ESD.

The figures stand in ``published.yaml``, each with its source; none of them was measured here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import zip_longest

import yaml

from espnet2_ext.report.records import Column, Estimate, Record, Row, records_of

SESSION_OUT = "loso"
"""Leave one session out with another session for validation, see ``ser/protocols.py``."""
SPEAKER_OUT = "lospko"
"""Leave one speaker out with the partner for validation."""
EMOBOX = "emobox"
"""Leave one session out; of the epoch that EmoBox's figure is of it says nothing."""
OTHER = "other"
"""None of ours; the note says which. Not comparable with any of our tables."""


@dataclass(frozen=True)
class PublishedScore:
    """One row of a published table, in percent.

    Attributes:
        system: its name; bracketed numbers are the paper's references.
        protocol: the one of ours that it is comparable with, or ``other``.
        wa: weighted accuracy; None if not given.
        ua: unweighted accuracy; None if not given.
        source: where it is printed.
        note: what the protocol's name does not say.
        macro_f1: None if not given.
        num_utterances: tested; where the source is silent, the usual 5,531 of IEMOCAP.
    """

    system: str
    protocol: str
    source: str
    wa: float | None = None
    ua: float | None = None
    note: str = ""
    macro_f1: float | None = None
    num_utterances: int = 5531


_FIGURES = yaml.safe_load((files("espnet2_ext.report") / "published.yaml").read_text("utf-8"))
PUBLISHED = tuple(
    PublishedScore(system, source=block["source"], **common, **figures)
    for block in _FIGURES["emotion_recognition"]
    for common in [{name: block[name] for name in block.keys() - {"source", "rows"}}]
    for system, figures in block["rows"].items()
)
"""All rows of all works, the paper's first."""
PAPER = tuple(score for score in PUBLISHED if score.source.startswith("[P2V]"))
"""Tables IV, V and VI of [P2V], with the works that it lists."""
TABLE_7 = {
    model: (figures["mcd_db"], figures["f0_rmse_hz"])
    for model, figures in _FIGURES["emotional_conversion"][0]["rows"].items()
}
"""[P2V] Table VII: model to MCD in dB and F0-RMSE in Hz."""


def prosody2vec_name(num_units: int, upstream: str = "") -> str:
    """Return how the tables here call Prosody2Vec, alone or fused with an upstream.

    Args:
        num_units: size of the vocabulary, 50, 100 or 200 in the paper.
        upstream: ``wav2vec 2.0 base``, ``HuBERT large`` ...; "" for none.
    """
    return f"{upstream + ' + ' if upstream else ''}Prosody2Vec, {num_units} units"


def paper_score(system: str, protocol: str) -> PublishedScore | None:
    """Return what the paper prints for a system; None if it did not test it so.

    A system of several tables has the same WA in all; the row with UA is returned.

    Args:
        system: as in `PAPER`, see `prosody2vec_name`.
        protocol: as in ``ser/protocols.py``.

    Raises:
        ValueError: the paper knows no such system under any protocol.
    """
    rows = [score for score in PAPER if score.system == system]
    if not rows:
        known = ", ".join(dict.fromkeys(score.system for score in PAPER))
        raise ValueError(f"{system!r}: no system of [P2V] Tables IV to VI; choose one of {known}")
    rows = [score for score in rows if score.protocol == protocol]
    return min(rows, key=lambda score: score.ua is None, default=None)


def published_records(protocols: Collection[str], *, table: str) -> list[Record]:
    """Return a table of what others report under these protocols.

    Args:
        protocols: such as `SESSION_OUT`; `OTHER` for what compares with none of ours.
        table: title.
    """
    rows = [
        Row(score.system, [score], f"{score.source}{': ' + score.note if score.note else ''}")
        for score in PUBLISHED
        if score.protocol in protocols
    ]
    columns = [
        Column(f"published {name}", partial(_printed, field), "%", "higher", _PRINTED_SER)
        for name, field in (("WA", "wa"), ("UA", "ua"), ("macro-F1", "macro_f1"))
    ]
    return records_of(columns, rows, table=table, commit="")


_PRINTED_SER = "as the source prints it; not measured here."


def _printed(field: str, score: PublishedScore) -> Estimate | None:
    value = getattr(score, field)
    return None if value is None else Estimate(value, score.num_utterances)


_PRINTED = "as [P2V] Table VII prints it, not measured here"
_COLUMNS = {
    "MCD": (
        "published MCD",
        "dB",
        f"{_PRINTED}; Eq. 5 over 24 coefficients from the first on. Analysis, alignment and the "
        "means over frames and utterances are not stated, so no column here is known to be it.",
    ),
    "F0-RMSE, padded": (
        "published F0-RMSE",
        "Hz",
        f"{_PRINTED}; Eq. 6 over voiced and unvoiced regions of the entire utterance, 'frame by "
        "frame'. F0 tracker and limits, frame period, what is done about unequal lengths, and "
        "whether frames are pooled over utterances are not stated, so no column here is known to "
        "be it.",
    ),
}
"""Column of ours: the paper's that stands beside it, its unit and definition."""
_PROTOCOL = (
    "[P2V] Table VII: ESD by its standard split, neutral to angry, happy and sad; how many "
    "conversions, and whose prosody they take, is not stated"
)


def add_published(records: Sequence[Record], table: str) -> list[Record]:
    """Return the records with rows and columns of the paper, each column beside the one it is like.

    Args:
        records: of a table of conversions, metric by metric.
        table: title, which the paper's rows get too.
    """
    merged: list[Record] = []
    waiting = dict(_COLUMNS)
    for record, following in zip_longest(records, records[1:]):
        merged.append(record)
        if following is None or following.metric != record.metric:
            if record.metric in waiting:
                merged += _published(table, *waiting.pop(record.metric))
    return merged


def _published(table: str, metric: str, unit: str, definition: str) -> list[Record]:
    """Return a column of the paper's table."""
    place = 0 if unit == "dB" else 1
    column: Column[tuple[float, float]] = Column(
        metric, lambda printed: Estimate(printed[place], None), unit, "lower", definition
    )
    rows = [Row(f"{model} in [P2V]", [printed], _PROTOCOL) for model, printed in TABLE_7.items()]
    return records_of([column], rows, table=table, commit="")
