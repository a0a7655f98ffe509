"""What is measured of one utterance, whatever it is then compared with."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from espnet2_ext.metrics.cepstral_track import CepstralTrack, espnet_track, paper_track
from espnet2_ext.metrics.duration import duration_s
from espnet2_ext.metrics.energy import speech_level_db
from espnet2_ext.metrics.f0 import f0_contour
from espnet2_ext.metrics.heard import Heard, Listen

MIN_UNIT_SAMPLES = 800
"""Speech shorter than 50 ms has no units; the encoders refuse it or pad it."""


class UnitEncoder(Protocol):
    """What ``units.encode.UnitEncoderPipeline`` offers."""

    def encode(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return units (U,) and run lengths (U,) of a waveform (N,)."""
        ...


@dataclass(frozen=True)
class Measures:
    """Figures of one utterance.

    Attributes:
        f0_hz: mean F0 over voiced frames; None when nothing is voiced.
        f0_std_hz: standard deviation of F0 over voiced frames; None when nothing is voiced.
        duration_s: whole length.
        level_db: level of the active frames.
        units: de-duplicated units; None when not asked for.
        tracks: what is compared frame by frame, by definition of MCD.
        heard: what models heard; nothing where none were asked.
    """

    f0_hz: float | None
    f0_std_hz: float | None
    duration_s: float
    level_db: float
    units: tuple[int, ...] | None
    tracks: dict[str, CepstralTrack]
    heard: Heard = Heard()


def measure(
    waveform: np.ndarray,
    encoder: UnitEncoder | None,
    f0_method: str = "dio",
    listen: Listen | None = None,
) -> Measures:
    """Return the figures of a waveform (N,) at 16 kHz.

    Args:
        waveform: not empty.
        encoder: makes the units; None leaves them out.
        f0_method: see ``f0_contour``.
        listen: asks models; None asks none, and nor is one asked about speech without units.

    Raises:
        ValueError: the waveform is empty.
    """
    is_long_enough = len(waveform) >= MIN_UNIT_SAMPLES
    units: tuple[int, ...] | None = None
    if encoder is not None:
        units = tuple(encoder.encode(waveform)[0].tolist()) if is_long_enough else ()
    contour = f0_contour(waveform, f0_method)
    voiced_hz = contour.f0_hz[contour.f0_hz > 0.0]
    return Measures(
        f0_hz=contour.mean_hz,
        f0_std_hz=float(voiced_hz.std()) if len(voiced_hz) else None,
        duration_s=duration_s(waveform),
        level_db=speech_level_db(waveform),
        units=units,
        tracks={
            "paper": paper_track(waveform, contour if f0_method == "dio" else None),
            "espnet": espnet_track(waveform),
        },
        heard=listen(waveform) if listen is not None and is_long_enough else Heard(),
    )
