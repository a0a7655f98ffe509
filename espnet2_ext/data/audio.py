"""Audio files: read as mono float32 at one rate, resample, check, and write as flac.

``read_audio`` reads what libsndfile knows; ``read_recording`` an entry of a Kaldi ``wav.scp``
(file, part of a file, place in an archive, command); ``read_any_audio`` what a user calls audio,
with PyAV (FFmpeg) where libsndfile does not read it. Data directories do without PyAV, so that
their content does not depend on what else is installed.
"""

import logging
import math
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from espnet2_ext._compat import load_ark_audio
from espnet2_ext.data.parallel import atomic_path, parallel_map

logger = logging.getLogger(__name__)

SAMPLE_RATE_HZ = 16000
"""The one rate of every model and dump directory here: HuBERT's and ECAPA-TDNN's. [P2V] IV-B does
not name it, but its 1024 bins are 64 ms long."""
OVERSHOOT_S = 0.5
"""A recording may end so much before a part of it should: tables of times are rounded. Source:
Kaldi's extract-segments."""
LONGEST_CODED_FRAME = 2048
"""Samples that an encoder may have to add at the end, to fill its last frame (AAC)."""
REMEDY = "give a wav, flac, ogg, mp3 or mp4 file with sound in it"

_SHORT_DATA_CHUNK = re.compile(r"data : (\d+) \(should be (\d+)\)")
_UNKNOWN_LENGTH_BYTES = 0x7FFFF000
"""Streamed wav files promise about this much or more, since their length is not known."""
_UNKNOWN_LENGTH_FRAMES = 2**62
"""libsndfile gives 2**63 - 1 for a FLAC written to a pipe, whose header says 0 samples."""
_BLOCK_FRAMES = 1 << 20
_MOST_PHASE_PAIRS = 10**6
"""Of torchaudio's kernels; 11,025 to 16,000 Hz has 640 * 441."""
_ARK_ENTRY = re.compile(r"(.+):(\d+)")
_ARK_AUDIO = (b"RIFF", b"fLaC", b"AUDI")
"""How audio begins in an archive. Anything else is not opened: kaldiio unpickles what asks for it,
which can run any code."""


class AudioError(ValueError):
    """A file that cannot be used as audio; the message is one line naming the file."""


class Recording(NamedTuple):
    """An entry of ``wav.scp``: a file, ``archive:offset`` or ``command |``, and a part of it.

    ``stop_s`` is None for the end.
    """

    entry: str
    start_s: float = 0.0
    stop_s: float | None = None

    @property
    def is_command(self) -> bool:
        """Return whether a shell runs it."""
        return self.entry.endswith("|")

    @property
    def file(self) -> str:
        """Return the file it is read from; for a command the entry."""
        match = _ARK_ENTRY.fullmatch(self.entry)
        return match[1] if match and not Path(self.entry).is_file() else self.entry


def read_audio(
    path: str | Path,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    start_s: float = 0.0,
    stop_s: float | None = None,
) -> np.ndarray:
    """Return the waveform (N,) float32 in [-1, 1], mixed to mono and resampled, or a part of it.

    AudioError: missing, unreadable, cut short, empty, not finite, or without the part.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file")
    try:
        with soundfile.SoundFile(path) as stream:
            rate_hz, header, length = stream.samplerate, stream.extra_info, stream.frames
            if length < _UNKNOWN_LENGTH_FRAMES:
                part = find_part(length, rate_hz, str(path), start_s, stop_s)
                if part.start:
                    stream.seek(part.start)
                waveform = stream.read(part.stop - part.start, "float32", always_2d=True)
            else:
                waveform = _read_to_the_end(path)
                waveform = waveform[find_part(len(waveform), rate_hz, str(path), start_s, stop_s)]
    except AudioError:
        raise
    # ValueError and MemoryError: a header that promises more than any array holds
    except (RuntimeError, ValueError, MemoryError) as error:
        raise _unreadable(str(path), error) from error
    # libsndfile returns the beginning of a wav that promises more without an error.
    if match := _SHORT_DATA_CHUNK.search(header):
        promised, present = int(match[1]), int(match[2])
        if promised < _UNKNOWN_LENGTH_BYTES and present < 0.99 * promised:
            raise AudioError(f"{path}: cut short, {present} of {promised} bytes of audio are there")
    return _to_mono(waveform, rate_hz, str(path), sample_rate_hz)


def _unreadable(name: str, error: Exception, remedy: str = "") -> AudioError:
    return AudioError(f"{name}: not readable as audio ({' '.join(str(error).split())}){remedy}")


def read_recording(recording: Recording) -> np.ndarray:
    """Return the waveform (N,) float32 at 16 kHz of an entry of ``wav.scp``.

    A command is run by the shell, once for every part. Raises as `read_audio`, or where a command
    fails or an archive holds no audio there.
    """
    entry, start_s, stop_s = recording
    if recording.is_command:
        with tempfile.NamedTemporaryFile() as output:
            done = subprocess.run(
                entry[:-1], shell=True, stdout=output, stderr=subprocess.PIPE, check=False
            )
            if done.returncode:
                said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
                raise AudioError(f"{entry}: exit code {done.returncode}, {' '.join(said)}")
            try:
                return read_audio(output.name, start_s=start_s, stop_s=stop_s)
            except AudioError as error:
                raise AudioError(str(error).replace(output.name, entry)) from error
    if recording.file == entry:
        return read_audio(entry, start_s=start_s, stop_s=stop_s)
    rate_hz, waveform = _read_ark(recording.file, int(entry.rpartition(":")[2]), entry)
    waveform = waveform[find_part(len(waveform), rate_hz, entry, start_s, stop_s)]
    return _to_mono(waveform, rate_hz, entry)


def _read_ark(path: str, offset: int, entry: str) -> tuple[int, np.ndarray]:
    """Return sampling rate and samples (N, channels) at a place in an archive."""
    if not Path(path).is_file():
        raise AudioError(f"{entry}: no such file")
    with open(path, "rb") as stream:
        stream.seek(offset)
        begins = stream.read(4)
    if begins not in _ARK_AUDIO:
        raise AudioError(f"{entry}: no audio begins there")
    try:
        return load_ark_audio(path, offset)
    except Exception as error:  # kaldiio raises whatever its readers raise
        raise _unreadable(entry, error) from error


def find_part(
    num_samples: int, rate_hz: int, name: str, start_s: float = 0.0, stop_s: float | None = None
) -> slice:
    """Return the samples of a part, or raise AudioError; a stop 0.5 s too late is the end."""
    start = round(start_s * rate_hz)
    lasts = f"{name}: lasts {num_samples / rate_hz:.3f} s, the part"
    if 0 < start >= num_samples:
        raise AudioError(f"{lasts} begins at {start_s:.3f} s")
    if stop_s is None:
        return slice(start, num_samples)
    if num_samples / rate_hz < stop_s - OVERSHOOT_S:
        raise AudioError(f"{lasts} ends at {stop_s:.3f} s")
    return slice(start, min(round(stop_s * rate_hz), num_samples))


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


def _to_mono(
    waveform: np.ndarray, rate_hz: int, name: str, to_hz: int = SAMPLE_RATE_HZ, remedy: str = ""
) -> np.ndarray:
    """Return samples (N, channels) as a waveform (N',) float32 at the rate that is wanted."""
    if len(waveform) == 0:
        raise AudioError(f"{name}: holds no samples{remedy}")
    mono = waveform.mean(axis=1)
    if not np.isfinite(mono).all():
        raise AudioError(f"{name}: holds values that are not finite")
    if rate_hz != to_hz:
        mono = resample(mono, rate_hz, to_hz)
    return np.ascontiguousarray(mono, dtype=np.float32)


def resample(waveform: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Return the waveform (ceil(N * to/from),) at the new rate (windowed sinc, torchaudio).

    Rates with hardly a common divisor (44,101 Hz) go through SciPy's polyphase filter: torchaudio
    keeps a kernel for every pair of phases, which takes gigabytes and minutes there. One thread,
    so that the bytes depend neither on the machine's cores nor on the number of processes.
    """
    import torch
    from scipy.signal import resample_poly
    from torchaudio.functional import resample as resample_tensor

    waveform = np.ascontiguousarray(waveform, dtype=np.float32)
    divisor = math.gcd(from_hz, to_hz)
    if from_hz * to_hz > _MOST_PHASE_PAIRS * divisor**2:
        return resample_poly(waveform, to_hz // divisor, from_hz // divisor)
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return resample_tensor(torch.from_numpy(waveform), from_hz, to_hz).numpy()
    finally:
        torch.set_num_threads(num_threads)


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Return float samples in [-1, 1] as int16, clipped at full scale."""
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)


def write_flac(path: str | Path, samples: np.ndarray) -> None:
    """Write int16 samples (N,) at 16 kHz as mono flac, replacing ``path`` at once."""
    with atomic_path(path) as temporary:
        soundfile.write(temporary, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")


def read_any_audio(path: str | Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Return the waveform (N,) float32, mixed to mono and resampled; raises as `read_audio`.

    Wav, flac, ogg, mp3 and aiff need nothing but soundfile; mp4, m4a, aac, webm, wma and
    the sound of films need the package ``av``, without which they are an AudioError.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty; copy it again or {REMEDY}")
    if not path.is_file():
        raise AudioError(f"{path}: no such file")
    try:
        rate_hz, channels = int(soundfile.info(path).samplerate), None
    # TypeError: a name that ends in .raw, which has no header to read the rate from
    except (RuntimeError, TypeError):
        channels, rate_hz = _decode(path)
    if rate_hz < sample_rate_hz:
        logger.warning(
            f"{path}: {rate_hz} Hz, so nothing above {rate_hz // 2} Hz; vectors of models that "
            f"learnt on {sample_rate_hz} Hz will be off"
        )
    if channels is None:
        return read_audio(path, sample_rate_hz)
    return _to_mono(channels, rate_hz, str(path), sample_rate_hz, f"; {REMEDY}")


def _decode(path: Path) -> tuple[np.ndarray, int]:
    """Return the first audio stream (N, channels) float32 and its sampling rate, by PyAV."""
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
        raise _unreadable(str(path), error, f"; {REMEDY}") from error
    channels = np.concatenate(blocks, axis=1) if blocks else np.zeros((1, 0))
    return channels[:, :kept].T, rate_hz


def _samples_to_keep(container: Any, stream: Any, decoded: int) -> int:
    """Return how many of the decoded samples were there before an mp4 was coded.

    Beyond the length in its table the last frame is filled up. Other containers estimate their
    length, and a file that decodes to much more has a wrong table: both stay.
    """
    if "mp4" not in container.format.name or not stream.duration:
        return decoded
    promised = round(stream.duration * stream.time_base * stream.rate)
    return promised if 0 < decoded - promised <= LONGEST_CODED_FRAME else decoded


def find_audio_faults(
    recordings: dict[str, Recording], num_samples: dict[str, str], num_workers: int
) -> dict[str, str]:
    """Return ``{utterance: what is wrong}`` for every recording that is not good audio.

    ``num_samples`` says what whole files must hold, where that is known.
    """
    items = [(recording, num_samples.get(key)) for key, recording in recordings.items()]
    faults = parallel_map(
        _audio_fault, items, description="reading audio", num_workers=num_workers, chunk_size=16
    )
    return {key: fault for key, fault in zip(recordings, faults, strict=True) if fault is not None}


def _audio_fault(item: tuple[Recording, str | None]) -> str | None:
    """Return what is wrong with one recording, None for a good one."""
    recording, recorded = item
    try:
        read_recording(recording)
    except AudioError as error:
        return str(error)
    if recorded is None or recording != Recording(recording.file):
        return None
    num_samples = soundfile.info(recording.file).frames
    if recorded != str(num_samples):
        return f"{recording.file}: holds {num_samples} samples, utt2num_samples says {recorded}"
    return None
