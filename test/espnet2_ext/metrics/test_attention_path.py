"""Attention paths by hand."""

import numpy as np
import pytest

from espnet2_ext.metrics.content import attention_path


def attend(positions: list[int], num_units: int) -> np.ndarray:
    """Return attention (S, U) that looks mostly at the given units."""
    return 0.9 * np.eye(num_units)[positions] + 0.1 / num_units


@pytest.mark.parametrize(
    ("positions", "num_units", "forward", "consumed", "looped"),
    [
        ([0, 1, 1, 2, 4], 5, 1.0, 1.0, False),
        ([0, 1, 0, 1, 2], 5, 0.75, 0.5, False),  # One of four moves goes back.
        ([0, 3, 0], 5, 0.5, 0.75, False),  # Three units back: no loop yet.
        ([0, 4, 0], 5, 0.5, 1.0, True),
        ([5, 4, 3, 2, 1], 6, 0.0, 1.0, True),  # Slowly, but four behind the furthest.
        ([0, 0, 0], 5, 1.0, 0.0, False),
        ([0], 1, 1.0, 1.0, False),
        ([2], 5, 1.0, 0.5, False),
    ],
)
def test_golden(
    positions: list[int], num_units: int, forward: float, consumed: float, looped: bool
) -> None:
    path = attention_path(attend(positions, num_units))
    assert (path.forward_share, path.consumed_share, path.looped) == (forward, consumed, looped)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,), (1, 3, 3)])
def test_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(steps, units\)"):
        attention_path(np.zeros(shape))


def test_refuses_what_is_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        attention_path(np.full((2, 2), np.nan))
