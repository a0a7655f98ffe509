"""Save a figure without pyplot, whose global state leaks between figures and threads."""

from pathlib import Path

from matplotlib.figure import Figure

from espnet2_ext.data.atomic import atomic_path


def save_figure(figure: Figure, path: str | Path, dpi: int = 150) -> None:
    """Write the figure; the suffix decides on the format (.png, .svg, .pdf)."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi, bbox_inches="tight")
