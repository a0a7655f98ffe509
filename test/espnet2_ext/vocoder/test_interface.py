"""What a vocoder accepts."""

import numpy as np
import pytest

from espnet2_ext.vocoder.mel import check_mel


def test_returns_float32() -> None:
    assert check_mel(np.zeros((3, 80))).dtype == np.float32


@pytest.mark.parametrize("shape", [(80, 3), (0, 80), (80,), (1, 3, 80)])
def test_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(frames, 80\)"):
        check_mel(np.zeros(shape))


def test_refuses_what_is_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        check_mel(np.full((2, 80), np.nan))
