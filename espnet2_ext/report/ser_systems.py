"""Systems of emotion recognition with the predictions of all their folds and seeds."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from espnet2_ext.metrics.ser_bootstrap import grouped_confusions
from espnet2_ext.metrics.ser_predictions import Prediction
from espnet2_ext.metrics.statistics import Crossing, speakers_and_sentences
from espnet2_ext.report.ser_fold import FoldResult

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
    """

    name: str
    protocol: str
    folds: Sequence[FoldResult]
    selection: str
    train_limit: int | None = None
    paper_system: str | None = None
    notes: str = ""
    pretraining: str = ""

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
