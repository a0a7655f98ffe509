"""Read any audio file soundfile knows as mono float32 at one sampling rate; write flac."""

import logging
import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from espnet2_ext.data.parallel import atomic_path, parallel_map
from espnet2_ext.data.tables import read_table

# ---------------------------------------------------------------- audio

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


# ---------------------------------------------------------------- any audio
# Read whatever a user calls audio: what soundfile knows, else what PyAV (FFmpeg) decodes.
#
# Data directories go through ``audio.read_audio`` alone, whose result does not depend on
# what else is installed; this is for single files from anywhere.

logger = logging.getLogger(__name__)

LONGEST_CODED_FRAME = 2048
"""Samples that an encoder may have to add at the end, to fill its last frame (AAC)."""
REMEDY = "give a wav, flac, ogg, mp3 or mp4 file with sound in it"


def read_any_audio(path: str | Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Return the waveform (N,) float32, mixed to mono and resampled.

    Wav, flac, ogg, mp3 and aiff need nothing but soundfile; mp4, m4a, aac, webm, wma and
    the sound of films need the package ``av``, which is optional.

    Raises:
        AudioError: the file is missing, empty, not audio, cut short or holds values that
            are not finite, or is of a kind that needs ``av`` where that is not installed;
            one line with the file and the remedy.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty; copy it again or {REMEDY}")
    if not path.is_file():
        raise AudioError(f"{path}: no such file")
    known_rate_hz = _rate_by_soundfile(path)
    if known_rate_hz is not None:
        _warn_of_low_rate(path, known_rate_hz, sample_rate_hz)
        return read_audio(path, sample_rate_hz)
    channels, rate_hz = _decode(path)
    _warn_of_low_rate(path, rate_hz, sample_rate_hz)
    if channels.shape[1] == 0:
        raise AudioError(f"{path}: holds no samples; {REMEDY}")
    mono = channels.mean(axis=0)
    if not np.isfinite(mono).all():
        raise AudioError(f"{path}: holds values that are not finite")
    if rate_hz != sample_rate_hz:
        mono = resample(mono, rate_hz, sample_rate_hz)
    return np.ascontiguousarray(mono, dtype=np.float32)


def _rate_by_soundfile(path: Path) -> int | None:
    """Return the sampling rate if libsndfile recognises the file by its content, else None."""
    try:
        return int(soundfile.info(path).samplerate)
    # TypeError: a name that ends in .raw, which has no header to read the rate from
    except (RuntimeError, TypeError):
        return None


def _warn_of_low_rate(path: Path, rate_hz: int, wanted_hz: int) -> None:
    """Say what resampling cannot restore."""
    if rate_hz < wanted_hz:
        logger.warning(
            f"{path}: {rate_hz} Hz, so nothing above {rate_hz // 2} Hz; vectors of models that "
            f"learnt on {wanted_hz} Hz will be off"
        )


def _decode(path: Path) -> tuple[np.ndarray, int]:
    """Return the first audio stream (channels, N) float32 and its sampling rate.

    Raises:
        AudioError: PyAV is not installed, cannot decode the file, or finds no sound in it.
    """
    try:
        import av
    except ImportError as error:
        raise AudioError(
            f"{path}: not readable as audio by soundfile; pip install av, which reads most other "
            f"kinds, or {REMEDY}"
        ) from error
    blocks: list[np.ndarray] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioError(f"{path}: holds no sound, only other streams; {REMEDY}")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise AudioError(f"{path}: its sound is coded as FFmpeg does not know; {REMEDY}")
            rate_hz = int(stream.rate)
            # Channels and rate stay; only the kind of sample changes, to planar float.
            to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate_hz)
            for frame in container.decode(stream):
                blocks += [each.to_ndarray() for each in to_float.resample(frame)]
            blocks += [each.to_ndarray() for each in to_float.resample(None)]
            kept = _samples_to_keep(container, stream, sum(block.shape[1] for block in blocks))
    except av.FFmpegError as error:
        reason = " ".join(str(error).split())
        raise AudioError(f"{path}: not readable as audio ({reason}); {REMEDY}") from error
    channels = np.concatenate(blocks, axis=1) if blocks else np.zeros((1, 0))
    return channels[:, :kept], rate_hz


def _samples_to_keep(container: Any, stream: Any, decoded: int) -> int:
    """Return how many of the decoded samples were there before an mp4 was coded.

    Its table says how long the sound is; beyond that the last frame is filled up. Other
    containers only estimate their length, and a file that decodes to much more than it
    promises has a wrong table: both are taken as they come.
    """
    if "mp4" not in container.format.name or not stream.duration:
        return decoded
    promised = round(stream.duration * stream.time_base * stream.rate)
    return promised if 0 < decoded - promised <= LONGEST_CODED_FRAME else decoded


# ---------------------------------------------------------------- check audio
# What is wrong with audio files: by their headers, or by decoding, which finds the rest.


def find_audio_faults(path: Path, wav_scp: dict[str, str], num_workers: int) -> dict[str, str]:
    """Return ``{utterance: what is wrong}`` for every file that is not good audio.

    Where the directory has ``utt2num_samples``, the lengths must agree with it.
    """
    recorded: dict[str, str] = {}
    if (path / "utt2num_samples").is_file():
        recorded = read_table(path / "utt2num_samples")
    faults = parallel_map(
        _audio_fault,
        [(wav, recorded.get(utterance_id)) for utterance_id, wav in wav_scp.items()],
        description=f"reading audio of {path}",
        num_workers=num_workers,
        chunk_size=16,
        start_method="spawn",
    )
    pairs = zip(wav_scp, faults, strict=True)
    return {utterance_id: fault for utterance_id, fault in pairs if fault is not None}


def _audio_fault(item: tuple[str, str | None]) -> str | None:
    """Return what is wrong with one file, None for a good one."""
    wav, recorded = item
    try:
        read_audio(wav)
    except AudioError as error:
        return str(error)
    num_samples = soundfile.info(wav).frames
    if recorded is not None and recorded != str(num_samples):
        return f"{wav}: holds {num_samples} samples, utt2num_samples says {recorded}"
    return None
