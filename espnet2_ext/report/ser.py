"""How good are systems of emotion recognition: their tables, comparisons and confusions.

Three kinds of numbers stand side by side, because the literature mixes them: means over
folds and seeds with their spread, scores of all utterances pooled with an interval, and,
labelled as the leak it is, what choosing the epoch on the test list would have given.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from espnet2_ext.data.tables import read_table, require_keys
from espnet2_ext.metrics.ser import (
    Prediction,
    confusion_matrix,
    macro_f1,
    read_predictions,
    unweighted_accuracy,
    weighted_accuracy,
    write_predictions,
)
from espnet2_ext.metrics.statistics import (
    NUM_RESAMPLES,
    Crossing,
    bootstrap_score,
    corrected_t_test,
    grouped_confusions,
    mcnemar_test,
    mean_and_std,
    paired_bootstrap,
    sign_flip_test,
    speakers_and_sentences,
)
from espnet2_ext.report.figures import confusion_figure, save_figure
from espnet2_ext.report.published import paper_score, published_records
from espnet2_ext.report.records import (
    Column,
    Estimate,
    Estimates,
    Record,
    Row,
    append_records,
    columns_of,
    environment_records,
    file_record,
    records_of,
)
from espnet2_ext.ser.experiment import LAST, FoldRun, ProtocolRuns, RunResult, System, list_runs
from espnet2_ext.ser.leaks import pretraining_status
from espnet2_ext.ser.prosody_input import SPEAKER_STATISTICS

SELECTIONS = {
    "acc": "epoch of the best validation WA",
    "ua": "epoch of the best validation UA",
    "loss": "epoch of the lowest validation loss",
    LAST: "last epoch, the protocol validating on nothing",
}
ACCURACIES = {"WA": weighted_accuracy, "UA": unweighted_accuracy}
POOLED = {f"pooled {name}": score for name, score in ACCURACIES.items()}
Score = Callable[[np.ndarray], np.ndarray]
Tables = tuple[Mapping[str, str], Mapping[str, str] | None]
"""Speakers of utterances, and their texts where these are known."""


@dataclass(frozen=True)
class FoldResult:
    """The test of one fold under one seed.

    ``predictions`` are by the epoch that is best on validation, ``test_selected`` by the one that
    the same measure finds best on the test list; ``num_train`` utterances were trained on.
    """

    fold: str
    seed: int
    predictions: Sequence[Prediction]
    test_selected: Sequence[Prediction]
    num_train: int
    fold_hash: str


def _confusion(predictions: Sequence[Prediction], classes: Sequence[str]) -> np.ndarray:
    return confusion_matrix(*_labels(predictions), classes)


def _labels(predictions: Sequence[Prediction]) -> tuple[list[str], list[str]]:
    """Return emotions, and what is predicted."""
    return [each.emotion for each in predictions], [each.predicted for each in predictions]


@dataclass(frozen=True)
class SystemScores:
    """A row of a result table: the predictions of all folds and seeds.

    ``protocol`` is named as in ``ser/protocols.py``, ``paper_system`` as in the paper's tables (see
    ``paper_score``); ``selection`` is of `SELECTIONS`, ``train_limit`` the utterances that training
    was cut to, ``pretraining`` of ``pretraining_status``, and ``source`` a file. ``notes`` are what
    else the protocol must say. ValueError if an utterance is tested in two folds.
    """

    name: str
    protocol: str
    folds: Sequence[FoldResult]
    selection: str
    train_limit: int | None = None
    paper_system: str | None = None
    notes: str = ""
    pretraining: str = ""
    source: str = ""
    test_selected_source: str = ""

    def __post_init__(self) -> None:
        fold_of: dict[str, str] = {}
        for result in self.folds:
            for name in (prediction.utterance for prediction in result.predictions):
                if fold_of.setdefault(name, result.fold) != result.fold:
                    raise ValueError(
                        f"{self.name}: {name} is tested in {fold_of[name]} and {result.fold}; "
                        "test each utterance in one fold"
                    )

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the emotions in the order of the first prediction."""
        return tuple(self.folds[0].predictions[0].posteriors)

    @property
    def seeds(self) -> list[int]:
        """Return the seeds, sorted."""
        return sorted({result.seed for result in self.folds})

    @property
    def ordered(self) -> list[FoldResult]:
        """Return the results by fold and seed, ``fold_2`` before ``fold_10``."""
        return sorted(self.folds, key=lambda r: (len(r.fold), r.fold, r.seed))

    @property
    def predictions(self) -> list[Prediction]:
        """Return the predictions of all folds and seeds."""
        return [prediction for result in self.ordered for prediction in result.predictions]

    @property
    def num_utterances(self) -> int:
        """Return how many utterances were tested, each counted once."""
        return len({prediction.utterance for prediction in self.predictions})

    def fold_scores(self, score: Score, *, test_selected: bool = False) -> np.ndarray:
        """Return a score of the confusions of each fold and seed, (J,), as `ordered`."""
        lists = [r.test_selected if test_selected else r.predictions for r in self.ordered]
        return np.array([score(_confusion(each, self.classes)) for each in lists])

    def groups(
        self, tables: Tables, classes: Sequence[str] | None = None
    ) -> tuple[np.ndarray, Crossing | None, str]:
        """Return what an interval resamples: counts (G, K, K), their crossing, and both in words.

        Groups are utterances under all seeds, with who says what; without texts speakers.
        ValueError if an utterance has no speaker.
        """
        utt2spk, texts = tables
        names = [prediction.utterance for prediction in self.predictions]
        require_keys(f"{self.name}: utt2spk", utt2spk, names, "give that of the tested data")
        crossing = None
        if texts is None:
            names = [utt2spk[name] for name in names]
        else:
            crossing = speakers_and_sentences(sorted(set(names)), utt2spk, texts)
        labels = _labels(self.predictions)
        counts = grouped_confusions(*labels, classes or self.classes, names)
        return counts, crossing, crossing.text() if crossing else f"{len(counts)} speakers"

    def protocol_text(self) -> str:
        """Return what must be known to repeat the row: lists, seeds, limits, selection."""
        hashes = {result.fold: result.fold_hash[:8] for result in self.ordered}
        listed = ", ".join(f"{fold} {digits}" for fold, digits in hashes.items())
        folds = f"{len(hashes)} fold{'s' * (len(hashes) > 1)} ({listed})"
        seeds = f"seed{'s' * (len(self.seeds) > 1)} {', '.join(map(str, self.seeds))}"
        limit = "whole training lists"
        if self.train_limit is not None:
            limit = f"at most {self.train_limit} training utterances a fold"
        parts = [self.protocol, folds, seeds, limit, self.selection, self.notes]
        return "; ".join(filter(None, parts))


def _columns(table: str, tables: Tables, **phrases: str) -> tuple[Column, ...]:
    drawn = "speakers" if tables[1] is None else "speakers and sentences"
    return columns_of(table, drawn=drawn, **phrases)


def ser_records(systems: Sequence[SystemScores], table: str, tables: Tables) -> list[Record]:
    """Return one record for each system and column that it has; accuracies in percent.

    Standard deviations need several folds or seeds, the paper's columns a figure there. Intervals
    are over whole speakers, with texts over speakers and sentences, see ``crossed_interval``.
    ValueError for two rows of one name and protocol, or a ``paper_system`` the paper does not know.
    """
    rows: dict[tuple[str, str], Row] = {}
    for system in systems:
        key = system.name, system.protocol_text()
        if key in rows:
            raise ValueError(f"{table}: {system.name}: two systems of one name; rename one")
        rows[key] = Row(key[0], [_estimates(system, tables)], key[1], source=system.source)
    return records_of(_columns("emotion recognition", tables), [*rows.values()], table=table)


def _estimates(system: SystemScores, tables: Tables) -> Estimates:
    groups, crossing, drawn = system.groups(tables)
    found: dict[str, Estimate] = {}
    n = system.num_utterances
    for name, score in ACCURACIES.items():
        mean, std = mean_and_std(system.fold_scores(score))
        found[name] = Estimate.percent(mean, n)
        if std is not None:
            found[f"{name} std"] = Estimate.percent(std, n)
        leaked, _ = mean_and_std(system.fold_scores(score, test_selected=True))
        leak = replace(Estimate.percent(leaked, n), source=system.test_selected_source)
        found[f"test-selected (leaks) {name}"] = leak
    for name, score in {**POOLED, "macro-F1": macro_f1}.items():
        interval = bootstrap_score(groups, score, crossing=crossing)
        found[name] = Estimate.percent(float(score(groups.sum(axis=0))), n, interval, drawn)
    if system.paper_system and (paper := paper_score(system.paper_system, system.protocol)):
        for name, value in (("paper WA", paper.wa), ("paper UA", paper.ua)):
            if value is not None:
                found[name] = Estimate(value, paper.num_utterances, source="")
    if system.pretraining:
        found["pretraining data"] = Estimate(system.pretraining, n, source="")
    return found


def comparison_records(
    pairs: Sequence[tuple[SystemScores, SystemScores]], table: str, tables: Tables
) -> list[Record]:
    """Return a row ``A against B`` for each pair, tested on the same; differences are A less B.

    The standard deviation and the corrected t-test need two folds or seeds, McNemar's test a
    single seed; they are left out elsewhere.
    """
    rows = []
    for a, b in pairs:
        protocol, second = a.protocol_text(), b.protocol_text()
        if second != protocol:
            protocol = f"first: {protocol}; second: {second}"
        source = ", ".join(filter(None, (a.source, b.source)))
        differences = [_differences(a, b, tables)]
        rows.append(Row(f"{a.name} against {b.name}", differences, protocol, source=source))
    least_p = f"{2 / (NUM_RESAMPLES + 1):.3f}"
    columns = _columns("emotion recognition, comparisons", tables, least_p=least_p)
    return records_of(columns, rows, table=table)


def _differences(a: SystemScores, b: SystemScores, tables: Tables) -> Estimates:
    differences = a.fold_scores(unweighted_accuracy) - b.fold_scores(unweighted_accuracy)
    mean, std = mean_and_std(differences)
    groups_a, crossing, drawn = a.groups(tables)
    groups_b, _, _ = b.groups(tables, a.classes)
    pooled = paired_bootstrap(groups_a, groups_b, unweighted_accuracy, crossing=crossing)
    n, interval = a.num_utterances, (pooled.low, pooled.high)
    found = {
        "UA difference": Estimate.percent(mean, n),
        "pairs": Estimate(len(differences), n),
        "p, sign flip": Estimate(sign_flip_test(differences), n),
        "pooled UA difference": Estimate.percent(pooled.difference, n, interval, drawn),
        "p, paired bootstrap": Estimate(pooled.p_value, n),
    }
    if std is not None:
        # Of two training sets the smaller, which is conservative.
        ratios = [
            len(result.predictions) / min(result.num_train, other.num_train)
            for result, other in zip(a.ordered, b.ordered, strict=True)
        ]
        _, p_value = corrected_t_test(differences, float(np.mean(ratios)))
        found["UA difference std"] = Estimate.percent(std, n)
        found["p, corrected t"] = Estimate(p_value, n)
    if len(a.seeds) == 1:
        right = (
            [p.predicted == p.emotion for p in sorted(each.predictions, key=lambda p: p.utterance)]
            for each in (a, b)
        )
        found["p, McNemar"] = Estimate(mcnemar_test(*right), n)
    return found


def report_experiment(
    systems: Sequence[System],
    protocols: Sequence[ProtocolRuns],
    expdir: str | Path,
    emotions: Sequence[str],
    *,
    title: str,
    utt2spk: str | Path,
    comparisons: Sequence[Sequence[str]] = (),
    with_published: bool = False,
    notes: str = "",
    units: str = "",
) -> list[Record]:
    """Add tables and figures to ``<expdir>/results.jsonl`` and return the tables' records.

    Beside them, ``<expdir>/ser_<system>/<protocol>/predictions_seed_<s>.tsv`` gets the
    test predictions of every fold, from which all can be computed again. Systems are rows,
    protocols tables. For errors see ``collect_system``, ``ser_records`` and ``compared``.

    Args:
        utt2spk: for the intervals; where ``text`` is beside it, sentences are resampled too.
        comparisons: tags (A, B) of systems to test against each other.
        with_published: add a table of figures from the literature for each protocol.
        units: size of the pretrained model's vocabulary, where names of rows have ``{units}``.
    """
    expdir, text = Path(expdir), Path(utt2spk).with_name("text")
    results_path = expdir / "results.jsonl"
    tables = read_table(utt2spk), read_table(text) if text.is_file() else None
    records: list[Record] = []
    for protocol in protocols:
        scores = {
            system.tag: collect_system(system, protocol, expdir, emotions, notes, units)
            for system in systems
        }
        table = f"{title}, {protocol.tag}"
        records += ser_records([*scores.values()], table, tables)
        pairs = [compared(scores, tags) for tags in comparisons]
        records += comparison_records(pairs, f"{table}: comparisons", tables)
        if with_published:
            name = protocol.folds.protocol
            records += published_records([name], table=f"Published, {name}")
        for tag, of_system in scores.items():
            folder = expdir / f"ser_{tag}" / protocol.tag
            for seed in of_system.seeds:
                every = [p for r in of_system.folds if r.seed == seed for p in r.predictions]
                write_predictions(folder / _predictions_name(seed), every)
            row, predictions = of_system.name, of_system.predictions
            confusion = _confusion(predictions, emotions)
            figure = confusion_figure(confusion, emotions, f"{row}, {protocol.tag}")
            file, caption = (
                folder / "confusion.png",
                "rows: reference; all folds and seeds together.",
            )
            save_figure(figure, file, 100)
            shown = file, caption, results_path, len(predictions)
            records.append(file_record(f"{table}: confusion", row, "confusion", *shown))
    append_records(results_path, [*environment_records(), *records])
    return records


def _predictions_name(seed: int) -> str:
    return f"predictions_seed_{seed}.tsv"


def collect_system(
    system: System,
    protocol: ProtocolRuns,
    expdir: Path,
    emotions: Sequence[str],
    notes: str = "",
    units: str = "",
) -> SystemScores:
    """Return all folds and seeds of a system; ValueError if one is incomplete or of other lists."""
    text, lists = system.config.read_text(encoding="utf-8"), protocol.folds
    settings: dict[str, Any] = yaml.safe_load(text) or {}
    criterion = LAST
    if any(fold.valid for fold in lists.folds):
        criterion = settings.get("best_model_criterion", [["valid", "acc", "max"]])[0][1]
    runs = list_runs([system], [protocol], expdir, emotions)
    folds, averaged = zip(*map(_fold, runs), strict=True)
    selection = SELECTIONS[criterion]
    if max(averaged) > 1:
        selection += f", the {max(averaged)} best averaged"
    trained_with = runs[0].directory / "config.yaml"  # with defaults and command-line options
    if trained_with.is_file():
        settings |= yaml.safe_load(trained_with.read_text(encoding="utf-8"))
    folder = f"ser_{system.tag}/{protocol.tag}"
    seeds = sorted({run.seed for run in runs})
    deviation = lists.deviation and f"deviation: {lists.deviation}"
    name = _comment(text, "row", units) or system.tag
    paper_system, contours = _comment(text, "paper row", units), ""
    if settings.get("prosody_path") == "explicit" and settings.get("use_prosody", True):
        name, paper_system = name.replace("FBANK", "contours"), None  # the paper's reads mels
        contours = SPEAKER_STATISTICS[settings["speaker_statistics"]]
    return SystemScores(
        name=name,
        protocol=lists.protocol,
        folds=folds,
        selection=selection,
        train_limit=lists.max_train,
        paper_system=paper_system,
        notes="; ".join(filter(None, (notes, contours, deviation, *lists.leak_check))),
        pretraining=pretraining_status(
            settings, checked=lists.pretraining_checked, model_sha256=lists.model_sha256
        ),
        source=", ".join(f"{folder}/{_predictions_name(seed)}" for seed in seeds),
        test_selected_source=f"{folder}/fold_*/seed_*/predictions/test.*ep.tsv",
    )


def _comment(config: str, key: str, units: str) -> str | None:
    """Return what a ``# <key>: <text>`` line of a configuration says, with ``{units}`` put in."""
    found = re.search(rf"^# {key}:(.*)$", config, re.MULTILINE)
    return found and found[1].strip().replace("{units}", units)


def _fold(run: FoldRun) -> tuple[FoldResult, int]:
    """Return the test of a fold, and the average of how many epochs was tested."""
    result = RunResult.read(run.directory)
    if result is None or result.fold_hash != run.fold_hash:
        fault = "not trained to the end" if result is None else "trained on other lists"
        raise ValueError(f"{run.directory}: {fault}; run the training stage again")
    expected = {name: run.labels[name] for name in run.fold.test}
    names = result.predictions, f"predictions/test.{result.test_selected_epoch}ep.tsv"
    chosen, leaked = (read_predictions(run.directory / name) for name in names)
    for name, predictions in zip(names, (chosen, leaked), strict=True):
        classes = set(predictions[0].posteriors)
        if {p.utterance: p.emotion for p in predictions} != expected or classes != {*run.emotions}:
            raise ValueError(
                f"{run.directory / name}: of other utterances or emotions than the test list; "
                "test again"
            )
    tested = run.fold.name, run.seed, chosen, leaked, result.num_train, result.fold_hash
    return FoldResult(*tested), result.averaged


def compared(
    scores: Mapping[str, SystemScores], tags: Sequence[str]
) -> tuple[SystemScores, SystemScores]:
    """Return two systems under the seeds that both have; ValueError for other tags or no seed."""
    place = f"comparison {':'.join(tags)}"
    if len(tags) != 2 or not scores.keys() >= {*tags}:
        raise ValueError(f"{place}: expected A:B of {', '.join(scores)}")
    first, second = (scores[tag] for tag in tags)
    shared = {*first.seeds} & {*second.seeds}
    if not shared:
        raise ValueError(f"{place}: the two share no seed")
    first, second = (
        replace(each, folds=[result for result in each.folds if result.seed in shared])
        for each in (first, second)
    )
    return first, second
