"""Mel-spectrograms below each other with F0 drawn in, on one time axis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.metrics.duration import duration_s
from espnet2_ext.metrics.f0 import F0Contour, f0_contour
from espnet2_ext.vocoder.mel import HOP_SAMPLES, MEL_DIM, band_centers_hz, log_mel

RANGE_NEPER = 8.0
"""Depth of the colour scale below the loudest point, in natural-log units (70 dB)."""
TICKS_HZ = (250, 500, 1000, 2000, 4000)
F0_COLOR = "#7ff6ff"
PADDING_COLOR = "#e8e8e8"


@dataclass(frozen=True)
class MelPanel:
    """One utterance of the figure.

    Attributes:
        title: for instance ``source (neutral)``.
        waveform: (N,) at 16 kHz.
    """

    title: str
    waveform: np.ndarray


def mel_figure(panels: Sequence[MelPanel], title: str = "") -> Figure:
    """Return a figure with a panel an utterance: mel as colour, F0 (Praat) as a line.

    All panels share time, colour and F0 scales, and shorter utterances are padded with
    grey to the longest, so that tempo, level and pitch compare by eye.

    Source: [P2V] Figs. 7-10.

    Args:
        panels: at least one.
        title: above all panels, for instance the sentence.

    Raises:
        ValueError: no panels, or a waveform is too short for a mel.
    """
    if not panels:
        raise ValueError("a mel figure needs at least one utterance")
    mels = [log_mel(panel.waveform) for panel in panels]
    contours = [f0_contour(panel.waveform) for panel in panels]
    longest_s = max(duration_s(panel.waveform) for panel in panels)
    loudest = max(float(mel.max()) for mel in mels)
    highest_hz = max([200.0, *(float(c.f0_hz.max(initial=0.0)) for c in contours)])
    width = float(np.clip(2.2 * longest_s + 1.0, 6.0, 14.0))
    figure = Figure(figsize=(width, 1.75 * len(panels) + 0.7), layout="constrained")
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel, mel, contour in zip(rows, panels, mels, contours, strict=True):
        _draw_mel(axes, mel, loudest)
        mean_hz = contour.mean_hz
        mean = f"mean F0 {mean_hz:.0f} Hz" if mean_hz else "nothing voiced"
        axes.set_title(panel.title, loc="left", fontsize=10, fontweight="bold")
        axes.set_title(
            f"{duration_s(panel.waveform):.2f} s, {mean}", loc="right", fontsize=9, color="#444444"
        )
        _draw_f0(axes, contour, 1.15 * highest_hz)
    rows[-1].set_xlim(0.0, longest_s)
    rows[-1].set_xlabel("time (s)", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10, wrap=True)
    return figure


def _draw_mel(axes: Axes, mel: np.ndarray, loudest: float) -> None:
    """Draw a mel (T, 80); the first frame is centred on time 0."""
    half_s = 0.5 * HOP_SAMPLES / SAMPLE_RATE_HZ
    axes.set_facecolor(PADDING_COLOR)
    axes.imshow(
        mel.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        interpolation="nearest",
        vmin=loudest - RANGE_NEPER,
        vmax=loudest,
        extent=(-half_s, (2 * len(mel) - 1) * half_s, -0.5, MEL_DIM - 0.5),
    )
    axes.set_yticks(
        np.interp(TICKS_HZ, band_centers_hz(), np.arange(MEL_DIM)),
        [f"{tick / 1000:g}" for tick in TICKS_HZ],
        fontsize=8,
    )
    axes.set_ylabel("kHz", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)


def _draw_f0(axes: Axes, contour: F0Contour, top_hz: float) -> None:
    """Draw voiced stretches of F0 on an axis of their own."""
    f0_axes = axes.twinx()
    f0_hz = np.where(contour.f0_hz > 0.0, contour.f0_hz, np.nan)
    stroke = [withStroke(linewidth=3.2, foreground="black")]
    f0_axes.plot(contour.times_s, f0_hz, color=F0_COLOR, linewidth=1.6, path_effects=stroke)
    f0_axes.set_ylim(0.0, top_hz)
    f0_axes.set_ylabel("F0 (Hz)", fontsize=8)
    f0_axes.tick_params(axis="y", labelsize=8)
