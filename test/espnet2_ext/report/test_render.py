"""RESULTS.md."""

from dataclasses import replace
from pathlib import Path

import pytest

from espnet2_ext.bin import report
from espnet2_ext.report.records import Record, append_records
from espnet2_ext.report.render import render_results

ERROR = Record(
    "Conversion (synthetic)", "source (unconverted)", "error", 21.84, "%", 12, "a | b.",
    "same voice", "abc", 20.0, 23.96, "lower",
)  # fmt: skip
SHARE = replace(ERROR, row="converted", metric="stopped", value=1.0, unit="share", better="higher")
SHARE = replace(SHARE, low=1.0, high=1.0, definition="ended.")


def render(tmp_path: Path, *records: Record) -> str:
    append_records(tmp_path / "results.jsonl", records)
    render_results(tmp_path / "results.jsonl", tmp_path / "RESULTS.md")
    return (tmp_path / "RESULTS.md").read_text(encoding="utf-8")


def test_table_of_rows_by_metrics(tmp_path: Path) -> None:
    text = render(tmp_path, ERROR, replace(ERROR, row="converted", value=6.1, n=11), SHARE)
    lines = text.splitlines()
    start = lines.index("## Conversion (synthetic)")
    assert lines[start + 2 : start + 6] == [
        "|  | n | error ↓ (%) | stopped ↑ |",
        "|---|---:|---:|---:|",
        "| source (unconverted) | 12 | 21.8 [20.0, 24.0] | – |",
        "| converted | 12 | 6.1 [20.0, 24.0] (n = 11) | 1.000 |",
    ]
    for line in ("Protocol: same voice.", "Code: abc.", "- *error*: a | b.", "- *stopped*: ended."):
        assert line in lines
    assert render(tmp_path) == text


def test_what_stands_beneath_a_table(tmp_path: Path) -> None:
    of_file = [replace(each, source="evc/scores.tsv") for each in (ERROR, SHARE)]
    text = render(tmp_path, *of_file, replace(ERROR, row="other", source="b/scores.tsv"))
    assert "\nFrom: evc/scores.tsv, b/scores.tsv.\n" in text
    older = "older version, which drew utterances as if they were independent"
    assert older in text
    drawn = replace(ERROR, drawn="4 speakers and 8 sentences")
    text = render(tmp_path / "new", drawn, replace(drawn, row="converted"))
    assert "Protocol: same voice. 95 % intervals over 4 speakers and 8 sentences.\n" in text
    assert older not in text and "From:" not in text


def test_published_figures_may_stand_for_an_unknown_number(tmp_path: Path) -> None:
    published = replace(ERROR, row="a|b", value=6.4, n=None, low=None, high=None)
    # A bar does not break the table.
    assert "| a\\|b | – | 6.4 |" in render(tmp_path, ERROR, published)


def test_protocols_are_numbered_and_definitions_stand_once(tmp_path: Path) -> None:
    other = replace(ERROR, protocol="other voice", value=8.0)
    text = render(tmp_path, ERROR, other, replace(ERROR, table="Conversion (synthetic): sad"))
    assert (
        "| source (unconverted) (1) | 12 | 21.8" in text
        and "| source (unconverted) (2) | 12 | 8.0" in text
    )
    assert "(1) Protocol: same voice." in text and "(2) Protocol: other voice." in text
    assert text.count("a | b.") == 1
    assert text.index("## Conversion (synthetic): sad") < text.index("## Definitions")


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [("dB", 1.26, "1.3"), ("count", 3.0, "3"), ("", 0.5, "0.500"), ("share", 0.9996, "1.000")],
)
def test_digits_follow_the_unit(tmp_path: Path, unit: str, value: float, expected: str) -> None:
    text = render(tmp_path, replace(ERROR, unit=unit, value=value, low=None, high=None))
    assert f"| source (unconverted) | 12 | {expected} |" in text
    assert "In brackets" not in text


@pytest.mark.parametrize("differs", ["metric", "row"])
def test_what_intervals_are_drawn_over_by_columns_or_rows(tmp_path: Path, differs: str) -> None:
    first = replace(ERROR, drawn="4 speakers", **{differs: "one"})
    text = render(tmp_path, first, replace(first, drawn="9 speakers", **{differs: "two"}))
    assert "95 % intervals over 4 speakers (one); 9 speakers (two)." in text


def test_environment_stands_first_and_examples_last(tmp_path: Path) -> None:
    figure = Record("Examples", "sad", "mel", "report/a b.png", "path", 1, "A text.", "", "")
    sound = replace(figure, metric="source", value="report/a.wav")
    other = replace(sound, metric="converted", value="report/b.wav")
    fact = Record("Environment", "python version", "value", "3.11", "text", 1, "", "", "")
    text = render(tmp_path / "exp", figure, sound, other, ERROR, fact)
    assert text.index("- python version: `3.11`") < text.index("| source (unconverted)")
    assert text.index("| source (unconverted)") < text.index("### sad\n\nA text.\n\n![mel of sad]")
    assert "(report/a%20b.png)" in text
    assert "Listen: [source](report/a.wav) · [converted](report/b.wav)" in text
    options = f"render --results_path {tmp_path}/exp/results.jsonl --out_path {tmp_path}/R.md"
    report.main(options.split())
    assert "(exp/report/a%20b.png)" in (tmp_path / "R.md").read_text()


def test_without_results_there_is_no_page() -> None:
    with pytest.raises(SystemExit, match="report render: .*no results yet"):
        report.main(["render", "--results_path", "none.jsonl", "--out_path", "RESULTS.md"])
