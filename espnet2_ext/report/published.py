"""What publications print of emotion recognition on IEMOCAP and of conversion on ESD.

The figures stand in ``published.yaml``, each with its source; none of them was measured here.
"""

from collections.abc import Collection, Sequence
from importlib.resources import files
from itertools import groupby
from typing import NamedTuple

import yaml

from espnet2_ext.report.records import Estimate, Record, Row, columns_of, records_of

_FIGURES = yaml.safe_load((files("espnet2_ext.report") / "published.yaml").read_text("utf-8"))


class PublishedScore(NamedTuple):
    """One row of a published table, in percent; None where not printed. See ``published.yaml``."""

    system: str
    protocol: str
    source: str
    wa: float | None = None
    ua: float | None = None
    note: str = ""
    macro_f1: float | None = None
    num_utterances: int = 5531


PUBLISHED = tuple(
    PublishedScore(system, **{k: v for k, v in block.items() if k != "rows"}, **figures)
    for block in _FIGURES["emotion_recognition"]
    for system, figures in block["rows"].items()
)
"""All rows of all works, the paper's first."""
PAPER = tuple(score for score in PUBLISHED if score.source.startswith("[P2V]"))
"""Tables IV, V and VI of [P2V], with the works that it lists."""


def paper_score(system: str, protocol: str) -> PublishedScore | None:
    """Return what the paper prints for a system, with UA if any table has it, or None.

    ValueError if the paper knows no such system under any protocol.
    """
    known = dict.fromkeys(score.system for score in PAPER)
    if system not in known:
        raise ValueError(
            f"{system!r}: no system of [P2V] Tables IV to VI; choose one of {', '.join(known)}"
        )
    rows = [s for s in PAPER if (s.system, s.protocol) == (system, protocol)]
    return min(rows, key=lambda score: score.ua is None, default=None)


def published_records(protocols: Collection[str], *, table: str) -> list[Record]:
    """Return a table of what others report under these protocols; see ``published.yaml``."""
    rows = []
    for score in PUBLISHED:
        if score.protocol in protocols:
            figures = {"WA": score.wa, "UA": score.ua, "macro-F1": score.macro_f1}
            printed = {
                f"published {name}": Estimate(value, score.num_utterances)
                for name, value in figures.items()
                if value is not None
            }
            how = f"{score.source}: {score.note}" if score.note else score.source
            rows.append(Row(score.system, [printed], how))
    return records_of(columns_of("published recognition"), rows, table=table, commit="")


_BESIDE = {"MCD": "published MCD", "F0-RMSE, padded": "published F0-RMSE"}
"""Column of ours: the paper's that stands beside it."""
_PROTOCOL = (
    "[P2V] Table VII: ESD by its standard split, neutral to angry, happy and sad; how many "
    "conversions, and whose prosody they take, is not stated"
)


def add_published(records: Sequence[Record], table: str) -> list[Record]:
    """Return the records with rows and columns of [P2V] Table VII, each beside its like."""
    rows = []
    for model, figures in _FIGURES["emotional_conversion"][0]["rows"].items():
        printed = {name: Estimate(value, None) for name, value in figures.items()}
        rows.append(Row(f"{model} in [P2V]", [printed], _PROTOCOL))
    columns = {column.name: column for column in columns_of("published conversion")}
    merged: list[Record] = []
    for metric, group in groupby(records, lambda record: record.metric):
        merged += group
        if column := columns.pop(_BESIDE.get(metric, ""), None):
            merged += records_of([column], rows, table=table, commit="")
    return merged
