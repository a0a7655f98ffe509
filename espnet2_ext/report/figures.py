"""Figures of the result pages: mels with F0, confusions, similarity, training, vectors.

All are drawn without pyplot, whose global state leaks between figures and threads.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.parallel import atomic_path, one_thread
from espnet2_ext.listening.manifest import SIMILARITY_ANSWERS
from espnet2_ext.listening.scores import SystemScore
from espnet2_ext.metrics.pitch import F0Contour, f0_contour
from espnet2_ext.report.records import Record, file_record
from espnet2_ext.vocoder.mel import HOP_SAMPLES, MEL_DIM, band_centers_hz, log_mel
from espnet2_ext.vocoder.vocode import write_waveform


def save_figure(figure: Figure, path: str | Path, dpi: int = 150) -> None:
    """Write the figure; the suffix decides on the format (.png, .svg, .pdf)."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi, bbox_inches="tight")


def example_records(
    prefix: Path,
    figures: Mapping[str, Figure],
    waveforms: Mapping[str, np.ndarray],
    title: str,
    row: str,
    caption: str,
    results_path: str | Path,
) -> list[Record]:
    """Write figures and waveforms (N,) as ``<prefix>_<what it shows>``; return their records."""
    files = {}
    for what, figure in figures.items():
        files[what] = prefix.with_name(f"{prefix.name}_{what.split()[0]}.png")
        save_figure(figure, files[what])
    for what, waveform in waveforms.items():
        files[what] = prefix.with_name(f"{prefix.name}_{what.replace(' ', '_')}.wav")
        write_waveform(files[what], waveform)
    return [
        file_record(title, row, what, file, caption, results_path) for what, file in files.items()
    ]


RANGE_NEPER = 8.0
"""Depth of the colour scale below the loudest point, in natural-log units (70 dB)."""
TICKS_HZ = (250, 500, 1000, 2000, 4000)


def mel_figure(panels: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Return a figure with a panel for each waveform (N,): mel as colour, F0 (Praat) as a line.

    All share their scales; shorter utterances are padded with grey. Source: [P2V] Figs. 7-10.
    """
    mels = [log_mel(waveform) for waveform in panels.values()]
    contours = [f0_contour(waveform) for waveform in panels.values()]
    durations_s = [len(waveform) / SAMPLE_RATE_HZ for waveform in panels.values()]
    loudest = max(float(mel.max()) for mel in mels)
    highest_hz = max([200.0, *(float(c.f0_hz.max(initial=0.0)) for c in contours)])
    width = float(np.clip(2.2 * max(durations_s) + 1.0, 6.0, 14.0))
    figure = Figure(figsize=(width, 1.75 * len(panels) + 0.7), layout="constrained")
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name, mel, contour, duration_s in zip(
        rows, panels, mels, contours, durations_s, strict=True
    ):
        mean = f"mean F0 {contour.mean_hz:.0f} Hz" if contour.mean_hz else "nothing voiced"
        axes.set_title(name, loc="left", fontsize=10, fontweight="bold")
        axes.set_title(f"{duration_s:.2f} s, {mean}", loc="right", fontsize=9, color="#444444")
        _draw_mel(axes, mel, loudest)
        _draw_f0(axes, contour, 1.15 * highest_hz)
    rows[-1].set_xlim(0.0, max(durations_s))
    rows[-1].set_xlabel("time (s)", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10, wrap=True)
    return figure


def _draw_mel(axes: Axes, mel: np.ndarray, loudest: float) -> None:
    """Draw a mel (T, 80); the first frame is centred on time 0."""
    half_s = 0.5 * HOP_SAMPLES / SAMPLE_RATE_HZ
    axes.set_facecolor("#e8e8e8")
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
    places = np.interp(TICKS_HZ, band_centers_hz(), np.arange(MEL_DIM))
    axes.set_yticks(places, [f"{tick / 1000:g}" for tick in TICKS_HZ], fontsize=8)
    axes.set_ylabel("kHz", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)


def _draw_f0(axes: Axes, contour: F0Contour, top_hz: float) -> None:
    f0_axes = axes.twinx()
    f0_hz = np.where(contour.f0_hz > 0.0, contour.f0_hz, np.nan)
    stroke = [withStroke(linewidth=3.2, foreground="black")]
    f0_axes.plot(contour.times_s, f0_hz, color="#7ff6ff", linewidth=1.6, path_effects=stroke)
    f0_axes.set_ylim(0.0, top_hz)
    f0_axes.set_ylabel("F0 (Hz)", fontsize=8)
    f0_axes.tick_params(axis="y", labelsize=8)


MIN_SEMITONES = 3.0
"""Regions are framed where pitch differs by more than this."""
MIN_REGION_S = 0.15
"""Shorter regions are left out, and gaps shorter than this closed."""
GRID_POINTS = 400
"""Places at which two contours of different length are compared."""


def conversion_figure(
    source: np.ndarray,
    references: Sequence[np.ndarray],
    converted: np.ndarray,
    *,
    title: str = "",
    predicted: F0Contour | None = None,
) -> Figure:
    """Return mels and F0 (Praat) of the waveforms, padded to equal length.

    ``predicted`` pitch (explicit prosody path) is drawn as dots over that of the conversion.

    Source: [P2V] Figs. 6 to 10. Deviation: boxes, there drawn by hand, are ``pitch_regions``.
    """
    panels = {"source": source}
    for number, reference in enumerate(references, start=1):
        name = "reference" if len(references) == 1 else f"reference {number}"
        panels[f"{name} (prosody only, other words)"] = reference
    figure = mel_figure({**panels, "converted": converted}, title)
    rows = [axes for axes in figure.axes if axes.images]
    for start, stop in pitch_regions(source, converted):
        for axes, waveform in ((rows[0], source), (rows[-1], converted)):
            duration_s = len(waveform) / SAMPLE_RATE_HZ
            corner, width = (start * duration_s, 0.0), (stop - start) * duration_s
            box = Rectangle(corner, width, MEL_DIM - 1.0, fill=False, linewidth=1.4, linestyle="--")
            box.set_edgecolor("#ffffff")
            axes.add_patch(box)
    if predicted is not None:
        voiced = predicted.f0_hz > 0.0
        dots = predicted.times_s[voiced], predicted.f0_hz[voiced]
        figure.axes[-1].plot(*dots, ".", color="#ffffff", markersize=3.0, label="predicted")
    return figure


def pitch_regions(source: np.ndarray, converted: np.ndarray) -> list[tuple[float, float]]:
    """Return where the pitch of two waveforms (N,) differs, as (start, stop) shares of length."""
    grid = (np.arange(GRID_POINTS) + 0.5) / GRID_POINTS
    semitones = np.abs(_semitones_at(source, grid) - _semitones_at(converted, grid))
    differs = semitones > MIN_SEMITONES  # False where a pitch is not a number
    shortest = int(np.ceil(MIN_REGION_S * SAMPLE_RATE_HZ / len(source) * GRID_POINTS))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], differs.astype(int), [0]])))
    regions: list[list[int]] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        if regions and start - regions[-1][1] < shortest:
            regions[-1][1] = stop
        else:
            regions.append([start, stop])
    long = [(start, stop) for start, stop in regions if stop - start >= shortest]
    return [(start / GRID_POINTS, stop / GRID_POINTS) for start, stop in long]


def _semitones_at(waveform: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return pitch in semitones at shares of the length (G,); not a number where unvoiced."""
    contour = f0_contour(waveform)
    if len(contour.times_s) == 0:
        return np.full(len(grid), np.nan)
    places = grid * len(waveform) / SAMPLE_RATE_HZ
    frames = np.interp(places, contour.times_s, np.arange(len(contour.times_s)))
    f0_hz = contour.f0_hz[np.rint(frames).astype(int)]
    return 12.0 * np.log2(np.where(f0_hz > 0.0, f0_hz, np.nan))


def confusion_figure(confusion: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Return a figure of counts (K, K), rows are references: shares of a row as colour and percent.

    Source: rows and columns as in [P2V] Fig. 4, which shows human listeners.
    """
    size = len(classes)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.75 * size
    figure = Figure(figsize=(side + 0.8, side), dpi=100, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{100 * share:.0f} %\n{confusion[row, column]}"
        colour = "white" if share > 0.5 else "black"  # of the text, readable on dark and light
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(range(size), labels=classes, rotation=30, ha="right")
    axes.set_yticks(range(size), labels=classes)
    axes.set_xlabel("recognised emotion")
    axes.set_ylabel("reference emotion")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label="share of the reference emotion")
    return figure


SHARE_COLOURS = ("#b2182b", "#ef8a62", "#d9d9d9", "#67a9cf", "#2166ac")
"""From absolutely different to absolutely similar; distinct for the colour-blind too."""


def similarity_figure(scores: Sequence[SystemScore], title: str) -> Figure:
    """Return a figure of mean scores with intervals by emotion, shares of answers beneath.

    Source: [P2V] Fig. 3. Deviation: the paper shows neither intervals nor shares of answers.
    """
    emotions = sorted({score.target_emotion for score in scores} - {""})
    panels = {name: [s for s in scores if s.target_emotion == name] for name in emotions}
    most = max(map(len, panels.values()))
    size = (1.5 + len(panels) * (1.0 + 0.6 * most), 6.0)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(2, len(panels), sharey="row", sharex="col", squeeze=False)
    for (emotion, of_emotion), (means, answers) in zip(panels.items(), grid.T, strict=True):
        places = np.arange(len(of_emotion))
        means.bar(places, [score.mean for score in of_emotion], color="#4c72b0", width=0.7)
        lows, highs = zip(*((score.low, score.high) for score in of_emotion), strict=True)
        means.vlines(places, lows, highs, color="black", linewidth=1.5)
        means.axhline(0.0, color="black", linewidth=0.8)
        means.set_title(emotion, fontsize=10)
        shares = np.array([score.counts / score.number for score in of_emotion])
        bottoms = np.cumsum(shares, axis=1) - shares
        handles = [
            answers.bar(places, shares[:, k], 0.7, bottoms[:, k], color=colour)[0]
            for k, colour in enumerate(SHARE_COLOURS)
        ]
        answers.set_xticks(places, [score.system for score in of_emotion], rotation=30, ha="right")
    grid[0, 0].set(ylabel="emotion similarity", ylim=(-2.1, 2.1), yticks=range(-2, 3))
    grid[1, 0].set(ylabel="share of answers", ylim=(0.0, 1.0))
    labels = [*map(signed, SIMILARITY_ANSWERS)]
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def signed(answer: str) -> str:
    """Return an answer of similarity as the page shows it: ``+2``, ``0``, ``-1``."""
    return answer if answer.startswith("-") or answer == "0" else f"+{answer}"


PANELS = {
    "mel_loss": "mel error (MSE, normalised)",
    "attention_near": "attention within 1 unit of the true one",
    "stop_loss": "stop loss",
}
"""Statistics of the model that get a panel of training curves, and its heading."""
COLORS = {"train": "#4477aa", "valid": "#cc3311"}
Curves = Mapping[str, Mapping[str, np.ndarray]]
"""Phase to statistic to (points, 2): number of updates and value."""


def read_curves(exp_dir: str | Path) -> Curves:
    """Return the training curves, ``train`` and ``valid``, from the trainer's event files.

    Of an update done twice the later value counts. FileNotFoundError if there are none.
    """
    # An import of seconds, needed nowhere else.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves: dict[str, dict[str, np.ndarray]] = {}
    for phase in COLORS:
        folder = Path(exp_dir) / "tensorboard" / phase
        points: dict[str, dict[int, float]] = {}
        for file in sorted(folder.glob("events.out.tfevents.*")):
            events = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
            for tag in events.Tags()["scalars"]:
                of_tag = points.setdefault(tag, {})
                of_tag.update((event.step, event.value) for event in events.Scalars(tag))
        curves[phase] = {tag: np.array(sorted(found.items())) for tag, found in points.items()}
    if not any(curves.values()):
        raise FileNotFoundError(
            f"{exp_dir}/tensorboard: no event files; train with --use_tensorboard true"
        )
    return curves


def training_figure(curves: Curves) -> Figure:
    """Return a panel for each of `PANELS` that was recorded, or ValueError if none was."""
    known = [name for name in PANELS if any(name in of_phase for of_phase in curves.values())]
    if not known:
        raise ValueError(f"nothing to draw: the run recorded none of {', '.join(PANELS)}")
    figure = Figure(figsize=(4.2 * len(known), 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(known), squeeze=False)[0], known, strict=True):
        drawn = {phase: of_phase[name] for phase, of_phase in curves.items() if name in of_phase}
        for phase, points in drawn.items():
            # Few points get markers, or a single one would be invisible.
            marker = "o" if len(points) <= 40 else None
            style = {"linewidth": 1.6, "marker": marker, "markersize": 3}
            axes.plot(*points.T, label=phase, color=COLORS[phase], **style)
        axes.set_title(PANELS[name], fontsize=10)
        axes.set_xlabel("updates", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(0.0, 1.02 if name == "attention_near" else _top([*drawn.values()]))
    figure.axes[0].legend(frameon=False, fontsize=9)
    return figure


def _top(curves: Sequence[np.ndarray]) -> float:
    """Return the upper limit: the first updates' height would flatten all that follows."""
    values = np.concatenate([points[:, 1] for points in curves])
    finite = values[np.isfinite(values)]
    return max(1.1 * float(np.quantile(finite, 0.98)), 1.0e-6) if len(finite) else 1.0


PERPLEXITY = 30.0
MAX_LEGEND = 20
"""More labels than this are coloured without a legend."""


class Projection(NamedTuple):
    """Points (n, 2) of a plane and the titles of its axes."""

    points: np.ndarray
    axes: tuple[str, ...]


def project(vectors: np.ndarray, method: str = "pca", seed: int = 0) -> Projection:
    """Return vectors (n, dim), each dimension standardised, as points of a plane.

    ``pca`` takes the two directions of largest variance, ``tsne`` starts from them. ValueError for
    fewer than three vectors or two dimensions.
    """
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

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
    """Return the two first components of centred vectors; equal vectors give one point."""
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

    ``colours`` has labels (n,) by what they say, such as ``{"emotion": ..., "speaker": ...}``.
    """
    figure = Figure(figsize=(0.6 + 5.2 * len(colours), 0.5 + 3.8 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(colours), squeeze=False)
    for (row, projection), line in zip(rows.items(), grid, strict=True):
        for (what, labels), axes in zip(colours.items(), line, strict=True):
            _scatter(axes, projection, np.asarray(labels))
            axes.set_title(f"{row}, by {what}", fontsize=10)
    figure.suptitle(title, fontsize=10)
    return figure


def _scatter(axes: Axes, projection: Projection, labels: np.ndarray) -> None:
    names = sorted(set(labels.tolist()))
    few, many = colormaps["tab10" if len(names) <= 10 else "tab20"], colormaps["hsv"]
    has_legend = len(names) <= MAX_LEGEND
    colours = [few(k) if has_legend else many(k / len(names)) for k in range(len(names))]
    for name, colour in zip(names, colours, strict=True):
        x, y = projection.points[labels == name].T
        axes.scatter(x, y, s=14, alpha=0.75, linewidths=0, color=colour, label=name)
    axes.set_xlabel(projection.axes[0], fontsize=8)
    axes.set_ylabel(projection.axes[1], fontsize=8)
    axes.tick_params(labelsize=7)
    if has_legend:
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
