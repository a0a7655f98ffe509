"""Folds that a user brings along: a csv ``utterance,fold`` or ``utterance,part``."""

from collections.abc import Collection
from pathlib import Path

from espnet2_ext.data.csv_file import read_csv

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
