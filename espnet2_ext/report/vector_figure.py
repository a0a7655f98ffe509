"""Vectors of utterances as points of a plane, coloured by what they should or should not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet2_ext.data.one_thread import one_thread

METHODS = ("pca", "tsne")
PERPLEXITY = 30.0
MAX_LEGEND = 20
"""More labels than this are coloured without a legend."""


@dataclass(frozen=True)
class Projection:
    """Points of a plane.

    Attributes:
        points: (n, 2).
        axes: titles of the two axes.
    """

    points: np.ndarray
    axes: tuple[str, ...]


def project(vectors: np.ndarray, method: str = "pca", seed: int = 0) -> Projection:
    """Return vectors, each dimension standardised, as points of a plane.

    Args:
        vectors: (n, dim).
        method: ``pca``, the two directions of largest variance, in which distances mean
            what they do in the vectors; or ``tsne``, which shows clusters and nothing else.
        seed: of t-SNE; it starts from the principal components.

    Raises:
        ValueError: fewer than three vectors or two dimensions, or another method.
    """
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    if method not in METHODS:
        raise ValueError(f"projection {method!r}: expected one of {', '.join(METHODS)}")
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) < 3 or vectors.shape[1] < 2:
        raise ValueError(f"a plane needs three vectors of two dimensions, got {vectors.shape}")
    with one_thread():
        scaled = StandardScaler().fit_transform(vectors)
        if method == "pca":
            return _principal_components(scaled)
        perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
        points = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(scaled)
    return Projection(points, ("t-SNE 1", "t-SNE 2"))


def _principal_components(scaled: np.ndarray) -> Projection:
    """Return the two first components of centred vectors; vectors all alike give one point."""
    left, sizes, directions = np.linalg.svd(scaled, full_matrices=False)
    # A direction has no sign of its own: its largest weight shall be positive.
    largest = np.abs(directions[:2]).argmax(axis=1)
    signs = np.where(directions[:2][np.arange(2), largest] < 0.0, -1.0, 1.0)
    shares = 100.0 * sizes[:2] ** 2 / max(float((sizes**2).sum()), 1.0e-12)
    axes = tuple(f"component {number} ({share:.0f} %)" for number, share in enumerate(shares, 1))
    return Projection(left[:, :2] * sizes[:2] * signs, axes)


def vector_figure(
    rows: Mapping[str, Projection], colours: Mapping[str, Sequence[str]], title: str
) -> Figure:
    """Return a figure with a row for each kind of vectors and a column for each colouring.

    Args:
        rows: points by what they are.
        colours: labels (n,) by what they say, such as ``{"emotion": ..., "speaker": ...}``.
        title: above the picture.

    Raises:
        ValueError: no rows or colourings, or labels that do not fit the points.
    """
    if not rows or not colours:
        raise ValueError(f"{title}: a figure needs vectors and labels to colour them by")
    figure = Figure(figsize=(0.6 + 5.2 * len(colours), 0.5 + 3.8 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(colours), squeeze=False)
    for (row, projection), line in zip(rows.items(), grid, strict=True):
        for (what, labels), axes in zip(colours.items(), line, strict=True):
            if len(labels) != len(projection.points):
                raise ValueError(
                    f"{title}: {len(labels)} labels of {what} for {len(projection.points)} points"
                )
            _scatter(axes, projection, np.asarray(labels))
            axes.set_title(f"{row}, by {what}", fontsize=10)
    figure.suptitle(title, fontsize=10)
    return figure


def _scatter(axes: Axes, projection: Projection, labels: np.ndarray) -> None:
    """Draw the points, a colour for each label."""
    names = sorted(set(labels.tolist()))
    palette = colormaps["tab10" if len(names) <= 10 else "tab20"]
    for number, name in enumerate(names):
        chosen = projection.points[labels == name]
        colour = (
            palette(number) if len(names) <= MAX_LEGEND else colormaps["hsv"](number / len(names))
        )
        axes.scatter(
            chosen[:, 0], chosen[:, 1], s=14, alpha=0.75, linewidths=0, color=colour, label=name
        )
    axes.set_xlabel(projection.axes[0], fontsize=8)
    axes.set_ylabel(projection.axes[1], fontsize=8)
    axes.tick_params(labelsize=7)
    if len(names) <= MAX_LEGEND:
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
