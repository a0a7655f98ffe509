"""From scores to records."""

import json

import pytest

from espnet2_ext.bin import score
from espnet2_ext.metrics.conversion import PairScore, read_scores
from espnet2_ext.metrics.statistics import crossed_interval
from espnet2_ext.report.conversion import conversion_columns, report_scores, summarise_scores
from espnet2_ext.report.records import Record, read_records
from espnet2_ext.report.render import render_results

F0_RMSE = {
    "F0-RMSE, paper": "without alignment, to the end of the shorter",
    "F0-RMSE, padded": "without alignment, to the end of the longer",
    "F0-RMSE, DTW": "on the path of MCD, exact DTW",
    "F0-RMSE, voiced": "frames voiced in both only",
}
"""Column to what its definition must say."""


def make_score(pair: str, condition: str, error: float, **values: float | str | None) -> PairScore:
    """Three speakers say two sentences."""
    fields = {"f0_hz": 100.0, "speaker": f"of {pair}", "sentence": "xyx"["abc".index(pair)]}
    fields |= values
    return PairScore("converted", pair, condition, "s", "t", f0_error_percent=error, **fields)


def summarise(scores: list[PairScore]) -> dict[tuple[str, str, str], Record]:
    records = summarise_scores(scores, table="T", protocol="P", commit="C")
    return {(record.table, record.row, record.metric): record for record in records}


def test_means_over_all_pairs_and_over_each_condition() -> None:
    scores = [
        make_score("a", "sad", 10.0),
        make_score("b", "sad", 20.0),
        make_score("c", "angry", 60.0),
    ]
    records = summarise(scores)
    pooled = records["T", "converted", "F0-mean error"]
    assert (pooled.value, pooled.n, pooled.unit, pooled.better) == (30.0, 3, "%", "lower")
    assert (pooled.protocol, pooled.commit) == ("P", "C")
    expected = crossed_interval([10.0, 20.0, 60.0], "abc", "xyx")
    assert (pooled.low, pooled.high) == pytest.approx(expected, abs=1.0e-6)
    assert pooled.drawn == "2 sentences and, within each, its own of 3 speakers"
    assert records["T", "converted, sad", "F0-mean error"].value == 15.0
    assert records["T", "converted, angry", "F0-mean error"].n == 1
    rows = list(dict.fromkeys(row for _, row, _ in records))
    assert rows == ["converted", "converted, angry", "converted, sad"]


def test_one_condition_needs_no_row_of_its_own() -> None:
    assert {row for _, row, _ in summarise([make_score("a", "sad", 1.0)])} == {"converted"}


def test_what_a_metric_can_reach_is_not_repeated_for_every_condition() -> None:
    wrong = [
        PairScore("wrong sentence", pair, pair, "s", "t", unit_error_rate=1.0) for pair in "ab"
    ]
    assert {row for _, row, _ in summarise(wrong)} == {"wrong sentence"}


def test_unvoiced_utterances_are_counted() -> None:
    records = summarise([make_score("a", "sad", 100.0, f0_hz=None), make_score("b", "sad", 1.0)])
    unvoiced = records["T", "converted", "unvoiced"]
    assert (unvoiced.value, unvoiced.n, unvoiced.low) == (1.0, 2, None)
    assert records["T", "converted", "F0-mean error"].n == 2


def test_every_column_states_its_definition(conversion_files, fake_units: None, tmp_path) -> None:
    report_scores(**arguments(conversion_files, tmp_path))
    records = read_records(tmp_path / "results.jsonl")
    found = {r.metric: r for r in records if r.row == "converted"}
    assert found.keys() == {column.name for column in conversion_columns()[:20]}
    for name in ("MCD", "MCD, not warped"):
        assert "definition 'paper'" in found[name].definition
        assert found[name].definition.count("order 24, alpha 0.41, c0 left out") == 1
    assert "exact DTW" in found["MCD"].definition
    assert "from the start to the end of the shorter" in found["MCD, not warped"].definition
    assert "definition 'espnet'" in found["MCD, ESPnet"].definition
    for name, definition in F0_RMSE.items():
        assert found[name].unit == "Hz" and found[name].low is not None
        assert definition in found[name].definition
        assert "root mean square error of each pair, then the mean" in found[name].definition
    assert "without alignment" not in found["F0-RMSE, DTW"].definition
    assert all(found[name].low is not None for name in ("MCD", "log-F0 RMSE"))


@pytest.mark.parametrize(
    ("method", "tracker"), [("dio", "WORLD's DIO"), ("praat", "Praat's"), ("harvest", "Harvest")]
)
def test_every_column_of_f0_states_tracker_and_limits(method: str, tracker: str) -> None:
    columns = {
        metric.name: metric.definition
        for metric in conversion_columns(method)
        if "F0" in metric.name and not metric.is_count
    }
    assert len(columns) == 7
    for name, definition in columns.items():
        assert "every 5 ms between 60 and 500 Hz" in definition, name
        # Paths and envelopes are DIO's whatever the means are by.
        assert (tracker if name in ("F0-mean error", "F0-std error") else "DIO") in definition


def test_both_numbers_of_frames_are_told(conversion_files, fake_units: None, tmp_path) -> None:
    report_scores(**arguments(conversion_files, tmp_path))
    records = read_records(tmp_path / "results.jsonl")
    found = {(r.row, r.metric): r for r in records}
    # 0.3 for 0.4 s and 0.9 for 0.75 s, a frame every 5 ms from 0 on.
    for metric, frames in (("F0 frames, paper", 61 + 151), ("F0 frames, padded", 81 + 181)):
        count = found["converted", metric]
        assert (count.value, count.n, count.unit, count.low) == (frames, 2, "count", None)
    assert found["converted, neutral-sad", "F0 frames, padded"].value == 181


def test_the_papers_table_stands_beside_ours_where_asked(
    conversion_files, fake_units: None, tmp_path
) -> None:
    options = arguments(conversion_files, tmp_path)
    report_scores(**options)
    assert not any(" in [P2V]" in r.row for r in read_records(tmp_path / "results.jsonl"))
    (tmp_path / "results.jsonl").unlink()
    given = (part for key, value in options.items() for part in (f"--{key}", value))
    command = ["conversion", *given]
    score.main([*command, "--with_published"])
    records = read_records(tmp_path / "results.jsonl")
    shown = [r for r in records if r.row == "Emovox [34] in [P2V]"]
    assert [(r.metric, r.value, r.table) for r in shown] == [
        ("published MCD", 6.38, "Conversion (synthetic)"),
        ("published F0-RMSE", 52.23, "Conversion (synthetic)"),
    ]
    columns = list(dict.fromkeys(r.metric for r in records if r.table == shown[0].table))
    assert columns[columns.index("MCD") + 1] == "published MCD"
    assert columns[columns.index("F0-RMSE, padded") + 1] == "published F0-RMSE"


@pytest.mark.parametrize("row", ["zero effort", "converted", "resynthesis"])
def test_these_rows_have_all_errors(conversion_files, fake_units: None, tmp_path, row: str) -> None:
    report_scores(**arguments(conversion_files, tmp_path))
    records = read_records(tmp_path / "results.jsonl")
    found = {r.metric for r in records if r.row == row}
    assert found >= {"F0-std error", "MCD", "MCD, not warped", "MCD, ESPnet", *F0_RMSE}


def test_a_kept_column_of_an_older_name_stays_beside_the_new_ones(
    conversion_files, fake_units: None, tmp_path
) -> None:
    """Before, F0-RMSE was what is now called F0-RMSE, DTW; its row keeps its own definition."""
    old = {"table": "Conversion (synthetic)", "row": "converted", "metric": "F0-RMSE", "n": 2}
    old |= {"value": 77.0, "unit": "Hz", "definition": "along MCD's path.", "better": "lower"}
    old |= {"protocol": "older", "commit": "abc", "low": None, "high": None}
    (tmp_path / "results.jsonl").write_text(json.dumps(old) + "\n")
    report_scores(**arguments(conversion_files, tmp_path))
    render_results(tmp_path / "results.jsonl", tmp_path / "RESULTS.md")
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| converted (1) | 2 | 77.0 | –" in text
    assert "- *F0-RMSE*: along MCD's path." in text
    assert "- *F0-RMSE, paper*: definition 'paper'" in text


def test_metrics_a_row_does_not_have_are_left_out() -> None:
    wrong = PairScore("wrong sentence", "a", "sad", "s", "t", unit_error_rate=0.98)
    assert [metric for _, _, metric in summarise([wrong])] == ["unit error rate"]


def test_refuses_a_mean_over_fewer_pairs_than_listed() -> None:
    scores = [make_score("a", "sad", 1.0, stopped=1.0), make_score("b", "sad", 1.0)]
    with pytest.raises(ValueError, match="T, converted: stopped is missing for 1 of 2 values"):
        summarise(scores)


def arguments(files, tmp_path) -> dict[str, str]:
    return {
        "inference_dir": str(files.inference_dir),
        "data_dir": str(files.data_dir),
        "pairs_dir": str(files.pairs_dir),
        "centroids_path": "any",
        "results_path": str(tmp_path / "results.jsonl"),
        "unit_tag": "tiny",
        "table": "Conversion (synthetic)",
        "protocol": "same voice",
    }


def test_a_rerun_gives_the_same_file(conversion_files, fake_units: None, tmp_path) -> None:
    options = arguments(conversion_files, tmp_path)
    given = (part for key, value in options.items() for part in (f"--{key}", value))
    score.main(["conversion", *given])
    before = (tmp_path / "results.jsonl").read_bytes()
    report_scores(**options)
    assert (tmp_path / "results.jsonl").read_bytes() == before
    records = read_records(tmp_path / "results.jsonl")
    found = {(r.table, r.row, r.metric): r for r in records}
    assert found["Conversion (synthetic)", "converted", "unit error rate"].value == 0.75
    assert found["Conversion (synthetic)", "converted", "stopped"].value == 0.5
    assert found["Conversion (synthetic)", "zero effort, neutral-sad", "duration error"].n == 1
    assert ("Environment", "python version", "value") in found
    # The scores that were kept give the same table.
    scores = read_scores(conversion_files.inference_dir / "scores.tsv")
    again = summarise_scores(scores, table="Conversion (synthetic)", protocol="p", commit="")
    pooled = {(r.row, r.metric): r.value for r in again if r.table == "Conversion (synthetic)"}
    for (row, metric), value in pooled.items():
        expected = found["Conversion (synthetic)", row, metric].value
        assert value == pytest.approx(expected, rel=1.0e-5)


def test_a_second_list_adds_its_row_only(conversion_files, fake_units: None, tmp_path) -> None:
    options = arguments(conversion_files, tmp_path)
    report_scores(**options)
    report_scores(**options, row_name="other voice", with_reference_rows=False)
    records = read_records(tmp_path / "results.jsonl")
    rows = dict.fromkeys(r.row for r in records if r.table == "Conversion (synthetic)")
    assert [row for row in rows if ", " not in row] == [
        "zero effort", "converted", "resynthesis", "true target", "wrong sentence", "other voice"
    ]  # fmt: skip


def test_an_error_is_one_line(conversion_files, tmp_path) -> None:
    options = {**arguments(conversion_files, tmp_path), "unit_tag": "none"}
    given = (part for key, value in options.items() for part in (f"--{key}", value))
    command = ["conversion", *given]
    with pytest.raises(SystemExit, match="score conversion: .*units_none"):
        score.main(command)


def test_a_word_error_rate_is_errors_over_words_of_all_together() -> None:
    scores = [
        make_score("a", "sad", 1.0, word_error_rate=0.5, num_words=6.0),
        make_score("b", "sad", 1.0, word_error_rate=1.0, num_words=2.0),
    ]
    assert summarise(scores)["T", "converted", "word error rate"].value == 5 / 8
