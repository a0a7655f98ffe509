"""Recordings as every browser plays them, under names that tell nothing."""

import hashlib
import io
from pathlib import Path

import numpy as np
import soundfile

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio, to_int16
from espnet2_ext.data.parallel import atomic_open


class SoundFolder:
    """Writes recordings as 16-bit mono wav, at their own rate and level.

    One format for all, because ``.flac`` originals among ``.wav`` conversions, or the
    name of a file, would tell a curious listener which is which. The name is a hash of
    what is heard, so the same recording is kept once. Level is left alone: it is a part
    of emotion.

    Attributes:
        rates_hz: by source path.
        clipped: source paths of recordings beyond full scale.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.rates_hz: dict[str, int] = {}
        self.clipped: list[str] = []
        self._names: dict[str, str] = {}

    def add(self, path: str) -> str:
        """Write a recording and return the name of its file in the folder.

        Raises:
            AudioError: the file is missing or cannot be used as audio.
        """
        if path not in self._names:
            waveform, rate_hz = _read(path)
            if np.abs(waveform).max() > 1.0:
                self.clipped.append(path)
            buffer = io.BytesIO()
            soundfile.write(buffer, to_int16(waveform), rate_hz, format="WAV", subtype="PCM_16")
            name = f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.wav"
            with atomic_open(self.folder / name, "wb") as stream:
                stream.write(buffer.getvalue())
            self.rates_hz[path] = rate_hz
            self._names[path] = name
        return self._names[path]


def _read(path: str) -> tuple[np.ndarray, int]:
    """Return the waveform (N,) at the rate of the file, and that rate."""
    try:
        rate_hz = soundfile.info(path).samplerate
    except RuntimeError:
        rate_hz = SAMPLE_RATE_HZ  # read_audio says what is wrong.
    return read_audio(path, rate_hz), rate_hz
