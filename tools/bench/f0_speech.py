"""Speech whose F0 is known exactly, and what a channel does to it.

Pulses in the manner of Liljencrants and Fant (Rosenberg's flow, differentiated, with an exponential
return phase) go through the formants of vowels, between fricatives and pauses. mini_emo's own
generator, eSpeak NG, does not tell its F0; at a pitch range of 0 it speaks in monotone (its flutter
is 1.5 %), so there F0 is one number for each voice.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.signal import butter, lfilter, resample_poly, sosfiltfilt

from espnet2_ext.corpora.mini_emo import speech
from espnet2_ext.data.audio import SAMPLE_RATE_HZ, resample
from espnet2_ext.metrics.pitch import f0_contour

DURATION_S = 2.4
OVERSAMPLING = 4
"""Pulses are drawn at 64 kHz, so that their corners do not alias."""
FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))
"""a, i, u, e of men. Source: Peterson and Barney 1952."""
HIGHER_FORMANTS_HZ = (3500.0, 4500.0)
BANDWIDTHS_HZ = (80.0, 100.0, 150.0, 200.0, 250.0)
RAMP_S = 0.01
FRICATIVE_DB, BREATH_DB, FLOOR_DB = -12.0, -25.0, -60.0
"""Against the voiced segments' root mean square."""


class Kind(NamedTuple):
    """A way of speaking; ``shift`` and ``loss`` are shares of a period and of an amplitude.

    Attributes:
        f0_hz: middle of the range.
        tract: formants against a man's.
        return_phase: of a period; the shorter, the brighter.
        vibrato_semitones: at 5.5 Hz.
        jump_semitones: every 120 ms, up and down in turn.
        shift: how much longer every second period is.
        loss: how much weaker every second pulse is.
        accent_semitones: swing of the melody, 2.5 times a second.
    """

    f0_hz: float
    tract: float = 1.0
    return_phase: float = 0.03
    vibrato_semitones: float = 0.0
    jump_semitones: float = 0.0
    shift: float = 0.0
    loss: float = 0.0
    accent_semitones: float = 2.0


KINDS = {
    "low voice": Kind(80.0, 0.95),
    "man": Kind(120.0),
    "woman": Kind(210.0, 1.17),
    "child": Kind(320.0, 1.3),
    "shout": Kind(390.0, 1.1, return_phase=0.005),
    "vibrato": Kind(220.0, 1.1, vibrato_semitones=1.0),
    "jumps": Kind(160.0, 1.05, jump_semitones=6.0),
    "wide range": Kind(190.0, 1.1, accent_semitones=8.0),
    "creak": Kind(85.0, shift=0.05, loss=0.4),
}


class Speech(NamedTuple):
    """A waveform (N,) at 16 kHz and F0 (N,) at its samples, 0 where unvoiced."""

    kind: str
    waveform: np.ndarray
    f0_hz: np.ndarray


def synthesize(kind: str, seed: int) -> Speech:
    """Return 2.4 s of a kind; the same for the same arguments."""
    generator = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    waveform, f0_hz = [], []
    total, level = 0, 0.05
    while total < DURATION_S * SAMPLE_RATE_HZ:
        noise = generator.standard_normal(_samples(generator, 0.06, 0.15))
        high_pass = butter(2, 2500.0, "high", fs=SAMPLE_RATE_HZ, output="sos")
        fricative = _at_level(_ramped(sosfiltfilt(high_pass, noise)), level, FRICATIVE_DB)
        contour = _contour(KINDS[kind], _samples(generator, 0.25, 0.6), generator)
        pause = np.zeros(_samples(generator, 0.05, 0.2))
        voiced = _at_level(_voiced(KINDS[kind], contour, generator), level, 0.0)
        waveform += [pause, fricative, voiced]
        f0_hz += [np.zeros(len(pause) + len(fricative)), contour]
        total = sum(map(len, waveform))
    speech_ = np.concatenate([*waveform, pause])
    floor = _at_level(generator.standard_normal(len(speech_)), level, FLOOR_DB)
    return Speech(kind, speech_ + floor, np.concatenate([*f0_hz, np.zeros(len(pause))]))


def _samples(generator: np.random.Generator, low_s: float, high_s: float) -> int:
    return round(generator.uniform(low_s, high_s) * SAMPLE_RATE_HZ)


def _at_level(waveform: np.ndarray, level: float, level_db: float) -> np.ndarray:
    return waveform * (level * 10 ** (level_db / 20) / np.sqrt(np.mean(waveform**2)))


def _ramped(waveform: np.ndarray) -> np.ndarray:
    """Return it with a start and an end of 10 ms."""
    ramp = np.minimum(1.0, (np.arange(len(waveform)) + 0.5) / (RAMP_S * SAMPLE_RATE_HZ))
    return waveform * ramp * ramp[::-1]


def _contour(kind: Kind, length: int, generator: np.random.Generator) -> np.ndarray:
    """Return F0 (length,) in Hz: a fall and an accent, and what the kind adds."""
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    semitones = generator.uniform(-2.0, 2.0) - 3.0 * time_s
    semitones += kind.accent_semitones * np.sin(2 * np.pi * (2.5 * time_s + generator.uniform()))
    semitones += kind.vibrato_semitones * np.sin(2 * np.pi * (5.5 * time_s + generator.uniform()))
    semitones += kind.jump_semitones * (np.floor(time_s / 0.12) % 2 - 0.5)
    return kind.f0_hz * 2 ** (semitones / 12)


def pulses(kind: Kind, f0_hz: np.ndarray) -> np.ndarray:
    """Return the derivative of the glottal flow (N,), a period at every integer phase."""
    samples = np.arange(len(f0_hz) * OVERSAMPLING) / OVERSAMPLING
    fine = np.interp(samples, np.arange(len(f0_hz)), np.cumsum(f0_hz) / SAMPLE_RATE_HZ)
    pair = fine % 2.0
    first = pair < 1.0 + kind.shift
    place = np.where(first, pair / (1 + kind.shift), (pair - 1 - kind.shift) / (1 - kind.shift))
    rise, fall = 0.4, 0.2
    flow = np.select(
        [place < rise, place < rise + fall],
        [
            np.pi / (2 * rise) * np.sin(np.pi * place / rise),
            -np.pi / (2 * fall) * np.sin(np.pi / 2 * (place - rise) / fall),
        ],
        -np.pi / (2 * fall) * np.exp(-(place - rise - fall) / kind.return_phase),
    )
    return resample_poly(flow * np.where(first, 1.0, 1.0 - kind.loss), 1, OVERSAMPLING)


def _voiced(kind: Kind, f0_hz: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return pulses and breath through one vowel."""
    source = pulses(kind, f0_hz)
    source -= source.mean()
    breath = generator.standard_normal(len(source))
    source += _at_level(breath, float(source.std()), BREATH_DB)
    formants = FORMANTS_HZ[generator.integers(len(FORMANTS_HZ))] + HIGHER_FORMANTS_HZ
    for formant_hz, bandwidth_hz in zip(formants, BANDWIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE_HZ)
        angle = 2 * np.pi * formant_hz * kind.tract / SAMPLE_RATE_HZ
        poles = [1.0, -2 * radius * np.cos(angle), radius**2]
        source = lfilter([sum(poles)], poles, source)
    return _ramped(source)


def monotone(voice: speech.Voice, text: str) -> Speech:
    """Return a sentence of a voice of mini_emo in monotone.

    Its one F0, at every sample, is the median of Praat's on this clean speech: by construction
    the contour is flat, and no tracker here is wrong in half of the frames.
    """
    delivery = speech.deliver(voice, "neutral", "monotone", 0)
    spoken = speech.synthesize(text, replace(delivery.engine, pitch_range=0))
    waveform = resample(spoken / np.float32(32768), delivery.engine_rate_hz, SAMPLE_RATE_HZ)
    f0_hz = float(np.median(f0_contour(waveform, "praat").voiced_hz))
    return Speech(voice.speaker, waveform.astype(np.float64), np.full(len(waveform), f0_hz))


# ---------------------------------------------------------------- channels


def add_noise(waveform: np.ndarray, snr_db: float, seed: int) -> np.ndarray:
    """Return the waveform with white noise, whose power is against that of the whole."""
    noise = np.random.default_rng(seed).standard_normal(len(waveform))
    return waveform + _at_level(noise, float(np.sqrt(np.mean(waveform**2))), -snr_db)


def telephone(waveform: np.ndarray) -> np.ndarray:
    """Return the band of 300 to 3400 Hz, by way of 8 kHz, at 16 kHz again."""
    band = butter(4, (300.0, 3400.0), "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    narrow = resample_poly(sosfiltfilt(band, waveform), 1, 2)
    return resample_poly(narrow, 2, 1)[: len(waveform)]


CONDITIONS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "clean": lambda waveform, seed: waveform,
    "20 dB": lambda waveform, seed: add_noise(waveform, 20.0, seed),
    "10 dB": lambda waveform, seed: add_noise(waveform, 10.0, seed),
    "0 dB": lambda waveform, seed: add_noise(waveform, 0.0, seed),
    "telephone": lambda waveform, seed: telephone(waveform),
}
"""Name: what makes a waveform (N,) and a seed into one of the condition."""
