"""Mel-cepstra straight from frames of a waveform, by the analysis of SPTK."""

import numpy as np

from espnet2_ext.metrics.mel_cepstrum import mel_cepstrum, warped_frequencies

MIN_STEPS = 2
MAX_STEPS = 30
THRESHOLD = 1.0e-3
"""Relative change of the residual's power at which a frame is done; SPTK's defaults."""


def analyse_mel_cepstra(
    frames: np.ndarray, order: int, alpha: float, *, floor: float = 1.0e-6
) -> np.ndarray:
    """Return the mel-cepstra (T, order + 1) of windowed frames, c0 first.

    A periodogram is rough, and the cepstrum of its logarithm follows its dips; this
    analysis finds the envelope D = exp(sum of c[m] cos(m w')) for which the mean of
    periodogram / D^2 + ln D^2 is least (unbiased estimation of the log spectrum), by
    Newton's method. The same as ``mcep`` of SPTK with ``etype=1``; all frames at once.

    Source: Tokuda, Kobayashi, Chiba & Imai (1994), "Mel-generalized cepstral analysis",
        for gamma = 0; SPTK's steps, starting point and stopping rule.

    Args:
        frames: (T, N) windowed samples, N even.
        order: of the highest coefficient.
        alpha: of the all-pass.
        floor: added to the periodogram, so that silence has a logarithm.

    Raises:
        ValueError: frames of another shape, or values that are not finite.
    """
    frames = np.asarray(frames, dtype=np.float64)
    if frames.ndim != 2 or 0 in frames.shape or frames.shape[1] % 2:
        raise ValueError(f"expected frames of shape (frames, even length), got {frames.shape}")
    if not np.isfinite(frames).all():
        raise ValueError("the frames hold values that are not finite")
    periodogram = np.square(np.abs(np.fft.rfft(frames, axis=1))) + floor  # (T, bins)
    num_bins = periodogram.shape[1]
    cosines = np.cos(np.outer(warped_frequencies(num_bins, alpha), np.arange(2 * order + 1)))
    weights = np.full(num_bins, 2.0 / frames.shape[1])
    weights[[0, -1]] *= 0.5  # Every other bin stands for its mirror image too.
    orders = np.arange(order + 1)
    flat = (-alpha) ** orders  # (order + 1,) the mean of cos(m w') over w.
    toeplitz, hankel = np.abs(orders[:, None] - orders), orders[:, None] + orders

    cepstra = mel_cepstrum(periodogram, order, alpha)
    residual = 0.5 * (np.log(periodogram) @ weights)  # (T,) SPTK compares the first with it.
    active = np.arange(len(frames))
    for step in range(1, MAX_STEPS + 1):
        log_envelope = cepstra[active] @ cosines[:, : order + 1].T
        whitened = periodogram[active] * np.exp(-2.0 * log_envelope)
        moments = (whitened * weights) @ cosines  # (active, 2 order + 1)
        if step >= MIN_STEPS:
            change = np.abs((moments[:, 0] - residual[active]) / moments[:, 0])
            residual[active] = moments[:, 0]
            moments, active = moments[change >= THRESHOLD], active[change >= THRESHOLD]
        if len(active) == 0:
            break
        slope = moments[:, : order + 1] - flat
        curvature = moments[:, toeplitz] + moments[:, hankel]
        cepstra[active] += np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
    return cepstra
