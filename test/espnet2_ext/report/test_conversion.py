"""Conversions: tables of scores, examples, and scales of intensity."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.figure import Figure

from espnet2_ext.bin import report as report_command
from espnet2_ext.bin import score as score_command
from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics.conversion import PairScore, read_scores
from espnet2_ext.metrics.statistics import crossed_interval
from espnet2_ext.report import conversion
from espnet2_ext.report.conversion import (
    conversion_columns,
    report_conversion,
    report_scores,
    scheduled_sampling_text,
    summarise_scores,
)
from espnet2_ext.report.records import Record, read_records
from espnet2_ext.report.render import render_results

TABLE = "Conversion (synthetic)"


def words(options: dict) -> list[str]:
    return [str(word) for name, value in options.items() for word in (f"--{name}", value)]


def make_score(pair: str, condition: str, error: float, **values: float | str | None) -> PairScore:
    """Three speakers say two sentences."""
    fields = {"f0_hz": 100.0, "speaker": f"of {pair}", "sentence": "xyx"["abc".index(pair)]}
    fields |= values
    return PairScore("converted", pair, condition, "s", "t", f0_error_percent=error, **fields)


def summarise(*scores: PairScore) -> dict[tuple[str, str], Record]:
    records = summarise_scores(scores, table="T", protocol="P")
    return {(record.row, record.metric): record for record in records}


def test_means_over_all_pairs_and_over_each_condition() -> None:
    pairs = [("a", "sad", 10.0), ("b", "sad", 20.0), ("c", "angry", 60.0)]
    records = summarise(*(make_score(*pair) for pair in pairs))
    pooled = records["converted", "F0-mean error"]
    assert (pooled.value, pooled.n, pooled.unit, pooled.better) == (30.0, 3, "%", "lower")
    assert (pooled.table, pooled.protocol) == ("T", "P")
    expected = crossed_interval([10.0, 20.0, 60.0], "abc", "xyx")
    assert (pooled.low, pooled.high) == pytest.approx(expected, abs=1.0e-6)
    assert pooled.drawn == "2 sentences and, within each, its own of 3 speakers"
    assert records["converted, sad", "F0-mean error"].value == 15.0
    assert records["converted, angry", "F0-mean error"].n == 1
    rows = list(dict.fromkeys(row for row, _ in records))
    assert rows == ["converted", "converted, angry", "converted, sad"]
    # One condition needs no row of its own, nor do rows that say what a metric can reach.
    assert {row for row, _ in summarise(make_score("a", "sad", 1.0))} == {"converted"}
    wrong = (PairScore("mismatched text", p, p, "s", "t", unit_error_rate=1.0) for p in "ab")
    assert list(summarise(*wrong)) == [("mismatched text", "unit error rate")]


def test_unvoiced_utterances_are_counted_and_words_weigh_the_same() -> None:
    scores = [
        make_score("a", "sad", 100.0, f0_hz=None, word_error_rate=0.5, num_words=6.0),
        make_score("b", "sad", 1.0, word_error_rate=1.0, num_words=2.0),
    ]
    records = summarise(*scores)
    unvoiced = records["converted", "unvoiced"]
    assert (unvoiced.value, unvoiced.n, unvoiced.low) == (1.0, 2, None)
    assert records["converted", "F0-mean error"].n == 2
    assert records["converted", "word error rate"].value == 5 / 8
    with pytest.raises(ValueError, match="T, converted: stopped is missing for 1 of 2 values"):
        summarise(scores[0], replace(scores[1], stopped=1.0))


@pytest.mark.parametrize(
    ("method", "tracker"), [("dio", "WORLD's DIO"), ("praat", "Praat's"), ("harvest", "Harvest")]
)
def test_every_column_of_f0_states_tracker_and_limits(method: str, tracker: str) -> None:
    columns = {
        column.name: column.definition
        for column in conversion_columns(method)
        if "F0" in column.name and not column.is_count
    }
    assert len(columns) == 7
    for name, definition in columns.items():
        assert "every 5 ms between 60 and 500 Hz" in definition, name
        # Paths and envelopes are DIO's whatever the means are by.
        assert (tracker if name in ("F0-mean error", "F0-std error") else "DIO") in definition


def test_the_text_of_scheduled_sampling(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    for text in ("model_conf: {}\n", "model_conf:\n  scheduled_sampling: null\n"):
        config.write_text(text)
        assert scheduled_sampling_text(config) == "scheduled sampling off"
    schedule = "{end_updates: 90, probability: 0.2, mode: parallel}"
    config.write_text(f"model_conf: {{scheduled_sampling: {schedule}}}")
    expected = "scheduled sampling parallel, to 0.2 from update 0 to 90"
    assert scheduled_sampling_text(config) == expected


@pytest.fixture
def arguments(conversion_files, fake_units: None, tmp_path: Path) -> dict:
    """Return what ``report_scores`` needs."""
    return {
        "inference_dir": conversion_files.inference_dir,
        "data_dir": conversion_files.data_dir,
        "pairs_dir": conversion_files.pairs_dir,
        "centroids_path": "any",
        "results_path": tmp_path / "results.jsonl",
        "unit_tag": "tiny",
        "table": TABLE,
        "protocol": "same voice",
    }


def read(arguments: dict) -> dict[tuple[str, str], Record]:
    records = read_records(arguments["results_path"])
    return {(r.row, r.metric): r for r in records if r.table == TABLE}


def test_scores_make_a_table_that_a_rerun_repeats(arguments: dict) -> None:
    score_command.main(["conversion", *words(arguments)])
    before = arguments["results_path"].read_bytes()
    report_scores(**arguments)
    assert arguments["results_path"].read_bytes() == before
    found = read(arguments)
    columns = {metric for row, metric in found if row == "converted"}
    assert columns == {column.name for column in conversion_columns()[:20]}
    errors = {"F0-std error", "MCD", "MCD, not warped", "MCD, ESPnet", "F0-RMSE, paper"}
    for row in ("source (unconverted)", "converted", "copy synthesis"):
        assert {metric for name, metric in found if name == row} >= errors
    assert found["converted", "unit error rate"].value == 0.75
    assert found["converted", "stopped"].value == 0.5
    assert found["source (unconverted), neutral-sad", "duration error"].n == 1
    # 0.3 for 0.4 s and 0.9 for 0.75 s, a frame every 5 ms from 0 on.
    for metric, frames in (("F0 frames, paper", 61 + 151), ("F0 frames, padded", 81 + 181)):
        count = found["converted", metric]
        assert (count.value, count.n, count.unit, count.low) == (frames, 2, "count", None)
    assert found["converted, neutral-sad", "F0 frames, padded"].value == 181
    assert any(r.table == "Environment" for r in read_records(arguments["results_path"]))
    # The scores that were kept give the same table.
    scores = read_scores(arguments["inference_dir"] / "scores.tsv")
    for record in summarise_scores(scores, table=TABLE, protocol="p"):
        expected = found[record.row, record.metric].value
        assert record.value == pytest.approx(expected, rel=1.0e-5)


def test_a_second_list_adds_its_row_only_and_the_papers_table_where_asked(arguments: dict) -> None:
    report_scores(**arguments)
    options = ["--row_name", "other voice", "--without_reference_rows", "--with_published"]
    score_command.main(["conversion", *words(arguments), *options])
    found = read(arguments)
    rows = [row for row in dict.fromkeys(row for row, _ in found) if ", " not in row]
    assert rows[:6] == [
        "source (unconverted)", "converted", "copy synthesis", "ground-truth target",
        "mismatched text", "other voice",
    ]  # fmt: skip
    values = {metric: r.value for (row, metric), r in found.items() if row.startswith("Emovox")}
    assert values == {"published MCD": 6.38, "published F0-RMSE": 52.23}


@pytest.fixture
def example_arguments(conversion_files, tmp_path: Path) -> dict:
    """Return what ``report_conversion`` needs."""
    return {
        "inference_dir": conversion_files.inference_dir,
        "data_dir": conversion_files.data_dir,
        "pairs_dir": conversion_files.pairs_dir,
        "output_dir": tmp_path / "exp/report",
        "results_path": tmp_path / "exp/results.jsonl",
        "title": "Examples (synthetic)",
    }


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, where only files and records matter: layout takes seconds."""
    monkeypatch.setattr(conversion, "mel_figure", lambda panels, title: Figure())
    monkeypatch.setattr(conversion, "attention_figure", lambda weights, title: Figure())


def test_examples_are_the_first_pair_of_every_condition(
    example_arguments: dict, plain_figures: None
) -> None:
    write_table(example_arguments["pairs_dir"] / "conditions", {"a": "same", "b": "same"})
    (example_arguments["data_dir"] / "text").unlink()
    report_conversion(**example_arguments)
    folder = example_arguments["output_dir"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "a_attention.png", "a_converted.wav", "a_ground-truth_target.wav",
        "a_mel.png", "a_reference.wav", "a_source.wav",
    ]  # fmt: skip
    assert soundfile.info(folder / "a_reference.wav").duration == 0.75  # spk-t2.
    assert soundfile.info(folder / "a_ground-truth_target.wav").duration == 0.4  # spk-t1.
    records = read_records(example_arguments["results_path"])
    assert {record.definition for record in records} == {""}


def test_the_page_links_files_that_exist(example_arguments: dict) -> None:
    report_command.main(["conversion", *words(example_arguments)])
    results = example_arguments["results_path"]
    records = read_records(results)
    assert len(records) == 12
    assert all((results.parent / str(record.value)).is_file() for record in records)
    render_results(results, results.with_name("RESULTS.md"))
    text = results.with_name("RESULTS.md").read_text()
    assert "### neutral-sad\n\ntext of spk-s2\n\n![mel and F0 of neutral-sad](report/b_mel" in text


def test_training_curves_are_shown_if_there_are_some(
    example_arguments: dict,
    plain_figures: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train_dir = example_arguments["results_path"].with_name("p2v_mini")
    report_conversion(**example_arguments, train_dir=train_dir)
    assert "no training curves: " in caplog.text
    last = read_records(example_arguments["results_path"])[-1]
    assert last.table == "Examples (synthetic)"
    curves = {"train": {"mel_loss": np.ones((3, 2))}}
    monkeypatch.setattr(conversion, "read_curves", lambda train_dir: curves)
    report_conversion(**example_arguments, train_dir=train_dir)
    last = read_records(example_arguments["results_path"])[-1]
    assert (last.table, last.row, last.value) == ("Training", "p2v_mini", "report/training.png")
    assert (example_arguments["output_dir"] / "training.png").is_file()


def test_names_what_a_table_lacks(example_arguments: dict) -> None:
    write_table(example_arguments["pairs_dir"] / "targets", {"b": "spk-t2"})
    with pytest.raises(ValueError, match="targets: lacks 1 keys, for example a; run the stage"):
        report_conversion(**example_arguments)


# pair: pitch of the source, at a = 0, 0.5, 1, and of the target.
PITCHES = {"up": (120, 120, 150, 180, 200), "back": (200, 200, 220, 180, 150)}


@pytest.fixture
def scale(tmp_path: Path, make_pulses: Callable[..., np.ndarray]) -> dict[str, Path]:
    """Return the directories of two pairs at three intensities, of pulse trains."""
    folders = {name: tmp_path / name for name in ("data", "pairs", "inference")}
    tables = {name: {} for name in ("pairs", "prosody_mix", "scale", "targets", "conditions")}
    sounds: dict[str, dict[str, Path]] = {"data": {}, "inference": {}}

    def write(folder: str, name: str, f0_hz: float, amplitude: float = 0.5) -> None:
        path = folders[folder] / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, make_pulses(f0_hz, 0.3, amplitude), 16000, "FLOAT")
        sounds[folder][name] = path

    for pair, (source, *at, target) in PITCHES.items():
        write("data", f"{pair}-s", source, 0.25)
        write("data", f"{pair}-t", target)
        for a, f0_hz in zip((0, 0.5, 1), at, strict=True):
            name = f"{pair}_at_{a}"
            write("inference", name, f0_hz)
            tables["pairs"][name] = f"{pair}-s {pair}-r"
            tables["prosody_mix"][name] = f"{pair}-s {1 - a} {pair}-r {a}"
            tables["scale"][name] = f"{pair} {a}"
            tables["targets"][name] = f"{pair}-t"
            tables["conditions"][name] = f"neutral-{pair}"
    for folder, table in sounds.items():
        write_table(folders[folder] / "wav.scp", table)
    for name, table in tables.items():
        write_table(folders["pairs"] / name, table)
    return folders


def score_scale(scale: dict[str, Path]) -> dict[tuple[str, str, str], float]:
    results = scale["data"].with_name("results.jsonl")
    options = {f"{name}_dir": folder for name, folder in scale.items()}
    options |= {"results_path": results, "table": "T", "protocol": "P"}
    score_command.main(["intensity", *words(options)])
    return {(r.table, r.row, r.metric): r.value for r in read_records(results)}


def test_means_and_trends_along_a_scale(scale: dict[str, Path]) -> None:
    found = score_scale(scale)
    for condition, (source, *at, target) in PITCHES.items():
        stages = ("source", "a = 0", "a = 0.5", "a = 1", "ground-truth target")
        for stage, f0_hz in zip(stages, (source, *at, target), strict=True):
            value = found["T", f"neutral-{condition}, {stage}", "F0 mean"]
            assert value == pytest.approx(f0_hz, rel=0.02)
    trends = "T: trends"
    assert found[trends, "neutral-up", "F0 mean: correlation"] == pytest.approx(1.0)
    # 200 220 180 downwards: ranks 2 3 1, Spearman -0.5; one of two steps goes down.
    assert found[trends, "neutral-back", "F0 mean: correlation"] == pytest.approx(0.5)
    assert found[trends, "neutral-back", "F0 mean: right steps"] == pytest.approx(0.5)
    assert found[trends, "all", "F0 mean: correlation"] == pytest.approx(0.75)
    # Every sound lasts as long: nothing follows.
    assert found[trends, "all", "duration: right steps"] == 0.0
    # The files have every value of the tables.
    files = {}
    for name in ("intensity", "intensity_trends"):
        with open(scale["inference"] / f"{name}.tsv") as stream:
            files[name] = list(csv.DictReader(stream, delimiter="\t"))
    values = [float(r["f0_hz"]) for r in files["intensity"] if r["condition"] == "neutral-up"]
    stages = [found["T", f"neutral-up, a = {a}", "F0 mean"] for a in ("0", "0.5", "1")]
    assert len(files["intensity"]) == 6 and values == pytest.approx(stages, rel=1e-4)
    of_f0 = [r["correlation"] for r in files["intensity_trends"] if r["measure"] == "F0 mean"]
    assert [float(value) for value in of_f0] == pytest.approx([0.5, 1.0])


def test_speech_without_voice_counts_as_0_hz(scale: dict[str, Path]) -> None:
    soundfile.write(scale["inference"] / "up_at_1.wav", np.zeros(4800), 16000)
    found = score_scale(scale)
    assert found["T", "neutral-up, a = 1", "F0 mean"] == 0.0
    assert found["T: trends", "neutral-up", "F0 mean: right steps"] == 0.5


def test_what_a_scale_lacks_is_one_line(scale: dict[str, Path]) -> None:
    write_table(scale["inference"] / "wav.scp", {"up_at_0": "x"})
    with pytest.raises(SystemExit, match="score intensity: .*lacks .* back_at_0"):
        score_scale(scale)
    for name in ("pairs", "prosody_mix", "scale"):
        write_table(scale["pairs"] / name, {})
    with pytest.raises(SystemExit, match="score intensity: .*holds no pairs"):
        score_scale(scale)
