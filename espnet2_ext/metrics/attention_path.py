"""Whether the attention read the units once, in order and to the end."""

from dataclasses import dataclass

import numpy as np

LOOP_UNITS = 3
"""Falling back by more units than this is a loop: something is said again."""


@dataclass(frozen=True)
class AttentionPath:
    """What the unit attended most, step by step, says about a conversion.

    Attributes:
        forward_share: share of steps, from the second on, that do not move back.
        consumed_share: furthest unit reached, 0 the first and 1 the last.
        looped: whether a step lies more than 3 units behind the furthest so far.
    """

    forward_share: float
    consumed_share: float
    looped: bool


def attention_path(attention: np.ndarray) -> AttentionPath:
    """Return the figures of an attention map.

    One step cannot move back (forward share 1), one unit is consumed at once.

    Args:
        attention: (S, U) weights; of equal ones the first counts.

    Raises:
        ValueError: no steps, no units, or values that are not finite.
    """
    attention = np.asarray(attention)
    if attention.ndim != 2 or 0 in attention.shape:
        raise ValueError(f"expected attention of shape (steps, units), got {attention.shape}")
    if not np.isfinite(attention).all():
        raise ValueError("the attention holds values that are not finite")
    positions = attention.argmax(axis=1)  # (S,)
    moves = np.diff(positions)
    furthest = np.maximum.accumulate(positions)
    last_unit = attention.shape[1] - 1
    return AttentionPath(
        forward_share=float((moves >= 0).mean()) if len(moves) else 1.0,
        consumed_share=float(furthest[-1] / last_unit) if last_unit else 1.0,
        looped=bool((furthest - positions > LOOP_UNITS).any()),
    )
