"""The figure of confusions."""

from pathlib import Path

import numpy as np
import pytest

from espnet2_ext.report.figures import confusion_figure, save_figure

CONFUSION = np.array([[3, 1, 0], [2, 2, 0], [0, 0, 0]])


def test_rows_are_shares_of_the_reference_with_counts_beneath(tmp_path: Path) -> None:
    figure = confusion_figure(CONFUSION, ["angry", "happy", "sad"], "a title")
    axes = figure.axes[0]
    np.testing.assert_allclose(
        axes.images[0].get_array(), [[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 0]]
    )
    texts = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    # Places are (column, row).
    assert texts[0, 0] == "75 %\n3"
    assert texts[1, 0] == "25 %\n1"
    assert texts[0, 1] == "50 %\n2"
    assert texts[2, 2] == "0 %\n0"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["angry", "happy", "sad"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["angry", "happy", "sad"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("reference emotion", "recognised emotion")
    assert axes.get_title() == "a title"
    save_figure(figure, tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").stat().st_size > 0


def test_letters_are_light_on_dark_only() -> None:
    axes = confusion_figure(CONFUSION, ["angry", "happy", "sad"], "").axes[0]
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert (colours["75 %\n3"], colours["25 %\n1"]) == ("white", "black")


@pytest.mark.parametrize("shape", [(2, 3), (3, 3)])
def test_refuses_a_matrix_of_other_classes(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="title: confusions .* of 2 classes"):
        confusion_figure(np.ones(shape), ["angry", "sad"], "title")
