"""Mel-cepstra of smooth power spectra, such as the envelopes of WORLD."""

from functools import cache

import numpy as np


def mel_cepstrum(power: np.ndarray, order: int, alpha: float) -> np.ndarray:
    """Return the mel-cepstrum (T, order + 1) of power spectra, c0 first.

    The cepstrum of the minimum-phase spectrum |X|, its frequency axis bent by an all-pass
    of the first order: ln |X(w)| is about the sum of c[m] cos(m w'), where
    w' = w + 2 arctan(alpha sin w / (1 - alpha cos w)). Exact but for the coefficients
    beyond the order, and linear in ln(power), so all frames are one product.
    The same as ``sp2mc`` of SPTK's Python bindings.

    Args:
        power: (T, bins) power at 0, ..., half the sampling rate, above 0.
        order: of the highest coefficient.
        alpha: of the all-pass; 0.41 bends 16 kHz to about the mel scale.

    Raises:
        ValueError: another shape, or values that are not finite and above 0.
    """
    power = np.asarray(power, dtype=np.float64)
    if power.ndim != 2 or power.shape[1] < 2:
        raise ValueError(f"expected power spectra of shape (frames, bins), got {power.shape}")
    if not np.isfinite(power).all() or not (power > 0.0).all():
        raise ValueError("a mel-cepstrum needs power above 0 at every frequency")
    return np.log(power) @ _analysis_matrix(power.shape[1], order, alpha)


def warped_frequencies(num_bins: int, alpha: float) -> np.ndarray:
    """Return where the all-pass puts the bins (num_bins,) of a spectrum, in [0, pi]."""
    frequencies = np.linspace(0.0, np.pi, num_bins)
    shift = np.arctan2(alpha * np.sin(frequencies), 1.0 - alpha * np.cos(frequencies))
    return frequencies + 2.0 * shift


@cache
def _analysis_matrix(num_bins: int, order: int, alpha: float) -> np.ndarray:
    """Return (num_bins, order + 1): from the logarithm of power to the mel-cepstrum."""
    # Of ln |X|^2 the inverse transform is already twice that of ln |X|, which is what a
    # minimum-phase cepstrum has behind its first value; that one is halved.
    cepstra = np.fft.irfft(np.eye(num_bins), axis=1)[:, :num_bins]
    cepstra[:, 0] *= 0.5
    return cepstra @ _warping_matrix(num_bins, order, alpha)


def _warping_matrix(num_coefficients: int, order: int, alpha: float) -> np.ndarray:
    """Return (num_coefficients, order + 1): row n is z^-n as a series in the warped z^-1.

    z^-1 = (v + alpha) / (1 + alpha v) with v the warped z^-1, and each further power is a
    product with that series. Being causal, products of truncated series are exact.
    """
    lags = np.arange(order)
    series = np.concatenate([[alpha], (1.0 - alpha**2) * (-alpha) ** lags])  # (order + 1,)
    product = np.zeros((order + 1, order + 1))  # x @ product is x times the series.
    for lag in range(order + 1):
        product[lag, lag:] = series[: order + 1 - lag]
    rows = np.zeros((num_coefficients, order + 1))
    rows[0, 0] = 1.0
    for power in range(1, num_coefficients):
        rows[power] = rows[power - 1] @ product
    return rows
