"""The figure of attention."""

import numpy as np

from espnet2_ext.training.attention_figure import attention_figure


def test_units_go_upwards_and_steps_to_the_right() -> None:
    weights = np.random.default_rng(0).random((7, 4))
    figure = attention_figure(weights, "title", true_units=np.arange(7) // 2)
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), weights.T)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0, 0, 1, 1, 2, 2, 3])
    assert (axes.get_xlabel(), axes.get_title()) == ("decoder step", "title")
