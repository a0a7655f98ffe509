"""Confidence intervals without assumptions on the distribution."""

from collections.abc import Sequence

import numpy as np


def bootstrap_interval(
    values: Sequence[float] | np.ndarray,
    *,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval (low, high) of the mean.

    Values are drawn as if independent; utterances of one voice are not quite, so the
    interval over few voices is rather too narrow.

    Args:
        values: (n,), one an utterance.
        confidence: mass inside the interval.
        num_resamples: samples of n drawn with replacement.
        seed: the same values and seed give the same interval.

    Raises:
        ValueError: no values, values that are not finite, or a confidence outside (0, 1).
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"an interval needs finite values, got {values.tolist()[:5]}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(values), size=(num_resamples, len(values)))
    low, high = np.quantile(
        values[drawn].mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2]
    )
    return float(low), float(high)
