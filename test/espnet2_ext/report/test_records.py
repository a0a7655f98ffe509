"""results.jsonl, and tables from columns and rows."""

import json
import platform
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import espnet2_ext.report
from espnet2_ext import __version__
from espnet2_ext.metrics.statistics import Crossing
from espnet2_ext.report.records import (
    Column,
    Estimate,
    Record,
    Row,
    append_records,
    columns_of,
    environment_records,
    file_record,
    git_commit,
    read_records,
    records_of,
)

RECORD = Record("table", "row", "metric", 1.5, "%", 3, "what it is.", "how", "abc", 1.0, 2.0)


def test_reads_what_it_wrote_one_record_a_line(tmp_path: Path) -> None:
    path = tmp_path / "exp/results.jsonl"
    assert read_records(path) == []
    text = replace(RECORD, metric="ä", value="Größe", unit="text", low=None, high=None)
    append_records(path, [replace(RECORD, source="scores.tsv"), text])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert "Größe" in lines[1]
    # Records of older versions have no source.
    first = json.loads(lines[0])
    assert (first["value"], first.pop("source")) == (1.5, "scores.tsv")
    path.write_text(f"{json.dumps(first)}\n{lines[1]}\n")
    assert read_records(path) == [RECORD, text]


def test_records_replace_those_of_the_same_key_or_whole_tables(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    records = [RECORD, replace(RECORD, row="other")]
    append_records(path, records)
    before = path.read_bytes()
    append_records(path, records)
    append_records(path, records[:1])
    assert path.read_bytes() == before
    append_records(path, [replace(RECORD, value=9.0, commit="def")])
    assert [(r.row, r.value) for r in read_records(path)] == [("row", 9.0), ("other", 1.5)]
    fields = ("table", "row", "metric", "protocol")
    append_records(path, [replace(RECORD, **{field: "another"}) for field in fields])
    assert len(read_records(path)) == 6
    kept, new = replace(RECORD, table="another"), replace(RECORD, row="new")
    append_records(path, [new], replace_tables=["table"])
    assert read_records(path) == [new, kept]
    append_records(path, [], replace_tables=["table"])
    assert read_records(path) == [kept]


@pytest.mark.parametrize("change", [{"value": float("nan")}, {"low": float("inf")}, {"n": 0}])
def test_refuses_what_is_no_number_or_stands_for_nothing(change: dict) -> None:
    with pytest.raises(ValueError, match="table, row, metric: value is"):
        replace(RECORD, **change)


@pytest.mark.parametrize("line", ["{", "{}", '{"table": "x", "unknown": 1}'])
def test_names_the_line_that_is_no_record(tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    append_records(path, [RECORD])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match="results.jsonl:2: not a record"):
        read_records(path)


@pytest.mark.parametrize(("is_count", "value"), [(False, 2.0), (True, 8.0)])
def test_mean_with_interval_or_sum_without(is_count: bool, value: float) -> None:
    column = Column("error", "x", "dB", "lower", "how far.", is_count)
    items = [{"x": value} for value in (1.0, 2.0, 2.0, 3.0)]
    row = Row("r", items, "p", Crossing("aabb", "xyxy"), "scores.tsv")
    [record] = records_of([column], [row], table="t", commit="c")
    assert (record.table, record.row, record.metric, record.unit) == ("t", "r", "error", "dB")
    assert (record.definition, record.protocol, record.commit) == ("how far.", "p", "c")
    assert (record.value, record.n, record.better) == (value, 4, "lower")
    assert (record.low is None) == (record.high is None) == is_count
    assert record.drawn == ("" if is_count else "2 speakers and 2 sentences")
    assert record.source == "scores.tsv"
    if not is_count:
        assert 1.0 <= record.low < 2.0 < record.high <= 3.0


def test_a_weighted_mean_is_errors_over_words() -> None:
    column = Column("rate", "rate", "", "lower", "", weight="words")
    items = [{"rate": 0.5, "words": 6.0}, {"rate": 1.0, "words": 2.0}]
    row = Row("r", items, "p", Crossing("ab", "xx"))
    [record] = records_of([column], [row], table="t", commit="c")
    assert record.value == pytest.approx(5 / 8)
    assert (record.low, record.high) == (0.5, 1.0)


def test_columns_keep_their_order_and_rows_leave_out_what_they_lack() -> None:
    columns = [Column(name, name, "%", "", "") for name in "ab"]
    found = Estimate(0.12345678, 4, 0.1, 0.2, source="other.tsv", drawn="2 speakers")
    rows = [
        Row("first", [{"b": found}], "p"),
        Row("second", [{"a": Estimate("words", 5), "b": Estimate(2, None)}], "p", source="s.tsv"),
    ]
    records = records_of(columns, rows, table="t", commit="c")
    assert [(r.row, r.metric, r.value, r.n, r.unit, r.source) for r in records] == [
        ("second", "a", "words", 5, "", "s.tsv"),
        ("first", "b", 0.123457, 4, "%", "other.tsv"),
        ("second", "b", 2, None, "%", "s.tsv"),
    ]
    assert (records[1].low, records[1].high, records[1].drawn) == (0.1, 0.2, "2 speakers")
    assert Estimate.percent(0.5, 4, (0.25, 1), "d") == Estimate(50.0, 4, 25.0, 100, drawn="d")


def test_a_value_for_some_items_only_is_an_error() -> None:
    rows = [Row("r", [{"x": 1.0}, {"x": None}], "p")]
    with pytest.raises(ValueError, match="t, r: error is missing for 1 of 2 values"):
        records_of([Column("error", "x", "", "", "")], rows, table="t", commit="")


def test_every_table_of_columns_yaml_reads() -> None:
    path = Path(espnet2_ext.report.__path__[0]) / "columns.yaml"
    tables = yaml.safe_load(path.read_text(encoding="utf-8"))
    phrases = tables.pop("phrases")
    for name in tables:
        for column in columns_of(name, "praat", drawn="DRAWN", least_p="0.001"):
            assert column.better in ("lower", "higher", "")
            assert column.definition.endswith((".", phrases["dnsmos"][-1]))
            assert "{" not in column.definition
    pooled = {c.name: c.definition for c in columns_of("emotion recognition", drawn="DRAWN")}
    assert pooled["pooled UA"].endswith("bootstrap over DRAWN.")


def test_the_environment_is_versions_and_machine() -> None:
    facts = {record.row: record.value for record in environment_records()}
    assert facts["python version"] == platform.python_version()
    assert facts["espnet2_ext version"] == __version__
    assert str(facts["pytorch version"])[0].isdigit() and str(facts["espnet version"])[0].isdigit()
    assert facts["device"] == f"CPU ({platform.machine()})"
    assert {record.unit for record in environment_records()} == {"text"}
    # Files are named as the folder of the jsonl sees them.
    record = file_record("t", "r", "mel", Path("out/a.png"), "A text.", "exp/results.jsonl")
    assert (record.value, record.unit, record.definition) == ("../out/a.png", "path", "A text.")


def test_the_commit_shows_changed_code(tmp_path: Path) -> None:
    assert git_commit(tmp_path) == ""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    git("init", "-q")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    clean = git_commit(tmp_path)
    assert clean and not clean.endswith("+")
    (tmp_path / "file").write_text("b")
    assert git_commit(tmp_path) == clean + "+"
