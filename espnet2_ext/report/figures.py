"""Mel-spectrograms below each other with F0 drawn in, on one time axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.parallel import atomic_path, one_thread
from espnet2_ext.listening.manifest import SIMILARITY_ANSWERS
from espnet2_ext.listening.scores import SystemScore
from espnet2_ext.metrics.pitch import F0Contour, f0_contour
from espnet2_ext.metrics.prosody import duration_s
from espnet2_ext.vocoder.mel import HOP_SAMPLES, MEL_DIM, band_centers_hz, log_mel

# ---------------------------------------------------------------- mel figure

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


# ---------------------------------------------------------------- confusion figure
# A picture of which emotion is taken for which.


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


# ---------------------------------------------------------------- conversion figure
# Source, reference and conversion below each other, where they differ in pitch in a frame.

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


# ---------------------------------------------------------------- figure file
# Save a figure without pyplot, whose global state leaks between figures and threads.


def save_figure(figure: Figure, path: str | Path, dpi: int = 150) -> None:
    """Write the figure; the suffix decides on the format (.png, .svg, .pdf)."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi, bbox_inches="tight")


# ---------------------------------------------------------------- similarity figure
# A picture of how similar listeners find emotions, one panel a target emotion.

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


# ---------------------------------------------------------------- training figure
# Training curves from the event files that ESPnet's trainer writes.

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


# ---------------------------------------------------------------- vector figure
# Vectors of utterances as points of a plane, coloured by what they should or should not know.

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
