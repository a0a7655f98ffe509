"""How good are systems of emotion recognition: their tables, comparisons and confusions.

Three kinds of numbers stand side by side, because the literature mixes them: means over
folds and seeds with their spread, scores of all utterances pooled with an interval, and,
labelled as the leak it is, what choosing the epoch on the test list would have given.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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

HASH_DIGITS = 8
"""Of a fold's hash that tables show."""
SELECTIONS = {
    "acc": "epoch of the best validation WA",
    "ua": "epoch of the best validation UA",
    "loss": "epoch of the lowest validation loss",
    LAST: "last epoch, the protocol validating on nothing",
}
ACCURACIES = {"WA": weighted_accuracy, "UA": unweighted_accuracy}
Tables = Mapping[str, str] | None
"""``utt2spk`` or ``text`` of a data directory, if known."""


@dataclass(frozen=True)
class FoldResult:
    """The test of one fold under one seed.

    Attributes:
        predictions: of the test list by the epoch that is best on validation.
        num_train: utterances trained on.
        fold_hash: of the fold's lists.
        test_selected: predictions by the epoch that the same measure finds best on the test list;
            None if that was not looked up.

    Raises:
        ValueError: no predictions or training utterances, an utterance predicted twice, classes
            that differ, or test-selected predictions of other utterances.
    """

    fold: str
    seed: int
    predictions: Sequence[Prediction]
    num_train: int
    fold_hash: str
    test_selected: Sequence[Prediction] | None = None

    def __post_init__(self) -> None:
        """Check that there is something to score, once."""
        place = f"{self.fold}, seed {self.seed}"
        if not self.predictions or self.num_train < 1:
            raise ValueError(f"{place}: no predictions or no training utterances; test it again")
        if self.test_selected is not None and _labels(self.test_selected) != self.labels:
            raise ValueError(
                f"{place}: test-selected predictions are of other utterances or emotions; test "
                "it again"
            )
        for predictions in (self.predictions, self.test_selected or self.predictions):
            if len(self.labels) < len(predictions):
                raise ValueError(f"{place}: an utterance is predicted twice; test it again")
            for prediction in predictions:
                if set(prediction.posteriors) != set(self.classes):
                    raise ValueError(
                        f"{place}: {prediction.utterance}: other classes than "
                        f"{', '.join(self.classes)}; test it again"
                    )

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the emotions in the order of the first prediction."""
        return tuple(self.predictions[0].posteriors)

    @property
    def labels(self) -> dict[str, str]:
        """Return ``{utterance: reference emotion}`` of the test list."""
        return _labels(self.predictions)

    def confusion(self, classes: Sequence[str], *, test_selected: bool = False) -> np.ndarray:
        """Return (K, K) counts in the order of ``classes``, rows are references."""
        predictions = self.test_selected if test_selected else self.predictions
        if predictions is None:
            raise ValueError(f"{self.fold}, seed {self.seed}: no test-selected predictions")
        return _confusion(predictions, classes)


def _labels(predictions: Sequence[Prediction]) -> dict[str, str]:
    return {prediction.utterance: prediction.emotion for prediction in predictions}


def _confusion(predictions: Sequence[Prediction], classes: Sequence[str]) -> np.ndarray:
    emotions = [prediction.emotion for prediction in predictions]
    return confusion_matrix(emotions, [each.predicted for each in predictions], classes)


@dataclass(frozen=True)
class SystemScores:
    """A row of a result table: the predictions of all folds and seeds.

    Attributes:
        name: heads the row.
        protocol: name as in ``ser/protocols.py``, such as ``loso``.
        folds: every fold under every seed.
        selection: how the epoch was chosen, see `SELECTIONS`.
        train_limit: utterances that training was cut to; None for none.
        paper_system: the same system in the paper's tables, see ``paper_score``.
        notes: what else the protocol must say: corpus, declared overlaps.
        pretraining: see ``pretraining_status``; "" where it was not looked up.
        source: file of the predictions; ``test_selected_source`` of the test-selected ones.

    Raises:
        ValueError: folds are missing under a seed or stand twice, an utterance is tested in two
            folds, lists change with the seed, classes differ, or test-selected predictions are
            there for some folds only. The message names system, fold and seed.
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
        """Check that means over folds and seeds compare like with like."""
        if not self.folds:
            raise ValueError(f"{self.name}: no folds; train and test at least one")
        if len(self.by_fold_and_seed) < len(self.folds):
            raise ValueError(f"{self.name}: a fold stands twice under one seed; give each once")
        for fold in sorted({result.fold for result in self.folds}):
            for seed in self.seeds:
                if (fold, seed) not in self.by_fold_and_seed:
                    raise ValueError(
                        f"{self.name}: {fold} is missing under seed {seed}; train and test it"
                    )
        first: dict[str, FoldResult] = {}
        fold_of: dict[str, str] = {}
        for (fold, seed), result in self.by_fold_and_seed.items():
            place = f"{self.name}, {fold}, seed {seed}"
            if (result.test_selected is not None) != self.has_test_selected:
                raise ValueError(
                    f"{place}: test-selected predictions are there for some folds only; give them "
                    "for all or none"
                )
            if set(result.classes) != set(self.classes):
                raise ValueError(
                    f"{place}: classes {', '.join(result.classes)} instead of "
                    f"{', '.join(self.classes)}; train all folds with the same"
                )
            known = first.setdefault(fold, result)
            if known.fold_hash != result.fold_hash or known.labels != result.labels:
                raise ValueError(
                    f"{place}: other lists than under seed {known.seed}; draw the folds once and "
                    "change only the seed of the training"
                )
            for utterance in result.labels:
                if fold_of.setdefault(utterance, fold) != fold:
                    raise ValueError(
                        f"{self.name}: {utterance} is tested in {fold_of[utterance]} and {fold}; "
                        "test each utterance in one fold"
                    )

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the emotions in the order of the first prediction."""
        return self.folds[0].classes

    @property
    def seeds(self) -> list[int]:
        """Return the seeds, sorted."""
        return sorted({result.seed for result in self.folds})

    @property
    def by_fold_and_seed(self) -> dict[tuple[str, int], FoldResult]:
        """Return the results by fold and seed, ``fold_2`` before ``fold_10``."""
        ordered = sorted(self.folds, key=lambda r: (len(r.fold), r.fold, r.seed))
        return {(result.fold, result.seed): result for result in ordered}

    @property
    def has_test_selected(self) -> bool:
        """Return whether predictions by the epoch that is best on the test list are there."""
        return self.folds[0].test_selected is not None

    @property
    def num_utterances(self) -> int:
        """Return how many utterances were tested, each counted once."""
        return len({prediction.utterance for prediction in self.predictions()})

    def under(self, seeds: Collection[int]) -> "SystemScores":
        """Return the system under these seeds alone; ValueError if it has none of them."""
        return replace(self, folds=[result for result in self.folds if result.seed in seeds])

    def predictions(self) -> Iterator[Prediction]:
        """Yield the predictions of all folds and seeds."""
        for result in self.by_fold_and_seed.values():
            yield from result.predictions

    def fold_scores(
        self, score: Callable[[np.ndarray], np.ndarray], *, test_selected: bool = False
    ) -> np.ndarray:
        """Return a score of confusions for each fold and seed, (J,), as in `by_fold_and_seed`.

        Raises:
            ValueError: there are no test-selected predictions.
        """
        results = self.by_fold_and_seed.values()
        return np.array(
            [score(r.confusion(self.classes, test_selected=test_selected)) for r in results]
        )

    def groups(
        self, utt2spk: Tables = None, texts: Tables = None, classes: Sequence[str] | None = None
    ) -> tuple[np.ndarray, Crossing | None, str]:
        """Return what an interval resamples: counts (G, K, K), their crossing, and both in words.

        Groups are utterances under all seeds, with who says what where ``utt2spk`` and ``texts``
        are given; with ``utt2spk`` alone they are speakers.

        Raises:
            ValueError: an utterance has no speaker.
        """
        predictions = list(self.predictions())
        names = [prediction.utterance for prediction in predictions]
        if utt2spk is not None and (lacking := sorted(set(names) - utt2spk.keys())):
            raise ValueError(
                f"{self.name}: {lacking[0]} and {len(lacking) - 1} more have no speaker in "
                "utt2spk; give the table of the tested data"
            )
        crossing = None
        if utt2spk is not None and texts is not None:
            crossing = speakers_and_sentences(sorted(set(names)), utt2spk, texts)
        elif utt2spk is not None:
            names = [utt2spk[name] for name in names]
        counts = grouped_confusions(
            [prediction.emotion for prediction in predictions],
            [prediction.predicted for prediction in predictions],
            classes or self.classes,
            names,
        )
        drawn = f"{len(counts)} {drawn_text(utt2spk, texts)}" if not crossing else crossing.text()
        return counts, crossing, drawn

    def protocol_text(self) -> str:
        """Return what must be known to repeat the row: lists, seeds, limits, selection."""
        hashes = {r.fold: r.fold_hash[:HASH_DIGITS] for r in self.by_fold_and_seed.values()}
        listed = ", ".join(f"{fold} {digits}" for fold, digits in hashes.items())
        folds = f"{len(hashes)} fold{'s' * (len(hashes) > 1)} ({listed})"
        seeds = f"seed{'s' * (len(self.seeds) > 1)} {', '.join(map(str, self.seeds))}"
        limit = "whole training lists"
        if self.train_limit is not None:
            limit = f"at most {self.train_limit} training utterances a fold"
        parts = [self.protocol, folds, seeds, limit, self.selection, self.notes]
        return "; ".join(part for part in parts if part)


def drawn_text(utt2spk: Tables, texts: Tables) -> str:
    """Return what intervals resample, in words: utterances, speakers, or speakers and sentences."""
    if utt2spk is None:
        return "utterances"
    return "speakers" if texts is None else "speakers and sentences"


def ser_records(
    systems: Sequence[SystemScores],
    *,
    table: str,
    utt2spk: Tables = None,
    texts: Tables = None,
) -> list[Record]:
    """Return one record for each system and column that it has; accuracies in percent.

    Standard deviations are left out for a single fold and seed, the paper's columns where the
    paper has no figure, the test-selected ones where those predictions were not given.
    Intervals are over utterances, with ``utt2spk`` over whole speakers (wider, and honest for
    few of them), with ``texts`` too over speakers and sentences, see ``crossed_interval``.

    Raises:
        ValueError: two rows of the same name and protocol, a ``paper_system`` the
            paper does not know, or an utterance without a speaker.
    """
    keys = [(system.name, system.protocol_text()) for system in systems]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{table}: {key[0]}: two systems of one name; rename one")
    rows = [
        Row(name, [_estimates(system, utt2spk, texts)], protocol, source=system.source)
        for system, (name, protocol) in zip(systems, keys, strict=True)
    ]
    columns = columns_of("emotion recognition", drawn=drawn_text(utt2spk, texts))
    return records_of(columns, rows, table=table)


def _estimates(system: SystemScores, utt2spk: Tables, texts: Tables) -> Estimates:
    """Return the columns that a system has."""
    found: dict[str, Estimate] = {}
    n = system.num_utterances
    for name, score in ACCURACIES.items():
        mean, std = mean_and_std(system.fold_scores(score))
        found[name] = Estimate.percent(mean, n)
        if std is not None:
            found[f"{name} std"] = Estimate.percent(std, n)
        if system.has_test_selected:
            leaked, _ = mean_and_std(system.fold_scores(score, test_selected=True))
            leak = Estimate.percent(leaked, n)
            source = system.test_selected_source
            found[f"test-selected (leaks) {name}"] = replace(leak, source=source)
    groups, crossing, drawn = system.groups(utt2spk, texts)
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
    utt2spk: Tables = None,
    texts: Tables = None,
) -> list[Record]:
    """Return a row ``A against B`` for each pair; differences are A less B.

    The standard deviation and the corrected t-test need two folds or seeds, McNemar's
    test a single seed; they are left out elsewhere. For the arguments see ``ser_records``.

    Raises:
        ValueError: the two have other protocols, folds, seeds, test lists or emotions,
            a pair stands twice, or an utterance has no speaker.
    """
    rows = {}
    for a, b in pairs:
        key = a.name, b.name, _protocol(a, b)
        if key in rows:
            raise ValueError(f"{table}: two systems are compared twice; give each pair once")
        differences = _differences(a, b, utt2spk, texts)
        source = ", ".join(filter(None, (a.source, b.source)))
        rows[key] = Row(f"{a.name} against {b.name}", [differences], key[2], source=source)
    columns = columns_of(
        "emotion recognition, comparisons",
        drawn=drawn_text(utt2spk, texts),
        least_p=f"{2 / (NUM_RESAMPLES + 1):.3f}",
    )
    return records_of(columns, [*rows.values()], table=table)


def _protocol(a: SystemScores, b: SystemScores) -> str:
    """Return what holds for both, or for A and for B."""
    texts = a.protocol_text(), b.protocol_text()
    return texts[0] if texts[0] == texts[1] else f"first: {texts[0]}; second: {texts[1]}"


def _differences(a: SystemScores, b: SystemScores, utt2spk: Tables, texts: Tables) -> Estimates:
    """Return the columns that the pair has."""
    _check_pair(a, b)
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
        results = zip(a.by_fold_and_seed.values(), b.by_fold_and_seed.values(), strict=True)
        # Of two training sets the smaller, which is conservative.
        ratios = [len(r.predictions) / min(r.num_train, other.num_train) for r, other in results]
        _, p_value = corrected_t_test(differences, float(np.mean(ratios)))
        found["UA difference std"] = Estimate.percent(std, n)
        found["p, corrected t"] = Estimate(p_value, n)
    if len(a.seeds) == 1:
        found["p, McNemar"] = Estimate(mcnemar_test(_right(a), _right(b)), n)
    return found


def _check_pair(a: SystemScores, b: SystemScores) -> None:
    """Raise a ValueError unless both were tested on the same utterances under the same seeds."""
    place = f"{a.name} against {b.name}"
    if a.protocol != b.protocol:
        raise ValueError(f"{place}: protocols {a.protocol} and {b.protocol}; use the same")
    of_a, of_b = a.by_fold_and_seed, b.by_fold_and_seed
    if list(of_a) != list(of_b):
        fold, seed = sorted(set(of_a) ^ set(of_b))[0]
        raise ValueError(f"{place}: {fold}, seed {seed} is there for one only; test both on it")
    for (fold, seed), result in of_a.items():
        if result.labels != of_b[fold, seed].labels or set(a.classes) != set(b.classes):
            raise ValueError(
                f"{place}: {fold}, seed {seed}: other test utterances or emotions; test both on "
                "the same"
            )


def _right(system: SystemScores) -> list[bool]:
    """Return whether each utterance is recognised, sorted by utterance."""
    ordered = sorted(system.predictions(), key=lambda prediction: prediction.utterance)
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
    protocols tables.

    Args:
        utt2spk: for the intervals; where ``text`` is beside it, sentences are resampled too.
        comparisons: tags (A, B) of systems to test against each other.
        with_published: add a table of figures from the literature for each protocol.
        notes: added to the protocol's text.
        units: size of the pretrained model's vocabulary, where names of rows have ``{units}``.

    Raises:
        ValueError: a training is not complete, or a comparison names no system.
        OSError: a file cannot be read or written.
    """
    expdir = Path(expdir)
    text = Path(utt2spk).with_name("text")
    drawn: dict[str, Tables] = {
        "utt2spk": read_table(Path(utt2spk)),
        "texts": read_table(text) if text.is_file() else None,
    }
    records: list[Record] = []
    for protocol in protocols:
        scores = {
            system.tag: collect_system(system, protocol, expdir, emotions, notes, units)
            for system in systems
        }
        table = f"{title}, {protocol.tag}"
        records += ser_records(list(scores.values()), table=table, **drawn)
        pairs = [compared(scores, tags) for tags in comparisons]
        comparison_table = f"{table}: comparisons"
        records += comparison_records(pairs, table=comparison_table, **drawn)
        if with_published:
            name = protocol.folds.protocol
            records += published_records([name], table=f"Published, {name}")
        for tag, of_system in scores.items():
            folder = expdir / f"ser_{tag}" / protocol.tag
            for seed in of_system.seeds:
                every = [
                    p for fold in of_system.folds if fold.seed == seed for p in fold.predictions
                ]
                write_predictions(folder / _predictions_name(seed), every)
            predictions = list(of_system.predictions())
            confusion = _confusion(predictions, emotions)
            file = folder / "confusion.png"
            figure = confusion_figure(confusion, emotions, f"{of_system.name}, {protocol.tag}")
            save_figure(figure, file, dpi=100)
            row, caption = of_system.name, "rows: reference; all folds and seeds together."
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
    """Return all folds and seeds of a system.

    Raises:
        ValueError: a training is not complete, or its folds were others.
    """
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
    """Return the result of one training; a ValueError says that it is incomplete or of others."""
    result = RunResult.read(run.directory)
    if result is None:
        raise ValueError(f"{run.directory}: not trained to the end; run the training stage again")
    if result.fold_hash != run.fold_hash:
        raise ValueError(f"{run.directory}: trained on other lists; run the training stage again")
    return result


def _fold(run: FoldRun, result: RunResult) -> FoldResult:
    """Return the test of one training."""
    test_selected = f"predictions/test.{result.test_selected_epoch}ep.tsv"
    return FoldResult(
        fold=run.fold.name,
        seed=run.seed,
        predictions=read_predictions(run.directory / result.predictions),
        num_train=result.num_train,
        fold_hash=result.fold_hash,
        test_selected=read_predictions(run.directory / test_selected),
    )


def compared(
    scores: Mapping[str, SystemScores], tags: Sequence[str]
) -> tuple[SystemScores, SystemScores]:
    """Return the two systems of a comparison, each under the seeds that both have.

    Raises:
        ValueError: they are not two, one of them is not there, or they share no seed.
    """
    place = f"comparison {':'.join(tags)}"
    if len(tags) != 2:
        raise ValueError(f"{place}: expected A:B, as p2v:fbank")
    for tag in tags:
        if tag not in scores:
            raise ValueError(f"{place}: no system {tag!r} among {', '.join(scores)}")
    first, second = (scores[tag] for tag in tags)
    shared = set(first.seeds) & set(second.seeds)
    if not shared:
        raise ValueError(f"{place}: the two share no seed")
    return first.under(shared), second.under(shared)
