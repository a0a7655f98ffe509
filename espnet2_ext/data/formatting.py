"""Bring audio into the one form that everything here reads: 16 kHz mono flac.

``format_wav`` makes a dump directory of a data directory, ``perturb_speed`` one at several speeds
of a dump directory, ``extract_audio`` takes the sound out of videos. All resume after a kill: a
journal says of every file from what it was made (size and time of the source) and what became of
it (size, or the reason of a rejection); what no longer holds is done again.
"""

import importlib.util
import json
import logging
import os
import sys
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from espnet2_ext.data.audio import (
    SAMPLE_RATE_HZ,
    AudioError,
    Recording,
    find_part,
    read_any_audio,
    read_recording,
    resample,
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
from espnet2_ext.data.parallel import Share, atomic_open, parallel_map, remove_leftovers
from espnet2_ext.data.tables import read_rejected, report_rejected, write_rejected

logger = logging.getLogger(__name__)

_JOURNAL = ".audio_journal.jsonl"
_VIDEO_JOURNAL = ".video_journal.jsonl"
_NUM_FOLDERS = 256
"""Of flac files, chosen by a hash of the utterance's id, so that none grows too large. A folder is
the work of one process and has its own journal, so nobody holds the records of all."""
_LARGEST_TERM = 200
"""Of a speed as a fraction (two decimals, up to 2); the resampling filter grows with it."""

State = list[int] | None
"""Bytes and modification time in ns of a file; None where there is none."""


def file_state(path: str) -> State:
    """Return the state of a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _has_bytes(path: str, size: int) -> bool:
    state = file_state(path)
    return state is not None and state[0] == size


def _run_with_journal(
    path: Path,
    jobs: Sequence[dict[str, Any]],
    key: str,
    record_of: Callable[..., Any],
    work: Callable[[list], Iterable],
) -> tuple[list, int]:
    """Return the record of every job, and how many of them had to be done.

    The journal holds records, named tuples with their ``job`` and ``holds()``, as lines of JSON;
    of two with one ``key`` the later counts, a line that is no record does not. ``work`` yields
    records of jobs; each is on disk before the next is asked for.
    """
    records: dict[str, Any] = {}
    if path.is_file():
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                try:
                    record = record_of(**json.loads(line))
                    records[record.job[key]] = record
                except (ValueError, TypeError, KeyError):
                    continue
    waiting = []
    for job in jobs:
        record = records.get(job[key])
        if record is None or record.job != job or not record.holds():
            waiting.append(job)
    if waiting:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", newline="\n") as stream:
            stream.write("\n")  # ends a line that a kill cut off
            for record in work(waiting):
                records[record.job[key]] = record
                stream.write(_line(record))
                stream.flush()
    result = [records[job[key]] for job in jobs]
    if waiting or len(result) < len(records):
        with atomic_open(path) as stream:
            stream.writelines(map(_line, result))
    return result, len(waiting)


def _line(record: Any) -> str:
    return json.dumps(record._asdict(), ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- data directories


class AudioJob(NamedTuple):
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


class AudioRecord(NamedTuple):
    """What became of a job, given by its fields: the number of samples, or why it was rejected."""

    job: dict[str, Any]
    source_state: State
    output_bytes: int
    num_samples: int
    clipped: bool = False
    reason: str | None = None

    def holds(self) -> bool:
        """Return whether source and output are unchanged; a failed command is tried again."""
        job = AudioJob(**self.job)
        if file_state(job.recording.file) != self.source_state:
            return False
        if self.reason is not None:
            return not job.recording.is_command
        return _has_bytes(job.output, self.output_bytes)


class AudioOutcome(NamedTuple):
    """Samples of every utterance that has audio now, why others have none, who is clipped."""

    num_samples: dict[str, int]
    rejected: dict[str, str]
    clipped: list[str]


def _folder_of(utterance_id: str) -> int:
    return zlib.crc32(utterance_id.encode()) % _NUM_FOLDERS


def _audio_path(out: Path, utterance_id: str) -> str:
    """Return where an utterance's flac lies."""
    return str(out / "audio" / f"{_folder_of(utterance_id):02x}" / f"{utterance_id}.flac")


def _run_audio_jobs(
    utterance_ids: Iterable[str],
    job_of: Callable[[str], AudioJob],
    out: Path,
    description: str,
    num_workers: int,
    share: Share | None,
) -> AudioOutcome:
    """Do what is left to do of the utterances, in the folders of the share.

    ``wav.scp`` of ``out`` is removed before the first file is touched: the directory is not whole
    until it is back. ``job_of`` is called when the folder's turn has come.
    """
    remove_leftovers(out, is_deep=False)
    members: dict[int, list[str]] = {}
    for utterance_id in utterance_ids:
        members.setdefault(_folder_of(utterance_id), []).append(utterance_id)
    folders = [each for each in sorted(members.items()) if share is None or share.has(each[0])]
    total, num_done = sum(len(ids) for _, ids in folders), 0
    parts = parallel_map(
        _run_folder,
        ((out, number, [job_of(utterance_id) for utterance_id in ids]) for number, ids in folders),
        total=total,
        count=lambda part: len(part[0]),
        description=description,
        num_workers=num_workers,
    )
    outcome = AudioOutcome({}, {}, [])
    for (_, ids), (results, done) in zip(folders, parts, strict=True):
        num_done += done
        for utterance_id, (num_samples, is_clipped, reason) in zip(ids, results, strict=True):
            if reason is not None:
                outcome.rejected[utterance_id] = reason
                continue
            outcome.num_samples[utterance_id] = num_samples
            if is_clipped:
                outcome.clipped.append(utterance_id)
    if 0 < num_done < total:
        logger.info("%s: %d of %d done before", description, total - num_done, total)
    return outcome


def _run_folder(
    task: tuple[Path, int, list[AudioJob]],
) -> tuple[list[tuple[int, bool, str | None]], int]:
    """Return samples, clipping and reason of one folder's jobs, and how many were left to do."""
    out, number, jobs = task
    folder = out / "audio" / f"{number:02x}"
    remove_leftovers(folder)

    def work(waiting: list[dict]) -> Iterator[AudioRecord]:
        (out / "wav.scp").unlink(missing_ok=True)
        for job in waiting:
            yield convert_audio(AudioJob(**job))

    fields = [job._asdict() for job in jobs]
    records, num_done = _run_with_journal(
        folder / _JOURNAL, fields, "utterance_id", AudioRecord, work
    )
    return [(each.num_samples, each.clipped, each.reason) for each in records], num_done


def convert_audio(job: AudioJob) -> AudioRecord:
    """Do one job and return its record; audio that cannot be used is a reason, not an error."""
    state, fields = file_state(job.recording.file), job._asdict()
    try:
        if job.output == job.source:
            return AudioRecord(fields, state, state[0] if state else 0, _measure(job.source))
        waveform = read_recording(job.recording)
        if job.speed != "1":
            speed = Fraction(job.speed)
            waveform = resample(waveform, speed.numerator, speed.denominator)
        samples = to_int16(waveform)
        duration_s = len(samples) / SAMPLE_RATE_HZ
        if duration_s < job.min_duration_s:
            raise AudioError(f"{duration_s:.3f} s, shorter than {job.min_duration_s:g} s")
        if not samples.any():
            raise AudioError("silent: every sample is zero")
    except AudioError as error:
        if job.output != job.source:
            Path(job.output).unlink(missing_ok=True)  # made when the source was still good
        return AudioRecord(fields, state, 0, 0, reason=" ".join(str(error).split()))
    is_clipped = bool(abs(waveform).max() > 1.0)
    write_flac(job.output, samples)
    return AudioRecord(fields, state, os.path.getsize(job.output), len(samples), is_clipped)


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
    Files that cannot be used go to ``rejected.tsv`` with their reason. A rerun redoes only files
    whose source or output has changed since; what a command reads is not known.

    Paths in ``wav.scp`` are used as given, and that of ``out_dir`` stands in the new one. The bytes
    written do not depend on ``num_workers``. With a ``share``, its audio is written and no tables;
    a run without it completes them. ``allow_...``: see ``validate_data_directory``.

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

    outcome = _run_audio_jobs(
        audio.utterance_ids, job_of, out, f"formatting {source}", num_workers, share
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
    kept, rejected, clipped = outcome
    total = len(kept) + len(rejected)
    write_rejected(out, read_rejected(source) | rejected)
    report_rejected(out, rejected, total)
    if clipped:
        number, first = len(clipped), min(clipped)
        logger.info("%s: %d files clipped at full scale, first %s", out, number, first)
    if not kept:
        utterance_id = min(rejected)
        raise DataDirectoryError(
            f"{out}: all {total} utterances were rejected, for example {utterance_id}: "
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
    and speaker vectors are not, because they describe other audio. ``data_dir`` is written by
    ``format_wav``, whose other arguments these are.

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
    for new_id in (prefix + key for prefix in speeds if prefix for key in wavs):
        if new_id in wavs:
            raise DataDirectoryError(
                f"{source}/wav.scp: {new_id}: is {new_id.partition('-')[2]} at that speed already; "
                "perturb the directory that has one speed"
            )

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

    outcome = _run_audio_jobs(
        (prefix + utterance_id for prefix in speeds for utterance_id in wavs),
        job_of,
        out,
        f"perturbing speed of {source}",
        num_workers,
        share,
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
        is_short = max(speed.numerator, speed.denominator) <= _LARGEST_TERM
        if not (Fraction(1, 2) <= speed <= 2 and is_short):
            raise ValueError(f"speed factor {factor}: give one from 0.5 to 2, with two decimals")
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


# ---------------------------------------------------------------- videos


class Cut(NamedTuple):
    """A part of a video's sound: where it goes, and from when to when; None is the end."""

    output: str
    start_s: float = 0.0
    stop_s: float | None = None


class VideoJob(NamedTuple):
    """A video, decoded once, and the parts wanted of it."""

    source: str
    cuts: tuple[Cut, ...]


class VideoRecord(NamedTuple):
    """What became of a job, given by its fields: bytes or the reason why not, for each cut."""

    job: dict[str, Any]
    source_state: State
    output_bytes: list[int]
    reasons: list[str | None]

    def holds(self) -> bool:
        """Return whether source and outputs are still what they were."""
        return file_state(self.job["source"]) == self.source_state and all(
            reason is not None or _has_bytes(cut["output"], size)
            for cut, size, reason in zip(
                self.job["cuts"], self.output_bytes, self.reasons, strict=True
            )
        )


def extract_audio(
    jobs: Sequence[VideoJob], out: str | Path, *, description: str, num_workers: int
) -> dict[str, str | None]:
    """Return ``{output: why it could not be written}``, None for what is there now.

    Neither ESPnet nor libsndfile reads mp4; PyAV does, without which there is an AudioError.
    ``jobs`` name no source and no output twice; ``out`` is the folder of the journal and of the
    outputs, which nothing else writes to. The bytes do not depend on ``num_workers``.
    """
    if importlib.util.find_spec("av") is None:
        raise AudioError(f"{out}: the sound of videos is read by PyAV; pip install av")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)

    def work(waiting: list[dict]) -> Iterator[VideoRecord]:
        if len(waiting) < len(jobs):
            done = len(jobs) - len(waiting)
            logger.info("%s: %d of %d done before", description, done, len(jobs))
        return parallel_map(
            _extract_cuts, waiting, description=description, num_workers=num_workers, chunk_size=8
        )

    fields = [{"source": job.source, "cuts": [cut._asdict() for cut in job.cuts]} for job in jobs]
    records, _ = _run_with_journal(out / _VIDEO_JOURNAL, fields, "source", VideoRecord, work)
    return {
        cut["output"]: reason
        for record in records
        for cut, reason in zip(record.job["cuts"], record.reasons, strict=True)
    }


def _extract_cuts(job: dict[str, Any]) -> VideoRecord:
    """Do one job and return its record; sound that is not there is a reason, not an error."""
    record = VideoRecord(job, file_state(job["source"]), [], [])
    waveform: np.ndarray | AudioError
    try:
        waveform = read_any_audio(job["source"])
    except AudioError as error:
        waveform = error
    for cut in (Cut(**fields) for fields in job["cuts"]):
        try:
            if isinstance(waveform, AudioError):
                raise waveform
            part = find_part(len(waveform), SAMPLE_RATE_HZ, job["source"], cut.start_s, cut.stop_s)
            write_flac(cut.output, to_int16(waveform[part]))
        except AudioError as error:
            Path(cut.output).unlink(missing_ok=True)  # made when the source was still good
            record.output_bytes.append(0)
            record.reasons.append(" ".join(str(error).split()))
        else:
            record.output_bytes.append(os.path.getsize(cut.output))
            record.reasons.append(None)
    return record
