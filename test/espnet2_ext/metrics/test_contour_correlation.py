import numpy as np
import pytest

from espnet2_ext.metrics.pitch import F0Contour, contour_correlation


def contour(semitones: np.ndarray, base_hz: float = 100.0, step_s: float = 0.005) -> F0Contour:
    return F0Contour(step_s * np.arange(len(semitones)), base_hz * 2 ** (semitones / 12))


RISE = np.linspace(0.0, 6.0, 100)
ARCH = 6 * np.sin(np.linspace(0.0, np.pi, 100))


def test_pitch_range_and_length_do_not_matter():
    stretched = contour(3 * np.interp(np.linspace(0, 99, 250), np.arange(100), ARCH), 220.0)
    assert contour_correlation(contour(ARCH), stretched) == pytest.approx(1.0, abs=1e-3)
    assert contour_correlation(contour(RISE), contour(-RISE)) == pytest.approx(-1.0, abs=1e-6)


def test_a_line_and_a_symmetric_arch_have_nothing_in_common():
    assert contour_correlation(contour(RISE), contour(ARCH)) == pytest.approx(0.0, abs=1e-2)


def test_agrees_with_numpy_where_nothing_is_stretched():
    """Waves slower than the smoothing; their ends alone differ."""
    time = np.linspace(0.0, 1.0, 200)
    one, other = np.sin(7 * time), np.cos(5 * time) + time
    expected = np.corrcoef(one, other)[0, 1]
    found = contour_correlation(contour(one), contour(other))
    assert found == pytest.approx(expected, abs=0.01)


def test_errors_of_the_tracker_do_not_count():
    wrong = contour(RISE).f0_hz.copy()
    wrong[20:30] *= 2.5
    wrong[50:53] *= 1.4
    broken = F0Contour(0.005 * np.arange(100), wrong)
    assert contour_correlation(broken, contour(RISE)) == pytest.approx(1.0, abs=1e-3)
    assert np.corrcoef(np.log(wrong), RISE)[0, 1] < 0.7


def test_silence_around_and_gaps_within_are_bridged():
    f0_hz = contour(RISE).f0_hz.copy()
    f0_hz[40:60] = 0.0
    padded = np.concatenate([np.zeros(30), f0_hz, np.zeros(50)])
    gappy = F0Contour(0.005 * np.arange(len(padded)), padded)
    assert contour_correlation(gappy, contour(RISE)) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    "f0_hz", [np.zeros(50), np.full(50, 120.0), np.zeros(0), np.array([100.0, 400.0])]
)
def test_what_has_no_shape_correlates_with_nothing(f0_hz: np.ndarray):
    flat = F0Contour(0.005 * np.arange(len(f0_hz)), f0_hz)
    assert contour_correlation(flat, contour(RISE)) == 0.0
    assert contour_correlation(contour(RISE), flat) == 0.0
