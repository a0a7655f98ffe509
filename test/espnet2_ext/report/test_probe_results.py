"""Records of the disentanglement tables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espnet2_ext.report.probes import ProbeSet, probe_records, records_text
from espnet2_ext.report.records import Record, append_records
from espnet2_ext.report.render import render_results


def records_of(*sets: ProbeSet) -> list[Record]:
    return probe_records(
        sets,
        {data.name: f"{data.name} by hand" for data in sets},
        table="Disentanglement (synthetic)",
        correlation_table="Disentanglement (synthetic): correlations",
        commit="abc1234",
    )


def test_rows_and_columns(make_probe_set: Callable[..., ProbeSet]) -> None:
    records = records_of(make_probe_set())
    probes = [record for record in records if record.unit == "%"]
    assert list(dict.fromkeys(record.metric for record in probes)) == [
        "emotion probe",
        "speaker probe",
        "content probe",
    ]
    rows = ["prosody vector", "untrained encoder", "speaker vector", "units", "chance"]
    assert [r.row for r in probes[:5]] == [f"parallel: {row}" for row in rows]
    assert probes[0].value == 100.0 and (probes[0].low, probes[0].high) == (100.0, 100.0)
    assert [r.value for r in probes if r.row == "parallel: chance"] == [50.0, 20.0, 25.0]
    assert [probes[number].better for number in (0, 5, 10)] == ["higher", "lower", "lower"]
    assert probes[0].protocol == (
        "parallel by hand; "
        "emotion probe: 2 classes, speakers and sentences held out, 20 folds; "
        "speaker probe: 5 classes, sentences held out, 4 folds; "
        "content probe: 4 classes, speakers held out, 5 folds; "
        "logistic regression on standardised vectors, C = 0.1, classes balanced, seed 0"
    )
    drawn = {record.drawn for record in probes if not record.row.endswith("chance")}
    assert drawn == {"5 speakers and 4 sentences"}
    correlations = [record for record in records if record.unit == ""]
    assert {record.table for record in correlations} == {
        "Disentanglement (synthetic): correlations"
    }
    assert list(dict.fromkeys(r.metric for r in correlations)) == ["F0 mean (r)", "level (r)"]
    assert "ridge regression" in correlations[0].protocol
    assert {(r.n, r.commit) for r in records} == {(40, "abc1234")}


def test_page(make_probe_set: Callable[..., ProbeSet], tmp_path: Path) -> None:
    other = make_probe_set(name="unlabelled", emotions=None)
    append_records(tmp_path / "results.jsonl", records_of(other, make_probe_set()))
    render_results(tmp_path / "results.jsonl", tmp_path / "RESULTS.md")
    text = (tmp_path / "RESULTS.md").read_text()
    # The first directory has no emotions: the columns keep their order all the same.
    assert "|  | n | emotion probe ↑ (%) | speaker probe ↓ (%) | content probe ↓ (%) |" in text
    assert "| parallel: chance (1) | 40 | 50.0 | 20.0 | 25.0 |" in text
    assert "| unlabelled: chance (2) | 40 | – | 20.0 | 25.0 |" in text
    assert "emotion probe not measurable (no utt2emo)" in text
    assert "F0 mean (r) | level (r) ↑" in text


def test_text_for_a_terminal(make_probe_set: Callable[..., ProbeSet]) -> None:
    lines = records_text(records_of(make_probe_set())).splitlines()
    assert lines[0] == "Disentanglement (synthetic)"
    assert lines[1].startswith("  parallel: prosody vector     emotion probe 100.0 %, speaker")
    assert lines[6] == "Disentanglement (synthetic): correlations"
    assert lines[7].startswith("  parallel: prosody vector     F0 mean (r) +")
    assert len(lines) == 11


def test_unknown_directory_is_an_error(make_probe_set: Callable[..., ProbeSet]) -> None:
    with pytest.raises(KeyError, match="parallel"):
        probe_records([make_probe_set()], {}, table="t", correlation_table="c", commit="")
