"""Mel-cepstra of spectra whose mel-cepstra are known."""

import numpy as np
import pytest

from espnet2_ext.metrics.spectrum import mel_cepstrum, warped_frequencies

NUM_BINS = 513


def test_finds_the_coefficients_a_spectrum_was_made_of() -> None:
    """Of ln |X| = sum of c[m] cos(m w'), by the formula of the all-pass and no recursion."""
    alpha = 0.41
    truth = np.array([[1.0, -0.5, 0.25, 0.0, 0.1], [-3.0, 0.2, 0.0, 0.7, -0.3]])
    bins = np.linspace(0.0, np.pi, NUM_BINS)
    unit = np.exp(-1j * bins)
    warped = -np.angle((unit - alpha) / (1.0 - alpha * unit))
    log_magnitude = truth @ np.cos(np.outer(np.arange(5), warped))
    found = mel_cepstrum(np.exp(2.0 * log_magnitude), 6, alpha)
    assert found[:, :5] == pytest.approx(truth, abs=1.0e-9)
    assert found[:, 5:] == pytest.approx(0.0, abs=1.0e-9)


def test_without_bending_is_the_cepstrum() -> None:
    power = np.exp(2.0 * (0.5 + 0.3 * np.cos(2.0 * np.linspace(0.0, np.pi, NUM_BINS))))
    assert mel_cepstrum(power[None], 3, 0.0)[0] == pytest.approx([0.5, 0.0, 0.3, 0.0], abs=1e-12)


def test_louder_changes_the_first_coefficient_only() -> None:
    power = np.random.default_rng(0).uniform(0.5, 2.0, (1, NUM_BINS))
    change = mel_cepstrum(100.0 * power, 4, 0.41) - mel_cepstrum(power, 4, 0.41)
    assert change[0] == pytest.approx([np.log(10.0), 0.0, 0.0, 0.0, 0.0], abs=1.0e-9)


def test_agrees_with_pysptk() -> None:
    """The numbers are sp2mc(power, 4, 0.41) of pysptk 1.0.1."""
    bins = np.linspace(0.0, np.pi, NUM_BINS)
    power = 1.5 + np.cos(bins) + 0.4 * np.cos(3.0 * bins)
    expected = [0.264238331, 0.340392518, -0.12337771, 0.112619622, -0.124765544]
    assert mel_cepstrum(power[None], 4, 0.41)[0] == pytest.approx(expected, abs=1.0e-8)


def test_bends_low_frequencies_apart() -> None:
    warped = warped_frequencies(5, 0.41)
    assert warped[[0, -1]] == pytest.approx([0.0, np.pi])
    # Half the band: tan(w'/2) = (1 + alpha) / (1 - alpha) x tan(pi/4).
    assert warped[2] == pytest.approx(2.0 * np.arctan(1.41 / 0.59))
    assert (np.diff(warped) > 0.0).all()


@pytest.mark.parametrize("power", [np.ones(5), np.ones((2, 1))])
def test_refuses_another_shape(power: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected power spectra of shape"):
        mel_cepstrum(power, 4, 0.41)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_refuses_power_without_a_logarithm(value: float) -> None:
    with pytest.raises(ValueError, match="power above 0"):
        mel_cepstrum(np.array([[1.0, value, 1.0]]), 2, 0.41)
