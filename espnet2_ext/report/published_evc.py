"""What [P2V] Table VII prints of emotional voice conversion on ESD.

None of it was measured here.
"""

from collections.abc import Sequence
from itertools import zip_longest

from espnet2_ext.report.results import Record

TABLE_7 = {
    "CycleGAN-EVC [31]": (7.67, 52.54),
    "StarGAN-EVC [32]": (8.06, 56.22),
    "Seq2Seq-EVC [33]": (7.89, 55.51),
    "Emovox [34]": (6.38, 52.23),
    "Prosody2Vec": (6.81, 53.31),
}
"""Model (bracketed numbers are the paper's references) to MCD in dB and F0-RMSE in Hz."""

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
    return [
        Record(
            table=table,
            row=f"{model} in [P2V]",
            metric=metric,
            value=mcd_db if unit == "dB" else f0_rmse_hz,
            unit=unit,
            n=None,
            definition=definition,
            protocol=_PROTOCOL,
            commit="",
            better="lower",
        )
        for model, (mcd_db, f0_rmse_hz) in TABLE_7.items()
    ]
