"""Is one system of emotion recognition better than another? Records of a table of pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.metrics.ser import unweighted_accuracy
from espnet2_ext.metrics.ser_bootstrap import NUM_RESAMPLES, paired_bootstrap
from espnet2_ext.metrics.ser_statistics import (
    corrected_t_test,
    mcnemar_test,
    mean_and_std,
    sign_flip_test,
)
from espnet2_ext.report.results import Record
from espnet2_ext.report.ser_systems import SystemScores, what_is_drawn


@dataclass(frozen=True)
class _Column:
    unit: str
    definition: str


_SMALL = "0.000 is less than 0.0005"
_COLUMNS = {
    "UA difference": _Column(
        "%",
        "UA of the first system less UA of the second on the same fold and seed, in percentage "
        "points, mean over folds and seeds.",
    ),
    "UA difference std": _Column(
        "%", "sample standard deviation of UA difference over folds and seeds."
    ),
    "pairs": _Column("count", "folds times seeds on which both systems were tested."),
    "p, corrected t": _Column(
        "",
        "two-sided p of UA difference by the t-test of Nadeau and Bengio (2003), whose variance "
        f"allows for folds that share training data; {_SMALL}.",
    ),
    "p, sign flip": _Column(
        "",
        "two-sided p of UA difference by flipping signs over folds and seeds as if they were "
        "independent, which they are not: too small rather than too large; not below 2 / 2^pairs; "
        f"{_SMALL}.",
    ),
    "pooled UA difference": _Column(
        "%",
        "difference of the UA of all test utterances pooled, in percentage points; in brackets: "
        "paired bootstrap over {drawn}, the trained recognisers as they are.",
    ),
    "p, paired bootstrap": _Column(
        "",
        "two-sided p of pooled UA difference by the bootstrap over {drawn}; not below "
        f"{2 / (NUM_RESAMPLES + 1):.3f}.",
    ),
    "p, McNemar": _Column(
        "",
        "exact two-sided p that the two have the same WA, from the utterances that one of them "
        f"alone gets right; of systems with a single seed; {_SMALL}.",
    ),
}


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
    rows = {(a.name, b.name, _protocol(a, b)): _values(a, b, utt2spk, texts) for a, b in pairs}
    if len(rows) < len(pairs):
        raise ValueError(f"{table}: two systems are compared twice; give each pair once")
    return [
        Record(
            table=table,
            row=f"{a.name} against {b.name}",
            metric=metric,
            value=values[metric].value,
            unit=column.unit,
            n=a.num_utterances,
            definition=column.definition.format(drawn=drawn),
            protocol=_protocol(a, b),
            commit=commit,
            low=values[metric].low,
            high=values[metric].high,
            drawn=values[metric].drawn,
        )
        for metric, column in _COLUMNS.items()
        for (a, b), values in zip(pairs, rows.values())
        if metric in values
    ]


def _protocol(a: SystemScores, b: SystemScores) -> str:
    """Return what holds for both, or for A and for B."""
    texts = a.protocol_text(), b.protocol_text()
    return texts[0] if texts[0] == texts[1] else f"first: {texts[0]}; second: {texts[1]}"


@dataclass(frozen=True)
class _Value:
    """A cell, the ends of its interval, and what that is drawn over."""

    value: float
    low: float | None = None
    high: float | None = None
    drawn: str = ""


def _values(
    a: SystemScores,
    b: SystemScores,
    utt2spk: Mapping[str, str] | None,
    texts: Mapping[str, str] | None,
) -> dict[str, _Value]:
    """Return value and interval of each column that the pair has."""
    _check_pair(a, b)
    differences = a.fold_scores(unweighted_accuracy) - b.fold_scores(unweighted_accuracy)
    mean, std = mean_and_std(differences)
    groups_a, crossing, drawn = a.drawn_groups(utt2spk, texts)
    groups_b, _, _ = b.drawn_groups(utt2spk, texts, a.classes)
    pooled = paired_bootstrap(groups_a, groups_b, unweighted_accuracy, crossing=crossing)
    values = {
        "UA difference": _Value(_percent(mean)),
        "pairs": _Value(len(differences)),
        "p, sign flip": _Value(round(sign_flip_test(differences), 6)),
        "pooled UA difference": _Value(
            _percent(pooled.difference), _percent(pooled.low), _percent(pooled.high), drawn
        ),
        "p, paired bootstrap": _Value(round(pooled.p_value, 6)),
    }
    if std is not None:
        _, p_value = corrected_t_test(differences, _test_to_train(a, b))
        values["UA difference std"] = _Value(_percent(std))
        values["p, corrected t"] = _Value(round(p_value, 6))
    if len(a.seeds) == 1:
        values["p, McNemar"] = _Value(round(mcnemar_test(_right(a), _right(b)), 6))
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


def _percent(share: float) -> float:
    return round(100 * share, 6)
