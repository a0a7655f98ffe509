"""The figure of a conversion and its boxes."""

from collections.abc import Callable

import numpy as np
import pytest

from espnet2_ext.report.figures import conversion_figure, pitch_regions


@pytest.fixture
def source(make_pulses: Callable[..., np.ndarray]) -> np.ndarray:
    """Return one second at 150 Hz."""
    return make_pulses(150.0, 1.0)


@pytest.fixture
def converted(make_pulses: Callable[..., np.ndarray]) -> np.ndarray:
    """Return two seconds, the second of them 1.33 times as high: 5 semitones."""
    return np.concatenate([make_pulses(150.0, 1.0), make_pulses(200.0, 1.0)])


def test_a_region_is_where_pitch_differs_at_the_same_share_of_the_length(
    source: np.ndarray, converted: np.ndarray
) -> None:
    [(start, stop)] = pitch_regions(source, converted)
    assert start == pytest.approx(0.5, abs=0.03)
    assert stop == pytest.approx(1.0, abs=0.04)
    assert pitch_regions(source, source) == []
    assert pitch_regions(source, np.zeros(16000)) == []


def test_differences_below_three_semitones_or_too_short_are_not_framed(
    source: np.ndarray, make_pulses: Callable[..., np.ndarray]
) -> None:
    assert pitch_regions(source, make_pulses(170.0, 1.0)) == []  # 2.2 semitones
    blip = np.concatenate([make_pulses(150.0, 0.9), make_pulses(200.0, 0.1)])
    assert pitch_regions(source, blip) == []


def test_panels_are_padded_to_one_length_and_boxes_stretch_with_them(
    source: np.ndarray, converted: np.ndarray, make_pulses: Callable[..., np.ndarray]
) -> None:
    references = [make_pulses(200.0, 0.5), make_pulses(220.0, 0.7)]
    figure = conversion_figure(source, references, converted, title="t")
    rows = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left").split(" (")[0] for axes in rows] == [
        "source", "reference 1", "reference 2", "converted"
    ]  # fmt: skip
    assert {axes.get_xlim() for axes in rows} == {(0.0, 2.0)}
    assert [len(axes.patches) for axes in rows] == [1, 0, 0, 1]
    in_source, in_converted = rows[0].patches[0], rows[3].patches[0]
    assert in_converted.get_x() == pytest.approx(2 * in_source.get_x())
    assert in_converted.get_width() == pytest.approx(2 * in_source.get_width())


def test_boxes_can_be_left_out(source: np.ndarray, converted: np.ndarray) -> None:
    figure = conversion_figure(source, [source], converted, has_boxes=False)
    rows = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in rows][1] == (
        "reference (prosody only, other words)"
    )
    assert not any(axes.patches for axes in rows)
