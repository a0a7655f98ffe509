"""Read any audio file soundfile knows as mono float32 at one sampling rate; write flac."""

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from espnet2_ext.data.atomic import atomic_path

SAMPLE_RATE_HZ = 16000
"""The one rate of every model and dump directory here: HuBERT's and ECAPA-TDNN's. [P2V] IV-B does
not name it, but its 1024 bins are 64 ms long."""

_SHORT_DATA_CHUNK = re.compile(r"data : (\d+) \(should be (\d+)\)")
_UNKNOWN_LENGTH_BYTES = 0x7FFFF000
"""Streamed wav files promise about this much or more, since their length is not known."""
_UNKNOWN_LENGTH_FRAMES = 2**62
"""libsndfile gives 2**63 - 1 for a FLAC written to a pipe, whose header says 0 samples."""
_BLOCK_FRAMES = 1 << 20
_MOST_PHASE_PAIRS = 10**6
"""Of torchaudio's kernels; 11,025 to 16,000 Hz has 640 * 441."""


class AudioError(ValueError):
    """A file that cannot be used as audio; the message is one line naming the file."""


def read_audio(path: str | Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Return the waveform (N,) float32 in [-1, 1], mixed to mono and resampled.

    Raises:
        AudioError: the file is missing, unreadable, cut short, empty or holds values
            that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file")
    try:
        with soundfile.SoundFile(path) as stream:
            rate_hz, header = stream.samplerate, stream.extra_info
            if stream.frames < _UNKNOWN_LENGTH_FRAMES:
                waveform = stream.read(dtype="float32", always_2d=True)
            else:
                waveform = _read_to_the_end(path)
    # ValueError and MemoryError: a header that promises more than any array holds
    except (RuntimeError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise AudioError(f"{path}: not readable as audio ({reason})") from error
    _refuse_cut_short(path, header)
    if len(waveform) == 0:
        raise AudioError(f"{path}: holds no samples")
    if not np.isfinite(waveform).all():
        raise AudioError(f"{path}: holds values that are not finite")
    mono = waveform.mean(axis=1)
    if rate_hz != sample_rate_hz:
        mono = resample(mono, rate_hz, sample_rate_hz)
    return np.ascontiguousarray(mono, dtype=np.float32)


class _ForwardOnly(soundfile.SoundFile):
    """A file that soundfile reads without seeking, which fails where the length is unknown."""

    def seekable(self) -> bool:
        """Return False."""
        return False


def _read_to_the_end(path: Path) -> np.ndarray:
    """Return the samples (N, channels) float32 of a file whose header does not say how many."""
    with _ForwardOnly(path) as stream:
        blocks = [stream.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)]
        while len(blocks[-1]):
            blocks.append(stream.read(_BLOCK_FRAMES, dtype="float32", always_2d=True))
    return np.concatenate(blocks)


def _refuse_cut_short(path: Path, header: str) -> None:
    """Raise when a wav header promises over 1 % more audio than is there.

    libsndfile returns the beginning of such a file without an error: a broken
    download or copy would shorten an utterance silently.
    """
    match = _SHORT_DATA_CHUNK.search(header)
    if match is None:
        return
    promised, present = int(match[1]), int(match[2])
    if promised < _UNKNOWN_LENGTH_BYTES and present < 0.99 * promised:
        raise AudioError(f"{path}: cut short, {present} of {promised} bytes of audio are there")


def resample(waveform: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Return the waveform (ceil(N * to/from),) at the new rate (windowed sinc, torchaudio).

    Rates with hardly a common divisor (44,101 Hz) go through SciPy's polyphase filter: torchaudio
    keeps a kernel for every pair of phases, which takes gigabytes and minutes there.

    Runs on one thread, so that the bytes depend neither on the cores of the machine
    nor on how many processes share the work.
    """
    import torch
    from scipy.signal import resample_poly
    from torchaudio.functional import resample as resample_tensor

    waveform = np.ascontiguousarray(waveform, dtype=np.float32)
    divisor = math.gcd(from_hz, to_hz)
    if from_hz * to_hz > _MOST_PHASE_PAIRS * divisor**2:
        return resample_poly(waveform, to_hz // divisor, from_hz // divisor)
    tensor = torch.from_numpy(waveform)
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return resample_tensor(tensor, from_hz, to_hz).numpy()
    finally:
        torch.set_num_threads(num_threads)


def change_speed(waveform: np.ndarray, factor: Fraction) -> np.ndarray:
    """Return the waveform (ceil(N / factor),) played ``factor`` times as fast.

    Pitch and tempo change together, as by ``sox speed`` in Kaldi's recipes.
    """
    return resample(waveform, factor.numerator, factor.denominator)


def write_flac(path: str | Path, samples: np.ndarray) -> None:
    """Write int16 samples (N,) at 16 kHz as mono flac, replacing ``path`` at once."""
    with atomic_path(path) as temporary:
        soundfile.write(temporary, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Return float samples in [-1, 1] as int16, clipped at full scale."""
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)
