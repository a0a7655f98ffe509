"""Source, reference and conversion below each other, where they differ in pitch in a frame."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.metrics.f0 import f0_contour
from espnet2_ext.report.mel_figure import MelPanel, mel_figure
from espnet2_ext.vocoder.mel import MEL_DIM

MIN_SEMITONES = 3.0
"""Regions are framed where pitch differs by more than this."""
MIN_REGION_S = 0.15
"""Shorter regions are left out, and gaps shorter than this closed."""
GRID_POINTS = 400
"""Places on which two contours of different length are compared."""


def conversion_figure(
    source: np.ndarray,
    references: Sequence[np.ndarray],
    converted: np.ndarray,
    *,
    title: str = "",
    has_boxes: bool = True,
) -> Figure:
    """Return mels and F0 (Praat) of the three, padded to equal length, as the paper draws them.

    Source: [P2V] Figs. 6 to 10. Deviation: the paper's boxes are drawn by hand; here they
    are where the pitch of the conversion lies 3 semitones off the source's, both stretched
    to the same length.

    Args:
        source: (N,) at 16 kHz.
        references: (N_i,), whose prosody was taken.
        converted: (N',).
        title: above all panels.
        has_boxes: whether regions are framed, in the source and in the conversion.

    Raises:
        ValueError: a waveform is too short for a mel.
    """
    panels = [MelPanel("source", source)]
    for number, reference in enumerate(references, start=1):
        name = "reference" if len(references) == 1 else f"reference {number}"
        panels.append(MelPanel(f"{name} (prosody only, other words)", reference))
    panels.append(MelPanel("converted", converted))
    figure = mel_figure(panels, title)
    if has_boxes:
        # The first axes of a figure are the panels; those of F0 come after them.
        rows = [axes for axes in figure.axes if axes.images]
        for start, stop in pitch_regions(source, converted):
            for axes, waveform in ((rows[0], source), (rows[-1], converted)):
                _draw_box(axes, start, stop, len(waveform) / SAMPLE_RATE_HZ)
    return figure


def pitch_regions(source: np.ndarray, converted: np.ndarray) -> list[tuple[float, float]]:
    """Return where the pitch of two waveforms differs, as (start, stop) shares of their length.

    Places where either is unvoiced differ in nothing.

    Args:
        source: (N,) at 16 kHz.
        converted: (N',).
    """
    grid = (np.arange(GRID_POINTS) + 0.5) / GRID_POINTS
    semitones = np.abs(_semitones_at(source, grid) - _semitones_at(converted, grid))
    differs = semitones > MIN_SEMITONES  # False where a pitch is not a number
    shortest = int(np.ceil(MIN_REGION_S * SAMPLE_RATE_HZ / len(source) * GRID_POINTS))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], differs.astype(int), [0]])))
    regions: list[tuple[int, int]] = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if regions and start - regions[-1][1] < shortest:
            regions[-1] = (regions[-1][0], stop)
        else:
            regions.append((start, stop))
    return [
        (start / GRID_POINTS, stop / GRID_POINTS)
        for start, stop in regions
        if stop - start >= shortest
    ]


def _semitones_at(waveform: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return pitch in semitones at shares of the length (G,); not a number where unvoiced."""
    contour = f0_contour(waveform)
    if len(contour.times_s) == 0:
        return np.full(len(grid), np.nan)
    places = grid * len(waveform) / SAMPLE_RATE_HZ
    frames = np.interp(places, contour.times_s, np.arange(len(contour.times_s)))
    f0_hz = contour.f0_hz[np.rint(frames).astype(int)]
    return 12.0 * np.log2(np.where(f0_hz > 0.0, f0_hz, np.nan))


def _draw_box(axes: Axes, start: float, stop: float, duration_s: float) -> None:
    """Frame a region of a panel."""
    axes.add_patch(
        Rectangle(
            (start * duration_s, 0.0),
            (stop - start) * duration_s,
            MEL_DIM - 1.0,
            fill=False,
            edgecolor="#ffffff",
            linewidth=1.4,
            linestyle="--",
        )
    )
