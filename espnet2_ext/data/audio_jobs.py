"""Write many audio files so that a killed run goes on where it stopped.

A journal beside the output holds a line for every file: what the source was (size
and time), what was written (size, samples) or why it was rejected. A later run
redoes exactly the files for which that no longer holds.
"""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import soundfile

from espnet2_ext.data.atomic import atomic_open, remove_leftovers
from espnet2_ext.data.audio import (
    SAMPLE_RATE_HZ,
    AudioError,
    change_speed,
    read_audio,
    to_int16,
    write_flac,
)
from espnet2_ext.data.parallel import parallel_map

logger = logging.getLogger(__name__)

_JOURNAL = ".audio_journal.jsonl"


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


def run_audio_jobs(
    jobs: Sequence[AudioJob], out: Path, *, description: str, num_workers: int
) -> dict[str, AudioRecord]:
    """Return ``{utterance: record}`` in the order of the jobs, after doing what is left to do.

    Args:
        jobs: the files, with ids that are unique.
        out: the data directory that they belong to. Its ``wav.scp`` is removed before
            the first file is touched: the directory is not whole until it is back.
        description: stands before the progress bar.
        num_workers: processes.

    Raises:
        OSError: an output cannot be written (no space, no permission).
    """
    remove_leftovers(out)
    journal = out / _JOURNAL
    records = _read_journal(journal)
    waiting = []
    for job in jobs:
        record = records.get(job.utterance_id)
        if record is None or record.job != job or not record.holds():
            waiting.append(job)
    if waiting and len(waiting) < len(jobs):
        logger.info("%s: %d of %d done before", description, len(jobs) - len(waiting), len(jobs))
    if waiting:
        out.mkdir(parents=True, exist_ok=True)
        (out / "wav.scp").unlink(missing_ok=True)
        # Appended line by line: a kill costs the files in flight, no more.
        with open(journal, "a", encoding="utf-8", newline="\n") as stream:
            stream.write("\n")  # ends a line that a kill cut off
            for record in parallel_map(
                convert_audio,
                waiting,
                description=description,
                num_workers=num_workers,
                chunk_size=8,
                start_method="spawn",
            ):
                records[record.job.utterance_id] = record
                stream.write(_to_line(record))
                stream.flush()
    result = {job.utterance_id: records[job.utterance_id] for job in jobs}
    if waiting or len(result) < len(records):
        with atomic_open(journal) as stream:
            stream.writelines(map(_to_line, result.values()))
    return result


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


def _to_line(record: AudioRecord) -> str:
    return json.dumps(asdict(record), ensure_ascii=False) + "\n"


def _read_journal(path: Path) -> dict[str, AudioRecord]:
    """Return ``{utterance: record}``; a line cut off by a kill is as if not there."""
    records: dict[str, AudioRecord] = {}
    if not path.is_file():
        return records
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                fields = json.loads(line)
                job = AudioJob(**fields.pop("job"))
                state = fields.pop("source_state")
                state = None if state is None else (state[0], state[1])
                records[job.utterance_id] = AudioRecord(job, state, **fields)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
    return records
