"""results.jsonl."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from espnet2_ext.report.records import Record, append_records, read_records

RECORD = Record("table", "row", "metric", 1.5, "%", 3, "what it is.", "how", "abc", 1.0, 2.0)


def test_reads_what_it_wrote_one_record_a_line(tmp_path: Path) -> None:
    path = tmp_path / "exp/results.jsonl"
    assert read_records(path) == []
    text = replace(RECORD, metric="ä", value="Größe", unit="text", low=None, high=None)
    append_records(path, [RECORD, text])
    assert read_records(path) == [RECORD, text]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["value"] == 1.5
    assert "Größe" in lines[1]


def test_the_same_records_again_leave_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    records = [RECORD, replace(RECORD, row="other")]
    append_records(path, records)
    before = path.read_bytes()
    append_records(path, records)
    append_records(path, records[:1])
    assert path.read_bytes() == before


def test_a_new_value_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append_records(path, [RECORD, replace(RECORD, row="other")])
    append_records(path, [replace(RECORD, value=9.0, commit="def")])
    assert [(r.row, r.value) for r in read_records(path)] == [("row", 9.0), ("other", 1.5)]


@pytest.mark.parametrize("field", ["table", "row", "metric", "protocol"])
def test_a_record_of_another_key_is_added(tmp_path: Path, field: str) -> None:
    path = tmp_path / "results.jsonl"
    append_records(path, [RECORD])
    append_records(path, [replace(RECORD, **{field: "another"})])
    assert len(read_records(path)) == 2


def test_whole_tables_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    kept = replace(RECORD, table="kept")
    append_records(path, [RECORD, replace(RECORD, row="old"), kept])
    new = replace(RECORD, row="new")
    append_records(path, [new], replace_tables=["table"])
    assert read_records(path) == [new, kept]
    append_records(path, [], replace_tables=["table"])
    assert read_records(path) == [kept]


@pytest.mark.parametrize("field", ["value", "low", "high"])
def test_refuses_numbers_that_are_not_finite(field: str) -> None:
    with pytest.raises(ValueError, match="table, row, metric: value is nan"):
        replace(RECORD, **{field: float("nan")})


def test_refuses_a_number_that_stands_for_nothing() -> None:
    with pytest.raises(ValueError, match="n is 0"):
        replace(RECORD, n=0)


@pytest.mark.parametrize("line", ["{", "{}", '{"table": "x", "unknown": 1}'])
def test_names_the_line_that_is_no_record(tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    append_records(path, [RECORD])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match="results.jsonl:2: not a record"):
        read_records(path)
