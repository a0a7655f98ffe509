"""Table VII of [P2V]."""

from dataclasses import replace

from espnet2_ext.report.published import TABLE_7, add_published
from espnet2_ext.report.records import Record, append_records
from espnet2_ext.report.render import render_results

MCD = Record("T", "converted", "MCD", 5.0, "dB", 4, "ours.", "p", "abc", better="lower")


def test_the_table_is_the_papers() -> None:
    assert list(TABLE_7.values()) == [
        (7.67, 52.54), (8.06, 56.22), (7.89, 55.51), (6.38, 52.23), (6.81, 53.31)
    ]  # fmt: skip
    assert min(TABLE_7, key=lambda model: TABLE_7[model][0]) == "Emovox [34]"


def test_each_column_comes_once_and_after_the_one_it_is_like() -> None:
    other = replace(MCD, metric="duration error", unit="%")
    f0 = replace(MCD, metric="F0-RMSE, padded", unit="Hz")
    condition = [replace(each, row="converted, sad") for each in (MCD, f0)]
    records = add_published([MCD, other, f0, *condition], "T")
    assert [record for record in records if record.n] == [MCD, other, f0, *condition]
    metrics = [record.metric for record in records]
    assert metrics == [
        "MCD", *["published MCD"] * 5, "duration error",
        "F0-RMSE, padded", *["published F0-RMSE"] * 5, "MCD", "F0-RMSE, padded",
    ]  # fmt: skip


def test_the_page_says_that_definitions_are_not_stated(tmp_path) -> None:
    f0 = replace(MCD, metric="F0-RMSE, padded", value=60.0, unit="Hz")
    append_records(tmp_path / "results.jsonl", add_published([MCD, f0], "T"))
    render_results(tmp_path / "results.jsonl", tmp_path / "RESULTS.md")
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| converted (1) | 4 | 5.0 | – | 60.0 | – |" in text
    assert "| Prosody2Vec in [P2V] (2) | – | – | 6.8 | – | 53.3 |" in text
    assert "(2) Protocol: [P2V] Table VII: ESD" in text
    for column in ("MCD", "F0-RMSE"):
        [line] = [each for each in text.splitlines() if f"*published {column}*" in each]
        assert "not measured here" in line and "not stated" in line
