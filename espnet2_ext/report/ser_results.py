"""From the predictions of systems of emotion recognition to the records of a result table.

Three kinds of numbers stand side by side, because the literature mixes them: means over
folds and seeds with their spread, scores of all utterances pooled with an interval, and,
labelled as the leak it is, what choosing the epoch on the test list would have given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from espnet2_ext.metrics.ser import macro_f1, unweighted_accuracy, weighted_accuracy
from espnet2_ext.metrics.ser_bootstrap import bootstrap_score
from espnet2_ext.metrics.ser_statistics import mean_and_std
from espnet2_ext.report.published_ser import paper_score
from espnet2_ext.report.results import Record
from espnet2_ext.report.ser_systems import SystemScores, what_is_drawn

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

_ACCURACIES = {"WA": (weighted_accuracy, _WA), "UA": (unweighted_accuracy, _UA)}


@dataclass(frozen=True)
class _Value:
    """A cell: percent or words, the ends of its interval, and utterances it stands for."""

    percent: float | str
    n: int
    low: float | None = None
    high: float | None = None
    drawn: str = ""


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
    values = [_values(system, utt2spk, texts) for system in systems]
    definitions = _definitions(what_is_drawn(utt2spk, texts))
    # Column by column, so that columns appear in this order whichever row comes first.
    return [
        Record(
            table=table,
            row=system.name,
            metric=metric,
            value=cell.percent,
            unit="" if isinstance(cell.percent, str) else "%",
            n=cell.n,
            definition=definition,
            protocol=system.protocol_text(),
            commit=commit,
            low=cell.low,
            high=cell.high,
            better=better,
            drawn=cell.drawn,
        )
        for metric, (definition, better) in definitions.items()
        for system, cells in zip(systems, values)
        for cell in [cells.get(metric)]
        if cell is not None
    ]


def _definitions(drawn: str) -> dict[str, tuple[str, str]]:
    """Return the columns in order with definition and which is better."""
    columns = {}
    for name, (_, text) in _ACCURACIES.items():
        columns[name] = (f"{text}, {_MEAN}", "higher")
        columns[f"{name} std"] = (f"sample standard deviation of {name} over folds and seeds.", "")
    for name in _ACCURACIES:
        columns[f"pooled {name}"] = (f"{name} {_POOLED} {drawn}.", "higher")
    columns["macro-F1"] = (f"{_F1}, {_POOLED} {drawn}.", "higher")
    for name in _ACCURACIES:
        columns[f"paper {name}"] = (f"{name} {_PAPER}", "higher")
    for name in _ACCURACIES:
        # No arrow: nobody shall try to raise these.
        columns[_leak_name(name)] = (f"{name} {_LEAK}", "")
    columns["pretraining data"] = (_PRETRAINING, "")
    return columns


def _leak_name(name: str) -> str:
    return f"test-selected (leaks) {name}"


def _values(
    system: SystemScores, utt2spk: Mapping[str, str] | None, texts: Mapping[str, str] | None
) -> dict[str, _Value]:
    """Return the columns that a system has."""
    values: dict[str, _Value] = {}
    n = system.num_utterances
    for name, (score, _) in _ACCURACIES.items():
        mean, std = mean_and_std(system.fold_scores(score))
        values[name] = _value(mean, n)
        if std is not None:
            values[f"{name} std"] = _value(std, n)
        if system.has_test_selected:
            leaked, _ = mean_and_std(system.fold_scores(score, test_selected=True))
            values[_leak_name(name)] = _value(leaked, n)
    groups, crossing, drawn = system.drawn_groups(utt2spk, texts)
    pooled_scores = {
        "pooled WA": weighted_accuracy,
        "pooled UA": unweighted_accuracy,
        "macro-F1": macro_f1,
    }
    for name, score in pooled_scores.items():
        pooled = float(score(groups.sum(axis=0)))
        values[name] = _value(pooled, n, *bootstrap_score(groups, score, crossing=crossing), drawn)
    paper = None
    if system.paper_system is not None:
        paper = paper_score(system.paper_system, system.protocol)
    if paper is not None:
        for name, percent in (("paper WA", paper.wa), ("paper UA", paper.ua)):
            if percent is not None:
                values[name] = _Value(percent, paper.num_utterances)
    if system.pretraining:
        values["pretraining data"] = _Value(system.pretraining, n)
    return values


def _value(
    share: float, n: int, low: float | None = None, high: float | None = None, drawn: str = ""
) -> _Value:
    """Return shares as percent, with digits enough for any table."""
    ends = [None if end is None else round(100 * end, 6) for end in (low, high)]
    return _Value(round(100 * share, 6), n, ends[0], ends[1], drawn)
