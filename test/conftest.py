"""Tiny fixtures that several rooms share; nothing here needs the network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def make_wav(tmp_path: Path) -> Callable[..., Path]:
    """Return a factory of audio files: ``make_wav("a.wav", duration_s=0.3) -> path``.

    The sound is a falling tone with a little seeded noise, so that no two seeds
    are alike and nothing is silent.
    """

    def make(
        name: str,
        *,
        duration_s: float = 0.3,
        rate_hz: int = 16000,
        channels: int = 1,
        seed: int = 0,
        subtype: str | None = None,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
        tone = 0.3 * np.sin(2 * np.pi * (200 + 10 * seed - 50 * time_s) * time_s)
        noise = np.random.default_rng(seed).normal(0, 0.01, len(time_s))
        waveform = np.repeat((tone + noise)[:, None], channels, axis=1)
        soundfile.write(path, waveform, rate_hz, subtype=subtype)
        return path

    return make
