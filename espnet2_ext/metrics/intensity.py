"""Whether speech follows an intensity: pitch, level and length step by step along the scale.

A scale is worth its name if a larger intensity moves the prosody further towards the
target emotion's. Which way that is, the true target says, against the source: angry and
happy speech is mostly higher and sad speech lower, but not in every voice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Trend:
    """How one measure of one pair goes along its scale.

    Attributes:
        correlation: Spearman's, of intensity and measure, positive where the measure goes
            the target's way; 0 where it does not move.
        right_steps: share of the steps that go the target's way.
    """

    correlation: float
    right_steps: float


def trend(values: Mapping[float, float], source: float, target: float) -> Trend:
    """Return how a measure goes with the intensity.

    Args:
        values: measure by intensity.
        source: measure of the source.
        target: of the true target.

    Raises:
        ValueError: fewer than two intensities, or a value is not finite.
    """
    if len(values) < 2:
        raise ValueError(f"a scale of {len(values)} intensities has no steps; give two or more")
    intensities = sorted(values)
    measures = np.array([values[a] for a in intensities], dtype=np.float64)
    if not np.isfinite([*measures, source, target]).all():
        raise ValueError("a trend needs finite values; count what has none as 0")
    direction = 1.0 if target >= source else -1.0
    steps = direction * np.diff(measures)
    return Trend(
        correlation=direction * spearman(intensities, measures),
        right_steps=float((steps > 0.0).mean()),
    )


def spearman(values: Sequence[float], others: Sequence[float] | np.ndarray) -> float:
    """Return Spearman's rank correlation; 0 where either does not vary."""
    from scipy.stats import spearmanr

    if np.ptp(values) == 0.0 or np.ptp(others) == 0.0:
        return 0.0
    return float(spearmanr(values, others).statistic)
