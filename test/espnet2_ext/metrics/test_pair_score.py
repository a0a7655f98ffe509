"""scores.tsv."""

from dataclasses import replace
from pathlib import Path

import pytest

from espnet2_ext.metrics.conversion import PairScore, crossing, read_scores, write_scores

SCORES = [
    PairScore(
        "converted", "a", "neutral-sad", "s", "t", "him", "so it is", f0_hz=150.5, stopped=1.0
    ),
    PairScore("wrong sentence", "a", "neutral-sad", "s", "t", unit_error_rate=0.125),
]


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    write_scores(path, SCORES)
    assert read_scores(path) == SCORES
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("converted\ta\tneutral-sad\ts\tt\thim\tso it is\t150.5\t\t")


def test_none_is_an_empty_field_and_not_zero(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.tsv", SCORES)
    assert read_scores(tmp_path / "scores.tsv")[1].f0_hz is None


@pytest.mark.parametrize("text", ["", "row\tpair_id\n"])
def test_refuses_another_table(tmp_path: Path, text: str) -> None:
    (tmp_path / "scores.tsv").write_text(text)
    with pytest.raises(ValueError, match="not a table of scores"):
        read_scores(tmp_path / "scores.tsv")


def test_refuses_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    write_scores(path, SCORES)
    path.write_text(path.read_text() + "converted\tb\n")
    with pytest.raises(ValueError, match="scores.tsv:4: 2 fields"):
        read_scores(path)


def test_which_scores_share_speaker_and_sentence() -> None:
    known = crossing(SCORES[:1] * 2)
    assert (known.rows, known.columns) == (["him"] * 2, ["so it is"] * 2)
    other = replace(SCORES[1], source="t")
    assert crossing([*SCORES[1:], other]).text() == "2 sources"
    of_one = [replace(score, speaker="him") for score in (SCORES[1], other)]
    assert crossing(of_one).text() == "1 speaker (not drawn) and 2 sources"
