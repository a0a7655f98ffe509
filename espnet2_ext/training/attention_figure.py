"""A picture of where the decoder looked."""

import numpy as np
from matplotlib.figure import Figure


def attention_figure(
    weights: np.ndarray, title: str, true_units: np.ndarray | None = None
) -> Figure:
    """Return a figure of attention (S, U), steps to the right; true units (S,) as a thin line."""
    figure = Figure(figsize=(7.0, 4.0), dpi=100, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        weights.T, origin="lower", aspect="auto", interpolation="nearest", vmin=0.0, vmax=1.0
    )
    if true_units is not None:
        axes.plot(np.arange(len(true_units)), true_units, color="white", linewidth=0.8, alpha=0.7)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("decoder step")
    axes.set_ylabel("unit")
    figure.colorbar(image, ax=axes, label="attention weight")
    return figure
