"""Figures of the result pages."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from espnet2_ext.listening.scores import SystemScore
from espnet2_ext.metrics.pitch import F0Contour
from espnet2_ext.report.figures import (
    Projection,
    confusion_figure,
    conversion_figure,
    mel_figure,
    pitch_regions,
    project,
    read_curves,
    save_figure,
    similarity_figure,
    training_figure,
    vector_figure,
)

Pulses = Callable[..., np.ndarray]


def test_a_saved_figure_has_the_same_bytes_again_and_a_failed_one_leaves_nothing(
    tmp_path: Path,
) -> None:
    for name in ("a.png", "b.png"):
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([1, 2])
        save_figure(figure, tmp_path / "new" / name, dpi=50)
    assert (tmp_path / "new/a.png").read_bytes() == (tmp_path / "new/b.png").read_bytes()
    with pytest.raises(ValueError, match="nosuchformat"):
        save_figure(Figure(), tmp_path / "new/c.nosuchformat")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.png", "b.png"]


def test_mel_panels_share_time_colour_and_f0(make_pulses: Pulses) -> None:
    panels = {
        "source": make_pulses(150.0, 1.0),
        "converted": make_pulses(300.0, 0.5, amplitude=0.1),
        "silence": np.zeros(4000, dtype=np.float32),
    }
    figure = mel_figure(panels, "a sentence")
    mels = [axes for axes in figure.axes if axes.images]
    pitches = [axes for axes in figure.axes if axes.lines]
    assert len(mels) == len(pitches) == 3
    assert {axes.get_xlim() for axes in mels} == {(0.0, 1.0)}
    assert len({axes.images[0].get_clim() for axes in mels}) == 1
    assert len({axes.get_ylim() for axes in pitches}) == 1
    assert [axes.get_title(loc="left") for axes in mels] == list(panels)
    assert [axes.get_title(loc="right") for axes in mels] == [
        "1.00 s, mean F0 150 Hz", "0.50 s, mean F0 300 Hz", "0.25 s, nothing voiced"
    ]  # fmt: skip
    assert np.nanmean(pitches[1].lines[0].get_ydata()) == pytest.approx(300.0, rel=0.01)
    # 0.5 s are 32 frames of 16 ms, the first centred on 0.
    assert mels[1].images[0].get_extent()[:2] == pytest.approx([-0.008, 31.5 * 0.016])


def test_regions_are_where_pitch_differs_by_three_semitones(make_pulses: Pulses) -> None:
    source = make_pulses(150.0, 1.0)
    # The second half is 1.33 times as high: 5 semitones.
    converted = np.concatenate([make_pulses(150.0, 1.0), make_pulses(200.0, 1.0)])
    [(start, stop)] = pitch_regions(source, converted)
    assert (start, stop) == (pytest.approx(0.5, abs=0.03), pytest.approx(1.0, abs=0.04))
    too_short = np.concatenate([make_pulses(150.0, 0.9), make_pulses(200.0, 0.1)])
    for other in (source, np.zeros(16000), make_pulses(170.0, 1.0), too_short):
        assert pitch_regions(source, other) == []
    references = [make_pulses(200.0, 0.5), make_pulses(220.0, 0.7)]
    rows = [a for a in conversion_figure(source, references, converted).axes if a.images]
    assert [axes.get_title(loc="left").split(" (")[0] for axes in rows] == [
        "source", "reference 1", "reference 2", "converted"
    ]  # fmt: skip
    assert {axes.get_xlim() for axes in rows} == {(0.0, 2.0)}
    assert [len(axes.patches) for axes in rows] == [1, 0, 0, 1]
    in_source, in_converted = rows[0].patches[0], rows[3].patches[0]
    assert in_converted.get_x() == pytest.approx(2 * in_source.get_x())
    assert in_converted.get_width() == pytest.approx(2 * in_source.get_width())
    predicted = F0Contour(np.array([0.1, 0.2, 0.3]), np.array([150.0, 0.0, 160.0]))
    figure = conversion_figure(source, references, converted, predicted=predicted)
    [dots] = [line for line in figure.axes[-1].lines if line.get_label() == "predicted"]
    assert dots.get_xydata().tolist() == [[0.1, 150.0], [0.3, 160.0]]
    assert figure.axes[-1].get_title(loc="left") == "" and figure.axes[-1].get_ylabel() == "F0 (Hz)"


def test_confusions_are_shares_of_the_reference_with_counts_beneath() -> None:
    confusion = np.array([[3, 1, 0], [2, 2, 0], [0, 0, 0]])
    axes = confusion_figure(confusion, ["angry", "happy", "sad"], "a title").axes[0]
    np.testing.assert_allclose(
        axes.images[0].get_array(), [[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 0]]
    )
    texts = {tuple(map(int, text.get_position())): text for text in axes.texts}
    # Places are (column, row); the text is light on dark only.
    assert [texts[at].get_text() for at in ((0, 0), (1, 0), (0, 1), (2, 2))] == [
        "75 %\n3", "25 %\n1", "50 %\n2", "0 %\n0"
    ]  # fmt: skip
    assert [texts[at].get_color() for at in ((0, 0), (1, 0))] == ["white", "black"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["angry", "happy", "sad"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("reference emotion", "recognised emotion")


def test_similarity_shows_means_with_intervals_and_shares() -> None:
    scores = [
        SystemScore("source (unconverted)", "", -1.0, -1.5, -0.5, np.array([2, 2, 2, 0, 0])),
        SystemScore("source (unconverted)", "sad", -1.5, -2.0, -1.0, np.array([2, 2, 0, 0, 0])),
        SystemScore("ours", "sad", 1.25, 1.0, 2.0, np.array([0, 0, 0, 3, 1])),
        SystemScore("source (unconverted)", "angry", 0.0, 0.0, 0.0, np.array([0, 0, 2, 0, 0])),
    ]
    figure = similarity_figure(scores, "a title")
    angry, sad, _, sad_shares = figure.axes
    assert (angry.get_title(), sad.get_title()) == ("angry", "sad")
    assert [bar.get_height() for bar in sad.patches] == [-1.5, 1.25]
    intervals = [segment[:, 1].tolist() for segment in sad.collections[0].get_segments()]
    assert intervals == [[-2.0, -1.0], [1.0, 2.0]]
    # Answer by answer, over both systems.
    heights = np.array([bar.get_height() for bar in sad_shares.patches]).reshape(5, 2)
    np.testing.assert_allclose(heights.T, [[0.5, 0.5, 0, 0, 0], [0, 0, 0, 0.75, 0.25]])
    bottoms = np.array([bar.get_y() for bar in sad_shares.patches]).reshape(5, 2)
    np.testing.assert_allclose(bottoms[:, 1], [0, 0, 0, 0, 0.75])
    assert [label.get_text() for label in sad_shares.get_xticklabels()] == [
        "source (unconverted)",
        "ours",
    ]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["-2", "-1", "0", "+1", "+2"]


def write_events(exp_dir: Path, points: dict[str, list[tuple[int, float]]]) -> None:
    with SummaryWriter(str(exp_dir / "tensorboard/train")) as writer:
        for tag, of_tag in points.items():
            for step, value in of_tag:
                writer.add_scalar(tag, value, step)


def test_training_curves_join_the_files_of_a_resumed_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--use_tensorboard true"):
        read_curves(tmp_path)
    write_events(tmp_path, {"loss": [(10, 3.0), (20, 2.0)], "mel_loss": [(10, 1.0)]})
    newer = tmp_path / "newer"
    write_events(newer, {"loss": [(20, 1.5), (30, 1.0)]})
    [file] = (newer / "tensorboard/train").iterdir()
    file.rename(tmp_path / "tensorboard/train" / "events.out.tfevents.9999999999.later")
    curves = read_curves(tmp_path)
    np.testing.assert_array_equal(curves["train"]["loss"], [[10, 3.0], [20, 1.5], [30, 1.0]])
    assert curves["valid"] == {}


def test_training_figure_has_a_panel_for_each_known_statistic() -> None:
    def falling(start: float) -> np.ndarray:
        return np.stack([np.arange(5) * 100, start / (1.0 + np.arange(5))], axis=1)

    train = {"mel_loss": falling(1.0), "attention_near": falling(0.5), "lr0": falling(1.0)}
    figure = training_figure({"train": train, "valid": {"mel_loss": falling(1.2)}})
    assert [axes.get_title() for axes in figure.axes] == [
        "mel error (MSE, normalised)", "attention within 1 unit of the true one"
    ]  # fmt: skip
    assert [line.get_label() for line in figure.axes[0].lines] == ["train", "valid"]
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata()[0], 1.2)
    assert figure.axes[1].get_ylim() == (0.0, 1.02)
    not_finite = np.array([[0, np.nan], [1, 0.5], [2, np.inf]])
    assert training_figure({"train": {"mel_loss": not_finite}}).axes[0].get_ylim()[1] < 1.0
    with pytest.raises(ValueError, match="recorded none of mel_loss"):
        training_figure({"train": {"lr0": falling(1.0)}})


VECTORS = np.random.default_rng(0).normal(size=(12, 5))


def test_pca_finds_the_direction_that_varies() -> None:
    # Dimensions weigh the same, so what two of them share is the first component.
    shared = np.linspace(-1, 1, 12)
    vectors = np.stack([shared, 100 * shared, VECTORS[:, 0]], axis=1)
    projection = project(vectors)
    assert abs(np.corrcoef(projection.points[:, 0], shared)[0, 1]) > 0.9
    assert projection.axes[0].startswith("component 1 (") and projection.axes[0].endswith(" %)")
    np.testing.assert_array_equal(project(vectors).points, projection.points)
    tsne = [project(VECTORS, "tsne", seed=1) for _ in range(2)]
    assert (tsne[0].points.shape, tsne[0].axes) == ((12, 2), ("t-SNE 1", "t-SNE 2"))
    np.testing.assert_array_equal(tsne[0].points, tsne[1].points)
    constant = project(np.ones((4, 3)))
    np.testing.assert_allclose(constant.points, 0.0, atol=1e-12)
    assert constant.axes == ("component 1 (0 %)", "component 2 (0 %)")


def test_vectors_have_a_panel_for_each_kind_and_colouring() -> None:
    projection = project(VECTORS)
    figure = vector_figure(
        {"prosody vector": projection, "untrained encoder": projection},
        {"emotion": ["sad", "happy"] * 6, "speaker": [f"s{number}" for number in range(12)]},
        "a title",
    )
    kinds = ("prosody vector", "untrained encoder")
    titles = [f"{kind}, by {what}" for kind in kinds for what in ("emotion", "speaker")]
    assert [axes.get_title() for axes in figure.axes] == titles
    by_emotion = figure.axes[0]
    points = {c.get_label(): np.asarray(c.get_offsets()) for c in by_emotion.collections}
    np.testing.assert_allclose(points["sad"], projection.points[::2])
    np.testing.assert_allclose(points["happy"], projection.points[1::2])
    assert [text.get_text() for text in by_emotion.get_legend().get_texts()] == ["happy", "sad"]
    labels = [f"s{number}" for number in range(30)]
    many = vector_figure({"a": Projection(np.zeros((30, 2)), ("x", "y"))}, {"speaker": labels}, "")
    assert many.axes[0].get_legend() is None
    assert len({tuple(c.get_facecolor()[0]) for c in many.axes[0].collections}) == 30


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: mel_figure({"short": np.zeros(100)}), "more than 512 samples"),
        (lambda: project(np.ones((2, 5))), "three vectors of two dimensions"),
        (lambda: project(np.ones((5, 1))), "three vectors of two dimensions"),
    ],
)
def test_refuses(draw: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
