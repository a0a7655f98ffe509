"""Mel-cepstra and F0 of an utterance, frame by frame, as each definition of MCD takes them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.metrics.f0 import FRAME_PERIOD_S, F0Contour, f0_contour
from espnet2_ext.metrics.mel_cepstral_analysis import analyse_mel_cepstra
from espnet2_ext.metrics.mel_cepstrum import mel_cepstrum

ORDER = 24
ALPHA = 0.41
ENVELOPE_FFT_SIZE = 1024
INT16_SCALE = 32768.0

PAPER_RANGE_DB = 20.0
SPROCKET_RANGE_DB = 15.0
"""Frames weaker than the mean power of the utterance by more than this are silence."""

SPROCKET_FLOOR_HZ = 40.0
SPROCKET_CEILING_HZ = 700.0
SPROCKET_HIGH_PASS_HZ = 70.0
SPROCKET_HIGH_PASS_TAPS = 255

ESPNET_ORDER = 23
ESPNET_ALPHA = 0.42
ESPNET_WINDOW_SAMPLES = 1024
ESPNET_HOP_SAMPLES = 256


@dataclass(frozen=True)
class CepstralTrack:
    """What is compared of an utterance.

    Attributes:
        cepstra: (T, D) float32, the coefficients that are compared and no others.
        is_speech: (T,) False where a frame is silence, which warping leaves out.
        f0_hz: (T,) float32, 0 where unvoiced; None where a definition has no F0.
    """

    cepstra: np.ndarray
    is_speech: np.ndarray
    f0_hz: np.ndarray | None = None

    def __eq__(self, other: object) -> bool:
        """Return whether all frames are equal."""
        if not isinstance(other, CepstralTrack):
            return NotImplemented
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        # array_equal takes None too, which its types do not say.
        return all(np.array_equal(*pair) for pair in pairs)  # type: ignore[arg-type]

    # Python's way to say "not hashable", which the checker takes for a wrong type of method.
    __hash__ = None  # type: ignore[assignment]


def paper_track(waveform: np.ndarray, contour: F0Contour | None = None) -> CepstralTrack:
    """Return the track of a waveform (N,) at 16 kHz as the definition ``paper`` takes it.

    WORLD every 5 ms: F0 by DIO and StoneMask between 60 and 500 Hz, envelope by
    CheapTrick with 1024 bins; mel-cepstrum of order 24, alpha 0.41, without c0.

    Source: [P2V] Eq. 5 for 24 coefficients from the first on.
    Deviation: the paper names no analysis; the mel-cepstrum is sprocket's, which the
        authors of its baseline seq2seq-EVC say that they used, but F0 is DIO's (sprocket:
        Harvest between 40 and 700 Hz, twenty times the cost) and there is no high-pass.

    Args:
        waveform: not empty.
        contour: its F0 by DIO where that is known already.

    Raises:
        ValueError: the waveform is empty.
    """
    wave = _checked(waveform)
    times_s, f0_hz = _full_contour(wave, contour or f0_contour(wave, "dio"))
    envelope = _envelope(wave, f0_hz, times_s)
    cepstra = mel_cepstrum(envelope, ORDER, ALPHA)[:, 1:]
    return _track(cepstra, _power_db(envelope) > -PAPER_RANGE_DB, f0_hz)


def sprocket_track(waveform: np.ndarray) -> CepstralTrack:
    """Return the track of a waveform (N,) at 16 kHz as the definition ``sprocket`` takes it.

    As its 16 kHz configuration: 16-bit scale, a high-pass at 70 Hz, F0 by Harvest
    between 40 and 700 Hz (twenty times the cost of DIO), the same mel-cepstrum, and
    the differences to the frame before beside the coefficients.

    Raises:
        ValueError: the waveform is empty.
    """
    import pyworld
    from scipy.signal import firwin, lfilter

    high_pass = firwin(
        SPROCKET_HIGH_PASS_TAPS, SPROCKET_HIGH_PASS_HZ, pass_zero=False, fs=SAMPLE_RATE_HZ
    )
    wave = lfilter(high_pass, 1.0, INT16_SCALE * _checked(waveform))
    f0_hz, times_s = pyworld.harvest(
        wave,
        SAMPLE_RATE_HZ,
        SPROCKET_FLOOR_HZ,
        SPROCKET_CEILING_HZ,
        frame_period=1000.0 * FRAME_PERIOD_S,
    )
    envelope = _envelope(wave, f0_hz, times_s)
    cepstra = mel_cepstrum(envelope, ORDER, ALPHA)[:, 1:]
    # The first frame has none before it: sprocket takes the difference to the second.
    deltas = np.diff(cepstra, axis=0, prepend=2.0 * cepstra[:1] - cepstra[1:2])
    is_speech = _power_db(envelope) > -SPROCKET_RANGE_DB
    return _track(np.hstack([cepstra, deltas]), is_speech, f0_hz)


def espnet_track(waveform: np.ndarray) -> CepstralTrack:
    """Return the track of a waveform (N,) at 16 kHz as the definition ``espnet`` takes it.

    As ESPnet's evaluate_mcd.py: 16-bit scale, Hamming windows of 64 ms every 16 ms,
    SPTK's analysis of order 23, alpha 0.42, with c0; nothing counts as silence.

    Deviation: a waveform shorter than a window is padded with zeros; there it fails.

    Raises:
        ValueError: the waveform is empty.
    """
    wave = INT16_SCALE * _checked(waveform)
    wave = np.pad(wave, (0, max(0, ESPNET_WINDOW_SAMPLES - len(wave))))
    window = np.hamming(ESPNET_WINDOW_SAMPLES)
    window /= np.linalg.norm(window)  # SPTK's windows have a power of 1.
    frames = np.lib.stride_tricks.sliding_window_view(wave, ESPNET_WINDOW_SAMPLES)
    frames = frames[::ESPNET_HOP_SAMPLES] * window
    cepstra = analyse_mel_cepstra(frames, ESPNET_ORDER, ESPNET_ALPHA)
    return _track(cepstra, np.ones(len(cepstra), dtype=bool), None)


TRACKS: dict[str, Callable[[np.ndarray], CepstralTrack]] = {
    "paper": paper_track,
    "espnet": espnet_track,
    "sprocket": sprocket_track,
}


def _checked(waveform: np.ndarray) -> np.ndarray:
    """Return the waveform as WORLD takes it."""
    if len(waveform) == 0:
        raise ValueError("an empty waveform has no mel-cepstra")
    return np.ascontiguousarray(waveform, dtype=np.float64)


def _full_contour(wave: np.ndarray, contour: F0Contour) -> tuple[np.ndarray, np.ndarray]:
    """Return times (T,) and F0 (T,) every 5 ms also of what is too short for a contour."""
    if len(contour.f0_hz):
        return contour.times_s, contour.f0_hz
    num_frames = int(len(wave) / SAMPLE_RATE_HZ / FRAME_PERIOD_S) + 1
    return FRAME_PERIOD_S * np.arange(num_frames), np.zeros(num_frames)


def _envelope(wave: np.ndarray, f0_hz: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Return the power (T, 513) of WORLD's envelope."""
    import pyworld

    return pyworld.cheaptrick(wave, f0_hz, times_s, SAMPLE_RATE_HZ, fft_size=ENVELOPE_FFT_SIZE)


def _power_db(envelope: np.ndarray) -> np.ndarray:
    """Return the power (T,) of each frame relative to the mean of all."""
    power = envelope[:, 0] + 2.0 * envelope[:, 1:-1].sum(axis=1) + envelope[:, -1]
    return 10.0 * np.log10(power / power.mean())


def _track(cepstra: np.ndarray, is_speech: np.ndarray, f0_hz: np.ndarray | None) -> CepstralTrack:
    f0_hz = None if f0_hz is None else f0_hz.astype(np.float32)
    return CepstralTrack(cepstra.astype(np.float32), is_speech, f0_hz)
