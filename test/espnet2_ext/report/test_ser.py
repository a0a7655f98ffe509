"""Systems of emotion recognition: folds, tables, comparisons, and the files of trainings."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reference.ser_examples import fold_result, predictions, system

from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics.ser import (
    macro_f1,
    read_predictions,
    unweighted_accuracy,
    write_predictions,
)
from espnet2_ext.metrics.statistics import (
    bootstrap_score,
    corrected_t_test,
    paired_bootstrap,
)
from espnet2_ext.report.records import Record, read_records
from espnet2_ext.report.render import render_results
from espnet2_ext.report.ser import (
    SystemScores,
    collect_system,
    compared,
    comparison_records,
    report_experiment,
    ser_records,
)
from espnet2_ext.ser.experiment import RunResult, System, list_runs, read_protocols
from espnet2_ext.ser.folds import FoldSet, write_folds
from espnet2_ext.ser.splits import Fold

FOLDS = [
    # WA 3/4, UA (1 + 1/2) / 2; all right on the best epoch of the test list.
    fold_result("fold_1", "aass", "aasa", leaked="aass"),
    # WA 1/3, UA (0 + 1/2) / 2; then 2/3 and (1 + 1/2) / 2.
    fold_result("fold_2", "ass", "ssa", leaked="asa"),
]
OURS = system(FOLDS, "ours", paper_system="Prosody2Vec, 200 units")
A = system([fold_result("fold_1", "aass", "aass"), fold_result("fold_2", "aass", "aasa")], "A")
B = system([fold_result("fold_1", "aass", "aasa"), fold_result("fold_2", "aass", "ssaa")], "B")
# UA of A: 1 and 3/4, of B: 3/4 and 0.


def own_speakers(*systems: SystemScores) -> dict[str, str]:
    """Return a speaker for each utterance."""
    return {p.utterance: p.utterance for system in systems for p in system.predictions}


def cells(system: SystemScores, speakers=None, texts=None) -> dict[str, Record]:
    tables = speakers or own_speakers(system), texts
    records = ser_records([system], "SER (synthetic)", tables)
    return {record.metric: record for record in records}


def differences(a: SystemScores, b: SystemScores, speakers=None, texts=None) -> dict[str, Record]:
    records = comparison_records([(a, b)], "T", (speakers or own_speakers(a), texts))
    assert {record.row for record in records} == {f"{a.name} against {b.name}"}
    return {record.metric: record for record in records}


def test_folds_are_ordered_as_numbers_and_the_protocol_says_what_must_be_known() -> None:
    folds = [fold_result(f"fold_{n}", "as", "as", seed=s) for n in (10, 2, 1) for s in (2, 1)]
    assert system(folds, train_limit=160, notes="made up").protocol_text() == (
        "loso; 3 folds (fold_1 fold_101, fold_2 fold_201, fold_10 fold_100); seeds 1, 2; at most "
        "160 training utterances a fold; epoch of the best validation UA; made up"
    )
    assert system(folds[-1:]).protocol_text() == (
        "loso; 1 fold (fold_1 fold_101); seed 1; whole training lists; epoch of the best "
        "validation UA"
    )
    with pytest.raises(ValueError, match="fold_1-0 is tested in fold_1 and fold_2"):
        system([folds[-1], fold_result("fold_2", "as", "as", prefix="fold_1")])


def test_groups_are_utterances_whatever_the_seeds_or_speakers() -> None:
    both = system([FOLDS[0], fold_result("fold_1", "aass", "ssss", seed=7)])
    assert (both.num_utterances, both.seeds) == (4, [0, 7])
    speakers = {"fold_1-0": "x", "fold_1-1": "y", "fold_1-2": "x", "fold_1-3": "x", "other": "z"}
    counts, _, drawn = both.groups((speakers, {}), classes=("sad", "angry"))
    assert drawn == "2 speakers and, within each, its own of 4 utterances"
    # fold_1-0 is angry: right under seed 0, taken for sad under seed 7.
    assert counts.shape == (4, 2, 2)
    np.testing.assert_array_equal(counts[0], [[0, 0], [1, 1]])
    np.testing.assert_array_equal(counts.sum(axis=0), [[3, 1], [2, 2]])
    counts, crossing, drawn = system(FOLDS[:1]).groups((speakers, None))
    np.testing.assert_array_equal(counts, [[[1, 0], [1, 1]], [[1, 0], [0, 0]]])
    assert (crossing, drawn) == (None, "2 speakers")
    with pytest.raises(ValueError, match="system: utt2spk: lacks 3 keys, for example fold_1-1"):
        system(FOLDS[:1]).groups(({"fold_1-0": "x"}, None))


def test_columns_by_hand() -> None:
    """Pooled: angry 2 of 3 right, sad 2 of 4; 4 are called angry, 3 sad."""
    records = cells(OURS)
    expected = {
        "WA": 100 * (3 / 4 + 1 / 3) / 2,
        "WA std": 100 * (3 / 4 - 1 / 3) / 2**0.5,
        "UA": 100 * (3 / 4 + 1 / 4) / 2,
        "UA std": 100 * (3 / 4 - 1 / 4) / 2**0.5,
        "pooled WA": 100 * 4 / 7,
        "pooled UA": 100 * (2 / 3 + 2 / 4) / 2,
        "macro-F1": 100 * (2 * 2 / (3 + 4) + 2 * 2 / (4 + 3)) / 2,
        "paper WA": 64.10,
        "paper UA": 65.32,
        "test-selected (leaks) WA": 100 * (1 + 2 / 3) / 2,
        "test-selected (leaks) UA": 100 * (1 + 3 / 4) / 2,
    }
    assert {metric: record.value for metric, record in records.items()} == pytest.approx(expected)
    assert list(records) == list(expected)
    for metric, record in records.items():
        assert (record.table, record.row, record.unit) == ("SER (synthetic)", "ours", "%")
        assert record.protocol == OURS.protocol_text()
        assert record.n == (5531 if metric.startswith("paper") else 7)
        assert record.better == ("" if "std" in metric or "leaks" in metric else "higher")


def test_intervals_say_what_they_are_over() -> None:
    utterances = sorted(own_speakers(OURS))
    speakers = {name: name[-1] for name in utterances}
    texts = {name: name[:-2] for name in utterances}
    for tables, over, drawn in (
        ((speakers, None), "speakers", "4 speakers"),
        ((speakers, texts), "speakers and sentences", "4 speakers and 2 sentences"),
    ):
        found = cells(OURS, *tables)
        groups, crossing, _ = OURS.groups(tables)
        for metric, score in (("pooled UA", unweighted_accuracy), ("macro-F1", macro_f1)):
            low, high = bootstrap_score(groups, score, crossing=crossing)
            assert (found[metric].low, found[metric].high) == pytest.approx((100 * low, 100 * high))
            assert found[metric].definition.endswith(f"bootstrap over {over}.")
            assert found[metric].drawn == drawn
        assert found["WA"].low is None


def test_a_row_has_only_what_it_can_have() -> None:
    """One fold and seed has no spread; FBANK has no UA in the paper."""
    single = system([fold_result("fold_1", "as", "as")], "one", paper_system="FBANK")
    metrics = [metric for metric in cells(single) if "leaks" not in metric]
    assert metrics == ["WA", "UA", "pooled WA", "pooled UA", "macro-F1", "paper WA"]
    for changes in ({"protocol": "lospko"}, {"paper_system": None}):
        assert "paper WA" not in cells(replace(single, **changes))
    with pytest.raises(ValueError, match="no system of .P2V. Tables IV to VI"):
        cells(replace(OURS, paper_system="mine"))
    with pytest.raises(ValueError, match="T: ours: two systems of one name"):
        ser_records([OURS, OURS], "T", (own_speakers(OURS), None))
    # Seeds count as folds do, but not as utterances.
    folds = [fold_result("f", "as", guess, seed=seed) for seed, guess in enumerate(("as", "aa"))]
    found = cells(system(folds))
    assert (found["WA"].value, found["WA"].n) == (75.0, 2)
    assert found["WA std"].value == pytest.approx(50 / 2**0.5)


def test_differences_by_hand() -> None:
    """Differences 1/4 and 3/4; A alone is right on 1 + 3 utterances, B alone on none."""
    found = differences(A, B)
    _, p_value = corrected_t_test([0.25, 0.75], 4 / 8)
    groups = (each.groups((own_speakers(A), None))[0] for each in (A, B))
    pooled = paired_bootstrap(*groups, unweighted_accuracy)
    assert {metric: record.value for metric, record in found.items()} == pytest.approx(
        {
            "UA difference": 50.0,
            "UA difference std": 100 * 0.5 / 2**0.5,
            "pairs": 2,
            "p, corrected t": p_value,
            "p, sign flip": 2 / 4,
            # Pooled recalls of A are 1 and 3/4, of B 1/2 and 1/4.
            "pooled UA difference": 50.0,
            "p, paired bootstrap": pooled.p_value,
            "p, McNemar": 2 / 2**4,
        },
        abs=1.0e-6,
    )
    record = found["pooled UA difference"]
    assert (record.low, record.high) == pytest.approx((100 * pooled.low, 100 * pooled.high))
    assert {record.n for record in found.values()} == {8}
    assert {record.protocol for record in found.values()} == {A.protocol_text()}


def test_speakers_and_sentences_are_drawn_where_they_are_known() -> None:
    speakers = {prediction.utterance: "one" for prediction in A.predictions}
    pooled = differences(A, B, speakers)["pooled UA difference"]
    # The only speaker is drawn every time.
    assert (pooled.low, pooled.high) == (50.0, 50.0)
    pooled = differences(A, B, speakers, {})["pooled UA difference"]
    # Without words, each utterance is a sentence of its own.
    assert pooled.low < 50.0 < pooled.high
    assert pooled.drawn == "1 speaker (not drawn) and 8 utterances"
    assert "paired bootstrap over speakers and sentences" in pooled.definition


def test_what_one_fold_or_two_seeds_cannot_tell_is_left_out() -> None:
    spread = {"UA difference std", "p, corrected t"}
    for seeds, lacking in (((0,), spread), ((0, 1), {"p, McNemar"})):
        a, b = (
            system([fold_result("fold_1", "as", guess, seed=seed) for seed in seeds], name)
            for name, guess in (("A", "as"), ("B", "aa"))
        )
        found = differences(a, b)
        assert differences(A, B).keys() - found.keys() == lacking
        assert found["pairs"].value == len(seeds)


def test_the_order_of_classes_does_not_matter_and_the_smaller_training_set_counts() -> None:
    turned = [
        replace(p, posteriors=dict(reversed(p.posteriors.items()))) for p in B.folds[0].predictions
    ]
    other = replace(B, folds=[replace(B.folds[0], predictions=turned), B.folds[1]])
    assert other.classes == ("sad", "angry")
    assert differences(A, other) == differences(A, B)
    small = replace(B, folds=[replace(f, num_train=2) for f in B.folds], train_limit=2)
    found = differences(A, small)
    _, p_value = corrected_t_test([0.25, 0.75], 4 / 2)
    assert found["p, corrected t"].value == pytest.approx(p_value, abs=1.0e-6)
    protocol = found["pairs"].protocol
    assert protocol == f"first: {A.protocol_text()}; second: {small.protocol_text()}"


EMOTIONS = ("angry", "sad")
LABELS = {f"{who}-{n}": EMOTIONS["as".index(e)] for who in "xyz" for n, e in enumerate("aass")}
OF = {who: tuple(name for name in LABELS if name[0] == who) for who in "xyz"}
LISTS = (Fold("fold_1", OF["z"], OF["y"], OF["x"]), Fold("fold_2", OF["x"], OF["z"], OF["y"]))
CHECK = ("speakers shared by train and test: 0.0 %",)
PREDICTED = {
    # Fold 1 and 2: UA 1 and 3/4; epoch 1 is chosen, epoch 2 is better on the second test list.
    "p2v": {"fold_1": ("aass", "aass"), "fold_2": ("aasa", "aass")},
    # UA 3/4 and 1/2.
    "fbank": {"fold_1": ("aasa", "aaaa"), "fold_2": ("aaaa", "aasa")},
}


def read_tiny(root: Path, protocol: str = "tiny:0"):
    return read_protocols(root / "folds", [protocol], root / "data/utt2emo")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with folds, two configurations, and tables of the data."""
    write_table(tmp_path / "data/utt2emo", LABELS)
    write_table(tmp_path / "data/utt2spk", {name: name[0] for name in LABELS})
    folds = FoldSet("tiny", "", "", "", 0, 20, (), CHECK, LISTS, LABELS)
    write_folds(tmp_path / "folds/tiny", folds)
    criterion = "best_model_criterion:\n-   [valid, ua, max]\n"
    (tmp_path / "train_ser_p2v.yaml").write_text(f"# row: P2V\n{criterion}")
    (tmp_path / "train_ser_fbank.yaml").write_text(f"# paper row: FBANK\n{criterion}")
    return tmp_path


@pytest.fixture
def systems(root: Path) -> list[System]:
    return [System.of_config(root / f"train_ser_{tag}.yaml") for tag in ("p2v", "fbank")]


@pytest.fixture
def runs(root: Path, systems):
    """Return the runs, complete."""
    runs = list_runs(systems, read_tiny(root), root / "exp", EMOTIONS)
    for run in runs:
        write_result(run, epoch=1, test_selected=2 if run.fold.name == "fold_2" else 1)
        for epoch, predicted in enumerate(PREDICTED[run.system][run.fold.name], start=1):
            write_test(run, epoch, predicted)
    return runs


def write_result(run, *, epoch: int, test_selected: int, **fields) -> None:
    run.directory.mkdir(parents=True, exist_ok=True)
    result = RunResult("", run.fold.name, run.fold_hash, 0, 4, "ua", epoch, test_selected)
    replace(result, **fields).write(run.directory)


def write_test(run, epoch: int, predicted: str) -> None:
    path = run.directory / f"predictions/test.{epoch}ep.tsv"
    write_predictions(path, predictions(run.fold.test[0][0], "aass", predicted, EMOTIONS))


@pytest.fixture
def report(root: Path, systems, runs):
    """Return a function that reports the experiment."""

    def report(systems=systems, protocols=None, **options):
        protocols, utt2spk = protocols or read_tiny(root), root / "data/utt2spk"
        return report_experiment(
            systems, protocols, root / "exp", EMOTIONS, title="E", utt2spk=utt2spk, **options
        )

    return report


def values(records, table: str = "E, tiny_train20") -> dict[tuple[str, str], float | str]:
    return {(r.row, r.metric): r.value for r in records if r.table == table}


def test_an_experiment_is_a_table_with_files_beside_it(report, root: Path) -> None:
    config = root / "train_ser_p2v.yaml"
    config.write_text(config.read_text().replace("# row: P2V", "# row: P2V, {units} units"))
    records = report(notes="a note", units="200")
    found = values(records)
    expected = {
        ("P2V, 200 units", "UA"): 100 * (1 + 3 / 4) / 2,
        ("P2V, 200 units", "WA"): 100 * (1 + 3 / 4) / 2,
        ("P2V, 200 units", "test-selected (leaks) UA"): 100.0,
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
    assert len(stored) > len(records)
    for row, tag in (("P2V, 200 units", "p2v"), ("fbank", "fbank")):
        every = read_predictions(root / f"exp/ser_{tag}/tiny_train20/predictions_seed_0.tsv")
        assert [p.utterance for p in every] == [*OF["x"], *OF["y"]]
        predicted = "".join(PREDICTED[tag][fold][0] for fold in ("fold_1", "fold_2"))
        assert "".join(p.predicted[0] for p in every) == predicted
        figures = values(records, "E, tiny_train20: confusion")
        assert (root / "exp" / figures[row, "confusion"]).read_bytes().startswith(b"\x89PNG")
    assert len(figures) == 2


def test_a_row_says_whether_its_pretraining_was_checked(report, root, systems, runs) -> None:
    """By what it was trained with, not by its configuration alone."""
    (root / "train_ser_fbank.yaml").write_text("prosody_init: random\n")
    found = values(report())
    assert found["P2V", "pretraining data"] == "not checked"
    assert found["fbank", "pretraining data"] == "none"
    render_results(root / "exp/results.jsonl", root / "exp/RESULTS.md")
    lines = (root / "exp/RESULTS.md").read_text().splitlines()
    [row] = [line for line in lines if line.startswith("| P2V") and "not checked" in line]
    assert row.endswith("| not checked |")
    for run in runs:
        (run.directory / "config.yaml").write_text("prosody_init: random\n")
    scores = collect_system(systems[0], read_tiny(root)[0], root / "exp", EMOTIONS)
    assert scores.pretraining == "none"


def test_a_protocol_that_validates_on_nothing_says_which_epoch_it_is(root, systems, runs) -> None:
    labels = {name: LABELS[name] for name in (*OF["z"], *OF["x"], *OF["y"])}
    lists = tuple(replace(fold, valid=()) for fold in LISTS)
    folds = FoldSet("none", "", "", "which epoch?", 0, 20, (), CHECK, lists, labels)
    write_folds(root / "folds/none", folds)
    [protocol] = read_tiny(root, "none:0")
    for run, done in zip(list_runs(systems, [protocol], root / "exp", EMOTIONS), runs, strict=True):
        shutil.copytree(done.directory, run.directory)
        write_result(run, epoch=2, test_selected=1, criterion="last")
    scores = collect_system(systems[0], protocol, root / "exp", EMOTIONS)
    assert scores.selection == "last epoch, the protocol validating on nothing"
    assert f"; deviation: which epoch?; {CHECK[0]}" in scores.protocol_text()


@pytest.mark.parametrize("pair", [("p2v", "x"), ("p2v",), ("p2v", "fbank", "x")])
def test_comparison_of_what_is_not_there(report, pair) -> None:
    with pytest.raises(ValueError, match=f"comparison {':'.join(pair)}: expected A:B of p2v, fb"):
        report(comparisons=[pair])


def test_comparison_under_the_seeds_that_both_have(report, systems, root: Path) -> None:
    """p2v has a second seed, in which it errs everywhere; it must not count."""
    protocols = read_tiny(root, "tiny:0,1")
    single = replace(systems[1], max_seeds=1)
    for run in list_runs([systems[0]], protocols, root / "exp", EMOTIONS):
        if run.seed == 1:
            write_result(run, epoch=1, test_selected=1, seed=1)
            write_test(run, 1, "ssaa")
    records = report([systems[0], single], protocols, comparisons=[("p2v", "fbank")])
    found = values(records, "E, tiny_train20: comparisons")
    assert found["P2V against fbank", "UA difference"] == pytest.approx(25.0)
    assert found["P2V against fbank", "pairs"] == 2
    assert values(records)["P2V", "UA"] == pytest.approx(87.5 / 2)
    fbank = collect_system(systems[1], read_tiny(root)[0], root / "exp", EMOTIONS)
    other = replace(fbank, folds=[replace(fold, seed=5) for fold in fbank.folds])
    with pytest.raises(ValueError, match="comparison a:b: the two share no seed"):
        compared({"a": fbank, "b": other}, ("a", "b"))


def test_published_figures_where_asked(report, root, systems, runs) -> None:
    [tiny] = read_tiny(root)
    loso = replace(tiny, folds=replace(tiny.folds, protocol="loso"))
    for run, done in zip(list_runs(systems, [loso], root / "exp", EMOTIONS), runs):
        shutil.copytree(done.directory, run.directory)
    assert not values(report(protocols=[loso]), "Published, loso")
    records = report(protocols=[loso], with_published=True)
    assert values(records, "Published, loso")
    assert values(records, "E, loso_train20")["fbank", "paper WA"] > 0


def test_incomplete_and_other_trainings(report, runs, systems, root: Path) -> None:
    [run] = [run for run in runs if run.system == "fbank" and run.fold.name == "fold_2"]
    (run.directory / "result.json").unlink()
    with pytest.raises(ValueError, match="fbank/tiny_train20/fold_2/seed_0: not trained to the en"):
        report()
    collect_system(systems[0], read_tiny(root)[0], root / "exp", EMOTIONS)
    write_result(run, epoch=1, test_selected=1, fold_hash="other")
    with pytest.raises(ValueError, match="seed_0: trained on other lists; run the training stage"):
        report()
    write_result(run, epoch=7, test_selected=1)
    with pytest.raises(FileNotFoundError, match="test.7ep.tsv: no predictions yet"):
        report()
    write_result(run, epoch=1, test_selected=1)
    for labels, classes in (("asss", EMOTIONS), ("aass", ("a", *EMOTIONS[::-1]))):
        path = run.directory / "predictions/test.1ep.tsv"
        write_predictions(path, predictions("y", labels, "aass", classes))
        with pytest.raises(ValueError, match="test.1ep.tsv: of other utterances or emo"):
            report()
