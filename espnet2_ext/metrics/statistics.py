"""Confidence intervals, and tests of whether one system is better than another.

Folds share training data: the sign-flip test finds differences too easily, the corrected t-test
is the one to believe. McNemar's test and ``paired_bootstrap`` are about the utterances, with the
trained recognisers fixed. The bootstrap generalises to other speakers and sentences.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress
from pathlib import Path

import numpy as np
from scipy.special import stdtr
from scipy.stats import binomtest

from espnet2_ext.data.tables import normalise_sentence, read_table
from espnet2_ext.metrics.ser import class_indices

MAX_EXACT = 16
"""Up to so many differences all 2^n patterns of signs are tried."""
NUM_RESAMPLES = 2000
MOST_KEPT = 1_000_000
"""Numbers in a table of draws in memory, 8 MB; what is larger is drawn in parts."""

Values = Sequence[float] | np.ndarray
Score = Callable[[np.ndarray], np.ndarray]
"""From confusions (R, K, K) to scores (R,), see ``metrics/ser.py``."""


def mean_and_std(values: Values) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation (n - 1); None for a single value."""
    numbers = _finite(values)
    return float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else None


def sign_flip_test(differences: Values, *, num_resamples: int = 20000, seed: int = 0) -> float:
    """Return the two-sided p value of a paired permutation test of mean differences (n,) A - B.

    p is the share of sign patterns whose |mean| is at least the observed one: of all patterns up to
    `MAX_EXACT` differences, else of drawn ones and the observed one; at least 2 / 2^n. Unlike in
    scipy's ``permutation_test``, patterns that tie but for rounding count as ties.
    """
    numbers = _finite(differences)
    observed = abs(numbers.sum()) - 1.0e-9 * np.abs(numbers).sum()
    if len(numbers) <= MAX_EXACT:
        bits = np.arange(2 ** len(numbers))[:, None] >> np.arange(len(numbers)) & 1
        signs = 1.0 - 2.0 * bits
        return float((np.abs(signs @ numbers) >= observed).mean())
    drawn = np.random.default_rng(seed).choice((1.0, -1.0), size=(num_resamples, len(numbers)))
    count = int((np.abs(drawn @ numbers) >= observed).sum())
    return (count + 1) / (num_resamples + 1)


def corrected_t_test(differences: Values, test_to_train: float) -> tuple[float, float]:
    """Return t and the two-sided p value of the corrected resampled t-test of differences (n,).

    t = mean / sqrt((1 / n + test_to_train) * variance), n - 1 degrees of freedom; the second
    summand, test over training utterances of a fold, accounts for overlapping training data. Equal
    differences give infinite t and p = 0, unless all are 0. Fewer than two, or a ratio not above 0,
    raise ValueError.

    Source: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003,
        section 5.
    Deviation: they draw training and test sets at random, not folds by session or speaker.
    """
    numbers = _finite(differences)
    if len(numbers) < 2:
        raise ValueError("the corrected t-test needs two folds or seeds; run more of them")
    if not (math.isfinite(test_to_train) and test_to_train > 0):
        raise ValueError(f"test_to_train must be above 0, got {test_to_train}")
    error = math.sqrt((1 / len(numbers) + test_to_train) * float(numbers.var(ddof=1)))
    mean = float(numbers.mean())
    # Equal differences may leave a variance of rounding errors.
    if error <= 1.0e-12 * abs(mean):
        return (math.copysign(math.inf, mean), 0.0) if mean else (0.0, 1.0)
    t = mean / error
    return t, float(2 * stdtr(len(numbers) - 1, -abs(t)))


def mcnemar_test(right_a: Values, right_b: Values) -> float:
    """Return the exact two-sided p value of McNemar's test of two accuracies (WA).

    Each list (n,) has one value per utterance; none, or different lengths, raise ValueError.
    """
    a, b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
    if len(a) != len(b) or len(a) == 0:
        raise ValueError(
            f"{len(a)} utterances of A and {len(b)} of B; test both on the same utterances"
        )
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    # Without a discordant utterance binomtest has nothing to count.
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _finite(values: Values) -> np.ndarray:
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) == 0 or not np.isfinite(numbers).all():
        raise ValueError(f"expected finite values, at least one; got {numbers.tolist()[:5]}")
    return numbers


@dataclass(frozen=True)
class Crossing:
    """Row and column of each value, for instance its speaker and its sentence, (n,) each.

    ``row_name`` and ``column_name`` are plural.
    """

    rows: Sequence[Hashable]
    columns: Sequence[Hashable]
    row_name: str = "speakers"
    column_name: str = "sentences"

    def text(self) -> str:
        """Return what `resampled_sums` draws, such as ``5 speakers and 20 sentences``."""
        cells = set(zip(self.rows, self.columns, strict=True))
        rows, columns = set(self.rows), set(self.columns)
        texts = [
            f"{len(names)} {kind}" if len(names) > 1 else f"1 {kind.removesuffix('s')} (not drawn)"
            for names, kind in ((rows, self.row_name), (columns, self.column_name))
        ]
        if len(rows) == len(columns) == len(cells) and self.row_name == self.column_name:
            return texts[0]
        if min(len(rows), len(columns)) > 1:
            if len(rows) == len(cells) > len(columns):
                texts.reverse()
            if max(len(rows), len(columns)) == len(cells):
                return f"{texts[0]} and, within each, its own of {texts[1]}"
            own = sum(count == 1 for count in Counter(column for _, column in cells).values())
            if own:
                kind = self.row_name.removesuffix("s")
                texts[1] += f" ({own} of which one {kind} alone has, drawn within it)"
        return " and ".join(texts)

    def at(self, chosen: np.ndarray) -> "Crossing":
        """Return the crossing of the values chosen by a mask (n,)."""
        rows, columns = (list(compress(names, chosen)) for names in (self.rows, self.columns))
        return replace(self, rows=rows, columns=columns)

    def interval(self, values: Values, weights: Values | None = None) -> tuple[float, float]:
        """Return the 95 % interval (low, high) of the mean; see ``crossed_interval``."""
        return crossed_interval(values, self.rows, self.columns, weights=weights)


def crossing_of(
    names: Sequence[str], speakers: Sequence[str], sentences: Sequence[str], kind: str
) -> Crossing:
    """Return speakers by normalised sentences, (n,) each; an empty one becomes one of its own.

    It is then called by its name (n,), and if all are empty, by ``kind`` (the names' plural).
    """
    return Crossing(
        [speaker or name for speaker, name in zip(speakers, names, strict=True)],
        # No sentence is called like a value: normalised words hold no line break.
        [sentence or f"\n{name}" for sentence, name in zip(sentences, names, strict=True)],
        "speakers" if any(speakers) else kind,
        "sentences" if any(sentences) else kind,
    )


def speakers_and_sentences(
    utterances: Iterable[str], utt2spk: Mapping[str, str], texts: Mapping[str, str]
) -> Crossing:
    """Return speaker and sentence of each utterance; see `crossing_of`."""
    names = list(utterances)
    sentences = {name: normalise_sentence(texts.get(name, "")) or "" for name in set(names)}
    speakers = [utt2spk.get(name, "") for name in names]
    return crossing_of(names, speakers, [sentences[name] for name in names], "utterances")


def read_speakers_and_sentences(data_dir: str | Path, utterances: Iterable[str]) -> Crossing:
    """Return the same from ``utt2spk`` and ``text`` of a data directory, where it has them."""
    tables = (Path(data_dir) / name for name in ("utt2spk", "text"))
    utt2spk, texts = (read_table(path) if path.is_file() else {} for path in tables)
    return speakers_and_sentences(utterances, utt2spk, texts)


def crossed_interval(
    values: Values,
    rows: Sequence[Hashable],
    columns: Sequence[Hashable],
    *,
    weights: Values | None = None,
    confidence: float = 0.95,
    **resampling: int,
) -> tuple[float, float]:
    """Return the percentile interval (low, high) of the mean over `resampled_sums`.

    Values of one speaker, or of one sentence, are not independent. A single row or column is not
    drawn: the interval says nothing of others. ``weights`` may be the words of an error rate.

    Coverage of a nominal 95 % interval in 500 tables with effects of speaker and sentence and
    noise, each of deviation 1 (``test_statistics.py``; two standard errors are 0.03): 0.90 of 5
    speakers with the same 20 sentences, 0.92 of 10; 0.84 of 4 speakers with 8 sentences each of its
    own and 3 values of each, 0.90 of 10. Where values were drawn, 0.43 to 0.48.

    Values or weights that are not finite, weights below 0 or all 0, lists of different length, and
    a confidence outside (0, 1) raise ValueError.
    """
    values = _finite(values)
    shares = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(values) == len(rows) == len(columns) == len(shares):
        raise ValueError(
            f"{len(values)} values, {len(rows)} rows, {len(columns)} columns, {len(shares)} weights"
        )
    if not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise ValueError("weights must be finite, at least 0 and not all 0")
    summed = np.stack([values * shares, shares], axis=1)
    totals, mass = resampled_sums(summed, rows, columns, **resampling).T
    return _interval(totals[mass > 0] / mass[mass > 0], confidence)


def resampled_sums(
    values: np.ndarray,
    rows: Sequence[Hashable],
    columns: Sequence[Hashable],
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Return the sums of ``num_resamples`` resamples, (num_resamples, k), of values (n, k).

    Rows and columns are drawn with replacement, each for itself; a value counts as often as its row
    times as its column was drawn. A draw may hold no value: its sums are 0. A column that one row
    alone has is drawn within that row, anew each time the row is drawn, as the product would give
    its noise three times its variance; if each row has one column alone, the two change places.

    Source: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007, for crossed
        rows and columns. Davison and Hinkley, "Bootstrap Methods and their Application", 1997,
        section 3.8, for columns within rows.
    """
    cells, cell_of = _cells(rows, columns)
    totals = np.zeros((cells.shape[1], values.shape[1]))
    np.add.at(totals, cell_of, values)
    drawn: Iterable[np.ndarray]
    if num_resamples * cells.shape[1] <= MOST_KEPT:
        rows_of, columns_of = (tuple(numbers.tolist()) for numbers in cells)
        drawn = _kept_multiplicities(rows_of, columns_of, num_resamples, seed)
    else:
        drawn = _multiplicities(cells[0], cells[1], num_resamples, seed)
    return np.concatenate([part @ totals for part in drawn])


def _cells(rows: Sequence[Hashable], columns: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column (2, cells) of cells that are not empty, and the cell (n,) of each."""
    numbers = []
    for names in (rows, columns):  # from 0 in order of first appearance
        places = {name: number for number, name in enumerate(dict.fromkeys(names))}
        numbers.append([places[name] for name in names])
    cells, cell_of = np.unique(np.array(numbers), axis=1, return_inverse=True)
    is_row_within, is_column_within = (len(each) == len(np.unique(each)) for each in cells)
    # Rows that stand in one column alone change places with the columns.
    return cells[::-1] if is_row_within and not is_column_within else cells, cell_of.ravel()


def _multiplicities(
    rows: np.ndarray, columns: np.ndarray, num_resamples: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield how often each cell is drawn, (part of the resamples, cells), see `resampled_sums`."""
    generator = np.random.default_rng(seed)
    num_rows = rows.max() + 1
    is_own = np.bincount(columns)[columns] == 1
    # Of a single one, the draw is known: as often as the row.
    own = np.flatnonzero(is_own & (np.bincount(rows, is_own)[rows] > 1))
    own = own[np.argsort(rows[own], kind="stable")]
    of_row = np.split(own, np.flatnonzero(np.diff(rows[own])) + 1) if len(own) else []
    shared = np.unique(columns[~is_own])
    place = np.searchsorted(shared, columns[~is_own])
    at_once = max(1, MOST_KEPT // len(rows))
    for start in range(0, num_resamples, at_once):
        size = min(at_once, num_resamples - start)
        drawn_rows = generator.multinomial(num_rows, np.full(num_rows, 1 / num_rows), size=size)
        drawn = drawn_rows[:, rows].astype(np.float64)
        if len(shared):
            even = np.full(len(shared), 1 / len(shared))
            drawn[:, ~is_own] *= generator.multinomial(len(shared), even, size=size)[:, place]
        for within in of_row:
            even = np.full(len(within), 1 / len(within))
            counts = drawn_rows[:, rows[within[0]]] * len(within)
            drawn[:, within] = generator.multinomial(counts, even)
        yield drawn


@lru_cache(maxsize=16)
def _kept_multiplicities(
    rows: tuple[int, ...], columns: tuple[int, ...], num_resamples: int, seed: int
) -> list[np.ndarray]:
    """Return the same as a list: all metrics of a table have the same draws."""
    return list(_multiplicities(np.array(rows), np.array(columns), num_resamples, seed))


def _interval(scores: np.ndarray, confidence: float) -> tuple[float, float]:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    low, high = np.quantile(scores, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def grouped_confusions(
    labels: Sequence[str],
    predicted: Sequence[str],
    classes: Sequence[str],
    groups: Sequence[str] | None = None,
) -> np.ndarray:
    """Return (G, K, K) counts, one matrix per group, groups sorted; rows are references.

    A group is what the bootstrap draws: an utterance with the predictions of all seeds, or a
    speaker. Without ``groups`` (n,), each prediction is one. An unknown emotion raises ValueError.
    """
    names = np.arange(len(labels)) if groups is None else np.asarray(groups)
    places, group = np.unique(names, return_inverse=True)
    confusions = np.zeros((len(places), len(classes), len(classes)), dtype=np.int64)
    cells = group, class_indices(labels, classes), class_indices(predicted, classes)
    np.add.at(confusions, cells, 1)
    return confusions


def bootstrap_score(
    confusions: np.ndarray,
    score: Score,
    *,
    crossing: Crossing | None = None,
    confidence: float = 0.95,
    **resampling: int,
) -> tuple[float, float]:
    """Return the percentile interval (low, high) of the score of all groups together.

    ``confusions`` (G, K, K) are of `grouped_confusions`; ``crossing`` of the groups, None draws
    groups. A resample that misses a class is scored over those it has, like a fold.
    """
    drawn = _resampled(confusions[:, None], crossing, **resampling)
    return _interval(score(drawn[:, 0]), confidence)


@dataclass(frozen=True)
class PairedDifference:
    """Score of A less score of B, its interval and two-sided p value.

    p is twice the share of resamples on the rarer side of 0.
    """

    difference: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    confusions_a: np.ndarray,
    confusions_b: np.ndarray,
    score: Score,
    *,
    crossing: Crossing | None = None,
    confidence: float = 0.95,
    **resampling: int,
) -> PairedDifference:
    """Return the difference of two systems' scores, every group drawn for both at once.

    See `bootstrap_score`. Different reference emotions raise ValueError.
    """
    references = [confusions.sum(axis=-1) for confusions in (confusions_a, confusions_b)]
    if not np.array_equal(*references):
        raise ValueError(
            "the two systems do not have the same groups with the same reference emotions; "
            "test both on the same utterances"
        )
    both = np.stack([confusions_a, confusions_b], axis=1)
    drawn = _resampled(both, crossing, **resampling)
    differences = score(drawn[:, 0]) - score(drawn[:, 1])
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    low, high = _interval(differences, confidence)
    return PairedDifference(
        difference=float(score(confusions_a.sum(axis=0)) - score(confusions_b.sum(axis=0))),
        low=low,
        high=high,
        # One more than counted: of finitely many resamples none may say "impossible".
        p_value=min(1.0, 2.0 * (float(rarer) + 1.0) / (len(differences) + 1.0)),
    )


def _resampled(
    counts: np.ndarray,
    crossing: Crossing | None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Return the sums of G groups drawn with replacement, (R, systems, K, K) from (G, ...)."""
    if len(counts) == 0 or (counts.sum(axis=(-2, -1)) == 0).any():
        raise ValueError("an interval needs groups of at least one prediction each")
    flat = counts.reshape(len(counts), -1)
    if crossing is None:
        kinds, how_many = np.unique(flat, axis=0, return_counts=True)
        generator = np.random.default_rng(seed)
        sums = generator.multinomial(len(flat), how_many / len(flat), size=num_resamples) @ kinds
    else:
        sums = resampled_sums(
            flat, crossing.rows, crossing.columns, num_resamples=num_resamples, seed=seed
        )
        sums = sums[sums.any(axis=1)]
    return sums.reshape(-1, *counts.shape[1:])
