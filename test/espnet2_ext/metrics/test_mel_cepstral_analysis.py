"""SPTK's analysis: its optimum, and its numbers."""

import numpy as np
import pytest
from scipy.optimize import minimize

from espnet2_ext.metrics.spectrum import analyse_mel_cepstra


def make_frames() -> np.ndarray:
    """Return two windowed frames of 64 samples: two tones, and noise by a formula."""
    samples = np.arange(64)
    tones = 1000.0 * np.sin(0.3 * samples) + 200.0 * np.cos(1.1 * samples)
    noise = 500.0 * np.sin(samples**2 + 1.0)
    return np.stack([tones, noise]) * np.hamming(64)


def objective(cepstrum: np.ndarray, frame: np.ndarray, alpha: float) -> float:
    """Return the criterion on the whole circle, by the formula of the all-pass."""
    unit = np.exp(-2j * np.pi * np.arange(64) / 64)
    allpass = (unit - alpha) / (1.0 - alpha * unit)
    log_power = 2.0 * np.real(np.polyval(cepstrum[::-1], allpass))
    periodogram = np.abs(np.fft.fft(frame)) ** 2 + 1.0e-6
    return float(np.mean(periodogram * np.exp(-log_power) + log_power))


def test_finds_the_minimum() -> None:
    frames = make_frames()
    for frame, found in zip(frames, analyse_mel_cepstra(frames, 4, 0.42), strict=True):
        best = minimize(objective, found, args=(frame, 0.42), method="BFGS")
        # It stops when the power of the residual changes by less than 0.1 %.
        assert objective(found, frame, 0.42) - best.fun < 1.0e-5
        worse = objective(found + 0.05, frame, 0.42)
        assert worse > objective(found, frame, 0.42) + 1.0e-3


def test_agrees_with_pysptk() -> None:
    """The numbers are mcep(frame, 4, 0.42, eps=1e-6, etype=1) of pysptk 1.0.1."""
    expected = [
        [7.090061802, 3.224339792, -1.597334033, 0.215065098, 0.233059573],
        [7.528255406, 0.140327805, -0.194706073, 0.042683836, 0.078931672],
    ]
    found = analyse_mel_cepstra(make_frames(), 4, 0.42)
    # They differ in the quefrencies beyond half a frame, which SPTK cuts off.
    assert found == pytest.approx(np.array(expected), abs=1.0e-6)


def test_a_frame_does_not_depend_on_its_neighbours() -> None:
    """One that is done stops, while others go on."""
    frames = make_frames()
    together = analyse_mel_cepstra(frames, 4, 0.42)
    alone = np.vstack([analyse_mel_cepstra(frame[None], 4, 0.42) for frame in frames])
    assert together == pytest.approx(alone, abs=1.0e-12)


def test_louder_changes_the_first_coefficient_only() -> None:
    frames = make_frames()
    change = analyse_mel_cepstra(10.0 * frames, 4, 0.42) - analyse_mel_cepstra(frames, 4, 0.42)
    assert change[:, 0] == pytest.approx(np.log(10.0), abs=1.0e-6)
    assert change[:, 1:] == pytest.approx(0.0, abs=1.0e-6)


def test_silence_is_flat_at_the_floor() -> None:
    cepstra = analyse_mel_cepstra(np.zeros((1, 64)), 4, 0.42)
    assert cepstra[0] == pytest.approx([0.5 * np.log(1.0e-6), 0.0, 0.0, 0.0, 0.0], abs=1.0e-6)


@pytest.mark.parametrize("frames", [np.ones(64), np.ones((0, 64)), np.ones((2, 63))])
def test_refuses_another_shape(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected frames of shape"):
        analyse_mel_cepstra(frames, 4, 0.42)


def test_refuses_values_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        analyse_mel_cepstra(np.full((1, 64), np.nan), 4, 0.42)
