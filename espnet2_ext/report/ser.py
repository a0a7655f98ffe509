"""How good are systems of emotion recognition: their tables, comparisons and confusions."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import methodcaller
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
    Column,
    Estimate,
    Record,
    Row,
    append_records,
    environment_records,
    file_record,
    git_commit,
    records_of,
)
from espnet2_ext.ser.experiment import LAST, FoldRun, ProtocolRuns, RunResult, System, list_runs
from espnet2_ext.ser.leaks import pretraining_status

# ---------------------------------------------------------------- ser fold
# The test of one fold under one seed.


@dataclass(frozen=True)
class FoldResult:
    """What one training gave.

    Attributes:
        fold: name, such as ``fold_1``.
        seed: of the training; the lists are the same under all seeds.
        predictions: of the test list by the epoch that is best on validation.
        num_train: utterances trained on.
        fold_hash: of the fold's lists.
        test_selected: predictions by the epoch that the same measure finds best on the test list;
            None if that was not looked up.
    """

    fold: str
    seed: int
    predictions: Sequence[Prediction]
    num_train: int
    fold_hash: str
    test_selected: Sequence[Prediction] | None = None

    def __post_init__(self) -> None:
        """Check that there is something to score, once.

        Raises:
            ValueError: no predictions or training utterances, an utterance predicted
                twice, classes that differ, or test-selected predictions of other
                utterances. The message names fold and seed.
        """
        place = f"{self.fold}, seed {self.seed}"
        if not self.predictions or self.num_train < 1:
            raise ValueError(f"{place}: no predictions or no training utterances; test it again")
        labels = _labels(self.predictions)
        if self.test_selected is not None and _labels(self.test_selected) != labels:
            raise ValueError(
                f"{place}: test-selected predictions are of other utterances or emotions; test "
                "it again"
            )
        for predictions in (self.predictions, self.test_selected or self.predictions):
            if len(labels) < len(predictions):
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
        """Return (K, K) counts, rows are references.

        Args:
            classes: order of rows and columns.
            test_selected: of the epoch that is best on the test list.

        Raises:
            ValueError: there are no test-selected predictions.
        """
        predictions = self.test_selected if test_selected else self.predictions
        if predictions is None:
            raise ValueError(f"{self.fold}, seed {self.seed}: no test-selected predictions")
        return confusion_matrix(
            [prediction.emotion for prediction in predictions],
            [prediction.predicted for prediction in predictions],
            classes,
        )


def _labels(predictions: Sequence[Prediction]) -> dict[str, str]:
    return {prediction.utterance: prediction.emotion for prediction in predictions}


# ---------------------------------------------------------------- ser systems
# Systems of emotion recognition with the predictions of all their folds and seeds.

HASH_DIGITS = 8
"""Of a fold's hash that tables show."""


@dataclass(frozen=True)
class SystemScores:
    """A row of a result table.

    Attributes:
        name: heads the row.
        protocol: name as in ``ser/protocols.py``, such as ``loso``.
        folds: every fold under every seed.
        selection: how the epoch was chosen, such as ``epoch of the best validation UA``.
        train_limit: utterances that training was cut to; None for none.
        paper_system: the same system in the paper's tables, see ``paper_score``.
        notes: what else the protocol must say: corpus, declared overlaps.
        pretraining: whether its pretraining data were compared with the lists, see
            ``pretraining_status``; empty where nobody asked.
        source: file of the predictions; see ``Record``.
        test_selected_source: of those of the epochs that are best on the test list.
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
        """Check that means over folds and seeds compare like with like.

        Raises:
            ValueError: folds are missing under a seed or stand twice, an utterance is
                tested in two folds, lists change with the seed, classes differ, or
                test-selected predictions are there for some folds only. The message
                names system, fold and seed.
        """
        if not self.folds:
            raise ValueError(f"{self.name}: no folds; train and test at least one")
        _check_grid(self)
        _check_classes(self)
        _check_lists(self)

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the emotions in the order of the first prediction."""
        return self.folds[0].classes

    @property
    def seeds(self) -> list[int]:
        """Return the seeds, sorted."""
        return sorted({result.seed for result in self.folds})

    def under(self, seeds: Collection[int]) -> "SystemScores":
        """Return the same of these seeds alone.

        Raises:
            ValueError: it has none of them.
        """
        return replace(self, folds=[result for result in self.folds if result.seed in seeds])

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

    def predictions(self) -> Iterator[Prediction]:
        """Yield the predictions of all folds and seeds."""
        for result in self.by_fold_and_seed.values():
            yield from result.predictions

    def fold_scores(
        self, score: Callable[[np.ndarray], np.ndarray], *, test_selected: bool = False
    ) -> np.ndarray:
        """Return a score of each fold and seed, (J,), in the order of `by_fold_and_seed`.

        Args:
            score: of a confusion matrix, see ``metrics/ser.py``.
            test_selected: score the epochs that are best on the test list.

        Raises:
            ValueError: there are no test-selected predictions.
        """
        results = self.by_fold_and_seed.values()
        return np.array(
            [score(r.confusion(self.classes, test_selected=test_selected)) for r in results]
        )

    def grouped_confusions(
        self, utt2spk: Mapping[str, str] | None = None, classes: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return (G, K, K) counts over all folds and seeds, a group an utterance or a speaker.

        Args:
            utt2spk: groups by speaker; None groups by utterance.
            classes: order of rows and columns; None for `classes`.

        Raises:
            ValueError: an utterance has no speaker.
        """
        predictions = list(self.predictions())
        groups = [prediction.utterance for prediction in predictions]
        if utt2spk is not None:
            self._check_speakers(utt2spk)
            groups = [utt2spk[utterance] for utterance in groups]
        return grouped_confusions(
            [prediction.emotion for prediction in predictions],
            [prediction.predicted for prediction in predictions],
            classes or self.classes,
            groups,
        )

    def crossing(self, utt2spk: Mapping[str, str], texts: Mapping[str, str]) -> Crossing:
        """Return who says what in the groups (G,) of `grouped_confusions` by utterance.

        Args:
            utt2spk: speaker of an utterance.
            texts: see ``speakers_and_sentences``.

        Raises:
            ValueError: an utterance has no speaker.
        """
        self._check_speakers(utt2spk)
        utterances = sorted({prediction.utterance for prediction in self.predictions()})
        return speakers_and_sentences(utterances, utt2spk, texts)

    def drawn_groups(
        self,
        utt2spk: Mapping[str, str] | None,
        texts: Mapping[str, str] | None,
        classes: Sequence[str] | None = None,
    ) -> tuple[np.ndarray, Crossing | None, str]:
        """Return what an interval draws: groups (G, K, K), their crossing, and both in words.

        Args:
            utt2spk: see `what_is_drawn`.
            texts: see there.
            classes: see `grouped_confusions`.

        Raises:
            ValueError: an utterance has no speaker.
        """
        if utt2spk is not None and texts is not None:
            crossing = self.crossing(utt2spk, texts)
            return self.grouped_confusions(classes=classes), crossing, crossing.text()
        groups = self.grouped_confusions(utt2spk, classes)
        return groups, None, f"{len(groups)} {what_is_drawn(utt2spk, texts)}"

    def _check_speakers(self, utt2spk: Mapping[str, str]) -> None:
        lacking = sorted({p.utterance for p in self.predictions()} - utt2spk.keys())
        if lacking:
            raise ValueError(
                f"{self.name}: {lacking[0]} and {len(lacking) - 1} more have no speaker in "
                "utt2spk; give the table of the tested data"
            )

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


def what_is_drawn(utt2spk: Mapping[str, str] | None, texts: Mapping[str, str] | None) -> str:
    """Return what intervals draw, in words: utterances, speakers, or speakers and sentences."""
    if utt2spk is None:
        return "utterances"
    return "speakers" if texts is None else "speakers and sentences"


def _place(system: SystemScores, result: FoldResult) -> str:
    return f"{system.name}, {result.fold}, seed {result.seed}"


def _check_grid(system: SystemScores) -> None:
    """Every fold once under every seed; test-selected predictions for all or none."""
    if len(system.by_fold_and_seed) < len(system.folds):
        raise ValueError(f"{system.name}: a fold stands twice under one seed; give each once")
    for fold in sorted({result.fold for result in system.folds}):
        for seed in system.seeds:
            if (fold, seed) not in system.by_fold_and_seed:
                raise ValueError(
                    f"{system.name}: {fold} is missing under seed {seed}; train and test it"
                )
    for result in system.folds:
        if (result.test_selected is not None) != system.has_test_selected:
            raise ValueError(
                f"{_place(system, result)}: test-selected predictions are there for some folds "
                "only; give them for all or none"
            )


def _check_classes(system: SystemScores) -> None:
    """The classes are the same in all folds."""
    for result in system.folds:
        if set(result.classes) != set(system.classes):
            raise ValueError(
                f"{_place(system, result)}: classes {', '.join(result.classes)} instead of "
                f"{', '.join(system.classes)}; train all folds with the same"
            )


def _check_lists(system: SystemScores) -> None:
    """The lists of a fold are the same under all seeds; no utterance is in two folds."""
    first: dict[str, FoldResult] = {}
    fold_of: dict[str, str] = {}
    for result in system.by_fold_and_seed.values():
        known, labels = first.setdefault(result.fold, result), result.labels
        if known.fold_hash != result.fold_hash or known.labels != labels:
            raise ValueError(
                f"{_place(system, result)}: other lists than under seed {known.seed}; draw the "
                "folds once and change only the seed of the training"
            )
        for utterance in labels:
            if fold_of.setdefault(utterance, result.fold) != result.fold:
                raise ValueError(
                    f"{system.name}: {utterance} is tested in {fold_of[utterance]} and "
                    f"{result.fold}; test each utterance in one fold"
                )


# ---------------------------------------------------------------- ser results
# From the predictions of systems of emotion recognition to the records of a result table.
#
# Three kinds of numbers stand side by side, because the literature mixes them: means over
# folds and seeds with their spread, scores of all utterances pooled with an interval, and,
# labelled as the leak it is, what choosing the epoch on the test list would have given.

_WA = "weighted accuracy: share of test utterances given the right emotion ([P2V] Eq. 3)"
_UA = "unweighted accuracy: mean recall over the emotions of the test list ([P2V] Eq. 4)"
_F1 = "mean over emotions of 2 TP / (2 TP + FP + FN)"
_MEAN = "mean over folds and seeds, each counting the same."
_POOLED = "of the test utterances of all folds and seeds together; in brackets: bootstrap over"
_PAPER = "as [P2V] prints it for this system (Tables IV to VI), on fold lists it does not publish."
_LEAK = (
    "of the epoch that is best on the test list itself, mean over folds and seeds; to compare "
    "with works that choose so, not a result."
)

_PRETRAINING = (
    "whether utterances, speakers, files and sentences of the system's pretraining were compared "
    "with those of test and validation; not checked: it may have heard them."
)

Estimates = dict[str, Estimate]
"""By column; what a row lacks is left out."""
_ACCURACIES = {"WA": (weighted_accuracy, _WA), "UA": (unweighted_accuracy, _UA)}


def ser_records(
    systems: Sequence[SystemScores],
    *,
    table: str,
    commit: str,
    utt2spk: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
) -> list[Record]:
    """Return one record for each system and column that it has; accuracies in percent.

    The last column says in words whether pretraining data were compared with the lists.

    ``WA std`` and ``UA std`` are left out for a single fold and seed, the paper's
    columns where the paper has no figure, the test-selected ones where those
    predictions were not given.

    Args:
        systems: rows, in this order.
        table: title; says ``synthetic`` where the data are.
        commit: of the code.
        utt2spk: draws whole speakers for the intervals, which are then wider and
            honest for few speakers; None draws utterances.
        texts: of utterances; with ``utt2spk`` draws speakers and sentences, each for itself,
            see ``crossed_interval``.

    Raises:
        ValueError: two rows of the same name and protocol, a ``paper_system`` the
            paper does not know, or an utterance without a speaker.
    """
    keys = [(system.name, system.protocol_text()) for system in systems]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{table}: {key[0]}: two systems of one name; rename one")
    rows = [
        Row(
            system.name,
            [_values(system, utt2spk, texts)],
            system.protocol_text(),
            source=system.source,
        )
        for system in systems
    ]
    columns = _ser_columns(what_is_drawn(utt2spk, texts))
    return records_of(columns, rows, table=table, commit=commit)


def _ser_columns(drawn: str) -> list[Column[Estimates]]:
    """Return the columns in order."""
    names: dict[str, tuple[str, str]] = {}
    for name, (_, text) in _ACCURACIES.items():
        names[name] = (f"{text}, {_MEAN}", "higher")
        names[f"{name} std"] = (f"sample standard deviation of {name} over folds and seeds.", "")
    for name in _ACCURACIES:
        names[f"pooled {name}"] = (f"{name} {_POOLED} {drawn}.", "higher")
    names["macro-F1"] = (f"{_F1}, {_POOLED} {drawn}.", "higher")
    for name in _ACCURACIES:
        names[f"paper {name}"] = (f"{name} {_PAPER}", "higher")
    for name in _ACCURACIES:
        # No arrow: nobody shall try to raise these.
        names[_leak_name(name)] = (f"{name} {_LEAK}", "")
    names["pretraining data"] = (_PRETRAINING, "")
    return [
        Column(name, methodcaller("get", name), "%", better, definition)
        for name, (definition, better) in names.items()
    ]


def _leak_name(name: str) -> str:
    return f"test-selected (leaks) {name}"


def _values(
    system: SystemScores, utt2spk: Mapping[str, str] | None, texts: Mapping[str, str] | None
) -> Estimates:
    """Return the columns that a system has."""
    values: Estimates = {}
    n = system.num_utterances
    for name, (score, _) in _ACCURACIES.items():
        mean, std = mean_and_std(system.fold_scores(score))
        values[name] = _percent(mean, n)
        if std is not None:
            values[f"{name} std"] = _percent(std, n)
        if system.has_test_selected:
            leaked, _ = mean_and_std(system.fold_scores(score, test_selected=True))
            values[_leak_name(name)] = replace(
                _percent(leaked, n), source=system.test_selected_source
            )
    groups, crossing, drawn = system.drawn_groups(utt2spk, texts)
    pooled_scores = {
        "pooled WA": weighted_accuracy,
        "pooled UA": unweighted_accuracy,
        "macro-F1": macro_f1,
    }
    for name, score in pooled_scores.items():
        pooled = float(score(groups.sum(axis=0)))
        values[name] = _percent(pooled, n, bootstrap_score(groups, score, crossing=crossing), drawn)
    paper = None
    if system.paper_system is not None:
        paper = paper_score(system.paper_system, system.protocol)
    if paper is not None:
        for name, percent in (("paper WA", paper.wa), ("paper UA", paper.ua)):
            if percent is not None:
                values[name] = Estimate(percent, paper.num_utterances, source="")
    if system.pretraining:
        values["pretraining data"] = Estimate(system.pretraining, n, source="")
    return values


def _percent(
    share: float, n: int, interval: tuple[float, float] | None = None, drawn: str = ""
) -> Estimate:
    """Return a share and its interval in percent."""
    low, high = (None, None) if interval is None else (100 * end for end in interval)
    return Estimate(100 * share, n, low, high, drawn=drawn)


# ---------------------------------------------------------------- ser comparison
# Is one system of emotion recognition better than another? Records of a table of pairs.


_SMALL = "0.000 is less than 0.0005"
_DIFFERENCES = {
    "UA difference": (
        "%",
        "UA of the first system less UA of the second on the same fold and seed, in percentage "
        "points, mean over folds and seeds.",
    ),
    "UA difference std": ("%", "sample standard deviation of UA difference over folds and seeds."),
    "pairs": ("count", "folds times seeds on which both systems were tested."),
    "p, corrected t": (
        "",
        "two-sided p of UA difference by the t-test of Nadeau and Bengio (2003), whose variance "
        f"allows for folds that share training data; {_SMALL}.",
    ),
    "p, sign flip": (
        "",
        "two-sided p of UA difference by flipping signs over folds and seeds as if they were "
        "independent, which they are not: too small rather than too large; not below 2 / 2^pairs; "
        f"{_SMALL}.",
    ),
    "pooled UA difference": (
        "%",
        "difference of the UA of all test utterances pooled, in percentage points; in brackets: "
        "paired bootstrap over {drawn}, the trained recognisers as they are.",
    ),
    "p, paired bootstrap": (
        "",
        "two-sided p of pooled UA difference by the bootstrap over {drawn}; not below "
        f"{2 / (NUM_RESAMPLES + 1):.3f}.",
    ),
    "p, McNemar": (
        "",
        "exact two-sided p that the two have the same WA, from the utterances that one of them "
        f"alone gets right; of systems with a single seed; {_SMALL}.",
    ),
}
"""Column to its unit and definition, in which ``{drawn}`` stands for what is drawn."""


def comparison_records(
    pairs: Sequence[tuple[SystemScores, SystemScores]],
    *,
    table: str,
    commit: str,
    utt2spk: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
) -> list[Record]:
    """Return a row ``A against B`` for each pair; differences are A less B.

    The standard deviation and the corrected t-test need two folds or seeds, McNemar's
    test a single seed; they are left out elsewhere.

    Args:
        pairs: (A, B), tested on the same folds under the same seeds.
        table: title; says ``synthetic`` where the data are.
        commit: of the code.
        utt2spk: draws whole speakers in the bootstrap; None draws utterances.
        texts: of utterances; with ``utt2spk`` draws speakers and sentences, each for itself.

    Raises:
        ValueError: the two have other protocols, folds, seeds, test lists or emotions,
            a pair stands twice, or an utterance has no speaker.
    """
    drawn = what_is_drawn(utt2spk, texts)
    rows = {
        (a.name, b.name, _protocol(a, b)): _difference_values(a, b, utt2spk, texts)
        for a, b in pairs
    }
    if len(rows) < len(pairs):
        raise ValueError(f"{table}: two systems are compared twice; give each pair once")
    columns = [
        Column(name, methodcaller("get", name), unit, "", definition.format(drawn=drawn))
        for name, (unit, definition) in _DIFFERENCES.items()
    ]
    sources = [", ".join(filter(None, (a.source, b.source))) for a, b in pairs]
    table_rows = [
        Row(f"{first} against {second}", [values], protocol, source=source)
        for ((first, second, protocol), values), source in zip(rows.items(), sources, strict=True)
    ]
    return records_of(columns, table_rows, table=table, commit=commit)


def _protocol(a: SystemScores, b: SystemScores) -> str:
    """Return what holds for both, or for A and for B."""
    texts = a.protocol_text(), b.protocol_text()
    return texts[0] if texts[0] == texts[1] else f"first: {texts[0]}; second: {texts[1]}"


def _difference_values(
    a: SystemScores,
    b: SystemScores,
    utt2spk: Mapping[str, str] | None,
    texts: Mapping[str, str] | None,
) -> Estimates:
    """Return the columns that the pair has."""
    _check_pair(a, b)
    differences = a.fold_scores(unweighted_accuracy) - b.fold_scores(unweighted_accuracy)
    mean, std = mean_and_std(differences)
    groups_a, crossing, drawn = a.drawn_groups(utt2spk, texts)
    groups_b, _, _ = b.drawn_groups(utt2spk, texts, a.classes)
    pooled = paired_bootstrap(groups_a, groups_b, unweighted_accuracy, crossing=crossing)
    n = a.num_utterances
    values = {
        "UA difference": _percent(mean, n),
        "pairs": Estimate(len(differences), n),
        "p, sign flip": Estimate(sign_flip_test(differences), n),
        "pooled UA difference": _percent(pooled.difference, n, (pooled.low, pooled.high), drawn),
        "p, paired bootstrap": Estimate(pooled.p_value, n),
    }
    if std is not None:
        _, p_value = corrected_t_test(differences, _test_to_train(a, b))
        values["UA difference std"] = _percent(std, n)
        values["p, corrected t"] = Estimate(p_value, n)
    if len(a.seeds) == 1:
        values["p, McNemar"] = Estimate(mcnemar_test(_right(a), _right(b)), n)
    return values


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
        other = of_b[fold, seed]
        if result.labels != other.labels or set(a.classes) != set(b.classes):
            raise ValueError(
                f"{place}: {fold}, seed {seed}: other test utterances or emotions; test both on "
                "the same"
            )


def _test_to_train(a: SystemScores, b: SystemScores) -> float:
    """Return the mean ratio over folds; of two training sets the smaller, which is careful."""
    results = zip(a.by_fold_and_seed.values(), b.by_fold_and_seed.values())
    ratios = [len(r.predictions) / min(r.num_train, other.num_train) for r, other in results]
    return float(np.mean(ratios))


def _right(system: SystemScores) -> list[bool]:
    """Return whether each utterance is recognised, sorted by utterance."""
    ordered = sorted(system.predictions(), key=lambda prediction: prediction.utterance)
    return [prediction.predicted == prediction.emotion for prediction in ordered]


# ---------------------------------------------------------------- ser experiment results

logger = logging.getLogger(__name__)

SELECTIONS = {
    "acc": "epoch of the best validation WA",
    "ua": "epoch of the best validation UA",
    "loss": "epoch of the lowest validation loss",
    LAST: "last epoch, the protocol validating on nothing",
}


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
    test predictions of every fold, from which all can be computed again.

    Args:
        systems: rows.
        protocols: one table each.
        expdir: of the trainings.
        emotions: classes in their order.
        title: of the tables, before the protocol; says ``synthetic`` where the data are.
        utt2spk: speakers, which the intervals draw; where ``text`` lies beside it, sentences too.
        comparisons: tags (A, B) of systems to test against each other.
        with_published: add a table of figures from the literature for each protocol.
        notes: what the protocol's text must say besides.
        units: size of the pretrained model's vocabulary, where names of rows have ``{units}``.

    Raises:
        ValueError: a training is not complete, or a comparison names no system.
        OSError: a file cannot be read or written.
    """
    expdir, commit = Path(expdir), git_commit()
    text = Path(utt2spk).with_name("text")
    drawn = {
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
        records += ser_records(list(scores.values()), table=table, commit=commit, **drawn)
        pairs = [_pair(scores, names) for names in comparisons]
        if pairs:
            records += comparison_records(
                pairs, table=f"{table}: comparisons", commit=commit, **drawn
            )
        if with_published:
            records += published_records(
                [protocol.folds.protocol], table=f"Published, {protocol.folds.protocol}"
            )
        records += [
            _write_files(system_scores, expdir, tag, protocol.tag, emotions, table)
            for tag, system_scores in scores.items()
        ]
    append_records(expdir / "results.jsonl", [*environment_records(), *records])
    return records


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
    settings = yaml.safe_load(system.config.read_text(encoding="utf-8")) or {}
    criterion = settings.get("best_model_criterion", [["valid", "acc", "max"]])[0][1]
    if not any(fold.valid for fold in protocol.folds.folds):
        criterion = LAST
    runs, lists = list_runs([system], [protocol], expdir, emotions), protocol.folds
    folder = f"ser_{system.tag}/{protocol.tag}"
    seeds = sorted({run.seed for run in runs})
    deviation = lists.deviation and f"deviation: {lists.deviation}"
    return SystemScores(
        name=_comment(system.config, "row", units) or system.tag,
        protocol=lists.protocol,
        folds=[_fold(run) for run in runs],
        selection=SELECTIONS[criterion],
        train_limit=lists.max_train,
        paper_system=_comment(system.config, "paper row", units),
        notes="; ".join(part for part in (notes, deviation, *lists.leak_check) if part),
        pretraining=pretraining_status(
            settings | _trained_with(runs[0]),
            checked=lists.pretraining_checked,
            model_sha256=lists.model_sha256,
        ),
        source=", ".join(f"{folder}/{_predictions_name(seed)}" for seed in seeds),
        test_selected_source=f"{folder}/fold_*/seed_*/predictions/test.*ep.tsv",
    )


def _predictions_name(seed: int) -> str:
    return f"predictions_seed_{seed}.tsv"


def _trained_with(run: FoldRun) -> dict[str, Any]:
    """Return the options of a training, defaults and those of the command line included."""
    path = run.directory / "config.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _comment(config: Path, key: str, units: str) -> str | None:
    """Return what a ``# <key>: <text>`` line of a configuration says, with ``{units}`` put in."""
    for line in config.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"# {key}:"):
            return line.split(":", 1)[1].strip().replace("{units}", units)
    return None


def _fold(run: FoldRun) -> FoldResult:
    """Return the test of one training.

    Raises:
        ValueError: it is not complete, or its lists were others.
    """
    result = RunResult.read(run.directory)
    if result is None:
        raise ValueError(f"{run.directory}: not trained to the end; run the training stage again")
    if result.fold_hash != run.fold_hash:
        raise ValueError(f"{run.directory}: trained on other lists; run the training stage again")
    folder = run.directory / "predictions"
    return FoldResult(
        fold=run.fold.name,
        seed=run.seed,
        predictions=read_predictions(folder / f"test.{result.epoch}ep.tsv"),
        num_train=result.num_train,
        fold_hash=result.fold_hash,
        test_selected=read_predictions(folder / f"test.{result.test_selected_epoch}ep.tsv"),
    )


def _pair(
    scores: Mapping[str, SystemScores], names: Sequence[str]
) -> tuple[SystemScores, SystemScores]:
    """Return the two systems of a comparison, each under the seeds that both have.

    Raises:
        ValueError: they are not two, one of them is not there, or they share no seed.
    """
    if len(names) != 2:
        raise ValueError(f"comparison {':'.join(names)}: expected A:B, as p2v:fbank")
    for name in names:
        if name not in scores:
            raise ValueError(
                f"comparison {':'.join(names)}: no system {name!r} among {', '.join(scores)}"
            )
    first, second = (scores[name] for name in names)
    shared = set(first.seeds) & set(second.seeds)
    if not shared:
        raise ValueError(f"comparison {':'.join(names)}: the two share no seed")
    return first.under(shared), second.under(shared)


def _write_files(
    scores: SystemScores, expdir: Path, tag: str, protocol: str, emotions: Sequence[str], table: str
) -> Record:
    """Write predictions and confusions of a system; return the figure's record."""
    folder = expdir / f"ser_{tag}" / protocol
    for seed in scores.seeds:
        every = [p for fold in scores.folds if fold.seed == seed for p in fold.predictions]
        write_predictions(folder / _predictions_name(seed), every)
    predictions = list(scores.predictions())
    counts = confusion_matrix(
        [each.emotion for each in predictions], [each.predicted for each in predictions], emotions
    )
    figure = confusion_figure(counts, emotions, f"{scores.name}, {protocol}")
    save_figure(figure, folder / "confusion.png", dpi=100)
    caption = "rows: reference; all folds and seeds together."
    return file_record(
        f"{table}: confusion",
        scores.name,
        "confusion",
        folder / "confusion.png",
        caption,
        expdir / "results.jsonl",
        len(predictions),
    )
