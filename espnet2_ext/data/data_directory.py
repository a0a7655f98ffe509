"""Data directories in Kaldi's and ESPnet's layout: read, write, validate, combine, subset.

A directory holds ``wav.scp``, ``utt2spk`` and ``spk2utt``; every further table
(``text``, ``utt2emo``, ``units_<tag>``, ``spk_embed.scp`` ...) has exactly the keys
of ``wav.scp``, less what ``rejected.tsv`` lists. All are UTF-8 and sorted by key.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

from espnet2_ext.data.check_audio import find_audio_faults
from espnet2_ext.data.rejected import read_rejected, write_rejected
from espnet2_ext.data.table_set import (
    DataDirectoryError,
    check_identity,
    checked_rows,
    invert_utt2spk,
    iterate_rows,
    read_required,
    refuse_same,
    table_names,
    write_tables,
)
from espnet2_ext.data.utterance import Utterance

__all__ = [
    "DataDirectory",
    "DataDirectoryError",
    "combine_data_directories",
    "read_data_directory",
    "subset_data_directory",
    "validate_data_directory",
    "write_data_directory",
]

logger = logging.getLogger(__name__)

OPTIONAL_TABLES = {
    "text": "text",
    "utt2emo": "emotion",
    "utt2session": "session",
    "utt2dialogue": "dialogue",
    "utt2lang": "language",
}
"""Table name to the field of ``Utterance`` that fills it."""


@dataclass(frozen=True)
class DataDirectory:
    """The tables of a data directory: ``tables["utt2emo"][utterance_id]``."""

    path: Path
    tables: dict[str, dict[str, str]]

    @property
    def utterance_ids(self) -> list[str]:
        """Return all ids, in the order of ``wav.scp``."""
        return list(self.tables["wav.scp"])

    @property
    def speakers(self) -> dict[str, list[str]]:
        """Return ``{speaker: utterance ids}``, both sorted."""
        return invert_utt2spk(self.tables["utt2spk"])

    def table(self, name: str) -> dict[str, str]:
        """Return one table.

        Raises:
            DataDirectoryError: the directory has no such table.
        """
        if name not in self.tables:
            raise DataDirectoryError(f"{self.path / name}: missing; run the stage that writes it")
        return self.tables[name]


def read_data_directory(path: str | Path, names: Iterable[str] | None = None) -> DataDirectory:
    """Return the tables of a data directory, all of them or the named ones.

    ``wav.scp`` and ``utt2spk`` are always read. Unit tables are large: name what
    is needed where a corpus has hundreds of hours.

    Raises:
        DataDirectoryError: the directory or a table is missing, or a line malformed.
    """
    path = Path(path)
    tables = {name: read_required(path, name) for name in ("wav.scp", "utt2spk")}
    for name in table_names(path) if names is None else names:
        if name not in tables:
            tables[name] = read_required(path, name)
    return DataDirectory(path, tables)


def write_data_directory(path: str | Path, utterances: Iterable[Utterance]) -> None:
    """Write ``wav.scp utt2spk spk2utt`` and the optional tables that the corpus fills.

    Raises:
        DataDirectoryError: no utterances, an id that stands twice or does not start
            with ``<speaker>-``, or a field that only some of the utterances have.
    """
    by_id: dict[str, Utterance] = {}
    for utterance in utterances:
        if utterance.utterance_id in by_id:
            raise DataDirectoryError(
                f"{path}: {utterance.utterance_id}: given twice; make the ids unique"
            )
        by_id[utterance.utterance_id] = utterance
    ordered = [by_id[utterance_id] for utterance_id in sorted(by_id)]
    write_tables(
        path,
        {utterance.utterance_id: utterance.wav for utterance in ordered},
        {utterance.utterance_id: utterance.speaker for utterance in ordered},
        {
            name: [(u.utterance_id, getattr(u, field)) for u in ordered if _has(u, field)]
            for name, field in OPTIONAL_TABLES.items()
            if any(_has(utterance, field) for utterance in ordered)
        },
    )


def _has(utterance: Utterance, field: str) -> bool:
    return getattr(utterance, field) is not None


def validate_data_directory(
    path: str | Path, *, check_audio: bool = False, num_workers: int = 1
) -> int:
    """Check that a data directory keeps every rule, and return its number of utterances.

    Ids are unique, sorted and start with ``<speaker>-``; every table has exactly the
    keys of ``wav.scp``, less utterances that a later stage listed in ``rejected.tsv``;
    ``spk2utt`` is the inverse of ``utt2spk``.

    Args:
        path: the data directory.
        check_audio: decode every file, and compare it with ``utt2num_samples`` if any.
        num_workers: processes that decode.

    Raises:
        DataDirectoryError: the first rule found broken, with file, utterance and remedy.
    """
    path = Path(path)
    wav_scp = read_required(path, "wav.scp")
    utt2spk = read_required(path, "utt2spk")
    check_identity(path, wav_scp, utt2spk)
    keys = sorted(wav_scp)
    rejected = read_rejected(path).keys() & wav_scp.keys()
    for name in table_names(path):
        expected = keys
        if rejected and name not in ("wav.scp", "utt2spk"):
            present = {key for key, _ in iterate_rows(path / name)}
            expected = [key for key in keys if key in present or key not in rejected]
        for _ in checked_rows(path / name, expected, iterate_rows(path / name)):
            pass
    spk2utt, inverse = read_required(path, "spk2utt"), invert_utt2spk(utt2spk)
    # A line is split at a time: a second copy of all ids would be large.
    if spk2utt.keys() != inverse.keys() or any(
        spk2utt[speaker].split() != utterances for speaker, utterances in inverse.items()
    ):
        raise DataDirectoryError(
            f"{path}/spk2utt: is not the inverse of utt2spk; write the directory again"
        )
    for utterance_id, wav in wav_scp.items():
        if wav.endswith("|"):
            raise DataDirectoryError(
                f"{path}/wav.scp: {utterance_id}: commands are not supported; give a file"
            )
    if check_audio:
        faults = find_audio_faults(path, wav_scp, num_workers)
        for utterance_id, fault in faults.items():
            raise DataDirectoryError(
                f"{path}/wav.scp: {utterance_id}: {fault}; {len(faults)} of {len(wav_scp)} files "
                "are bad, format_wav lists such files in rejected.tsv and goes on"
            )
    return len(wav_scp)


def combine_data_directories(out: str | Path, inputs: Sequence[str | Path]) -> None:
    """Write one data directory that holds the utterances of all inputs.

    Tables that every input has are kept, others are left out with a log line; the
    lists of rejected utterances are joined, and what a later stage rejected is left out.

    Raises:
        DataDirectoryError: no inputs, an input breaks a rule, or an utterance stands
            in two of them.
    """
    if not inputs:
        raise DataDirectoryError(f"{out}: nothing to combine; name at least one input")
    paths = [Path(path) for path in inputs]
    refuse_same(out, paths)
    wav_scp: dict[str, str] = {}
    utt2spk: dict[str, str] = {}
    rejected: dict[str, str] = {}
    for path in paths:
        validate_data_directory(path)
        tables = read_data_directory(path, names=()).tables
        for utterance_id in tables["wav.scp"].keys() & wav_scp.keys():
            raise DataDirectoryError(
                f"{path}/wav.scp: {utterance_id}: stands in another input too; "
                "give the corpora different speaker names"
            )
        bad = read_rejected(path)
        wav_scp |= {key: wav for key, wav in tables["wav.scp"].items() if key not in bad}
        utt2spk |= {key: speaker for key, speaker in tables["utt2spk"].items() if key not in bad}
        rejected |= bad
    if not wav_scp:
        raise DataDirectoryError(f"{out}: every utterance is rejected; see rejected.tsv")

    def kept(path: Path, name: str) -> Iterator[tuple[str, str]]:
        return (row for row in iterate_rows(path / name) if row[0] in wav_scp)

    names = _common_tables(out, paths)
    others = {name: merge(*(kept(path, name) for path in paths)) for name in names}
    write_tables(out, wav_scp, utt2spk, others)
    write_rejected(out, {key: rejected[key] for key in rejected.keys() - wav_scp.keys()})


def _common_tables(out: str | Path, paths: Sequence[Path]) -> list[str]:
    """Return the further tables that all directories have; log what is left out."""
    names = [set(table_names(path)) - {"wav.scp", "utt2spk"} for path in paths]
    common = set.intersection(*names)
    for name in sorted(set.union(*names) - common):
        lacking = next(path for path, has in zip(paths, names, strict=True) if name not in has)
        logger.warning("%s: without %s, which %s lacks", out, name, lacking)
    return sorted(common)


def subset_data_directory(
    source: str | Path, out: str | Path, utterance_ids: Iterable[str]
) -> None:
    """Write a data directory with the named utterances and every table of the source.

    Raises:
        DataDirectoryError: the source breaks a rule, lacks an utterance, or nothing
            is named.
    """
    source = Path(source)
    refuse_same(out, [source])
    validate_data_directory(source)
    wanted = set(utterance_ids)

    def keep(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        return (row for row in rows if row[0] in wanted)

    wav_scp = dict(keep(iterate_rows(source / "wav.scp")))
    for utterance_id in sorted(wanted - wav_scp.keys()):
        reason = read_rejected(source).get(utterance_id)
        because = f"rejected ({reason})" if reason else "not there"
        raise DataDirectoryError(
            f"{source}/wav.scp: {utterance_id}: {because}; take it out of the subset"
        )
    utt2spk = dict(keep(read_required(source, "utt2spk").items()))
    others = {name: keep(iterate_rows(source / name)) for name in _common_tables(out, [source])}
    write_tables(out, wav_scp, utt2spk, others)
