"""Vectors as points of a plane."""

from pathlib import Path

import numpy as np
import pytest

from espnet2_ext.report.figures import Projection, project, save_figure, vector_figure

VECTORS = np.random.default_rng(0).normal(size=(12, 5))


def test_pca_finds_the_direction_that_varies() -> None:
    # Dimensions weigh the same, so what two of them share is the first component.
    shared = np.linspace(-1, 1, 12)
    vectors = np.stack([shared, 100 * shared, VECTORS[:, 0]], axis=1)
    projection = project(vectors)
    assert abs(np.corrcoef(projection.points[:, 0], shared)[0, 1]) > 0.9
    assert projection.points.shape == (12, 2)
    assert projection.axes[0].startswith("component 1 (") and projection.axes[0].endswith(" %)")
    np.testing.assert_array_equal(project(vectors).points, projection.points)


def test_constant_vectors_fall_on_one_point() -> None:
    projection = project(np.ones((4, 3)))
    np.testing.assert_allclose(projection.points, 0.0, atol=1e-12)
    assert projection.axes == ("component 1 (0 %)", "component 2 (0 %)")


def test_tsne_repeats_for_a_seed() -> None:
    projection = project(VECTORS, "tsne", seed=1)
    assert projection.points.shape == (12, 2)
    assert projection.axes == ("t-SNE 1", "t-SNE 2")
    np.testing.assert_array_equal(project(VECTORS, "tsne", seed=1).points, projection.points)


@pytest.mark.parametrize("shape", [(2, 5), (5, 1), (5,)])
def test_refuses_what_gives_no_plane(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="three vectors of two dimensions"):
        project(np.ones(shape))


def test_refuses_another_method() -> None:
    with pytest.raises(ValueError, match="projection 'umap': expected one of pca, tsne"):
        project(VECTORS, "umap")


def test_a_panel_for_each_kind_and_colouring(tmp_path: Path) -> None:
    projection = project(VECTORS)
    emotions = ["sad", "happy"] * 6
    speakers = [f"s{number}" for number in range(12)]
    figure = vector_figure(
        {"prosody vector": projection, "untrained encoder": projection},
        {"emotion": emotions, "speaker": speakers},
        "a title",
    )
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "prosody vector, by emotion",
        "prosody vector, by speaker",
        "untrained encoder, by emotion",
        "untrained encoder, by speaker",
    ]
    by_emotion = figure.axes[0]
    points = {c.get_label(): np.asarray(c.get_offsets()) for c in by_emotion.collections}
    np.testing.assert_allclose(points["sad"], projection.points[::2])
    np.testing.assert_allclose(points["happy"], projection.points[1::2])
    legend = by_emotion.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["happy", "sad"]
    assert len(figure.axes[1].collections) == 12
    save_figure(figure, tmp_path / "vectors.png")
    assert (tmp_path / "vectors.png").stat().st_size > 0


def test_many_speakers_have_no_legend() -> None:
    points = Projection(np.zeros((30, 2)), ("x", "y"))
    labels = [f"s{number}" for number in range(30)]
    axes = vector_figure({"a": points}, {"speaker": labels}, "").axes[0]
    assert axes.get_legend() is None
    colours = {tuple(c.get_facecolor()[0]) for c in axes.collections}
    assert len(colours) == 30


def test_refuses_nothing_and_labels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="title: a figure needs vectors"):
        vector_figure({}, {"emotion": []}, "title")
    with pytest.raises(ValueError, match="title: 3 labels of emotion for 12 points"):
        vector_figure({"a": project(VECTORS)}, {"emotion": ["sad"] * 3}, "title")
