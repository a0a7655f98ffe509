"""Arithmetic on prosody vectors."""

import numpy as np
import pytest

from espnet2_ext.conversion.converter import (
    average_prosody,
    interpolate_prosody,
    scale_intensity,
    weighted_prosody,
)

START, END = np.array([1.0, -2.0], np.float32), np.array([3.0, 0.1], np.float32)


def test_golden_values() -> None:
    np.testing.assert_allclose(average_prosody([START, END, START]), [5 / 3, -1.3], rtol=1e-6)
    np.testing.assert_allclose(interpolate_prosody(START, END, 0.25), [1.5, -1.475], rtol=1e-6)
    np.testing.assert_allclose(scale_intensity(START, END, 2.0), [5.0, 2.2], rtol=1e-6)
    np.testing.assert_allclose(scale_intensity(START, END, -1.0), [-1.0, -4.1], rtol=1e-6)


def test_ends_are_the_vectors_to_the_bit_and_results_are_single_precision() -> None:
    for mix in (interpolate_prosody, scale_intensity):
        assert mix(START, END, 0.0).tobytes() == START.tobytes()
        assert mix(START, END, 1.0).tobytes() == END.tobytes()
    assert average_prosody([END]).tobytes() == END.tobytes()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="must lie in 0 to 1; scale_intensity"):
        interpolate_prosody(START, END, share)


def test_refuses_what_cannot_be_mixed() -> None:
    with pytest.raises(ValueError, match="no prosody vectors"):
        average_prosody([])
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\) cannot be mixed"):
        average_prosody([START, np.zeros(3)])
    with pytest.raises(ValueError, match="one-dimensional"):
        scale_intensity(np.zeros((1, 2)), np.zeros((1, 2)), 0.5)
    for intensity in (50.0, -3.1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"intensity {intensity:g}: must lie in -3 to 3"):
            scale_intensity(START, END, intensity)


def test_weights_give_the_average_and_the_intensity() -> None:
    average = weighted_prosody([START, END, START], [1 / 3] * 3)
    np.testing.assert_allclose(average, average_prosody([START, END, START]), rtol=1e-6)
    scaled = weighted_prosody([START, END], [-0.5, 1.5])
    np.testing.assert_array_equal(scaled, scale_intensity(START, END, 1.5))
    assert scaled.dtype == np.float32


@pytest.mark.parametrize(
    ("vectors", "weights", "said"),
    [
        ([], [], "0 prosody vectors, 0 weights: give as many"),
        ([START], [0.5, 0.5], "1 prosody vectors, 2 weights"),
        ([START], [float("nan")], "must be finite"),
        ([START, np.ones(3)], [0.5, 0.5], "cannot be mixed"),
    ],
)
def test_weights_that_do_not_fit_are_refused(vectors, weights, said) -> None:
    with pytest.raises(ValueError, match=said):
        weighted_prosody(vectors, weights)
