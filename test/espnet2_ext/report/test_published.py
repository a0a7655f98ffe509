"""What publications print."""

from dataclasses import replace

import pytest

from espnet2_ext.report.published import (
    PAPER,
    PUBLISHED,
    add_published,
    paper_score,
    published_records,
)
from espnet2_ext.report.records import Record

MCD = Record("T", "converted", "MCD", 5.0, "dB", 4, "ours.", "p", "abc", better="lower")
F0 = replace(MCD, metric="F0-RMSE, padded", value=60.0, unit="Hz")


@pytest.mark.parametrize(
    ("table", "protocol", "rows"),
    # IV: FBANK, 3 of Prosody2Vec, 4 upstreams alone and with 3; V: 12 + 2; VI: 8 + 2.
    [("IV", "loso", 1 + 3 + 4 * 4), ("V", "loso", 14), ("VI", "lospko", 10)],
)
def test_tables_of_the_paper_have_all_their_rows(table: str, protocol: str, rows: int) -> None:
    scores = [score for score in PAPER if score.source == f"[P2V] Table {table}"]
    assert len(scores) == rows
    assert {score.protocol for score in scores} == {protocol}


@pytest.mark.parametrize(
    ("system", "protocol", "wa", "ua"),
    [
        ("FBANK", "loso", 55.67, None),
        # In Table IV without UA, in Table V with it.
        ("HuBERT large + Prosody2Vec, 200 units", "loso", 72.42, 73.25),
        ("HuBERT large + Prosody2Vec, 200 units", "lospko", 73.74, 73.93),
    ],
)
def test_looks_up_a_system(system: str, protocol: str, wa: float, ua: float | None) -> None:
    score = paper_score(system, protocol)
    assert score is not None
    assert (score.wa, score.ua) == (wa, ua)


def test_systems_that_the_paper_did_not_test_so_or_does_not_know() -> None:
    assert paper_score("FBANK", "lospko") is paper_score("FBANK", "random") is None
    with pytest.raises(ValueError, match="'Hubert': no system of .*FBANK, Prosody2Vec, 50 units"):
        paper_score("Hubert", "loso")


def test_figures_are_consistent() -> None:
    for score in PAPER:
        assert all(25.0 < value < 100.0 for value in (score.wa, score.ua) if value is not None)
        found = paper_score(score.system, score.protocol)
        assert found is not None and found.wa == score.wa
    assert PUBLISHED[: len(PAPER)] == PAPER
    keys = [(s.system, s.protocol, s.source, s.note) for s in PUBLISHED]
    assert len(set(keys)) == len(keys)
    # Figures chosen on the test list or of another split say why they do not compare.
    other = [score for score in PUBLISHED if score.protocol == "other"]
    assert all(score.note for score in other)
    assert sum("test fold" in score.note for score in other) == 2
    assert max(s.wa for s in PUBLISHED if s.protocol != "other" and s.wa) == 73.74


def test_records_of_one_protocol_with_their_sources_and_notes() -> None:
    records = published_records(["emobox"], table="T")
    cells = {(record.row, record.metric): record for record in records}
    whisper = cells["Whisper large v3, frozen", "published UA"]
    assert (whisper.value, whisper.unit, whisper.n, whisper.table) == (73.54, "%", 5531, "T")
    assert whisper.protocol == "EmoBox's repository, docs/intra-corpus.jpg"
    assert cells["Whisper large v3, frozen", "published macro-F1"].value == 73.11
    assert ("HuBERT base, frozen", "published macro-F1") not in cells
    assert len({record.row for record in records}) == 4
    other = {record.row: record for record in published_records(["other"], table="T")}
    espnet = other["ESPnet HuBERT large, emotion with transcript"]
    assert espnet.protocol.endswith("README.md: session 5 alone, happy without excited")
    assert espnet.n == 941
    loso = published_records(["loso"], table="T")
    assert len({record.key for record in loso}) == len(loso)
    fused = [r.value for r in loso if r.row == "HuBERT large + Prosody2Vec, 200 units"]
    assert fused == [72.42, 72.42, 73.25]


def test_each_column_of_table_7_comes_once_and_after_the_one_it_is_like() -> None:
    other = replace(MCD, metric="duration error", unit="%")
    condition = [replace(each, row="converted, sad") for each in (MCD, F0)]
    records = add_published([MCD, other, F0, *condition], "T")
    assert [record for record in records if record.n] == [MCD, other, F0, *condition]
    assert [record.metric for record in records] == [
        "MCD", *["published MCD"] * 5, "duration error",
        "F0-RMSE, padded", *["published F0-RMSE"] * 5, "MCD", "F0-RMSE, padded",
    ]  # fmt: skip
    assert [record.value for record in records if record.n is None] == [
        7.67, 8.06, 7.89, 6.38, 6.81, 52.54, 56.22, 55.51, 52.23, 53.31
    ]  # fmt: skip
