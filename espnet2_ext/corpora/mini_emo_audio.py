"""Speak planned utterances to wav files, in parallel and only where they are missing."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from espnet2_ext.corpora.espeak import EspeakError, espeak_version, synthesize
from espnet2_ext.corpora.mini_emo_voices import Delivery
from espnet2_ext.data.atomic import atomic_open, atomic_path, remove_leftovers
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, resample
from espnet2_ext.data.parallel import parallel_map

MANIFEST = "mini_emo_manifest.tsv"
WAV_HEADER_BYTES = 44
MIN_DURATION_S = 0.5
MAX_PEAK = 0.98
MANIFEST_INTERVAL = 200
AUDIO_VERSION = 1
"""Raised when the way from eSpeak NG's samples to the file changes."""


@dataclass(frozen=True)
class SpeechJob:
    """One file to speak; ``path`` is relative to the corpus' root."""

    path: str
    text: str
    delivery: Delivery


@dataclass(frozen=True)
class _ManifestRow:
    num_samples: int
    fingerprint: str


def speak_files(root: str | Path, jobs: list[SpeechJob], num_workers: int) -> dict[str, int]:
    """Make every job's wav file (16 kHz, mono, 16 bit) and return ``{path: samples}``.

    A file is kept if the manifest lists it with the job's fingerprint and it has the
    size listed there; everything else is spoken again. The manifest is written every
    200 files and at the end, so that a killed run goes on where it was.

    Raises:
        EspeakError: eSpeak NG is missing or could not speak an utterance.
    """
    root = Path(root)
    remove_leftovers(root)
    version = espeak_version()
    fingerprints = {job.path: _fingerprint(job, version) for job in jobs}
    listed = _read_manifest(root)
    rows = {
        job.path: listed[job.path]
        for job in jobs
        if job.path in listed
        and listed[job.path].fingerprint == fingerprints[job.path]
        and _has_samples(root / job.path, listed[job.path].num_samples)
    }
    missing = [job for job in jobs if job.path not in rows]
    # The workers only speak: they fork for every utterance, which is twice as fast in a
    # process that never loaded torch. The filter's and level's arithmetic stays here.
    spoken = parallel_map(
        _speak,
        missing,
        description="mini_emo",
        num_workers=num_workers,
        chunk_size=8,
        start_method="spawn",
    )
    for done, (job, samples) in enumerate(zip(missing, spoken, strict=True), start=1):
        waveform = finish(samples, job)
        _write_wav(root / job.path, waveform)
        rows[job.path] = _ManifestRow(len(waveform), fingerprints[job.path])
        if done % MANIFEST_INTERVAL == 0:
            _write_manifest(root, rows)
    if rows != listed:
        _write_manifest(root, rows)
    return {job.path: rows[job.path].num_samples for job in jobs}


def finish(samples: np.ndarray, job: SpeechJob) -> np.ndarray:
    """Return eSpeak NG's samples as the file's: (N,) int16 at 16 kHz and the job's level.

    The level gives way where the highest peak would pass 0.98 of full scale.

    Raises:
        EspeakError: the utterance is shorter than half a second or silent.
    """
    duration_s = len(samples) / job.delivery.engine_rate_hz
    if duration_s < MIN_DURATION_S or not samples.any():
        raise EspeakError(
            f"mini_emo: {job.path}: eSpeak NG gave {duration_s:.2f} s, peak"
            f" {np.abs(samples).max(initial=0)}, for {job.text!r}; change the sentence or voice"
        )
    waveform = resample(samples / np.float32(32768), job.delivery.engine_rate_hz, SAMPLE_RATE_HZ)
    waveform = waveform.astype(np.float64)
    level = np.sqrt(np.mean(waveform**2))
    gain = 10 ** (job.delivery.level_db / 20) / level
    gain = min(gain, MAX_PEAK / np.abs(waveform).max())
    return np.round(waveform * gain * 32767).astype(np.int16)


def _speak(job: SpeechJob) -> np.ndarray:
    return synthesize(job.text, job.delivery.engine)


def _fingerprint(job: SpeechJob, version: str) -> str:
    described = repr((AUDIO_VERSION, version, job))
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def _write_wav(path: Path, waveform: np.ndarray) -> None:
    with atomic_path(path) as temporary:
        soundfile.write(temporary, waveform, SAMPLE_RATE_HZ, subtype="PCM_16")


def _has_samples(path: Path, num_samples: int) -> bool:
    return path.is_file() and path.stat().st_size == WAV_HEADER_BYTES + 2 * num_samples


def _read_manifest(root: Path) -> dict[str, _ManifestRow]:
    if not (root / MANIFEST).is_file():
        return {}
    rows = {}
    for line in (root / MANIFEST).read_text(encoding="utf-8").splitlines():
        path, num_samples, fingerprint = line.split("\t")
        rows[path] = _ManifestRow(int(num_samples), fingerprint)
    return rows


def _write_manifest(root: Path, rows: dict[str, _ManifestRow]) -> None:
    with atomic_open(root / MANIFEST) as stream:
        for path, row in sorted(rows.items()):
            stream.write(f"{path}\t{row.num_samples}\t{row.fingerprint}\n")
