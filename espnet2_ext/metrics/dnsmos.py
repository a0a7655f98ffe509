"""DNSMOS: what listeners would think of the quality of speech, guessed by a network."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ

LOWEST = 1.0
"""The worst score there is."""


@dataclass(frozen=True)
class Dnsmos:
    """Mean opinion scores from 1 (bad) to 5 (excellent).

    Attributes:
        overall: of everything.
        signal: of the speech.
        background: of the noise.
        p808: overall by the network of the older recommendation P.808.
    """

    overall: float
    signal: float
    background: float
    p808: float


def load_dnsmos() -> ModuleType:
    """Return the package's module of the score.

    Raises:
        ValueError: the package is not installed.
    """
    try:
        from speechmos import dnsmos as package
    except ModuleNotFoundError as error:
        raise ValueError("DNSMOS needs another package; pip install speechmos onnxruntime") from (
            error
        )
    return package


def dnsmos(waveform: np.ndarray) -> Dnsmos:
    """Return the scores of a waveform (N,) at 16 kHz by the package speechmos.

    The package brings its networks along; nothing is downloaded. They were trained on
    noisy calls: compare conversions of one vocoder with each other and with its
    resynthesis, not with other papers. Louder than full scale is scaled down to it.

    Raises:
        ValueError: the package is not installed, or the waveform is empty or not finite.
    """
    waveform = np.asarray(waveform, dtype=np.float32)
    if waveform.ndim != 1 or len(waveform) == 0 or not np.isfinite(waveform).all():
        raise ValueError(f"DNSMOS needs a waveform of finite samples, got shape {waveform.shape}")
    # The package refuses what exceeds full scale.
    loudest = max(1.0, float(np.abs(waveform).max()))
    scores = load_dnsmos().run(waveform / loudest, SAMPLE_RATE_HZ)
    return Dnsmos(
        overall=float(scores["ovrl_mos"]),
        signal=float(scores["sig_mos"]),
        background=float(scores["bak_mos"]),
        p808=float(scores["p808_mos"]),
    )
