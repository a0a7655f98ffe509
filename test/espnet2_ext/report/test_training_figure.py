"""Training curves from event files."""

from pathlib import Path

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from espnet2_ext.report.figures import Curve, read_curves, training_figure


def write_events(exp_dir: Path, phase: str, points: dict[str, list[tuple[int, float]]]) -> None:
    """Write an event file as ESPnet's trainer does, one more at each call."""
    with SummaryWriter(str(exp_dir / "tensorboard" / phase)) as writer:
        for tag, of_tag in points.items():
            for step, value in of_tag:
                writer.add_scalar(tag, value, step)


def test_joins_the_files_of_a_resumed_run(tmp_path: Path) -> None:
    write_events(tmp_path, "train", {"loss": [(10, 3.0), (20, 2.0)], "mel_loss": [(10, 1.0)]})
    newer = tmp_path / "newer"
    write_events(newer, "train", {"loss": [(20, 1.5), (30, 1.0)]})
    [file] = (newer / "tensorboard/train").iterdir()
    file.rename(tmp_path / "tensorboard/train" / "events.out.tfevents.9999999999.later")
    curves = read_curves(tmp_path)
    np.testing.assert_array_equal(curves["train"]["loss"].updates, [10, 20, 30])
    np.testing.assert_array_equal(curves["train"]["loss"].values, [3.0, 1.5, 1.0])
    assert curves["valid"] == {}


def test_draws_a_panel_for_each_known_statistic() -> None:
    def falling(start: float) -> Curve:
        return Curve(np.arange(5) * 100, start / (1.0 + np.arange(5)))

    train = {"mel_loss": falling(1.0), "attention_near": falling(0.5), "lr0": falling(1.0)}
    figure = training_figure({"train": train, "valid": {"mel_loss": falling(1.2)}}, "title")
    assert [axes.get_title() for axes in figure.axes] == [
        "mel error (MSE, normalised)", "attention within 1 unit of the true one"
    ]  # fmt: skip
    assert [line.get_label() for line in figure.axes[0].lines] == ["train", "valid"]
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata()[0], 1.2)
    assert figure.axes[1].get_ylim() == (0.0, 1.02)


def test_values_that_are_not_finite_do_not_hide_the_rest() -> None:
    curve = Curve(np.arange(3), np.array([np.nan, 0.5, np.inf]))
    assert training_figure({"train": {"mel_loss": curve}}).axes[0].get_ylim()[1] < 1.0


def test_refuses_runs_without_curves(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--use_tensorboard true"):
        read_curves(tmp_path)
    with pytest.raises(ValueError, match="recorded none of mel_loss"):
        training_figure({"train": {"lr0": Curve(np.arange(2), np.ones(2))}})
