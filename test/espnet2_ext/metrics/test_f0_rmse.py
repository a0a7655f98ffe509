"""Errors of F0 by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.metrics.pitch import (
    f0_rmse_all_frames_hz,
    f0_rmse_voiced_hz,
    log_f0_rmse,
    pair_frame_by_frame,
)

F0 = np.array([0.0, 100.0, 120.0, 0.0])
TARGET = np.array([0.0, 103.0, 0.0, 50.0])


def test_all_frames_count_unvoiced_ones_as_zero() -> None:
    # 0, 3, 120 and 50: (9 + 14400 + 2500) / 4.
    assert f0_rmse_all_frames_hz(F0, TARGET) == pytest.approx(np.sqrt(16909.0 / 4.0))


LONGER = np.array([0.0, 103.0, 0.0, 50.0, 0.0, 80.0])


@pytest.mark.parametrize("is_swapped", [False, True])
def test_unequal_lengths_frame_by_frame(is_swapped: bool) -> None:
    pair = (LONGER, F0) if is_swapped else (F0, LONGER)
    cut = pair_frame_by_frame(*pair)
    assert [len(f0_hz) for f0_hz in cut] == [4, 4]
    assert f0_rmse_all_frames_hz(*cut) == pytest.approx(np.sqrt(16909.0 / 4.0))
    padded = pair_frame_by_frame(*pair, end="longer")
    assert [len(f0_hz) for f0_hz in padded] == [6, 6]
    # Two more frames: 0 and 80 against what is unvoiced because it has ended.
    assert f0_rmse_all_frames_hz(*padded) == pytest.approx(np.sqrt((16909.0 + 6400.0) / 6.0))


def test_equal_lengths_are_left_as_they_are() -> None:
    for end in ("shorter", "longer"):
        pair = pair_frame_by_frame(F0, TARGET, end)
        assert np.array_equal(pair, (F0, TARGET))


def test_voiced_frames_are_those_voiced_in_both() -> None:
    assert f0_rmse_voiced_hz(F0, TARGET) == pytest.approx(3.0)
    assert f0_rmse_voiced_hz(np.array([100.0, 104.0]), np.array([97.0, 100.0])) == pytest.approx(
        np.sqrt(12.5)
    )


def test_logarithm_is_natural() -> None:
    assert log_f0_rmse(F0, TARGET) == pytest.approx(np.log(1.03))
    octave = log_f0_rmse(np.array([200.0, 50.0]), np.array([100.0, 100.0]))
    assert octave == pytest.approx(np.log(2.0))


def test_not_being_voiced_is_not_rewarded() -> None:
    silent = np.zeros(4)
    assert f0_rmse_voiced_hz(silent, TARGET) == pytest.approx(np.sqrt((103**2 + 50**2) / 2))
    assert log_f0_rmse(silent, TARGET) == pytest.approx(np.log(500 / 60))


def test_a_target_without_voice_has_no_error_of_pitch() -> None:
    assert f0_rmse_voiced_hz(F0, np.zeros(4)) is None
    assert log_f0_rmse(F0, np.zeros(4)) is None


@pytest.mark.parametrize("metric", [f0_rmse_all_frames_hz, f0_rmse_voiced_hz, log_f0_rmse])
@pytest.mark.parametrize("sizes", [(3, 4), (0, 0)])
def test_refuses_frames_that_are_not_in_pairs(
    metric: Callable[..., float | None], sizes: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="frames in pairs"):
        metric(np.ones(sizes[0]), np.ones(sizes[1]))
