"""The figure of similarity."""

from pathlib import Path

import numpy as np
import pytest

from espnet2_ext.listening.scores import SystemScore
from espnet2_ext.report.figures import save_figure, similarity_figure

SCORES = [
    SystemScore("zero effort", "", -1.0, -1.5, -0.5, np.array([2, 2, 2, 0, 0])),
    SystemScore("zero effort", "sad", -1.5, -2.0, -1.0, np.array([2, 2, 0, 0, 0])),
    SystemScore("ours", "sad", 1.25, 1.0, 2.0, np.array([0, 0, 0, 3, 1])),
    SystemScore("zero effort", "angry", 0.0, 0.0, 0.0, np.array([0, 0, 2, 0, 0])),
]


def test_bars_are_means_and_shares(tmp_path: Path) -> None:
    figure = similarity_figure(SCORES, "a title")
    angry, sad, angry_shares, sad_shares = figure.axes
    assert (angry.get_title(), sad.get_title()) == ("angry", "sad")
    assert [bar.get_height() for bar in sad.patches] == [-1.5, 1.25]
    intervals = [segment[:, 1].tolist() for segment in sad.collections[0].get_segments()]
    assert intervals == [[-2.0, -1.0], [1.0, 2.0]]
    # Answer by answer, over both systems.
    heights = np.array([bar.get_height() for bar in sad_shares.patches]).reshape(5, 2)
    np.testing.assert_allclose(heights[:, 0], [0.5, 0.5, 0, 0, 0])
    np.testing.assert_allclose(heights[:, 1], [0, 0, 0, 0.75, 0.25])
    bottoms = np.array([bar.get_y() for bar in sad_shares.patches]).reshape(5, 2)
    np.testing.assert_allclose(bottoms[:, 1], [0, 0, 0, 0, 0.75])
    assert [label.get_text() for label in sad_shares.get_xticklabels()] == ["zero effort", "ours"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["-2", "-1", "0", "+1", "+2"]
    assert figure.get_suptitle() == "a title"
    save_figure(figure, tmp_path / "similarity.png")
    assert (tmp_path / "similarity.png").stat().st_size > 0
    assert len(angry_shares.patches) == 5


def test_refuses_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="a title: no score of a single emotion"):
        similarity_figure(SCORES[:1], "a title")
