"""A picture of which emotion is taken for which."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure


def confusion_figure(confusion: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Return a figure of confusions: shares of a row as colour and percent, counts beneath.

    Args:
        confusion: (K, K) counts, rows are reference emotions; a row without utterances
            is drawn as 0.
        classes: (K,) names of rows and columns.
        title: above the picture.

    Raises:
        ValueError: the matrix does not fit the classes.

    Source: rows and columns as in [P2V] Fig. 4, which shows human listeners.
    """
    size = len(classes)
    if confusion.shape != (size, size):
        raise ValueError(f"{title}: confusions {confusion.shape} of {size} classes; give (K, K)")
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.75 * size
    figure = Figure(figsize=(side + 0.8, side), dpi=100, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for row in range(size):
        for column in range(size):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{100 * share:.0f} %\n{confusion[row, column]}",
                ha="center",
                va="center",
                fontsize=9,
                # Dark colour below needs light letters.
                color="white" if share > 0.5 else "black",
            )
    axes.set_xticks(range(size), labels=classes, rotation=30, ha="right")
    axes.set_yticks(range(size), labels=classes)
    axes.set_xlabel("recognised emotion")
    axes.set_ylabel("reference emotion")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="share of the reference emotion")
    return figure
