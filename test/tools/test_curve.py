"""The page of the learning curves; training itself takes minutes and is not run."""

from dataclasses import replace

from tools.bench.curve import TRAININGS, Point, draw, render

POINT = Point(TRAININGS[0].name, 60, 0.75, 0.5, 0.9, 0.4321)


def test_page_has_a_line_for_each_point():
    page = render([POINT, replace(POINT, updates=120)], {"threads": "2"}, 24)
    assert "| forced, the last 60 updates free | 60 | 0.8 | 0.500 | 0.900 | 0.432 |" in page
    assert "- threads: `2`" in page and "Synthetic speech" in page
    assert page.count("\n| forced") == 2


def test_figure_draws_every_training(tmp_path):
    points = [replace(POINT, training=each.name) for each in TRAININGS]
    draw(points, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
