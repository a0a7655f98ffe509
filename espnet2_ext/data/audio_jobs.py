"""Write many audio files so that a killed run goes on where it stopped.

The files lie in 256 folders, chosen by a hash of the utterance's name. A journal in each
holds a line for every file: what the source was (size and time), what was written (size,
samples) or why it was rejected. A later run redoes exactly the files for which that no longer
holds. A folder is the work of one process, and nobody holds the records of all of them.
"""

import logging
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import soundfile

from espnet2_ext.data.atomic import remove_leftovers
from espnet2_ext.data.audio import (
    SAMPLE_RATE_HZ,
    AudioError,
    change_speed,
    read_audio,
    to_int16,
    write_flac,
)
from espnet2_ext.data.journal import Journal
from espnet2_ext.data.parallel import parallel_map
from espnet2_ext.data.share import Share

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
