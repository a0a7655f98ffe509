"""Duration and relative errors."""

import numpy as np
import pytest

from espnet2_ext.metrics.prosody import duration_s, percent_error


def test_counts_all_samples() -> None:
    assert duration_s(np.zeros(24000)) == 1.5
    assert duration_s(np.zeros(24000), 24000) == 1.0


def test_error_is_relative_to_the_truth() -> None:
    assert percent_error(3.0, 4.0) == 25.0
    assert percent_error(5.0, 4.0) == 25.0
    assert percent_error(0.0, 4.0) == 100.0


@pytest.mark.parametrize("true_value", [0.0, -1.0])
def test_refuses_a_truth_that_is_not_above_zero(true_value: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        percent_error(1.0, true_value)
