"""What made-up copies of corpora share: a tiny wav, and a file that nobody should read."""

from pathlib import Path

import numpy as np
import soundfile

HIDDEN = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X \xff\xfe"


def write_tiny(path: Path, rate_hz: int = 16000, channels: int = 1) -> Path:
    """Write a wav of 160 samples and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waveform = np.repeat(np.linspace(-0.1, 0.1, 160)[:, None], channels, axis=1)
    soundfile.write(path, waveform, rate_hz, subtype="PCM_16")
    return path
