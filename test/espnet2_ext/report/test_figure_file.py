"""Saving figures."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from espnet2_ext.report.figures import save_figure


def test_writes_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([1, 2])
        save_figure(figure, tmp_path / "new" / name, dpi=50)
    assert (tmp_path / "new/a.png").read_bytes() == (tmp_path / "new/b.png").read_bytes()
    assert (tmp_path / "new/a.png").read_bytes().startswith(b"\x89PNG")


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nosuchformat"):
        save_figure(Figure(), tmp_path / "a.nosuchformat")
    assert list(tmp_path.iterdir()) == []
