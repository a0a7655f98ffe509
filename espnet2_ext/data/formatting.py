"""Bring the audio of a data directory into the one form that everything here reads."""

import importlib.util
import json
import logging
import os
import re
import sys
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import soundfile

from espnet2_ext.data.audio import (
    SAMPLE_RATE_HZ,
    AudioError,
    change_speed,
    read_any_audio,
    read_audio,
    to_int16,
    write_flac,
)
from espnet2_ext.data.directory import (
    DataDirectoryError,
    check_table,
    iterate_rows,
    read_required,
    refuse_same,
    table_names,
    validate_data_directory,
    write_tables,
)
from espnet2_ext.data.parallel import atomic_open, parallel_map, remove_leftovers
from espnet2_ext.data.tables import read_rejected, report_rejected, write_rejected

# ---------------------------------------------------------------- journal
# Records of work done, a line of JSON each, which a kill may cut off but not spoil.

Record = TypeVar("Record")


class Journal(Generic[Record]):
    """Records of one dataclass in a file; of two with one key the later counts.

    Args:
        path: the file, which need not be there.
        key_of: returns the key of a record.
        decode: returns the record of a line's fields. A line for which it raises ValueError,
            TypeError, KeyError or AttributeError is as if not there.
    """

    def __init__(
        self, path: Path, key_of: Callable[[Record], str], decode: Callable[[dict], Record]
    ):
        self.path = path
        self.key_of = key_of
        self.decode = decode

    def read(self) -> dict[str, Record]:
        """Return ``{key: record}``."""
        records: dict[str, Record] = {}
        if not self.path.is_file():
            return records
        with open(self.path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                try:
                    record = self.decode(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError):
                    continue
                records[self.key_of(record)] = record
        return records

    @contextmanager
    def appending(self) -> Iterator[Callable[[Record], None]]:
        """Yield a function that adds a record, on disk when it returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8", newline="\n") as stream:
            stream.write("\n")  # ends a line that a kill cut off

            def append(record: Record) -> None:
                stream.write(_to_line(record))
                stream.flush()

            yield append

    def replace(self, records: Iterable[Record]) -> None:
        """Write these records in place of what is there."""
        with atomic_open(self.path) as stream:
            stream.writelines(map(_to_line, records))


def _to_line(record: Any) -> str:
    return json.dumps(asdict(record), ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- share
# A share of a job's parts, for several processes that know nothing of each other.

SHARE_HELP = "do only this share of the utterances, such as 3/32; a run without it completes them"


@dataclass(frozen=True)
class Share:
    """Share ``index`` of ``count``, from 1 on, as tasks of a cluster's array are numbered."""

    index: int
    count: int

    def has(self, part: int) -> bool:
        """Return whether the part, numbered from 0, belongs to this share."""
        return part % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_share(text: str) -> Share:
    """Return the share that ``3/32`` means.

    Raises:
        ValueError: not of that form, or not from 1/n to n/n.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"share {text!r}: give one such as 3/32, the first is 1/32")
    return Share(int(match[1]), int(match[2]))


# ---------------------------------------------------------------- audio jobs
# Write many audio files so that a killed run goes on where it stopped.
#
# The files lie in 256 folders, chosen by a hash of the utterance's name. A journal in each
# holds a line for every file: what the source was (size and time), what was written (size,
# samples) or why it was rejected. A later run redoes exactly the files for which that no longer
# holds. A folder is the work of one process, and nobody holds the records of all of them.

logger = logging.getLogger(__name__)

_JOURNAL = ".audio_journal.jsonl"
_NUM_FOLDERS = 256


@dataclass(frozen=True, slots=True)
class AudioJob:
    """One file to write; where output and source are one path it is only measured."""

    utterance_id: str
    source: str
    output: str
    speed: str = "1"
    min_duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AudioRecord:
    """What became of a job: the number of samples, or the reason of a rejection."""

    job: AudioJob
    source_state: tuple[int, int] | None
    output_bytes: int
    num_samples: int
    clipped: bool = False
    reason: str | None = None

    def holds(self) -> bool:
        """Return whether source and output are still what they were."""
        if file_state(self.job.source) != self.source_state:
            return False
        if self.reason is not None:
            return True
        state = file_state(self.job.output)
        return state is not None and state[0] == self.output_bytes


@dataclass
class AudioOutcome:
    """What became of the utterances of some folders.

    Attributes:
        num_samples: of every utterance that has audio now.
        rejected: the reason of every other.
        clipped: utterances that reached full scale.
        already_done: how many files an earlier run had made.
    """

    num_samples: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    clipped: list[str] = field(default_factory=list)
    already_done: int = 0

    def add(self, other: "AudioOutcome") -> None:
        """Take in what became of further folders."""
        # Names that came from another process are copies of those that are here.
        self.num_samples.update((sys.intern(key), n) for key, n in other.num_samples.items())
        self.rejected.update(other.rejected)
        self.clipped += other.clipped
        self.already_done += other.already_done

    @property
    def total(self) -> int:
        """Return the number of utterances."""
        return len(self.num_samples) + len(self.rejected)


def folder_of(utterance_id: str) -> int:
    """Return which of the 256 folders an utterance belongs to."""
    return zlib.crc32(utterance_id.encode()) % _NUM_FOLDERS


def audio_path(out: Path, utterance_id: str) -> str:
    """Return where an utterance's flac lies: 256 folders, so that none grows too large."""
    return str(_folder(out, folder_of(utterance_id)) / f"{utterance_id}.flac")


def _folder(out: Path, number: int) -> Path:
    return out / "audio" / f"{number:02x}"


def run_audio_jobs(
    utterance_ids: Iterable[str],
    job_of: Callable[[str], AudioJob],
    out: Path,
    *,
    description: str,
    num_workers: int,
    share: Share | None = None,
) -> AudioOutcome:
    """Return what became of the utterances, after doing what is left to do.

    Args:
        utterance_ids: unique.
        job_of: returns the job of an utterance; called when its folder's turn has come.
        out: the data directory that the files belong to. Its ``wav.scp`` is removed before
            the first file is touched: the directory is not whole until it is back.
        description: stands before the progress bar.
        num_workers: processes.
        share: look only at the folders of this share.

    Raises:
        OSError: an output cannot be written (no space, no permission).
    """
    remove_leftovers(out, is_deep=False)
    members: list[list[str]] = [[] for _ in range(_NUM_FOLDERS)]
    for utterance_id in utterance_ids:
        number = folder_of(utterance_id)
        if share is None or share.has(number):
            members[number].append(utterance_id)

    def tasks() -> Iterator[tuple[Path, int, list[AudioJob]]]:
        for number, ids in enumerate(members):
            if ids:
                yield out, number, [job_of(utterance_id) for utterance_id in ids]

    outcome = AudioOutcome()
    for part in parallel_map(
        _run_folder,
        tasks(),
        total=sum(map(len, members)),
        count=lambda part: part.total,
        description=description,
        num_workers=num_workers,
        start_method="spawn",
    ):
        outcome.add(part)
    if 0 < outcome.already_done < outcome.total:
        logger.info("%s: %d of %d done before", description, outcome.already_done, outcome.total)
    return outcome


def _run_folder(task: tuple[Path, int, list[AudioJob]]) -> AudioOutcome:
    """Do what is left of one folder's jobs."""
    out, number, jobs = task
    folder = _folder(out, number)
    remove_leftovers(folder)
    journal = Journal(folder / _JOURNAL, lambda record: record.job.utterance_id, _decode)
    records = journal.read()
    waiting = []
    for job in jobs:
        record = records.get(job.utterance_id)
        if record is None or record.job != job or not record.holds():
            waiting.append(job)
    if waiting:
        (out / "wav.scp").unlink(missing_ok=True)
        with journal.appending() as append:  # a kill costs the files in flight, no more
            for job in waiting:
                records[job.utterance_id] = convert_audio(job)
                append(records[job.utterance_id])
    if waiting or len(jobs) < len(records):
        journal.replace(records[job.utterance_id] for job in jobs)
    outcome = AudioOutcome(already_done=len(jobs) - len(waiting))
    for job in jobs:
        _add(outcome, records[job.utterance_id])
    return outcome


def _add(outcome: AudioOutcome, record: AudioRecord) -> None:
    if record.reason is not None:
        outcome.rejected[record.job.utterance_id] = record.reason
        return
    outcome.num_samples[record.job.utterance_id] = record.num_samples
    if record.clipped:
        outcome.clipped.append(record.job.utterance_id)


def convert_audio(job: AudioJob) -> AudioRecord:
    """Do one job and return its record; audio that cannot be used is a reason, not an error."""
    state = file_state(job.source)
    try:
        if job.output == job.source:
            return AudioRecord(job, state, state[0] if state else 0, _measure(job.source))
        waveform = read_audio(job.source)
        if job.speed != "1":
            waveform = change_speed(waveform, Fraction(job.speed))
        samples = to_int16(waveform)
        duration_s = len(samples) / SAMPLE_RATE_HZ
        if duration_s < job.min_duration_s:
            raise AudioError(f"{duration_s:.3f} s, shorter than {job.min_duration_s:g} s")
        if not samples.any():
            raise AudioError("silent: every sample is zero")
    except AudioError as error:
        if job.output != job.source:
            Path(job.output).unlink(missing_ok=True)  # made when the source was still good
        return AudioRecord(job, state, 0, 0, reason=" ".join(str(error).split()))
    clipped = bool(abs(waveform).max() > 1.0)
    write_flac(job.output, samples)
    return AudioRecord(job, state, os.path.getsize(job.output), len(samples), clipped)


def file_state(path: str) -> tuple[int, int] | None:
    """Return (bytes, modification time in ns) of a file, None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _measure(path: str) -> int:
    """Return the number of samples of a file that is used as it is."""
    if not os.path.isfile(path):
        raise AudioError(f"{path}: no such file")
    try:
        header = soundfile.info(path)
    except RuntimeError as error:
        raise AudioError(f"{path}: not readable as audio ({error})") from error
    if (header.samplerate, header.channels) != (SAMPLE_RATE_HZ, 1):
        raise AudioError(f"{path}: not {SAMPLE_RATE_HZ} Hz mono; run format_wav first")
    return header.frames


def _decode(fields: dict) -> AudioRecord:
    """Return the record that a line of the journal holds."""
    job = AudioJob(**fields.pop("job"))
    state = fields.pop("source_state")
    return AudioRecord(job, None if state is None else (state[0], state[1]), **fields)


# ---------------------------------------------------------------- format wav


def format_wav(
    data_dir: str | Path,
    out_dir: str | Path,
    *,
    num_workers: int = 1,
    min_duration_s: float = 0.1,
    share: Share | None = None,
) -> int:
    """Write ``out_dir`` with 16 kHz mono flac and all tables; return how many are kept.

    Any format and rate libsndfile reads is mixed to mono and resampled. Files that
    are missing, empty, cut short, corrupt, not finite, silent or too short go to
    ``rejected.tsv`` with their reason, and one log line counts them. A rerun redoes
    only files whose source or output has changed since.

    Args:
        data_dir: a valid data directory; paths in ``wav.scp`` are used as given.
        out_dir: becomes ``dump/raw/<set>``; its path stands in the new ``wav.scp``.
        num_workers: processes; the bytes written do not depend on it.
        min_duration_s: shorter utterances are rejected.
        share: write only the audio of this share and no tables; a run without it then
            finds the audio of all shares and writes the tables.

    Raises:
        DataDirectoryError: the input breaks a rule, or every utterance was rejected.
    """
    source, out = Path(data_dir), Path(out_dir)
    refuse_same(out, [source])
    validate_data_directory(source)
    wavs = read_required(source, "wav.scp")

    def job_of(utterance_id: str) -> AudioJob:
        wav, flac = wavs[utterance_id], audio_path(out, utterance_id)
        return AudioJob(utterance_id, wav, flac, min_duration_s=min_duration_s)

    outcome = run_audio_jobs(
        wavs,
        job_of,
        out,
        description=f"formatting {source}",
        num_workers=num_workers,
        share=share,
    )
    kept = outcome.num_samples
    if share is not None:
        return len(kept)
    wavs.clear()  # a large table, no longer needed
    list_rejected(out, outcome, read_rejected(source))
    others = {
        name: (row for row in iterate_rows(source / name) if row[0] in kept)
        for name in table_names(source)
        if name not in ("wav.scp", "utt2spk", "utt2num_samples")
    }
    write_tables(
        out,
        {key: audio_path(out, key) for key in kept},
        {key: speaker for key, speaker in read_required(source, "utt2spk").items() if key in kept},
        others | {"utt2num_samples": ((key, kept[key]) for key in sorted(kept))},
    )
    return len(kept)


def list_rejected(out: Path, outcome: AudioOutcome, rejected_before: dict[str, str]) -> None:
    """Write and report the rejected utterances; report those that are clipped.

    Raises:
        DataDirectoryError: none is left.
    """
    rejected = outcome.rejected
    write_rejected(out, rejected_before | rejected)
    report_rejected(out, rejected, outcome.total)
    if outcome.clipped:
        number, first = len(outcome.clipped), min(outcome.clipped)
        logger.info("%s: %d files clipped at full scale, first %s", out, number, first)
    if not outcome.num_samples:
        utterance_id = min(rejected)
        raise DataDirectoryError(
            f"{out}: all {outcome.total} utterances were rejected, for example {utterance_id}: "
            f"{rejected[utterance_id]}; see rejected.tsv there and check the paths in wav.scp"
        )


# ---------------------------------------------------------------- perturb speed
# Speed perturbation: more speakers and tempi from the same audio ([P2V] IV-B).


_LARGEST_TERM = 200
"""Of the factor as a fraction (two decimals, up to 2); the resampling filter grows with it."""


def perturb_speed(
    data_dir: str | Path,
    out_dir: str | Path,
    factors: Sequence[float | str],
    *,
    num_workers: int = 1,
    share: Share | None = None,
) -> int:
    """Write ``out_dir`` with every utterance at every speed; return their number.

    A factor changes pitch and tempo together by resampling, as ``sox speed`` in
    Kaldi's ``perturb_data_dir_speed.sh``: 0.9 makes the audio 1/0.9 times as long.
    Its speakers and utterances are called ``sp0.9-<id>``; factor 1.0 keeps ids and
    audio files as they are. Labels are copied; units and speaker vectors are not,
    because they describe other audio.

    Args:
        data_dir: a directory written by ``format_wav``.
        out_dir: the combined directory; its path stands in the new ``wav.scp``.
        factors: for example (0.9, 1.0, 1.1).
        num_workers: processes; the bytes written do not depend on it.
        share: write only the audio of this share and no tables, as in ``format_wav``.

    Raises:
        ValueError: a factor is not between 0.5 and 2, given twice or no short fraction.
        DataDirectoryError: the input breaks a rule, has no ``utt2num_samples``, or holds
            an utterance at one of these speeds already.
    """
    source, out = Path(data_dir), Path(out_dir)
    speeds = parse_factors(factors)
    refuse_same(out, [source])
    validate_data_directory(source)
    check_table(source, "utt2num_samples")
    wavs = read_required(source, "wav.scp")
    refuse_perturbed(source, wavs, speeds)

    def origin_of(new_id: str) -> tuple[str, str]:
        return next(
            (prefix, new_id.removeprefix(prefix))
            for prefix in speeds
            if new_id.startswith(prefix) and new_id.removeprefix(prefix) in wavs
        )

    def job_of(new_id: str) -> AudioJob:
        prefix, utterance_id = origin_of(new_id)
        wav = wavs[utterance_id]
        output = audio_path(out, new_id) if prefix else wav
        return AudioJob(new_id, wav, output, str(speeds[prefix]))

    outcome = run_audio_jobs(
        (prefix + utterance_id for prefix in speeds for utterance_id in wavs),
        job_of,
        out,
        description=f"perturbing speed of {source}",
        num_workers=num_workers,
        share=share,
    )
    kept = outcome.num_samples
    if share is not None:
        return len(kept)
    list_rejected(out, outcome, read_rejected(source))
    speakers = read_required(source, "utt2spk")
    origins = ((key, *origin_of(key)) for key in kept)
    utt2spk = {key: sys.intern(prefix + speakers[old]) for key, prefix, old in origins}
    others = {name: _prefixed(source / name, speeds, kept) for name in _labels(source)}
    write_tables(
        out,
        {key: job_of(key).output for key in kept},
        utt2spk,
        others | {"utt2num_samples": ((key, kept[key]) for key in sorted(kept))},
    )
    return len(kept)


def refuse_perturbed(source: Path, wavs: Container[str], prefixes: Iterable[str]) -> None:
    """Raise a DataDirectoryError where a new id would be that of an utterance that is there."""
    for prefix in filter(None, prefixes):
        for utterance_id, _ in iterate_rows(source / "wav.scp"):
            if prefix + utterance_id in wavs:
                raise DataDirectoryError(
                    f"{source}/wav.scp: {prefix}{utterance_id}: is {utterance_id} at that speed "
                    "already; perturb the directory that has one speed"
                )


def parse_factors(factors: Sequence[float | str]) -> dict[str, Fraction]:
    """Return ``{id prefix: speed}``, such as ``{"sp0.9-": 9/10, "": 1}``.

    Raises:
        ValueError: no factor, or one that is not a number from 0.5 to 2 with a short
            fraction, or stands twice.
    """
    speeds: dict[str, Fraction] = {}
    for factor in factors:
        try:
            speed = Fraction(str(factor))
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"speed factor {factor!r}: not a number; give e.g. 0.9") from error
        if not Fraction(1, 2) <= speed <= 2:
            raise ValueError(f"speed factor {factor}: give a factor from 0.5 to 2")
        if max(speed.numerator, speed.denominator) > _LARGEST_TERM:
            raise ValueError(f"speed factor {factor}: give at most two decimals")
        prefix = "" if speed == 1 else f"sp{float(speed):g}-"
        if prefix in speeds:
            raise ValueError(f"speed factor {factor}: stands twice; give every factor once")
        speeds[prefix] = speed
    if not speeds:
        raise ValueError("speed factors: none given; give for example 0.9 1.0 1.1")
    return speeds


def _labels(source: Path) -> list[str]:
    """Return the tables that stay true at another speed; log those left behind."""
    names = set(table_names(source)) - {"wav.scp", "utt2spk", "utt2num_samples"}
    of_audio = {
        name for name in names if name.startswith(("units_", "unit_")) or name.endswith(".scp")
    }
    for name in sorted(of_audio):
        logger.warning("%s: not copied, it describes audio at the old speed", source / name)
    return sorted(names - of_audio)


def _prefixed(
    path: Path, prefixes: Iterable[str], kept: Container[str]
) -> Iterator[tuple[str, str]]:
    """Yield the rows of a table under every prefix, sorted as the table is."""

    def under(prefix: str) -> Iterator[tuple[str, str]]:
        return ((prefix + key, value) for key, value in iterate_rows(path) if prefix + key in kept)

    return merge(*map(under, prefixes))


# ---------------------------------------------------------------- video audio
# Take the sound out of many videos, or parts of it, as 16 kHz mono flac.
#
# ESPnet's readers and libsndfile do not open mp4, so it is done once, before the data
# directory is written. A journal holds a line for every video: what it was (size and
# time), which parts were asked for, and what became of each. A later run redoes exactly
# the videos for which that no longer holds.


_VIDEO_JOURNAL = ".video_journal.jsonl"
TOLERANCE_S = 0.5
"""A video may end so much before a part of it should, as tables of times are rounded."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a video's sound: where it goes, and from when to when; None is the end."""

    output: str
    start_s: float = 0.0
    stop_s: float | None = None


@dataclass(frozen=True, slots=True)
class VideoJob:
    """A video, decoded once, and the parts wanted of it."""

    source: str
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """What became of a job: bytes written or the reason why not, for each cut."""

    job: VideoJob
    source_state: tuple[int, int] | None
    output_bytes: tuple[int, ...]
    reasons: tuple[str | None, ...]

    def holds(self) -> bool:
        """Return whether source and outputs are still what they were."""
        if file_state(self.job.source) != self.source_state:
            return False
        for cut, size, reason in zip(self.job.cuts, self.output_bytes, self.reasons, strict=True):
            state = file_state(cut.output)
            if reason is None and (state is None or state[0] != size):
                return False
        return True


def extract_audio(
    jobs: Sequence[VideoJob], out: str | Path, *, description: str, num_workers: int
) -> dict[str, str | None]:
    """Return ``{output: why it could not be written}``, None for what is there now.

    Args:
        jobs: no source and no output twice.
        out: folder of the journal and of the outputs, which nothing else writes to.
        description: stands before the progress bar.
        num_workers: processes; the bytes written do not depend on it.

    Raises:
        AudioError: PyAV, which reads mp4, is not installed.
        OSError: an output cannot be written (no space, no permission).
    """
    if importlib.util.find_spec("av") is None:
        raise AudioError(f"{out}: the sound of videos is read by PyAV; pip install av")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    journal = Journal(out / _VIDEO_JOURNAL, lambda record: record.job.source, _decode_video)
    records = journal.read()
    waiting = []
    for job in jobs:
        record = records.get(job.source)
        if record is None or record.job != job or not record.holds():
            waiting.append(job)
    if waiting and len(waiting) < len(jobs):
        logger.info("%s: %d of %d done before", description, len(jobs) - len(waiting), len(jobs))
    if waiting:
        with journal.appending() as append:  # a kill costs the videos in flight, no more
            for record in parallel_map(
                extract_cuts,
                waiting,
                description=description,
                num_workers=num_workers,
                chunk_size=8,
                start_method="spawn",
            ):
                records[record.job.source] = record
                append(record)
    result = [records[job.source] for job in jobs]
    if waiting or len(result) < len(records):
        journal.replace(result)
    return {
        cut.output: reason
        for record in result
        for cut, reason in zip(record.job.cuts, record.reasons, strict=True)
    }


def extract_cuts(job: VideoJob) -> VideoRecord:
    """Do one job and return its record; sound that is not there is a reason, not an error."""
    state = file_state(job.source)
    sizes, reasons = [], []
    try:
        waveform, fault = read_any_audio(job.source), None
    except AudioError as error:
        waveform, fault = np.zeros(0, dtype=np.float32), " ".join(str(error).split())
    for cut in job.cuts:
        reason = fault or _outside(cut, len(waveform) / SAMPLE_RATE_HZ, job.source)
        if reason is None:
            write_flac(cut.output, to_int16(waveform[_samples_of(cut)]))
            sizes.append(os.path.getsize(cut.output))
        else:
            Path(cut.output).unlink(missing_ok=True)  # made when the source was still good
            sizes.append(0)
        reasons.append(reason)
    return VideoRecord(job, state, tuple(sizes), tuple(reasons))


def _samples_of(cut: Cut) -> slice:
    stop = None if cut.stop_s is None else round(cut.stop_s * SAMPLE_RATE_HZ)
    return slice(round(cut.start_s * SAMPLE_RATE_HZ), stop)


def _outside(cut: Cut, duration_s: float, source: str) -> str | None:
    """Return why a video of this length does not hold the part, None where it does."""
    last_s = cut.start_s if cut.stop_s is None else cut.stop_s - TOLERANCE_S
    if round(cut.start_s * SAMPLE_RATE_HZ) >= round(duration_s * SAMPLE_RATE_HZ):
        return f"{source}: lasts {duration_s:.3f} s, the part begins at {cut.start_s:.3f} s"
    if duration_s < last_s:
        return f"{source}: lasts {duration_s:.3f} s, the part ends at {cut.stop_s:.3f} s"
    return None


def _decode_video(fields: dict) -> VideoRecord:
    """Return the record that a line of the journal holds."""
    cuts = tuple(Cut(**cut) for cut in fields["job"]["cuts"])
    state = fields["source_state"]
    return VideoRecord(
        VideoJob(fields["job"]["source"], cuts),
        None if state is None else (state[0], state[1]),
        tuple(fields["output_bytes"]),
        tuple(fields["reasons"]),
    )
