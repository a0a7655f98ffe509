"""Read whatever a user calls audio: what soundfile knows, else what PyAV (FFmpeg) decodes.

Data directories go through ``audio.read_audio`` alone, whose result does not depend on
what else is installed; this is for single files from anywhere.
"""

from pathlib import Path

import numpy as np
import soundfile

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, AudioError, read_audio, resample

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
    if not path.is_file() or _is_known_to_soundfile(path):
        return read_audio(path, sample_rate_hz)
    channels, rate_hz = _decode(path)
    if channels.shape[1] == 0:
        raise AudioError(f"{path}: holds no samples; {REMEDY}")
    mono = channels.mean(axis=0)
    if not np.isfinite(mono).all():
        raise AudioError(f"{path}: holds values that are not finite")
    if rate_hz != sample_rate_hz:
        mono = resample(mono, rate_hz, sample_rate_hz)
    return np.ascontiguousarray(mono, dtype=np.float32)


def _is_known_to_soundfile(path: Path) -> bool:
    """Return whether libsndfile recognises the file by its content."""
    try:
        soundfile.info(path)
    # TypeError: a name that ends in .raw, which has no header to read the rate from
    except (RuntimeError, TypeError):
        return False
    return True


def _decode(path: Path) -> tuple[np.ndarray, int]:
    """Return the first audio stream (channels, N) float32 and its sampling rate.

    Raises:
        AudioError: PyAV is not installed, cannot decode the file, or finds no sound in it.
    """
    try:
        import av
    except ImportError as error:
        raise AudioError(
            f"{path}: soundfile does not know this kind of file; pip install av, which reads "
            f"most others, or {REMEDY}"
        ) from error
    blocks: list[np.ndarray] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioError(f"{path}: holds no sound, only other streams; {REMEDY}")
            stream = container.streams.audio[0]
            rate_hz = int(stream.rate)
            # Channels and rate stay; only the kind of sample changes, to planar float.
            to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate_hz)
            for frame in container.decode(stream):
                blocks += [each.to_ndarray() for each in to_float.resample(frame)]
            blocks += [each.to_ndarray() for each in to_float.resample(None)]
    except av.FFmpegError as error:
        reason = " ".join(str(error).split())
        raise AudioError(f"{path}: not readable as audio ({reason}); {REMEDY}") from error
    return (np.concatenate(blocks, axis=1) if blocks else np.zeros((1, 0))), rate_hz
