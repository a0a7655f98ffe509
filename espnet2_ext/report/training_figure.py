"""Training curves from the event files that ESPnet's trainer writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PANELS = {
    "mel_loss": "mel error (MSE, normalised)",
    "attention_near": "attention within 1 unit of the true one",
    "stop_loss": "stop loss",
}
"""Statistics of the model that get a panel, and its heading."""
COLORS = {"train": "#4477aa", "valid": "#cc3311"}


@dataclass(frozen=True)
class Curve:
    """One statistic over training.

    Attributes:
        updates: (points,) number of updates done.
        values: (points,).
    """

    updates: np.ndarray
    values: np.ndarray


def read_curves(exp_dir: str | Path) -> dict[str, dict[str, Curve]]:
    """Return ``{"train": {statistic: curve}, "valid": {...}}`` of a training directory.

    A resumed run's event files are joined; where an update was done twice, because the
    run was killed in mid-epoch, the later value counts.

    Raises:
        FileNotFoundError: there are no event files, or nothing is in them yet.
    """
    # An import of seconds, needed nowhere else.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves: dict[str, dict[str, Curve]] = {}
    for phase in ("train", "valid"):
        folder = Path(exp_dir) / "tensorboard" / phase
        points: dict[str, dict[int, float]] = {}
        for file in sorted(folder.glob("events.out.tfevents.*")):
            events = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
            for tag in events.Tags()["scalars"]:
                of_tag = points.setdefault(tag, {})
                of_tag.update((event.step, event.value) for event in events.Scalars(tag))
        curves[phase] = {
            tag: Curve(np.array(sorted(of_tag)), np.array([of_tag[k] for k in sorted(of_tag)]))
            for tag, of_tag in points.items()
        }
    if not any(curves.values()):
        raise FileNotFoundError(
            f"{exp_dir}/tensorboard: no event files; train with --use_tensorboard true"
        )
    return curves


def training_figure(curves: Mapping[str, Mapping[str, Curve]], title: str = "") -> Figure:
    """Return a figure with a panel for each known statistic, train and valid in each.

    Args:
        curves: see ``read_curves``.
        title: above the panels.

    Raises:
        ValueError: none of the known statistics was recorded.
    """
    known = [name for name in PANELS if any(name in of_phase for of_phase in curves.values())]
    if not known:
        raise ValueError(f"nothing to draw: the run recorded none of {', '.join(PANELS)}")
    figure = Figure(figsize=(4.2 * len(known), 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(known), squeeze=False)[0], known, strict=True):
        for phase, of_phase in curves.items():
            if name in of_phase:
                _draw_curve(axes, of_phase[name], phase)
        axes.set_title(PANELS[name], fontsize=10)
        axes.set_xlabel("updates", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if name == "attention_near":
            axes.set_ylim(0.0, 1.02)
        else:
            axes.set_ylim(bottom=0.0, top=_top(curves, name))
    figure.axes[0].legend(frameon=False, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def _draw_curve(axes: Axes, curve: Curve, phase: str) -> None:
    """Draw one curve; few points get markers, or a single one would not be seen."""
    axes.plot(
        curve.updates,
        curve.values,
        color=COLORS[phase],
        linewidth=1.6,
        marker="o" if len(curve.updates) <= 40 else None,
        markersize=3,
        label=phase,
    )


def _top(curves: Mapping[str, Mapping[str, Curve]], name: str) -> float:
    """Return the upper limit: the first updates' height would flatten all that follows."""
    values = np.concatenate([c[name].values for c in curves.values() if name in c])
    finite = values[np.isfinite(values)]
    return max(1.1 * float(np.quantile(finite, 0.98)), 1.0e-6) if len(finite) else 1.0
