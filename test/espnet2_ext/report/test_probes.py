"""What can be read from prosody vectors: labels and vectors, probes, tables, and the command."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import yaml

from espnet2_ext.bin import probe
from espnet2_ext.data.directory import subset_data_directory
from espnet2_ext.data.tables import read_table, write_rejected, write_table
from espnet2_ext.report import probes
from espnet2_ext.report.probes import (
    CONTENT,
    EMOTION,
    F0_IN_VOICE,
    F0_MEAN,
    F0_RANGE,
    KINDS,
    LEVEL,
    PROSODY,
    RATE,
    SPEAKER,
    SPEAKER_VECTOR,
    UNITS,
    UNTRAINED,
    ProbeSet,
    correlation_scores,
    met_in_pretraining,
    probe_rows,
    probe_scores,
    read_probe_set,
    report_probes,
)
from espnet2_ext.report.records import columns_of, read_records, records_of
from espnet2_ext.report.render import render_results

Make = Callable[..., ProbeSet]
TITLE = "Disentanglement (synthetic)"


@pytest.fixture
def read(probe_data_dir: Path, tiny_model) -> Callable[..., ProbeSet]:
    """Return a function that reads the directory."""

    def read(**changes) -> ProbeSet:
        return read_probe_set(probe_data_dir, tiny_model, unit_tag="tiny", **changes)

    return read


def test_everything_of_a_directory_in_one_order(probe_data_dir: Path, read) -> None:
    data = read()
    keys = sorted(read_table(probe_data_dir / "wav.scp"))
    assert (data.name, data.listed, data.lacking) == ("parallel", 18, ())
    assert data.speakers.tolist() == [key[0] for key in keys]
    assert data.sentences.tolist() == [f"sentence {key[2]}" for key in keys]
    assert data.emotions.tolist() == [key[4:] for key in keys]
    assert data.has_words.all() and data.shared_sentences.all()
    assert tuple(data.vectors) == KINDS
    assert data.vectors[PROSODY].shape == data.vectors[UNTRAINED].shape == (18, 5)
    assert np.abs(data.vectors[PROSODY] - data.vectors[UNTRAINED]).max() > 0.01
    voices = data.vectors[SPEAKER_VECTOR].argmax(axis=1)
    assert voices.tolist() == ["abc".index(key[0]) for key in keys]
    # Sentence 0 is units 0 4 0: two thirds of the time unit 0.
    np.testing.assert_allclose(data.vectors[UNITS][0], [2 / 3, 0, 0, 0, 1 / 3])
    targets = data.targets
    happy, neutral = targets[F0_MEAN][0], targets[F0_MEAN][1]
    assert happy - neutral == pytest.approx(6.0, abs=0.3)
    assert targets[F0_IN_VOICE][:2] == pytest.approx([3.0, -3.0], abs=0.3)
    # Voice a at 120 Hz against c at 160 Hz: another pitch, the same within the voice.
    assert targets[F0_MEAN][12] - happy == pytest.approx(12 * np.log2(160 / 120), abs=0.3)
    assert targets[F0_IN_VOICE][12] == pytest.approx(targets[F0_IN_VOICE][0], abs=0.3)
    assert targets[RATE][[0, 4]] == pytest.approx([3 / 0.3, 4 / 0.4])
    assert targets[F0_RANGE][0] < 1.0 and np.ptp(targets[LEVEL]) < 6.0


def test_silence_has_no_pitch_to_correlate(probe_data_dir: Path, read) -> None:
    wav = read_table(probe_data_dir / "wav.scp")["a-0-happy"]
    soundfile.write(wav, np.zeros(4800), 16000)
    targets = read().targets
    for name in (F0_MEAN, F0_IN_VOICE, F0_RANGE):
        assert np.isnan(targets[name]).tolist() == [True] + 17 * [False]
    assert np.isfinite(targets[RATE]).all() and np.isfinite(targets[LEVEL]).all()


def test_what_is_rejected_or_not_drawn_is_counted(probe_data_dir: Path, read) -> None:
    write_rejected(probe_data_dir, {"a-0-happy": "no units", "z-9": "not readable"})
    data = read(max_utterances=6)
    # 18 of wav.scp, one of them rejected, and one that never came into wav.scp.
    assert (len(data.speakers), data.listed) == (6, 19)
    again = read(max_utterances=6)
    np.testing.assert_array_equal(again.vectors[PROSODY], data.vectors[PROSODY])
    assert read(max_utterances=6, seed=1).sentences.tolist() != data.sentences.tolist()


def test_directories_without_labels_or_words(probe_data_dir: Path, read, make_probe_set) -> None:
    (probe_data_dir / "utt2emo").unlink()
    (probe_data_dir / "text").unlink()
    data = read()
    assert data.emotions is None
    assert len(set(data.sentences.tolist())) == 18
    assert not data.has_words.any() and not data.shared_sentences.any()
    assert data.lacking == ("sentences: no text, or nothing in it",)
    # Nor are sentences of one voice shared.
    data = make_probe_set(sentences=np.array(["one"] * 8 + ["two"] * 8 + ["three"] * 24))
    assert data.shared_sentences.tolist() == [False] * 16 + [True] * 24


def test_names_what_is_missing_or_does_not_fit(probe_data_dir: Path, read) -> None:
    durations = probe_data_dir / "unit_durations_tiny"
    table = read_table(durations)
    write_table(durations, {**table, "b-1-happy": "7"})
    with pytest.raises(ValueError, match=r"parallel: b-1-happy: \(3,\) units but \(1,\) durations"):
        read()
    write_table(durations, {key: table[key] for key in table if key != "b-1-happy"})
    with pytest.raises(ValueError, match="unit_durations_tiny: lacks 1 keys, for example b-1-hap"):
        read()
    durations.unlink()
    with pytest.raises(FileNotFoundError, match="unit_durations_tiny"):
        read()


def test_each_vector_says_what_it_knows(make_probe_set: Make) -> None:
    found, _ = probe_scores(make_probe_set())
    assert list(found) == [EMOTION, SPEAKER, CONTENT]
    knows = {EMOTION: PROSODY, SPEAKER: SPEAKER_VECTOR, CONTENT: UNITS}
    for name, scores in found.items():
        assert list(scores) == [PROSODY, UNTRAINED, SPEAKER_VECTOR, UNITS]
        for kind, score in scores.items():
            if kind == knows[name]:
                assert score.accuracy == 1.0
            else:
                assert score.accuracy < score.chance + 0.25, (name, kind)


def test_sentences_decide_what_is_held_out_and_probed(make_probe_set: Make) -> None:
    _, notes = probe_scores(make_probe_set(sentences=np.arange(40).astype(str)))
    assert notes[0] == "emotion probe: 2 classes, speakers held out, 5 folds"
    assert notes[2] == "content probe not measurable (no sentence is said by two speakers)"
    sentences = make_probe_set().sentences.copy()
    sentences[:8] = [f"of a {number}" for number in range(8)]
    score = probe_scores(make_probe_set(sentences=sentences))[0][CONTENT][UNITS]
    assert (score.n, score.classes) == (32, 4)


def test_what_the_labels_do_not_allow_is_said(
    make_probe_set: Make, caplog: pytest.LogCaptureFixture
) -> None:
    found, notes = probe_scores(make_probe_set(emotions=None, speakers=np.array(["a"] * 40)))
    assert found == {}
    assert notes == [
        "emotion probe not measurable (no utt2emo)",
        "speaker probe not measurable (a probe needs at least two classes, got 1)",
        "content probe not measurable (no sentence is said by two speakers)",
    ]
    assert "parallel: emotion probe not measurable: no utt2emo" in caplog.text
    speakers = make_probe_set().speakers.copy()
    speakers[0] = "once"
    _, notes = probe_scores(make_probe_set(speakers=speakers))
    assert notes[1].endswith(", 1 utterances left out whose label training lacks")


def test_correlations(make_probe_set: Make) -> None:
    found, notes = correlation_scores(make_probe_set())
    assert notes == ["speakers and sentences held out"]
    assert found["F0 mean"][PROSODY].pearson_r > 0.95
    assert abs(found["F0 mean"][UNITS].pearson_r) < 0.3
    assert found["level"][PROSODY].n == 40
    pitch = make_probe_set().targets["F0 mean"].copy()
    pitch[:3] = np.nan
    found, notes = correlation_scores(make_probe_set(targets={"F0 mean": pitch}))
    assert found["F0 mean"][PROSODY].n == 37
    assert notes[1] == "F0 mean: 3 utterances without a voiced frame left out"
    silent = {"F0 mean": np.full(40, np.nan), "level": np.ones(40)}
    found, notes = correlation_scores(make_probe_set(targets=silent))
    assert found == {}
    assert notes[1:] == [
        "F0 mean: 40 utterances without a voiced frame left out",
        "F0 mean not measurable (a correlation needs a target that varies)",
        "level not measurable (a correlation needs a target that varies)",
    ]


def test_rows_and_columns(make_probe_set: Make) -> None:
    rows, correlation_rows = probe_rows(make_probe_set(), "by hand", source="model.pth")
    records = records_of(columns_of("probes"), rows, table="T")
    assert list(dict.fromkeys(r.metric for r in records)) == [EMOTION, SPEAKER, CONTENT]
    names = ["prosody vector", "untrained encoder", "speaker vector", "units", "chance"]
    assert [r.row for r in records[:5]] == [f"parallel: {name}" for name in names]
    first = records[0]
    assert (first.value, first.low, first.high) == (100.0, 100.0, 100.0)
    assert [r.value for r in records if r.row == "parallel: chance"] == [50.0, 20.0, 25.0]
    assert [records[number].better for number in (0, 5, 10)] == ["higher", "lower", "lower"]
    assert first.protocol == (
        "by hand; emotion probe: 2 classes, speakers and sentences held out, 20 folds; "
        "speaker probe: 5 classes, sentences held out, 4 folds; "
        "content probe: 4 classes, speakers held out, 5 folds; "
        "logistic regression on standardised vectors, C = 0.1, classes balanced, seed 0"
    )
    drawn = {record.drawn for record in records if not record.row.endswith("chance")}
    assert drawn == {"5 speakers and 4 sentences"}
    correlations = records_of(columns_of("correlations"), correlation_rows, table="T")
    assert list(dict.fromkeys(r.metric for r in correlations)) == ["F0 mean (r)", "level (r)"]
    assert correlations[0].protocol == (
        "by hand; speakers and sentences held out; ridge regression on standardised vectors, "
        "alpha = 100, seed 0"
    )
    assert {(record.n, record.source) for record in (*records, *correlations)} == {
        (40, "model.pth")
    }


@pytest.fixture
def options(
    probe_data_dir: Path, tmp_path: Path, tiny_model, monkeypatch: pytest.MonkeyPatch
) -> dict:
    """Return options of the command, with a model that needs no training."""
    model_file = tmp_path / "exp/p2v_tiny/best.pth"
    model_file.parent.mkdir(parents=True)
    model_file.write_bytes(b"weights")
    config = {"train_speaker_dir": str(probe_data_dir)}
    (model_file.parent / "config.yaml").write_text(yaml.safe_dump(config))
    converter = SimpleNamespace(from_file=lambda *_, device: SimpleNamespace(model=tiny_model))
    monkeypatch.setattr(probes, "Prosody2VecConverter", converter)
    return {
        "model_file": model_file,
        "data_dirs": probe_data_dir,
        "unit_tag": "tiny",
        "results_path": tmp_path / "exp/results.jsonl",
        "table": TITLE,
    }


def command(options: dict) -> list[str]:
    return [str(part) for key, value in options.items() for part in (f"--{key}", value)]


def test_command_writes_tables_and_figure_and_repeats(
    options: dict, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    probe.main(command(options))
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5 + 4
    assert printed[0].startswith(f"{TITLE}, parallel: prosody vector: emotion probe ")
    assert printed[5].startswith(f"{TITLE}: correlations, parallel: prosody vector: F0 mean (r) ")
    assert (tmp_path / "exp/report/p2v_tiny/parallel_pca.png").stat().st_size > 0
    records = read_records(options["results_path"])
    assert {record.table for record in records} == {
        TITLE, f"{TITLE}: correlations", f"{TITLE}: figures"
    }  # fmt: skip
    assert records[0].protocol.startswith(
        "parallel: 18 of 18 utterances; pretraining met 3 of 3 speakers and 3 of 3 sentences; "
        "model p2v_tiny/best.pth, units tiny; emotion probe: 2 classes"
    )
    values = {(record.row, record.metric): record.value for record in records}
    assert values["parallel: chance", SPEAKER] == pytest.approx(100 / 3)
    assert values["parallel: speaker vector", SPEAKER] == 100.0
    assert values["parallel: units", CONTENT] == 100.0
    render_results(options["results_path"], tmp_path / "exp/RESULTS.md")
    page = (tmp_path / "exp/RESULTS.md").read_text()
    assert "![pca by emotion and speaker of parallel](report/p2v_tiny/parallel_pca.png)" in page
    before = options["results_path"].read_bytes()
    probe.main(command(options))
    assert options["results_path"].read_bytes() == before


def test_tables_are_made_anew(options: dict, probe_data_dir: Path, tmp_path: Path) -> None:
    arguments = {**options, "data_dirs": [probe_data_dir], "figure_dir": tmp_path / "figures"}
    with pytest.raises(ValueError, match="rows need directories of other names"):
        report_probes(**{**arguments, "data_dirs": [probe_data_dir] * 2})
    report_probes(**arguments)
    some = [key for key in read_table(probe_data_dir / "wav.scp") if not key.startswith("c-")]
    subset_data_directory(probe_data_dir, tmp_path / "pair", some)
    (tmp_path / "pair/utt2emo").unlink()
    arguments["data_dirs"] = [tmp_path / "pair"]
    report_probes(**arguments, projection="tsne")
    records = read_records(options["results_path"])
    assert {record.row.partition(":")[0] for record in records} == {"pair"}
    assert "emotion probe not measurable (no utt2emo)" in records[0].protocol
    figure = records[-1]
    assert (figure.metric, figure.value) == ("tsne by speaker", "../figures/pair_tsne.png")
    assert (tmp_path / "figures/pair_tsne.png").is_file()


def test_what_pretraining_met(options: dict, probe_data_dir: Path) -> None:
    config = options["model_file"].parent / "config.yaml"
    met = met_in_pretraining(config, ["a", "new"], ["sentence 1", "sentence 9", "sentence 8"])
    assert met == "pretraining met 1 of 2 speakers and 1 of 3 sentences"
    (probe_data_dir / "text").unlink()
    met = met_in_pretraining(config, ["a"], ["sentence 1"])
    assert met == "pretraining met 1 of 1 speakers and an unknown number of 1 sentences"
    (probe_data_dir / "wav.scp").unlink()
    assert f"is not known ({probe_data_dir})" in met_in_pretraining(config, ["a"], [])
    config.write_text("{}")
    met = met_in_pretraining(config, ["a"], [])
    assert met == "whom pretraining met is not known (no train_speaker_dir)"
