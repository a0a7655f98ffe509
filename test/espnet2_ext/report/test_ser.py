"""From the files that trainings leave to tables; their predictions are written by hand."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from reference.ser_examples import predictions

from espnet2_ext.bin import ser_score
from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics.ser import read_predictions, write_predictions
from espnet2_ext.report.records import read_records
from espnet2_ext.report.render import render_results
from espnet2_ext.report.ser import collect_system, compared, report_experiment
from espnet2_ext.ser.experiment import RunResult, System, list_runs, read_protocols
from espnet2_ext.ser.folds import FoldSet, write_folds
from espnet2_ext.ser.splits import Fold

EMOTIONS = ("angry", "sad")
LABELS = {f"{who}-{n}": EMOTIONS["as".index(e)] for who in "xyz" for n, e in enumerate("aass")}
OF = {who: tuple(name for name in LABELS if name[0] == who) for who in "xyz"}
FOLDS = (Fold("fold_1", OF["z"], OF["y"], OF["x"]), Fold("fold_2", OF["x"], OF["z"], OF["y"]))
CHECK = ("speakers shared by train and test: 0.0 %",)
SAID = {
    # Fold 1 and 2: UA 1 and 3/4; epoch 1 is chosen, epoch 2 is better on the second test list.
    "p2v": {"fold_1": ("aass", "aass"), "fold_2": ("aasa", "aass")},
    # UA 3/4 and 1/2.
    "fbank": {"fold_1": ("aasa", "aaaa"), "fold_2": ("aaaa", "aasa")},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with folds, two configurations, and tables of the data."""
    write_table(tmp_path / "data/utt2emo", LABELS)
    write_table(tmp_path / "data/utt2spk", {name: name[0] for name in LABELS})
    folds = FoldSet("tiny", "", "", "", 0, 20, EMOTIONS, (), CHECK, FOLDS, LABELS)
    write_folds(tmp_path / "folds/tiny", folds)
    criterion = "best_model_criterion:\n-   [valid, ua, max]\n"
    (tmp_path / "train_ser_p2v.yaml").write_text(f"# row: Prosody2Vec\n{criterion}")
    (tmp_path / "train_ser_fbank.yaml").write_text(f"# paper row: FBANK\n{criterion}")
    return tmp_path


@pytest.fixture
def protocols(root: Path):
    return read_protocols(root / "folds", ["tiny:0"], root / "data/utt2emo")


@pytest.fixture
def systems(root: Path) -> list[System]:
    return [System.of_config(root / f"train_ser_{tag}.yaml") for tag in ("p2v", "fbank")]


@pytest.fixture
def runs(root: Path, systems, protocols):
    """Return the runs, complete."""
    runs = list_runs(systems, protocols, root / "exp", EMOTIONS)
    for run in runs:
        guesses = SAID[run.system][run.fold.name]
        write_result(run, epoch=1, test_selected=2 if run.fold.name == "fold_2" else 1)
        for epoch, said in enumerate(guesses, start=1):
            path = run.directory / f"predictions/test.{epoch}ep.tsv"
            write_predictions(path, predictions(run.fold.test[0][0], "aass", said, EMOTIONS))
    return runs


def write_result(run, *, epoch: int, test_selected: int, **fields) -> None:
    run.directory.mkdir(parents=True, exist_ok=True)
    result = RunResult("", run.fold.name, run.fold_hash, 0, 4, "ua", epoch, test_selected)
    replace(result, **fields).write(run.directory)


@pytest.fixture
def report(root: Path, systems, protocols, runs):
    """Return a function that reports the experiment."""

    def report(**options):
        return report_experiment(
            systems,
            protocols,
            root / "exp",
            EMOTIONS,
            title="Emotion (synthetic)",
            utt2spk=root / "data/utt2spk",
            **options,
        )

    return report


def cells(records, table: str) -> dict[tuple[str, str], float | str]:
    return {(r.row, r.metric): r.value for r in records if r.table == table}


def test_table_by_hand(report, root: Path) -> None:
    records = report(notes="a note")
    found = cells(records, "Emotion (synthetic), tiny_train20")
    expected = {
        ("Prosody2Vec", "UA"): 100 * (1 + 3 / 4) / 2,
        ("Prosody2Vec", "WA"): 100 * (1 + 3 / 4) / 2,
        ("Prosody2Vec", "test-selected (leaks) UA"): 100.0,
        ("fbank", "UA"): 100 * (3 / 4 + 1 / 2) / 2,
        # Epoch 1 of the first fold, epoch 2 of the second.
        ("fbank", "test-selected (leaks) UA"): 75.0,
        ("fbank", "pooled WA"): 100 * 5 / 8,
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    [text] = {r.protocol for r in records if r.row == "fbank" and r.metric == "UA"}
    for part in (
        "tiny; 2 folds", "seed 0", "at most 20 training utterances", "a note",
        "epoch of the best validation UA", CHECK[0],
    ):  # fmt: skip
        assert part in text
    stored = read_records(root / "exp/results.jsonl")
    assert [record for record in stored if record.table != "Environment"] == records
    assert any(record.table == "Environment" for record in stored)


def test_a_row_says_that_its_pretraining_was_not_checked(report, root: Path) -> None:
    (root / "train_ser_fbank.yaml").write_text("prosody_init: random\n")
    found = cells(report(), "Emotion (synthetic), tiny_train20")
    assert found["Prosody2Vec", "pretraining data"] == "not checked"
    assert found["fbank", "pretraining data"] == "none"
    render_results(root / "exp/results.jsonl", root / "exp/RESULTS.md")
    lines = (root / "exp/RESULTS.md").read_text().splitlines()
    [row] = [line for line in lines if line.startswith("| Prosody2Vec") and "not checked" in line]
    assert row.endswith("| not checked |")


def test_a_row_says_that_its_pretraining_was_checked(report, root, systems, runs) -> None:
    """By what it was trained with, not by its configuration alone."""
    path = root / "folds/tiny/folds.json"
    stored = json.loads(path.read_text())
    stored["pretraining"] = {"checked": True, "model_sha256": "abc"}
    path.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n")
    (root / "encoder").mkdir()
    (root / "encoder/config.yaml").write_text("sha256: abc\n")
    protocols = read_protocols(root / "folds", ["tiny:0"], root / "data/utt2emo")

    def said(**options):
        for run in runs:
            (run.directory / "config.yaml").write_text(json.dumps(options))
        return collect_system(systems[0], protocols[0], root / "exp", EMOTIONS).pretraining

    encoder = {"prosody_encoder_dir": f"{root}/encoder"}
    assert said(**encoder) == "checked"
    assert said(**encoder, upstream="wavlm") == "Prosody2Vec checked, upstream not checked"
    assert said(**encoder, prosody_init="random") == "none"
    (root / "encoder/config.yaml").write_text("sha256: other\n")
    assert said(**encoder) == "not checked"


def test_a_protocol_that_validates_on_nothing_says_which_epoch_it_is(root, systems, runs) -> None:
    labels = {name: LABELS[name] for name in (*OF["z"], *OF["x"], *OF["y"])}
    folds = tuple(replace(fold, valid=()) for fold in FOLDS)
    deviation = "nobody says which epoch"
    write_folds(
        root / "folds/none",
        FoldSet("none", "", "", deviation, 0, 20, EMOTIONS, (), CHECK, folds, labels),
    )
    [protocol] = read_protocols(root / "folds", ["none:0"], root / "data/utt2emo")
    for run, done in zip(list_runs(systems, [protocol], root / "exp", EMOTIONS), runs, strict=True):
        shutil.copytree(done.directory, run.directory)
        write_result(run, epoch=2, test_selected=1, criterion="last")
    scores = collect_system(systems[0], protocol, root / "exp", EMOTIONS)
    assert scores.selection == "last epoch, the protocol validating on nothing"
    assert f"; deviation: {deviation}; {CHECK[0]}" in scores.protocol_text()


def test_names_of_rows_tell_the_vocabulary(report, root: Path) -> None:
    config = root / "train_ser_p2v.yaml"
    config.write_text(config.read_text().replace("Prosody2Vec", "Prosody2Vec, {units} units"))
    found = cells(report(units="200"), "Emotion (synthetic), tiny_train20")
    assert {row for row, _ in found} == {"Prosody2Vec, 200 units", "fbank"}


def test_files_beside(report, root: Path, runs) -> None:
    records = report()
    for row, tag in (("Prosody2Vec", "p2v"), ("fbank", "fbank")):
        folder = root / f"exp/ser_{tag}/tiny_train20"
        every = read_predictions(folder / "predictions_seed_0.tsv")
        assert [p.utterance for p in every] == [*OF["x"], *OF["y"]]
        said = "".join(SAID[tag][fold][0] for fold in ("fold_1", "fold_2"))
        assert "".join(p.predicted[0] for p in every) == said
        found = cells(records, "Emotion (synthetic), tiny_train20: confusion")
        assert (root / "exp" / found[row, "confusion"]).read_bytes().startswith(b"\x89PNG")
    assert len(found) == 2


def test_reported_twice_is_reported_once(report, root: Path) -> None:
    report(comparisons=[("p2v", "fbank")])
    before = (root / "exp/results.jsonl").read_text()
    report(comparisons=[("p2v", "fbank")])
    lines = [json.loads(line) for line in (root / "exp/results.jsonl").read_text().splitlines()]
    assert len(lines) == len(before.splitlines())


def test_comparison(report) -> None:
    records = report(comparisons=[("p2v", "fbank")])
    found = cells(records, "Emotion (synthetic), tiny_train20: comparisons")
    assert found["Prosody2Vec against fbank", "UA difference"] == pytest.approx(25.0)
    assert found["Prosody2Vec against fbank", "pairs"] == 2


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("p2v", "hubert"), "comparison p2v:hubert: no system 'hubert' among p2v, fbank"),
        (("x", "fbank"), "comparison x:fbank: no system 'x'"),
        (("p2v",), "comparison p2v: expected A:B"),
        (("p2v", "fbank", "x"), "comparison p2v:fbank:x: expected A:B"),
    ],
)
def test_comparison_of_what_is_not_there(report, pair, message) -> None:
    with pytest.raises(ValueError, match=message):
        report(comparisons=[pair])


def test_comparison_under_the_seeds_that_both_have(runs, systems, root: Path) -> None:
    """p2v has a second seed, in which it errs everywhere; it must not count."""
    protocols = read_protocols(root / "folds", ["tiny:0,1"], root / "data/utt2emo")
    single = replace(systems[1], max_seeds=1)
    for run in list_runs([systems[0]], protocols, root / "exp", EMOTIONS):
        if run.seed == 1:
            write_result(run, epoch=1, test_selected=1, seed=1)
            path = run.directory / "predictions/test.1ep.tsv"
            write_predictions(path, predictions(run.fold.test[0][0], "aass", "ssaa", EMOTIONS))
    records = report_experiment(
        [systems[0], single], protocols, root / "exp", EMOTIONS, title="E",
        utt2spk=root / "data/utt2spk", comparisons=[("p2v", "fbank")],
    )  # fmt: skip
    found = cells(records, "E, tiny_train20: comparisons")
    assert found["Prosody2Vec against fbank", "UA difference"] == pytest.approx(25.0)
    assert found["Prosody2Vec against fbank", "pairs"] == 2
    assert cells(records, "E, tiny_train20")["Prosody2Vec", "UA"] == pytest.approx(87.5 / 2)


def test_comparison_without_a_shared_seed(runs, systems, protocols, root: Path) -> None:
    fbank = collect_system(systems[1], protocols[0], root / "exp", EMOTIONS)
    other = replace(fbank, folds=[replace(fold, seed=5) for fold in fbank.folds])
    with pytest.raises(ValueError, match="comparison a:b: the two share no seed"):
        compared({"a": fbank, "b": other}, ("a", "b"))


def test_published_figures_where_asked(report, protocols, root, systems, runs) -> None:
    assert not any(r.table.startswith("Published") for r in report())
    loso = replace(protocols[0], folds=replace(protocols[0].folds, protocol="loso"))
    for run, done in zip(list_runs(systems, [loso], root / "exp", EMOTIONS), runs):
        run.directory.parent.mkdir(parents=True, exist_ok=True)
        done.directory.rename(run.directory)
    records = report_experiment(
        systems, [loso], root / "exp", EMOTIONS, title="E", utt2spk=root / "data/utt2spk",
        with_published=True,
    )  # fmt: skip
    assert any(r.table == "Published, loso" for r in records)
    assert cells(records, "E, loso_train20")["fbank", "paper WA"] > 0


def test_incomplete_and_other_trainings(report, runs, systems, protocols, root: Path) -> None:
    [run] = [run for run in runs if run.system == "fbank" and run.fold.name == "fold_2"]
    result = run.directory / "result.json"
    result.unlink()
    with pytest.raises(ValueError, match="fbank/tiny_train20/fold_2/seed_0: not trained to the en"):
        report()
    collect_system(systems[0], protocols[0], root / "exp", EMOTIONS)
    write_result(run, epoch=1, test_selected=1, fold_hash="other")
    with pytest.raises(ValueError, match="seed_0: trained on other lists; run the training stage"):
        report()
    write_result(run, epoch=7, test_selected=1)
    with pytest.raises(FileNotFoundError, match="test.7ep.tsv: no predictions yet"):
        report()


def test_entry_point(runs, root: Path) -> None:
    command = ["--configs", *sorted(root.glob("*.yaml")), "--folds_dir", root / "folds"]
    command += ["--protocols", "tiny:0", "--data_dir", root / "data", "--expdir", root / "exp"]
    command += ["--emotions", *EMOTIONS, "--title", "T"]
    command = [str(word) for word in command]
    ser_score.main([*command, "--comparisons", "p2v:fbank", "fbank:p2v"])
    records = read_records(root / "exp/results.jsonl")
    rows = {record.row for record in records if record.table == "T, tiny_train20: comparisons"}
    assert rows == {"Prosody2Vec against fbank", "fbank against Prosody2Vec"}
    with pytest.raises(SystemExit, match="ser_score: comparison p2v: expected A:B"):
        ser_score.main([*command, "--comparisons", "p2v"])
