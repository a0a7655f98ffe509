"""Read whatever a user calls audio: what soundfile knows, else what PyAV (FFmpeg) decodes.

Data directories go through ``audio.read_audio`` alone, whose result does not depend on
what else is installed; this is for single files from anywhere.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, AudioError, read_audio, resample

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
