"""A picture of how similar listeners find emotions, one panel a target emotion."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet2_ext.listening.manifest import SIMILARITY_ANSWERS
from espnet2_ext.listening.scores import SystemScore

SHARE_COLOURS = ("#b2182b", "#ef8a62", "#d9d9d9", "#67a9cf", "#2166ac")
"""From absolutely different to absolutely similar; told apart also by the colour-blind."""


def similarity_figure(scores: Sequence[SystemScore], title: str) -> Figure:
    """Return a figure: mean scores with intervals above, shares of answers beneath.

    Args:
        scores: of similarity; those over all target emotions are not drawn.
        title: above all panels.

    Raises:
        ValueError: there is no score of a single emotion.

    Source: [P2V] Fig. 3, bars of systems in a panel an emotion.
    Deviation: the paper shows no intervals and no shares of answers.
    """
    panels: dict[str, list[SystemScore]] = {}
    for score in scores:
        if score.target_emotion:
            panels.setdefault(score.target_emotion, []).append(score)
    if not panels:
        raise ValueError(f"{title}: no score of a single emotion to draw")
    most = max(map(len, panels.values()))
    size = (1.5 + len(panels) * (1.0 + 0.6 * most), 6.0)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(2, len(panels), sharey="row", sharex="col", squeeze=False)
    for column, (emotion, of_emotion) in enumerate(sorted(panels.items())):
        _draw_means(grid[0, column], of_emotion)
        grid[0, column].set_title(emotion, fontsize=10)
        handles = _draw_shares(grid[1, column], of_emotion)
    grid[0, 0].set_ylabel("emotion similarity")
    grid[1, 0].set_ylabel("share of answers")
    labels = list(map(signed, SIMILARITY_ANSWERS))
    figure.legend(list(handles.values()), labels, loc="outside lower center", ncols=5, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def signed(answer: str) -> str:
    """Return an answer of similarity as the page shows it: ``+2``, ``0``, ``-1``."""
    return answer if answer.startswith("-") or answer == "0" else f"+{answer}"


def _draw_means(axes: Axes, scores: Sequence[SystemScore]) -> None:
    """Draw bars from 0 with the 95 % interval."""
    places = np.arange(len(scores))
    means = np.array([score.mean for score in scores])
    axes.bar(places, means, color="#4c72b0", width=0.7)
    lows = [score.low for score in scores]
    highs = [score.high for score in scores]
    axes.vlines(places, lows, highs, color="black", linewidth=1.5)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set_ylim(-2.1, 2.1)
    axes.set_yticks(range(-2, 3))


def _draw_shares(axes: Axes, scores: Sequence[SystemScore]) -> Mapping[str, Artist]:
    """Draw stacked bars and return one bar of each answer for the legend."""
    places = np.arange(len(scores))
    shares = np.array([score.counts / score.number for score in scores])
    bottoms = np.cumsum(shares, axis=1) - shares
    handles = {
        answer: axes.bar(places, shares[:, k], 0.7, bottoms[:, k], color=SHARE_COLOURS[k])[0]
        for k, answer in enumerate(SIMILARITY_ANSWERS)
    }
    axes.set_ylim(0.0, 1.0)
    axes.set_xticks(places, [score.system for score in scores], rotation=30, ha="right")
    return handles
