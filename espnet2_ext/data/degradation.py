"""Degrade speech by known amounts: noise at an exact ratio, the echo of a room.

Source: [P2V] V-E names noise and reverberation as what should be tried next.
Deviation: the paper fixes nothing of it; everything here is not in paper.
"""

from collections.abc import Sequence

import numpy as np

from espnet2_ext.data.audio import SAMPLE_RATE_HZ

FRAME_SAMPLES = SAMPLE_RATE_HZ * 20 // 1000
HOP_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
ACTIVE_RANGE_DB = 30.0
"""Frames weaker than the strongest one by more than this are pauses."""
FULL_SCALE = 32767.0 / 32768.0
"""Largest sample that 16 bits hold on either side of 0."""
DIRECT_TO_REVERBERANT_DB = 0.0
"""Direct sound and echo equally strong: the critical distance of a room."""


def active_samples(waveform: np.ndarray) -> np.ndarray:
    """Return which samples (N,) belong to speech: those of a frame that is no pause.

    Frames of 20 ms every 10 ms; a frame is active when its power is within 30 dB of the
    strongest one's, as for the level of speech in the metrics.

    Args:
        waveform: (N,) at 16 kHz.

    Raises:
        ValueError: the waveform is not (N,), empty or silent.
    """
    if np.ndim(waveform) != 1 or not np.any(waveform):
        raise ValueError(f"no speech in a waveform of shape {np.shape(waveform)}, all of it 0")
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
    """Return speech and noise (N,) float32, the power ratio exact over active speech.

    Pauses, in which there is nothing to compare with, do not count on either side. Where
    the sum would exceed full scale all of it is made quieter, which leaves the ratio alone.

    Args:
        speech: (N,) at 16 kHz.
        noise: (N,), at any level.
        snr_db: signal-to-noise ratio.

    Raises:
        ValueError: the two are not equally long, or one is silent.
    """
    if np.shape(speech) != np.shape(noise):
        raise ValueError(f"speech {np.shape(speech)} and noise {np.shape(noise)} differ in length")
    is_active = active_samples(speech)
    speech, noise = (np.asarray(each, dtype=np.float64) for each in (speech, noise))
    noise_rms = _rms(noise[is_active])
    if noise_rms == 0.0:
        raise ValueError("the noise is silent where there is speech")
    gain = _rms(speech[is_active]) / noise_rms * 10.0 ** (-snr_db / 20.0)
    return _within_full_scale(speech + gain * noise)


def white_noise(num_samples: int, generator: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise (N,) of power 1."""
    return generator.standard_normal(num_samples)


def babble(
    utterances: Sequence[np.ndarray], num_samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Return many talking at once (N,), each as loud as the others.

    Every utterance begins at a place drawn at random and is repeated as often as needed.

    Args:
        utterances: (N_i,) waveforms at 16 kHz, about six to understand none of them.
        num_samples: N.
        generator: of the places.

    Raises:
        ValueError: no utterances, or a silent one.
    """
    if not utterances:
        raise ValueError("babble needs at least one utterance")
    total = np.zeros(num_samples)
    for utterance in utterances:
        level = _rms(np.asarray(utterance, dtype=np.float64)[active_samples(utterance)])
        turned = np.roll(utterance, -int(generator.integers(len(utterance))))
        total += np.resize(turned, num_samples) / level
    return total


def room_response(rt60_s: float, generator: np.random.Generator) -> np.ndarray:
    """Return the response (R,) of an imagined room: direct sound, then decaying noise.

    The echo falls by 60 dB within RT60, where it is cut, and holds as much energy as the
    direct sound, which is 1 at sample 0. There are no single early reflections.

    Args:
        rt60_s: reverberation time in seconds.
        generator: of the noise.

    Raises:
        ValueError: RT60 is not above 1 ms.
    """
    if not rt60_s > 1.0e-3:
        raise ValueError(f"a reverberation time must be above 0.001 s, got {rt60_s}")
    times_s = np.arange(1, round(rt60_s * SAMPLE_RATE_HZ) + 1) / SAMPLE_RATE_HZ
    echo = generator.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / rt60_s)
    energy = 10.0 ** (-DIRECT_TO_REVERBERANT_DB / 10.0)
    return np.concatenate([[1.0], echo * np.sqrt(energy / np.square(echo).sum())])


def reverberate(speech: np.ndarray, rt60_s: float, generator: np.random.Generator) -> np.ndarray:
    """Return speech (N,) float32 in a room, as long and as loud as it was.

    The echo after the last sample is cut; the level over active speech is kept unless that
    exceeds full scale.

    Args:
        speech: (N,) at 16 kHz.
        rt60_s: see ``room_response``.
        generator: see ``room_response``.

    Raises:
        ValueError: the speech is silent, or RT60 is not above 1 ms.
    """
    from scipy.signal import fftconvolve

    is_active = active_samples(speech)
    speech = np.asarray(speech, dtype=np.float64)
    echoing = fftconvolve(speech, room_response(rt60_s, generator))[: len(speech)]
    gain = _rms(speech[is_active]) / _rms(echoing[is_active])
    return _within_full_scale(gain * echoing)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _within_full_scale(waveform: np.ndarray) -> np.ndarray:
    """Return the waveform as float32, made quieter if a sample would be clipped."""
    peak = float(np.abs(waveform).max())
    return (waveform * min(1.0, FULL_SCALE / peak)).astype(np.float32)
