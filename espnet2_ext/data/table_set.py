"""The tables of one data directory, read and written as a set that agrees with itself.

Tables stream line by line: only ``wav.scp`` and ``utt2spk`` are held in memory,
since unit tables grow with the hours of a corpus.
"""

import filecmp
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from espnet2_ext.data.atomic import temporary_path
from espnet2_ext.data.table import iterate_table, read_table

logger = logging.getLogger(__name__)

Rows = Iterable[tuple[str, object]]

_NOT_PER_UTTERANCE = frozenset({"spk2utt", "feats_type", "audio_format"})


class DataDirectoryError(ValueError):
    """A data directory that breaks a rule; one line with file, utterance and remedy."""


def table_names(path: str | Path) -> list[str]:
    """Return the sorted names of the per-utterance tables in a directory.

    A table has no suffix or the suffix ``.scp``. Hidden files, ``rejected.tsv``,
    archives, ``spk2*`` and ESPnet's one-word files are none.
    """
    return sorted(
        entry.name
        for entry in Path(path).iterdir()
        if entry.is_file()
        and entry.suffix in ("", ".scp")
        and not entry.name.startswith((".", "spk2"))
        and entry.name not in _NOT_PER_UTTERANCE
    )


def check_table(path: Path, name: str) -> None:
    """Raise a DataDirectoryError where the directory or its table is missing."""
    if not path.is_dir():
        raise DataDirectoryError(f"{path}: no such data directory; run the data stage first")
    if not (path / name).is_file():
        raise DataDirectoryError(f"{path / name}: missing; run the stage that writes it")


def read_required(path: str | Path, name: str) -> dict[str, str]:
    """Return one table of a data directory as ``{utterance: value}``.

    Raises:
        DataDirectoryError: the directory or table is missing, or a line is malformed.
    """
    path = Path(path)
    check_table(path, name)
    try:
        table = read_table(path / name)
    except ValueError as error:
        raise DataDirectoryError(f"{error}; correct or remove the line") from error
    if name == "utt2spk":  # few speakers, each in memory once
        for utterance_id, speaker in table.items():
            table[utterance_id] = sys.intern(speaker)
    return table


def iterate_rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the rows of a table; a malformed line is a DataDirectoryError."""
    try:
        yield from iterate_table(path)
    except ValueError as error:
        raise DataDirectoryError(f"{error}; correct or remove the line") from error


def refuse_same(out: str | Path, inputs: Sequence[Path]) -> None:
    """Raise a DataDirectoryError where the output would overwrite an input."""
    for path in inputs:
        if path.resolve() == Path(out).resolve():
            raise DataDirectoryError(f"{out}: is an input too; choose another output directory")


def check_identity(path: Path, wav_scp: Mapping[str, object], utt2spk: Mapping[str, str]) -> None:
    """Check what every data directory needs: utterances, and ``<speaker>-`` before each id.

    Raises:
        DataDirectoryError: no utterance at all, or an id that breaks the rule.
    """
    if not wav_scp:
        raise DataDirectoryError(f"{path}/wav.scp: holds no utterances; check the data stage")
    for utterance_id, speaker in utt2spk.items():
        if not utterance_id.startswith(f"{speaker}-"):
            raise DataDirectoryError(
                f"{path}/utt2spk: {utterance_id}: does not start with its speaker "
                f"{speaker!r}; name it '{speaker}-<original id>'"
            )


def checked_rows(path: Path, keys: Iterable[str], rows: Rows) -> Iterator[tuple[str, str]]:
    """Yield the rows of the table at ``path``, which must have exactly these keys in order.

    Raises:
        DataDirectoryError: a key is missing, unexpected or out of order, contains
            white space, or its value is empty or more than one line.
    """
    previous = ""
    for expected, row in zip_longest(keys, rows):
        key = row[0] if row is not None else None
        if key is not None and previous and key <= previous:
            fault = "stands twice" if key == previous else f"stands after {previous}"
            raise DataDirectoryError(f"{path}: {key}: {fault}; sort with LC_ALL=C sort -u")
        if key is not None and key != expected and (expected is None or key < expected):
            raise DataDirectoryError(f"{path}: {key}: not in wav.scp; remove the line")
        if row is None or key != expected:
            raise DataDirectoryError(
                f"{path}: {expected}: no line at this utterance's place; sort with LC_ALL=C sort "
                "and give every utterance of wav.scp a value, or remove the table"
            )
        key, value = row[0], str(row[1]).strip()
        if key.split() != [key] or "/" in key:
            raise DataDirectoryError(f"{path}: {key!r}: an id has no white space and no slash")
        if not value or "\n" in value or "\r" in value:
            raise DataDirectoryError(f"{path}: {key}: the value must be one line, not empty")
        yield key, value
        previous = key


def write_tables(
    path: str | Path,
    wav_scp: Mapping[str, object],
    utt2spk: Mapping[str, str],
    others: Mapping[str, Rows],
) -> None:
    """Write the tables and ``spk2utt``; files that already say the same are not touched.

    ``wav.scp`` goes away before the first change and comes back last, so a
    directory that has it is whole (whoever rewrites audio in place removes it first,
    for the same reason). Tables left from an earlier run that describe
    other utterances or older audio (units, speaker vectors) are removed, with a
    log line, so that their stages make them anew.

    Args:
        path: the directory, created if needed.
        wav_scp: utterance to audio path.
        utt2spk: utterance to speaker.
        others: table name to rows sorted by utterance.

    Raises:
        DataDirectoryError: the tables do not agree with each other.
    """
    path = Path(path)
    check_identity(path, wav_scp, utt2spk)
    path.mkdir(parents=True, exist_ok=True)
    keys = sorted(wav_scp)
    if not _holds(path / "wav.scp", keys, wav_scp):
        (path / "wav.scp").unlink(missing_ok=True)
    whole = (path / "wav.scp").is_file()
    for name, rows in {**others, "utt2spk": sorted(utt2spk.items())}.items():
        _write_rows(path, name, checked_rows(path / name, keys, rows))
    _write_rows(path, "spk2utt", _spk2utt_rows(utt2spk))
    for name in set(table_names(path)) - {*others, "wav.scp", "utt2spk"}:
        if not whole or not _has_keys(path / name, keys):
            logger.warning("%s: removed, it describes earlier audio or utterances", path / name)
            (path / name).unlink()
    wav_rows = checked_rows(path / "wav.scp", keys, ((key, wav_scp[key]) for key in keys))
    _write_rows(path, "wav.scp", wav_rows)


def _spk2utt_rows(utt2spk: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield ``(speaker, "utterance utterance ...")``, both sorted."""
    for speaker, utterance_ids in invert_utt2spk(utt2spk).items():
        yield speaker, " ".join(utterance_ids)


def invert_utt2spk(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """Return ``{speaker: utterance ids}``, both sorted."""
    speakers: dict[str, list[str]] = {}
    for utterance_id in sorted(utt2spk):
        speakers.setdefault(utt2spk[utterance_id], []).append(utterance_id)
    return dict(sorted(speakers.items()))


def _write_rows(path: Path, name: str, rows: Iterable[tuple[str, str]]) -> None:
    """Write one table beside, and put it in place only where it differs from what is there."""
    target = path / name
    temporary = temporary_path(target)
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{key} {value}\n" for key, value in rows)
        if target.is_file() and filecmp.cmp(temporary, target, shallow=False):
            return
        (path / "wav.scp").unlink(missing_ok=True)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _holds(path: Path, keys: list[str], table: Mapping[str, object]) -> bool:
    """Return whether the file on disk is this table."""
    if not path.is_file():
        return False
    wanted = ((key, str(table[key])) for key in keys)
    return all(old == new for old, new in zip_longest(_rows_or_none(path), wanted))


def _has_keys(path: Path, keys: list[str]) -> bool:
    """Return whether the file on disk is a table with exactly these keys, in order."""
    return all(
        row is not None and row[0] == key for row, key in zip_longest(_rows_or_none(path), keys)
    )


def _rows_or_none(path: Path) -> Iterator[tuple[str, str] | None]:
    """Yield the rows of a table; a None stands for a malformed line and ends it."""
    try:
        yield from iterate_table(path)
    except ValueError:
        yield None
