"""Take the sound out of many videos, or parts of it, as 16 kHz mono flac.

ESPnet's readers and libsndfile do not open mp4, so it is done once, before the data
directory is written. A journal holds a line for every video: what it was (size and
time), which parts were asked for, and what became of each. A later run redoes exactly
the videos for which that no longer holds.
"""

import importlib.util
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet2_ext.data.any_audio import read_any_audio
from espnet2_ext.data.atomic import remove_leftovers
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, AudioError, to_int16, write_flac
from espnet2_ext.data.audio_jobs import file_state
from espnet2_ext.data.journal import Journal
from espnet2_ext.data.parallel import parallel_map

logger = logging.getLogger(__name__)

_JOURNAL = ".video_journal.jsonl"
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
    journal = Journal(out / _JOURNAL, lambda record: record.job.source, _decode)
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


def _decode(fields: dict) -> VideoRecord:
    """Return the record that a line of the journal holds."""
    cuts = tuple(Cut(**cut) for cut in fields["job"]["cuts"])
    state = fields["source_state"]
    return VideoRecord(
        VideoJob(fields["job"]["source"], cuts),
        None if state is None else (state[0], state[1]),
        tuple(fields["output_bytes"]),
        tuple(fields["reasons"]),
    )
