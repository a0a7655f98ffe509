"""Damage to the source of a conversion, by a known amount: units, noise, the echo of a room.

Source: [P2V] V-E, "randomly replace a few unit values with random numbers or remove a few";
it names noise and reverberation as what should be tried next.
Deviation: the paper gives no amounts; everything about noise and rooms is not in paper.
"""

from collections.abc import Sequence

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.units.centroids import deduplicate, expand

FRAME_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000
HOP_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
ACTIVE_RANGE_DB = 30.0
"""Frames weaker than the strongest one by more than this are pauses."""
FULL_SCALE = 32767.0 / 32768.0
"""Largest sample that 16 bits hold on either side of 0."""
DIRECT_TO_REVERBERANT_DB = 0.0
"""Direct sound and echo equally strong: the critical distance of a room."""


def replace_units(
    units: np.ndarray,
    run_lengths: np.ndarray,
    share: float,
    num_units: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return units (U,) of which a share is replaced by others drawn at random, and durations.

    A new unit differs from the one it replaces and from both neighbours, so that durations (U,)
    stay; this takes a codebook of 4. The number is rounded, halves up; a generator damages for a
    larger share the same and more. ValueError for units that do not fit ``num_units``.
    """
    units, run_lengths = _checked(units, run_lengths)
    if not 0 <= units.min() <= units.max() < num_units:
        raise ValueError(
            f"units from {units.min()} to {units.max()} are not of a codebook of {num_units}"
        )
    result = units.copy()
    for position in np.sort(_positions(len(units), share, generator)):
        around = result[max(position - 1, 0) : position + 2]
        result[position] = generator.choice(np.setdiff1d(np.arange(num_units), around))
    return result, run_lengths


def drop_units(
    units: np.ndarray, run_lengths: np.ndarray, share: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return units (U',) without a share of them, and durations (U',) of the same sum.

    The frames of a dropped unit go to the one before it (at the start, to the one after),
    and neighbours that have become equal are one unit. For the share see ``replace_units``;
    ValueError also if nothing would remain.
    """
    units, run_lengths = _checked(units, run_lengths)
    is_kept = np.ones(len(units), dtype=bool)
    is_kept[_positions(len(units), share, generator)] = False
    if not is_kept.any():
        raise ValueError(f"dropping {share:g} of {len(units)} units leaves none; drop fewer")
    owners = np.maximum(np.cumsum(is_kept) - 1, 0)
    frames = np.zeros(is_kept.sum(), dtype=np.int64)
    np.add.at(frames, owners, run_lengths)
    return deduplicate(expand(units[is_kept], frames))


def _checked(units: np.ndarray, run_lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    expand(units, run_lengths)
    return np.asarray(units, dtype=np.int64), np.asarray(run_lengths, dtype=np.int64)


def _positions(length: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """Return the damaged positions; those of a small share are among those of a larger one."""
    return generator.permutation(length)[: int(share * length + 0.5)]


def active_samples(waveform: np.ndarray) -> np.ndarray:
    """Return which samples (N,) of a waveform (N,) at 16 kHz are speech, not pauses.

    Frames of 20 ms every 10 ms are active within 30 dB of the strongest; ValueError for silence.
    """
    if not np.any(waveform):
        raise ValueError("no speech, every sample is 0")
    squares = np.square(np.asarray(waveform, dtype=np.float64))
    window = min(FRAME_SAMPLES, len(squares))
    powers = np.lib.stride_tricks.sliding_window_view(squares, window)[::HOP_SAMPLES].mean(axis=1)
    is_active = powers >= powers.max() * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)
    starts = np.flatnonzero(is_active) * HOP_SAMPLES
    edges = np.zeros(len(squares) + 1, dtype=np.int64)
    edges[starts] += 1
    edges[starts + window] -= 1
    return np.cumsum(edges)[:-1] > 0


def add_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Return speech (N,) with noise (N,), float32, at an exact ratio over active speech.

    A sum beyond full scale is attenuated. ValueError if one is silent.
    """
    is_active = active_samples(speech)
    speech, noise = (np.asarray(each, dtype=np.float64) for each in (speech, noise))
    noise_rms = _rms(noise[is_active])
    if noise_rms == 0.0:
        raise ValueError("the noise is silent where there is speech")
    gain = _rms(speech[is_active]) / noise_rms * 10.0 ** (-snr_db / 20.0)
    return _within_full_scale(speech + gain * noise)


def babble(
    utterances: Sequence[np.ndarray], num_samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Return utterances (N_i,), equally loud, talking at once (N,), repeated from random places."""
    total = np.zeros(num_samples)
    for utterance in utterances:
        level = _rms(np.asarray(utterance, dtype=np.float64)[active_samples(utterance)])
        turned = np.roll(utterance, -int(generator.integers(len(utterance))))
        total += np.resize(turned, num_samples) / level
    return total


def room_response(rt60_s: float, generator: np.random.Generator) -> np.ndarray:
    """Return the response (R,) of a synthetic room: 1 at sample 0, then decaying noise.

    It falls by 60 dB within RT60, where it is cut, and has as much energy as the direct sound.
    """
    times_s = np.arange(1, round(rt60_s * SAMPLE_RATE_HZ) + 1) / SAMPLE_RATE_HZ
    echo = generator.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / rt60_s)
    energy = 10.0 ** (-DIRECT_TO_REVERBERANT_DB / 10.0)
    return np.concatenate([[1.0], echo * np.sqrt(energy / np.square(echo).sum())])


def reverberate(speech: np.ndarray, rt60_s: float, generator: np.random.Generator) -> np.ndarray:
    """Return speech (N,) in a room, float32, as long and as loud as it was."""
    from scipy.signal import fftconvolve

    is_active = active_samples(speech)
    speech = np.asarray(speech, dtype=np.float64)
    echoing = fftconvolve(speech, room_response(rt60_s, generator))[: len(speech)]
    gain = _rms(speech[is_active]) / _rms(echoing[is_active])
    return _within_full_scale(gain * echoing)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _within_full_scale(waveform: np.ndarray) -> np.ndarray:
    """Return the waveform as float32, attenuated if a sample would be clipped."""
    peak = float(np.abs(waveform).max())
    return (waveform * min(1.0, FULL_SCALE / peak)).astype(np.float32)
