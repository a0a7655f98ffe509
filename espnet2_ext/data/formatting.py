"""Bring audio into the one form that everything here reads: 16 kHz mono flac.

``format_wav`` makes a dump directory of a data directory, ``perturb_speed`` one at several speeds
of a dump directory, ``extract_audio`` takes the sound out of videos. All resume after a kill: a
journal says of every file from what it was made (size and time of the source) and what became of
it (size, or the reason of a rejection), and a later run redoes the files for which that no longer
holds.
"""

import importlib.util
import json
import logging
import os
import re
import sys
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from espnet2_ext.data.audio import (
    SAMPLE_RATE_HZ,
    AudioError,
    Recording,
    change_speed,
    find_part,
    read_any_audio,
    read_recording,
    to_int16,
    write_flac,
)
from espnet2_ext.data.directory import (
    DataDirectoryError,
    Rows,
    SourceAudio,
    check_table,
    iterate_rows,
    kept_rows,
    read_required,
    refuse_same,
    table_names,
    validate_data_directory,
    write_tables,
)
from espnet2_ext.data.parallel import atomic_open, parallel_map, remove_leftovers
from espnet2_ext.data.tables import read_rejected, report_rejected, write_rejected

logger = logging.getLogger(__name__)

SHARE_HELP = "do only this share of the utterances, such as 3/32; a run without it completes them"
_JOURNAL = ".audio_journal.jsonl"
_VIDEO_JOURNAL = ".video_journal.jsonl"
_NUM_FOLDERS = 256
"""Of flac files, chosen by a hash of the utterance's id, so that none grows too large. A folder is
the work of one process and has its own journal, so nobody holds the records of all."""
_LARGEST_TERM = 200
"""Of a speed as a fraction (two decimals, up to 2); the resampling filter grows with it."""

State = tuple[int, int] | None
"""Bytes and modification time in ns of a file; None where there is none."""


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
    """Return the share that ``3/32`` means; ValueError for any other form."""
    match = re.fullmatch(r"(\d+)/(\d+)", text, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"share {text!r}: give one such as 3/32, the first is 1/32")
    return Share(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class AudioJob:
    """One flac to write; where output and source are one path it is only measured.

    ``source`` is an entry of ``wav.scp``, from ``start_s`` to ``stop_s`` (None: its end).
    """

    utterance_id: str
    source: str
    output: str
    speed: str = "1"
    min_duration_s: float = 0.0
    start_s: float = 0.0
    stop_s: float | None = None

    @property
    def recording(self) -> Recording:
        """Return where its audio is."""
        return Recording(self.source, self.start_s, self.stop_s)


@dataclass(frozen=True, slots=True)
class AudioRecord:
    """What became of a job: the number of samples, or the reason of a rejection."""

    job: AudioJob
    source_state: State
    output_bytes: int
    num_samples: int
    clipped: bool = False
    reason: str | None = None

    @classmethod
    def of(cls, fields: dict) -> "AudioRecord":
        """Return the record of a line of the journal."""
        job, state = AudioJob(**fields.pop("job")), fields.pop("source_state")
        return cls(job, state and (state[0], state[1]), **fields)

    def holds(self) -> bool:
        """Return whether source and output are unchanged; a failed command is tried again."""
        recording = self.job.recording
        if file_state(recording.file) != self.source_state:
            return False
        if self.reason is not None:
            return not recording.is_command
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


def run_with_journal(
    path: Path,
    jobs: Sequence[Any],
    key: Callable[[Any], str],
    decode: Callable[[dict], Any],
    work: Callable[[list], Iterable],
) -> tuple[list, int]:
    """Return the record of every job, and how many of them had to be done.

    A record is a dataclass with its ``job`` and ``holds()``.

    Args:
        path: the journal: records as lines of JSON. Of two with one key the later counts, a line
            that is no record does not.
        jobs: no two with the same key.
        key: returns that of a job.
        decode: returns the record of a line's fields.
        work: yields the records of the jobs it is given; each is on disk before the next is asked
            for, so that a kill costs what is in flight.
    """
    records: dict[str, Any] = {}
    if path.is_file():
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                try:
                    record = decode(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError):
                    continue
                records[key(record.job)] = record
    waiting = []
    for job in jobs:
        record = records.get(key(job))
        if record is None or record.job != job or not record.holds():
            waiting.append(job)
    if waiting:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", newline="\n") as stream:
            stream.write("\n")  # ends a line that a kill cut off
            for record in work(waiting):
                records[key(record.job)] = record
                stream.write(_line(record))
                stream.flush()
    result = [records[key(job)] for job in jobs]
    if waiting or len(result) < len(records):
        with atomic_open(path) as stream:
            stream.writelines(map(_line, result))
    return result, len(waiting)


def _line(record: Any) -> str:
    return json.dumps(asdict(record), ensure_ascii=False) + "\n"


def file_state(path: str) -> State:
    """Return bytes and modification time of a file, None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _folder_of(utterance_id: str) -> int:
    return zlib.crc32(utterance_id.encode()) % _NUM_FOLDERS


def _folder(out: Path, number: int) -> Path:
    return out / "audio" / f"{number:02x}"


def _audio_path(out: Path, utterance_id: str) -> str:
    """Return where an utterance's flac lies."""
    return str(_folder(out, _folder_of(utterance_id)) / f"{utterance_id}.flac")


def run_audio_jobs(
    utterance_ids: Iterable[str],
    job_of: Callable[[str], AudioJob],
    out: Path,
    *,
    description: str,
    num_workers: int,
    share: Share | None = None,
) -> AudioOutcome:
    """Do what is left to do, and return what became of the utterances.

    Args:
        utterance_ids: unique.
        job_of: returns the job of an utterance; called when its folder's turn has come.
        out: the data directory that the files belong to. Its ``wav.scp`` is removed before
            the first file is touched: the directory is not whole until it is back.
        description: stands before the progress bar.
        num_workers: processes.
        share: look only at the folders of this share.
    """
    remove_leftovers(out, is_deep=False)
    members: list[list[str]] = [[] for _ in range(_NUM_FOLDERS)]
    for utterance_id in utterance_ids:
        number = _folder_of(utterance_id)
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

    def work(waiting: list[AudioJob]) -> Iterator[AudioRecord]:
        (out / "wav.scp").unlink(missing_ok=True)
        for job in waiting:
            yield convert_audio(job)

    records, num_done = run_with_journal(
        folder / _JOURNAL, jobs, lambda job: job.utterance_id, AudioRecord.of, work
    )
    kept = {each.job.utterance_id: each for each in records if each.reason is None}
    return AudioOutcome(
        {key: each.num_samples for key, each in kept.items()},
        {each.job.utterance_id: each.reason for each in records if each.reason is not None},
        [key for key, each in kept.items() if each.clipped],
        len(jobs) - num_done,
    )


def convert_audio(job: AudioJob) -> AudioRecord:
    """Do one job and return its record; audio that cannot be used is a reason, not an error."""
    state = file_state(job.recording.file)
    try:
        if job.output == job.source:
            return AudioRecord(job, state, state[0] if state else 0, _measure(job.source))
        waveform = read_recording(job.recording)
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


def format_wav(
    data_dir: str | Path,
    out_dir: str | Path,
    *,
    num_workers: int = 1,
    min_duration_s: float = 0.1,
    share: Share | None = None,
    allow_pipes: bool = False,
    allow_utterance_speakers: bool = False,
) -> int:
    """Write ``out_dir`` with 16 kHz mono flac and all tables; return how many are kept.

    Any format and rate libsndfile reads is mixed to mono and resampled; ``segments`` are cut.
    Files that are missing, empty, cut short, corrupt, not finite, silent or too short go to
    ``rejected.tsv`` with their reason. A rerun redoes only files whose source or output has
    changed since; what a command reads is not known.

    Args:
        data_dir: a valid data directory; paths in ``wav.scp`` are used as given.
        out_dir: becomes ``dump/raw/<set>``; its path stands in the new ``wav.scp``.
        num_workers: processes; the bytes written do not depend on it.
        min_duration_s: shorter utterances are rejected.
        share: write only the audio of this share and no tables; a run without it then
            finds the audio of all shares and writes the tables.
        allow_pipes, allow_utterance_speakers: see ``validate_data_directory``.

    Raises:
        DataDirectoryError: the input breaks a rule, or every utterance was rejected.
    """
    source, out = Path(data_dir), Path(out_dir)
    refuse_same(out, [source])
    validate_data_directory(
        source,
        is_source=True,
        allow_pipes=allow_pipes,
        allow_utterance_speakers=allow_utterance_speakers,
    )
    audio = SourceAudio(source)

    def job_of(utterance_id: str) -> AudioJob:
        entry, start_s, stop_s = audio.of(utterance_id)
        output = _audio_path(out, utterance_id)
        return AudioJob(utterance_id, entry, output, "1", min_duration_s, start_s, stop_s)

    outcome = run_audio_jobs(
        audio.utterance_ids,
        job_of,
        out,
        description=f"formatting {source}",
        num_workers=num_workers,
        share=share,
    )
    kept = outcome.num_samples
    if share is None:
        audio.wav_scp.clear()  # a large table, no longer needed
        names = set(table_names(source)) - {"wav.scp", "utt2spk"}
        _write_dump(
            source,
            out,
            outcome,
            {key: _audio_path(out, key) for key in kept},
            dict(kept_rows(source / "utt2spk", kept)),
            {name: kept_rows(source / name, kept) for name in names},
        )
    return len(kept)


def _write_dump(
    source: Path,
    out: Path,
    outcome: AudioOutcome,
    wavs: dict[str, str],
    utt2spk: dict[str, str],
    others: dict[str, Rows],
) -> None:
    """Write ``rejected.tsv`` and the tables of what was kept, with ``utt2num_samples``."""
    rejected, kept = outcome.rejected, outcome.num_samples
    write_rejected(out, read_rejected(source) | rejected)
    report_rejected(out, rejected, outcome.total)
    if outcome.clipped:
        number, first = len(outcome.clipped), min(outcome.clipped)
        logger.info("%s: %d files clipped at full scale, first %s", out, number, first)
    if not kept:
        utterance_id = min(rejected)
        raise DataDirectoryError(
            f"{out}: all {outcome.total} utterances were rejected, for example {utterance_id}: "
            f"{rejected[utterance_id]}; see rejected.tsv there and check the paths in wav.scp"
        )
    lengths = ((key, kept[key]) for key in sorted(kept))
    write_tables(out, wavs, utt2spk, others | {"utt2num_samples": lengths})


def perturb_speed(
    data_dir: str | Path,
    out_dir: str | Path,
    factors: Sequence[float | str],
    *,
    num_workers: int = 1,
    share: Share | None = None,
) -> int:
    """Write ``out_dir`` with every utterance at every speed ([P2V] IV-B); return their number.

    A factor changes pitch and tempo together by resampling, as ``sox speed`` in Kaldi's
    ``perturb_data_dir_speed.sh``: 0.9 makes the audio 1/0.9 times as long, its speakers and
    utterances are called ``sp0.9-<id>``; 1.0 keeps ids and audio files. Labels are copied; units
    and speaker vectors are not, because they describe other audio.

    Args:
        data_dir: a directory written by ``format_wav``.
        factors: for example (0.9, 1.0, 1.1).
        out_dir, num_workers, share: as in ``format_wav``.

    Raises:
        ValueError: see ``parse_factors``.
        DataDirectoryError: the input breaks a rule, has no ``utt2num_samples``, or holds
            an utterance at one of these speeds already.
    """
    source, out = Path(data_dir), Path(out_dir)
    speeds = parse_factors(factors)
    refuse_same(out, [source])
    validate_data_directory(source)
    check_table(source, "utt2num_samples")
    wavs = read_required(source, "wav.scp")
    _refuse_perturbed(source, wavs, speeds)

    def origin_of(new_id: str) -> tuple[str, str]:
        return next(
            (prefix, new_id.removeprefix(prefix))
            for prefix in speeds
            if new_id.startswith(prefix) and new_id.removeprefix(prefix) in wavs
        )

    def job_of(new_id: str) -> AudioJob:
        prefix, utterance_id = origin_of(new_id)
        wav = wavs[utterance_id]
        output = _audio_path(out, new_id) if prefix else wav
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
    if share is None:
        speakers = read_required(source, "utt2spk")
        origins = ((key, *origin_of(key)) for key in kept)
        _write_dump(
            source,
            out,
            outcome,
            {key: job_of(key).output for key in kept},
            {key: sys.intern(prefix + speakers[old]) for key, prefix, old in origins},
            {name: _prefixed(source / name, speeds, kept) for name in _labels(source)},
        )
    return len(kept)


def _refuse_perturbed(source: Path, wavs: Container[str], prefixes: Iterable[str]) -> None:
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

    ValueError: no factor, or one that is not from 0.5 to 2 with a short fraction, or twice.
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
    source_state: State
    output_bytes: tuple[int, ...]
    reasons: tuple[str | None, ...]

    @classmethod
    def of(cls, fields: dict) -> "VideoRecord":
        """Return the record of a line of the journal."""
        job, state = fields["job"], fields["source_state"]
        return cls(
            VideoJob(job["source"], tuple(Cut(**cut) for cut in job["cuts"])),
            state and (state[0], state[1]),
            tuple(fields["output_bytes"]),
            tuple(fields["reasons"]),
        )

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

    It is done once, before the data directory is written: neither ESPnet nor libsndfile reads mp4.

    Args:
        jobs: no source and no output twice.
        out: folder of the journal and of the outputs, which nothing else writes to.
        description: stands before the progress bar.
        num_workers: processes; the bytes written do not depend on it.

    Raises:
        AudioError: PyAV, which reads mp4, is not installed.
    """
    if importlib.util.find_spec("av") is None:
        raise AudioError(f"{out}: the sound of videos is read by PyAV; pip install av")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)

    def work(waiting: list[VideoJob]) -> Iterator[VideoRecord]:
        if len(waiting) < len(jobs):
            done = len(jobs) - len(waiting)
            logger.info("%s: %d of %d done before", description, done, len(jobs))
        return parallel_map(
            extract_cuts,
            waiting,
            description=description,
            num_workers=num_workers,
            chunk_size=8,
            start_method="spawn",
        )

    records, _ = run_with_journal(
        out / _VIDEO_JOURNAL, jobs, lambda job: job.source, VideoRecord.of, work
    )
    return {
        cut.output: reason
        for record in records
        for cut, reason in zip(record.job.cuts, record.reasons, strict=True)
    }


def extract_cuts(job: VideoJob) -> VideoRecord:
    """Do one job and return its record; sound that is not there is a reason, not an error."""
    state = file_state(job.source)
    sizes: list[int] = []
    reasons: list[str | None] = []
    waveform, fault = np.zeros(0, dtype=np.float32), ""
    try:
        waveform = read_any_audio(job.source)
    except AudioError as error:
        fault = str(error)
    for cut in job.cuts:
        try:
            if fault:
                raise AudioError(fault)
            part = find_part(len(waveform), SAMPLE_RATE_HZ, job.source, cut.start_s, cut.stop_s)
        except AudioError as error:
            Path(cut.output).unlink(missing_ok=True)  # made when the source was still good
            sizes.append(0)
            reasons.append(" ".join(str(error).split()))
        else:
            write_flac(cut.output, to_int16(waveform[part]))
            sizes.append(os.path.getsize(cut.output))
            reasons.append(None)
    return VideoRecord(job, state, tuple(sizes), tuple(reasons))
