"""Data directories in Kaldi's and ESPnet's layout: read, write, validate, combine, subset.

A directory holds ``wav.scp``, ``utt2spk`` and ``spk2utt``; every further table (``text``,
``utt2emo``, ``units_<tag>``, ``spk_embed.scp`` ...) has exactly the keys of ``wav.scp``, less what
``rejected.tsv`` lists. All are UTF-8 and sorted by key. What a user brings (a *source*) may have
``segments``, commands and archives; ``format_wav`` turns it into a directory of plain files.

Only ``wav.scp``, ``utt2spk`` and ``segments`` are held in memory, since unit tables grow with the
hours of a corpus.
"""

import filecmp
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import zip_longest
from pathlib import Path

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, Recording, find_audio_faults
from espnet2_ext.data.parallel import temporary_path
from espnet2_ext.data.tables import (
    iterate_table,
    read_rejected,
    report_rejected,
    write_rejected,
)

logger = logging.getLogger(__name__)

Rows = Iterable[tuple[str, object]]

OPTIONAL_TABLES = {
    "text": "text",
    "utt2emo": "emotion",
    "utt2session": "session",
    "utt2dialogue": "dialogue",
    "utt2lang": "language",
}
"""Table name to the field of ``Utterance`` that fills it."""
SEGMENTS = "segments"
_NOT_PER_UTTERANCE = frozenset({"feats_type", "audio_format", "frame_shift", "cmvn.scp", SEGMENTS})
_HANDFUL = 5
_SHARE_ALONE = 0.9
"""Where more of the utterances than this are the only one of their speaker, no speakers were
named. Not in paper."""


class DataDirectoryError(ValueError):
    """A data directory that breaks a rule; one line with file, utterance and remedy."""


@dataclass(frozen=True)
class Utterance:
    """What a corpus parser knows of an utterance; None where the corpus does not say.

    ``utterance_id`` starts with ``<speaker>-`` so that Kaldi's double sorting holds.
    """

    utterance_id: str
    speaker: str
    wav: str
    text: str | None = None
    emotion: str | None = None
    session: str | None = None
    dialogue: str | None = None
    language: str | None = None


def table_names(path: str | Path) -> list[str]:
    """Return the sorted names of the per-utterance tables in a directory.

    Tables by speaker or recording, ESPnet's one-word files, archives and hidden files are none.
    """
    return sorted(
        entry.name
        for entry in Path(path).iterdir()
        if entry.is_file()
        and entry.suffix in ("", ".scp")
        and not entry.name.startswith((".", "spk2", "reco2"))
        and entry.name not in _NOT_PER_UTTERANCE
    )


def check_table(path: Path, name: str) -> None:
    """Raise a DataDirectoryError where the directory or its table is missing."""
    if not path.is_dir():
        raise DataDirectoryError(f"{path}: no such data directory; run the data stage first")
    if not (path / name).is_file():
        raise DataDirectoryError(f"{path / name}: missing; run the stage that writes it")


def iterate_rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the rows of a table; DataDirectoryError where it is missing or a line malformed."""
    check_table(path.parent, path.name)
    try:
        yield from iterate_table(path)
    except ValueError as error:
        raise DataDirectoryError(f"{error}; correct or remove the line") from error


def read_required(path: str | Path, name: str) -> dict[str, str]:
    """Return a table that must be there, ``{utterance: value}``."""
    table: dict[str, str] = {}
    for key, value in iterate_rows(Path(path) / name):
        if key in table:
            raise DataDirectoryError(f"{path}/{name}: {key} stands twice; remove one line")
        # Few speakers, each in memory once.
        table[key] = sys.intern(value) if name == "utt2spk" else value
    return table


def read_data_directory(
    path: str | Path, names: Iterable[str] | None = None
) -> dict[str, dict[str, str]]:
    """Return ``{table: {utterance: value}}`` of ``wav.scp utt2spk`` and all or the named tables."""
    check_table(Path(path), "wav.scp")
    further = table_names(path) if names is None else names
    every = dict.fromkeys(("wav.scp", "utt2spk", *further))
    return {name: read_required(path, name) for name in every}


def invert_utt2spk(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """Return ``{speaker: utterance ids}``, both sorted."""
    speakers: dict[str, list[str]] = {}
    for utterance_id in sorted(utt2spk):
        speakers.setdefault(utt2spk[utterance_id], []).append(utterance_id)
    return dict(sorted(speakers.items()))


class SourceAudio:
    """Where the audio of a source's utterances is; the tables are read once."""

    def __init__(self, path: Path):
        self.path = path
        self.wav_scp = read_required(path, "wav.scp")
        self.segments = read_required(path, SEGMENTS) if (path / SEGMENTS).is_file() else None

    @property
    def utterance_ids(self) -> Mapping[str, str]:
        """Return the table whose keys are the utterances."""
        return self.wav_scp if self.segments is None else self.segments

    def of(self, utterance_id: str) -> Recording:
        """Return the recording of an utterance, or the part of one; a stop of -1 is its end.

        DataDirectoryError where a line of ``segments`` is not a recording with start and end.
        """
        if self.segments is None:
            return Recording(self.wav_scp[utterance_id])
        value = self.segments[utterance_id]
        try:
            name, start, stop = value.split()
            start_s, stop_s = float(start), float(stop)
            if not (0 <= start_s < stop_s < float("inf") or (start_s >= 0 and stop_s == -1)):
                raise ValueError
        except ValueError as error:
            raise DataDirectoryError(
                f"{self.path}/{SEGMENTS}: {utterance_id}: expected 'recording start end' in "
                f"seconds, got {value!r:.80}"
            ) from error
        if name not in self.wav_scp:
            raise DataDirectoryError(
                f"{self.path}/{SEGMENTS}: {utterance_id}: wav.scp has no recording {name!r:.80}; "
                "add it, or remove the line"
            )
        return Recording(self.wav_scp[name], start_s, None if stop_s == -1 else stop_s)


def validate_data_directory(
    path: str | Path,
    *,
    check_audio: bool = False,
    num_workers: int = 1,
    is_source: bool = False,
    allow_pipes: bool = False,
    allow_utterance_speakers: bool = False,
) -> int:
    """Check that a data directory keeps every rule, and return its number of utterances.

    Ids are unique, sorted and start with ``<speaker>-``; every table has exactly the
    keys of ``wav.scp``, less utterances that a later stage listed in ``rejected.tsv``;
    ``spk2utt`` is the inverse of ``utt2spk``. The first rule found broken is the error.

    Args:
        check_audio: decode every file, and compare it with ``utt2num_samples`` if any.
        is_source: accept ``segments``, but not a speaker for (nearly) every utterance.
        allow_pipes: accept commands in the ``wav.scp`` of a source, which are run.
        allow_utterance_speakers: accept a speaker for every utterance of a source.
    """
    path = Path(path)
    audio = SourceAudio(path)
    if audio.segments is not None and not is_source:
        raise DataDirectoryError(f"{path}/{SEGMENTS}: only format_wav cuts; run it here first")
    utt2spk = read_required(path, "utt2spk")
    _check_identity(path, audio.utterance_ids, utt2spk)
    keys = sorted(audio.utterance_ids)
    rejected = read_rejected(path).keys() & set(keys)
    names = table_names(path)
    if audio.segments is not None:
        names = [SEGMENTS, *(name for name in names if name != "wav.scp")]
        _check_rows(path / "wav.scp", sorted(audio.wav_scp))
        for utterance_id in keys:
            audio.of(utterance_id)
    for name in names:
        expected = keys
        if rejected and name not in (SEGMENTS, "wav.scp", "utt2spk"):
            present = {key for key, _ in iterate_rows(path / name)}
            expected = [key for key in keys if key in present or key not in rejected]
        _check_rows(path / name, expected)
    spk2utt, inverse = read_required(path, "spk2utt"), invert_utt2spk(utt2spk)
    # A line is split at a time: a second copy of all ids would be large.
    if spk2utt.keys() != inverse.keys() or any(
        spk2utt[speaker].split() != utterances for speaker, utterances in inverse.items()
    ):
        raise DataDirectoryError(
            f"{path}/spk2utt: is not the inverse of utt2spk; write the directory again"
        )
    for name, entry in audio.wav_scp.items():
        if Recording(entry).is_command and not (is_source and allow_pipes):
            raise DataDirectoryError(
                f"{path}/wav.scp: {name}: a command, which is run only by format_wav with "
                "--allow_pipes true; give that if you trust the table, or give a file"
            )
    alone = sum(count == 1 for count in Counter(utt2spk.values()).values())
    is_suspect = len(utt2spk) > _HANDFUL and alone > _SHARE_ALONE * len(utt2spk)
    if is_source and is_suspect and not allow_utterance_speakers:
        raise DataDirectoryError(
            f"{path}/utt2spk: {alone} of {len(utt2spk)} utterances are the only one of their "
            "speaker, and the voice is taken from another utterance ([P2V] III-B); name the "
            "speakers, or accept that with --allow_utterance_speakers true"
        )
    if check_audio:
        lengths: dict[str, str] = {}
        if (path / "utt2num_samples").is_file():
            lengths = read_required(path, "utt2num_samples")
        recordings = {utterance_id: audio.of(utterance_id) for utterance_id in keys}
        faults = find_audio_faults(recordings, lengths, num_workers)
        for utterance_id, fault in faults.items():
            raise DataDirectoryError(
                f"{path}/wav.scp: {utterance_id}: {fault}; {len(faults)} of {len(keys)} files are "
                "bad, format_wav lists such files in rejected.tsv and goes on"
            )
    return len(keys)


def _check_identity(
    path: Path, utterance_ids: Mapping[str, object], utt2spk: Mapping[str, str]
) -> None:
    """Check that there are utterances, and that ``<speaker>-`` stands before each id."""
    if not utterance_ids:
        raise DataDirectoryError(f"{path}/wav.scp: holds no utterances; check the data stage")
    for utterance_id, speaker in utt2spk.items():
        if utterance_id != speaker and not utterance_id.startswith(f"{speaker}-"):
            raise DataDirectoryError(
                f"{path}/utt2spk: {utterance_id}: does not start with its speaker "
                f"{speaker!r}; name it '{speaker}-<original id>'"
            )


def _check_rows(path: Path, keys: Iterable[str]) -> None:
    """Check that the table on disk has these keys in order."""
    for _ in checked_rows(path, keys, iterate_rows(path)):
        pass


def checked_rows(path: Path, keys: Iterable[str], rows: Rows) -> Iterator[tuple[str, str]]:
    """Yield the rows of the table at ``path``, which must have exactly these keys in order."""
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


def write_data_directory(path: str | Path, utterances: Iterable[Utterance]) -> None:
    """Write ``wav.scp utt2spk spk2utt`` and the optional tables that the corpus fills.

    DataDirectoryError: no utterances, an id that stands twice or does not start with
    ``<speaker>-``, or a field that only some of the utterances have.
    """
    by_id: dict[str, Utterance] = {}
    for utterance in utterances:
        if utterance.utterance_id in by_id:
            raise DataDirectoryError(
                f"{path}: {utterance.utterance_id}: given twice; make the ids unique"
            )
        by_id[utterance.utterance_id] = utterance
    others: dict[str, Rows] = {}
    for name, field in OPTIONAL_TABLES.items():
        rows = [(key, getattr(by_id[key], field)) for key in sorted(by_id)]
        if filled := [row for row in rows if row[1] is not None]:
            others[name] = filled
    write_tables(
        path,
        {key: utterance.wav for key, utterance in by_id.items()},
        {key: by_id[key].speaker for key in sorted(by_id)},
        others,
    )


def write_tables(
    path: str | Path,
    wav_scp: Mapping[str, object],
    utt2spk: Mapping[str, str],
    others: Mapping[str, Rows],
) -> None:
    """Write the tables and ``spk2utt``; files that already say the same are not touched.

    ``wav.scp`` goes away before the first change (also of audio in place) and comes back last, so a
    directory that has it is whole. Tables of an earlier run that describe other utterances or older
    audio are removed, with a log line. The rows of ``others`` are sorted by utterance.
    """
    path = Path(path)
    _check_identity(path, wav_scp, utt2spk)
    path.mkdir(parents=True, exist_ok=True)
    keys = sorted(wav_scp)
    if not _holds(path / "wav.scp", ((key, str(wav_scp[key])) for key in keys)):
        (path / "wav.scp").unlink(missing_ok=True)
    whole = (path / "wav.scp").is_file()
    for name, rows in {**others, "utt2spk": sorted(utt2spk.items())}.items():
        _write_rows(path, name, checked_rows(path / name, keys, rows))
    inverse = invert_utt2spk(utt2spk).items()
    _write_rows(path, "spk2utt", ((speaker, " ".join(ids)) for speaker, ids in inverse))
    for name in set(table_names(path)) - {*others, "wav.scp", "utt2spk"}:
        if not whole or not _holds(path / name, ((key, None) for key in keys)):
            logger.warning("%s: removed, it describes earlier audio or utterances", path / name)
            (path / name).unlink()
    wav_rows = checked_rows(path / "wav.scp", keys, ((key, wav_scp[key]) for key in keys))
    _write_rows(path, "wav.scp", wav_rows)


def _write_rows(path: Path, name: str, rows: Iterable[tuple[str, str]]) -> None:
    """Write one table, replacing the one on disk only where they differ."""
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


def _holds(path: Path, wanted: Iterable[tuple[str, str | None]]) -> bool:
    """Return whether the file on disk is a table with these rows; a value of None is any."""
    if not path.is_file():
        return False
    try:
        return all(
            row is not None and want is not None and row[0] == want[0] and want[1] in (None, row[1])
            for row, want in zip_longest(iterate_table(path), wanted)
        )
    except ValueError:
        return False


def refuse_same(out: str | Path, inputs: Sequence[Path]) -> None:
    """Raise a DataDirectoryError where the output would overwrite an input."""
    for path in inputs:
        if path.resolve() == Path(out).resolve():
            raise DataDirectoryError(f"{out}: is an input too; choose another output directory")


def combine_data_directories(out: str | Path, inputs: Sequence[str | Path]) -> None:
    """Write one data directory that holds the utterances of all inputs.

    Tables that every input has are kept, others are left out with a log line; the
    lists of rejected utterances are joined, and what a later stage rejected is left out.
    DataDirectoryError: an utterance stands in two inputs.
    """
    paths = [Path(path) for path in inputs]
    refuse_same(out, paths)
    wav_scp: dict[str, str] = {}
    utt2spk: dict[str, str] = {}
    rejected: dict[str, str] = {}
    for path in paths:
        validate_data_directory(path)
        tables = read_data_directory(path, names=())
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
    others = {
        name: merge(*(kept_rows(path / name, wav_scp) for path in paths))
        for name in _common_tables(out, paths)
    }
    write_tables(out, wav_scp, utt2spk, others)
    write_rejected(out, {key: rejected[key] for key in rejected.keys() - wav_scp.keys()})


def kept_rows(path: Path, kept: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the rows of a table whose key is in a mapping or set."""
    return (row for row in iterate_rows(path) if row[0] in kept)


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

    DataDirectoryError: the source lacks an utterance, or nothing is named.
    """
    source = Path(source)
    refuse_same(out, [source])
    validate_data_directory(source)
    wanted = set(utterance_ids)
    wav_scp = dict(kept_rows(source / "wav.scp", wanted))
    for utterance_id in sorted(wanted - wav_scp.keys()):
        reason = read_rejected(source).get(utterance_id)
        because = f"rejected ({reason})" if reason else "not there"
        raise DataDirectoryError(
            f"{source}/wav.scp: {utterance_id}: {because}; take it out of the subset"
        )
    others = {name: kept_rows(source / name, wanted) for name in _common_tables(out, [source])}
    write_tables(out, wav_scp, dict(kept_rows(source / "utt2spk", wanted)), others)


def filter_length(
    data_dir: str | Path,
    out_dir: str | Path,
    *,
    min_duration_s: float,
    max_duration_s: float,
    speaker_dir: str | Path | None = None,
) -> int:
    """Write the utterances within the limits, with all tables; return how many there are.

    Durations come from ``utt2num_samples``, limits included. The others join the ``rejected.tsv``
    of the output; utterances that the input lists there (no units, no speaker vector) are left out.
    ``speaker_dir`` is the training set of a validation set: what is kept then has another utterance
    of its speaker here or there, to give the voice ([P2V] III-B).

    Raises:
        ValueError: the limits contradict each other.
        DataDirectoryError: a length is not a number, or nothing is left.
    """
    source, out = Path(data_dir), Path(out_dir)
    if not 0 <= min_duration_s <= max_duration_s:
        raise ValueError(
            f"length filter: min_duration_s {min_duration_s:g} and max_duration_s "
            f"{max_duration_s:g} leave nothing; give 0 <= min <= max"
        )
    refuse_same(out, [source])
    earlier, rejected = read_rejected(source), {}
    kept, total = [], 0
    for utterance_id, num_samples in iterate_rows(source / "utt2num_samples"):
        total += 1
        if not num_samples.isdecimal():
            raise DataDirectoryError(
                f"{source}/utt2num_samples: {utterance_id}: {num_samples!r} is not a number of "
                "samples; run format_wav again"
            )
        duration_s = int(num_samples) / SAMPLE_RATE_HZ
        if duration_s < min_duration_s:
            rejected[utterance_id] = f"{duration_s:.3f} s, shorter than {min_duration_s:g} s"
        elif duration_s > max_duration_s:
            rejected[utterance_id] = f"{duration_s:.3f} s, longer than {max_duration_s:g} s"
        elif utterance_id not in earlier:
            kept.append(utterance_id)
    if not kept:
        raise DataDirectoryError(
            f"{source}: no utterance lasts {min_duration_s:g} to {max_duration_s:g} s; "
            "change the limits"
        )
    if speaker_dir is not None:
        alone = _only_utterances(source, kept, Path(speaker_dir))
        if len(alone) == len(kept):
            raise DataDirectoryError(
                f"{source}: no speaker has another utterance here or in {speaker_dir}, whose "
                "vector [P2V] III-B takes; validate with speakers of the training set, whose "
                "speeds (--speed_perturb_factors) must hold 1.0"
            )
        reason = f"no other utterance of the speaker here or in {speaker_dir} gives the voice"
        rejected |= dict.fromkeys(alone, reason)
        kept = [utterance_id for utterance_id in kept if utterance_id not in alone]
    write_rejected(out, earlier | rejected)
    report_rejected(out, rejected, total)
    subset_data_directory(source, out, kept)
    return len(kept)


def _only_utterances(source: Path, kept: Sequence[str], speaker_dir: Path) -> set[str]:
    """Return the utterances whose speaker has no other; log how many. ``speaker_dir`` streams."""
    speakers = read_required(source, "utt2spk")
    members = Counter(speakers[utterance_id] for utterance_id in kept)
    alone = {speakers[key]: key for key in kept if members[speakers[key]] == 1}
    in_both = 0
    for utterance_id, speaker in iterate_rows(speaker_dir / "utt2spk"):
        in_both += utterance_id in speakers
        if alone.get(speaker, utterance_id) != utterance_id:
            del alone[speaker]
    if in_both:
        logger.warning(
            "%s: %d of its utterances stand in %s too, so validation hears what is trained on",
            *(source, in_both, speaker_dir),
        )
    if alone:
        logger.warning(
            "%s: %d of %d speakers have one utterance in it and %s together, and are left out: %s",
            *(source, len(alone), len(members), speaker_dir, " ".join(sorted(alone)[:10])),
        )
    return set(alone.values())
