"""How good are systems of emotion recognition: their tables, comparisons and confusions.

Three kinds of numbers stand side by side, because the literature mixes them: means over
folds and seeds with their spread, scores of all utterances pooled with an interval, and,
labelled as the leak it is, what choosing the epoch on the test list would have given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from espnet2_ext.data.tables import read_table
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

SELECTIONS = {
    "acc": "epoch of the best validation WA",
    "ua": "epoch of the best validation UA",
    "loss": "epoch of the lowest validation loss",
    LAST: "last epoch, the protocol validating on nothing",
}
ACCURACIES = {"WA": weighted_accuracy, "UA": unweighted_accuracy}
Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FoldResult:
    """The test of one fold under one seed.

    Attributes:
        predictions: of the test list by the epoch that is best on validation.
        test_selected: by the epoch that the same measure finds best on the test list.
        num_train: utterances trained on.
        fold_hash: of the fold's lists.
    """

    fold: str
    seed: int
    predictions: Sequence[Prediction]
    test_selected: Sequence[Prediction]
    num_train: int
    fold_hash: str


def _confusion(predictions: Sequence[Prediction], classes: Sequence[str]) -> np.ndarray:
    emotions = [prediction.emotion for prediction in predictions]
    return confusion_matrix(emotions, [each.predicted for each in predictions], classes)


@dataclass(frozen=True)
class SystemScores:
    """A row of a result table: the predictions of all folds and seeds.

    Attributes:
        protocol: name as in ``ser/protocols.py``, such as ``loso``.
        selection: how the epoch was chosen, see `SELECTIONS`.
        train_limit: utterances that training was cut to; None for none.
        paper_system: the same system in the paper's tables, see ``paper_score``.
        notes: what else the protocol must say: corpus, declared overlaps.
        pretraining: see ``pretraining_status``; "" where it was not looked up.
        source: file of the predictions; ``test_selected_source`` of the test-selected ones.

    ValueError if an utterance is tested in two folds.
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
            for prediction in result.predictions:
                name = prediction.utterance
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
        self,
        utt2spk: Mapping[str, str],
        texts: Mapping[str, str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> tuple[np.ndarray, Crossing | None, str]:
        """Return what an interval resamples: counts (G, K, K), their crossing, and both in words.

        Groups are utterances under all seeds, with who says what; without ``texts`` speakers.
        ValueError if an utterance has no speaker.
        """
        predictions = self.predictions
        names = [prediction.utterance for prediction in predictions]
        if lacking := sorted(set(names) - utt2spk.keys()):
            raise ValueError(
                f"{self.name}: {lacking[0]} and {len(lacking) - 1} more have no speaker in "
                "utt2spk; give the table of the tested data"
            )
        crossing = None
        if texts is not None:
            crossing = speakers_and_sentences(sorted(set(names)), utt2spk, texts)
        else:
            names = [utt2spk[name] for name in names]
        counts = grouped_confusions(
            [prediction.emotion for prediction in predictions],
            [prediction.predicted for prediction in predictions],
            classes or self.classes,
            names,
        )
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
        return "; ".join(part for part in parts if part)


def _drawn_text(texts: Mapping[str, str] | None) -> str:
    return "speakers" if texts is None else "speakers and sentences"


def ser_records(
    systems: Sequence[SystemScores],
    *,
    table: str,
    utt2spk: Mapping[str, str],
    texts: Mapping[str, str] | None = None,
) -> list[Record]:
    """Return one record for each system and column that it has; accuracies in percent.

    Standard deviations need several folds or seeds, the paper's columns a figure there. Intervals
    are over whole speakers, with ``texts`` over speakers and sentences, see ``crossed_interval``.
    ValueError for two rows of one name and protocol, or a ``paper_system`` the paper does not know.
    """
    keys = [(system.name, system.protocol_text()) for system in systems]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{table}: {key[0]}: two systems of one name; rename one")
    rows = [
        Row(name, [_estimates(system, *system.groups(utt2spk, texts))], how, source=system.source)
        for system, (name, how) in zip(systems, keys, strict=True)
    ]
    columns = columns_of("emotion recognition", drawn=_drawn_text(texts))
    return records_of(columns, rows, table=table)


def _estimates(
    system: SystemScores, groups: np.ndarray, crossing: Crossing | None, drawn: str
) -> Estimates:
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
    pooled_scores = {f"pooled {name}": score for name, score in ACCURACIES.items()}
    for name, score in {**pooled_scores, "macro-F1": macro_f1}.items():
        interval = bootstrap_score(groups, score, crossing=crossing)
        found[name] = Estimate.percent(float(score(groups.sum(axis=0))), n, interval, drawn)
    if system.paper_system is not None:
        if paper := paper_score(system.paper_system, system.protocol):
            for name, value in (("paper WA", paper.wa), ("paper UA", paper.ua)):
                if value is not None:
                    found[name] = Estimate(value, paper.num_utterances, source="")
    if system.pretraining:
        found["pretraining data"] = Estimate(system.pretraining, n, source="")
    return found


def comparison_records(
    pairs: Sequence[tuple[SystemScores, SystemScores]],
    *,
    table: str,
    utt2spk: Mapping[str, str],
    texts: Mapping[str, str] | None = None,
) -> list[Record]:
    """Return a row ``A against B`` for each pair, tested on the same; differences are A less B.

    The standard deviation and the corrected t-test need two folds or seeds, McNemar's test a
    single seed; they are left out elsewhere. ValueError if a pair stands twice.
    """
    rows = {}
    for a, b in pairs:
        first, second = a.protocol_text(), b.protocol_text()
        protocol = first if first == second else f"first: {first}; second: {second}"
        key = a.name, b.name, protocol
        if key in rows:
            raise ValueError(f"{table}: two systems are compared twice; give each pair once")
        differences = _differences(a, b, utt2spk, texts)
        source = ", ".join(filter(None, (a.source, b.source)))
        rows[key] = Row(f"{a.name} against {b.name}", [differences], protocol, source=source)
    columns = columns_of(
        "emotion recognition, comparisons",
        drawn=_drawn_text(texts),
        least_p=f"{2 / (NUM_RESAMPLES + 1):.3f}",
    )
    return records_of(columns, [*rows.values()], table=table)


def _differences(
    a: SystemScores,
    b: SystemScores,
    utt2spk: Mapping[str, str],
    texts: Mapping[str, str] | None,
) -> Estimates:
    differences = a.fold_scores(unweighted_accuracy) - b.fold_scores(unweighted_accuracy)
    mean, std = mean_and_std(differences)
    groups_a, crossing, drawn = a.groups(utt2spk, texts)
    groups_b, _, _ = b.groups(utt2spk, texts, a.classes)
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
        found["p, McNemar"] = Estimate(mcnemar_test(_right(a), _right(b)), n)
    return found


def _right(system: SystemScores) -> list[bool]:
    ordered = sorted(system.predictions, key=lambda prediction: prediction.utterance)
    return [prediction.predicted == prediction.emotion for prediction in ordered]


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
    speakers, texts = read_table(utt2spk), read_table(text) if text.is_file() else None
    records: list[Record] = []
    for protocol in protocols:
        scores = {
            system.tag: collect_system(system, protocol, expdir, emotions, notes, units)
            for system in systems
        }
        table = f"{title}, {protocol.tag}"
        records += ser_records([*scores.values()], table=table, utt2spk=speakers, texts=texts)
        records += comparison_records(
            [compared(scores, tags) for tags in comparisons],
            table=f"{table}: comparisons",
            utt2spk=speakers,
            texts=texts,
        )
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
            file, caption = (
                folder / "confusion.png",
                "rows: reference; all folds and seeds together.",
            )
            save_figure(confusion_figure(confusion, emotions, f"{row}, {protocol.tag}"), file, 100)
            results, n = expdir / "results.jsonl", len(predictions)
            records.append(
                file_record(f"{table}: confusion", row, "confusion", file, caption, results, n)
            )
    append_records(expdir / "results.jsonl", [*environment_records(), *records])
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
    criterion = settings.get("best_model_criterion", [["valid", "acc", "max"]])[0][1]
    if not any(fold.valid for fold in lists.folds):
        criterion = LAST
    runs = list_runs([system], [protocol], expdir, emotions)
    results = [_result(run) for run in runs]
    averaged = max(result.averaged for result in results)
    trained_with = runs[0].directory / "config.yaml"  # with defaults and command-line options
    if trained_with.is_file():
        settings |= yaml.safe_load(trained_with.read_text(encoding="utf-8"))
    folder = f"ser_{system.tag}/{protocol.tag}"
    seeds = sorted({run.seed for run in runs})
    deviation = lists.deviation and f"deviation: {lists.deviation}"
    return SystemScores(
        name=_comment(text, "row", units) or system.tag,
        protocol=lists.protocol,
        folds=[_fold(run, result) for run, result in zip(runs, results, strict=True)],
        selection=SELECTIONS[criterion]
        + (f", the {averaged} best averaged" if averaged > 1 else ""),
        train_limit=lists.max_train,
        paper_system=_comment(text, "paper row", units),
        notes="; ".join(part for part in (notes, deviation, *lists.leak_check) if part),
        pretraining=pretraining_status(
            settings, checked=lists.pretraining_checked, model_sha256=lists.model_sha256
        ),
        source=", ".join(f"{folder}/{_predictions_name(seed)}" for seed in seeds),
        test_selected_source=f"{folder}/fold_*/seed_*/predictions/test.*ep.tsv",
    )


def _comment(config: str, key: str, units: str) -> str | None:
    """Return what a ``# <key>: <text>`` line of a configuration says, with ``{units}`` put in."""
    for line in config.splitlines():
        if line.startswith(f"# {key}:"):
            return line.split(":", 1)[1].strip().replace("{units}", units)
    return None


def _result(run: FoldRun) -> RunResult:
    result = RunResult.read(run.directory)
    if result is None:
        raise ValueError(f"{run.directory}: not trained to the end; run the training stage again")
    if result.fold_hash != run.fold_hash:
        raise ValueError(f"{run.directory}: trained on other lists; run the training stage again")
    return result


def _fold(run: FoldRun, result: RunResult) -> FoldResult:
    expected = {name: run.labels[name] for name in run.fold.test}

    def read(name: str) -> list[Prediction]:
        path = run.directory / name
        predictions = read_predictions(path)
        classes = set(predictions[0].posteriors)
        if {p.utterance: p.emotion for p in predictions} != expected or classes != {*run.emotions}:
            raise ValueError(
                f"{path}: of other utterances or emotions than the test list; test again"
            )
        return predictions

    return FoldResult(
        fold=run.fold.name,
        seed=run.seed,
        predictions=read(result.predictions),
        test_selected=read(f"predictions/test.{result.test_selected_epoch}ep.tsv"),
        num_train=result.num_train,
        fold_hash=result.fold_hash,
    )


def compared(
    scores: Mapping[str, SystemScores], tags: Sequence[str]
) -> tuple[SystemScores, SystemScores]:
    """Return two systems under the seeds that both have; ValueError for other tags or no seed."""
    place = f"comparison {':'.join(tags)}"
    if len(tags) != 2:
        raise ValueError(f"{place}: expected A:B, as p2v:fbank")
    for tag in tags:
        if tag not in scores:
            raise ValueError(f"{place}: no system {tag!r} among {', '.join(scores)}")
    first, second = (scores[tag] for tag in tags)
    shared = {*first.seeds} & {*second.seeds}
    if not shared:
        raise ValueError(f"{place}: the two share no seed")
    first, second = (
        replace(each, folds=[result for result in each.folds if result.seed in shared])
        for each in (first, second)
    )
    return first, second
