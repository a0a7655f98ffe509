"""Spread and paired tests over folds, and intervals over what values have in common."""

import math

import numpy as np
import pytest
from scipy import stats

from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics import statistics
from espnet2_ext.metrics.ser import macro_f1, unweighted_accuracy, weighted_accuracy
from espnet2_ext.metrics.statistics import (
    MAX_EXACT,
    Crossing,
    bootstrap_score,
    corrected_t_test,
    crossed_interval,
    grouped_confusions,
    mcnemar_test,
    mean_and_std,
    paired_bootstrap,
    read_speakers_and_sentences,
    sign_flip_test,
    speakers_and_sentences,
)

CLASSES = ("angry", "happy", "sad")


def test_mean_and_sample_standard_deviation() -> None:
    """Deviations -1, 0, 1: variance 2 / (3 - 1)."""
    assert mean_and_std([0.5, 1.5, 2.5]) == (1.5, 1.0)
    assert mean_and_std([0.7]) == (0.7, None)
    for values in ([], [0.5, float("nan")]):
        with pytest.raises(ValueError, match="expected finite values"):
            mean_and_std(values)


@pytest.mark.parametrize(
    ("differences", "p_value"),
    [
        # |±1 ±2 ±3| is 6 6 4 4 2 2 0 0; observed 1 + 2 + 3, 1 + 2 - 3 and 1 - 2 + 3.
        ([1.0, 2.0, 3.0], 2 / 8),
        ([1.0, 2.0, -3.0], 1.0),
        ([-1.0, 2.0, -3.0], 6 / 8),
        # No p below what so many differences allow.
        ([0.3] * 5, 2 / 2**5),
        # 0.1 + 0.2 is not 0.3 in floating point: all patterns tie with 0.
        ([0.1, 0.2, -0.3], 1.0),
    ],
)
def test_sign_flips_by_hand(differences: list[float], p_value: float) -> None:
    assert sign_flip_test(differences) == p_value


def test_sign_flips_agree_with_scipy() -> None:
    differences = np.random.default_rng(0).normal(0.3, 1.0, 10)
    result = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_test(differences) == pytest.approx(result.pvalue)


def test_drawn_patterns_agree_with_all_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(1).normal(0.3, 1.0, 12)
    exact = sign_flip_test(differences)
    # A drawn p is never zero.
    assert sign_flip_test([1.0] * (MAX_EXACT + 24), num_resamples=99) == 1 / 100
    monkeypatch.setattr(statistics, "MAX_EXACT", 11)
    # Standard deviation of a share of 20000 draws is at most 0.0036.
    drawn = sign_flip_test(differences)
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=0.015)


def test_corrected_t_by_hand() -> None:
    """Mean 2, variance 1, n 3: t = 2 / sqrt((1/3 + 1/3) * 1) = sqrt(6).

    With 2 degrees of freedom P(|T| > t) = 1 - t / sqrt(t^2 + 2) = 1 - sqrt(6 / 8).
    """
    t, p_value = corrected_t_test([1.0, 2.0, 3.0], 1 / 3)
    assert (t, p_value) == pytest.approx((math.sqrt(6), 1 - math.sqrt(6 / 8)))
    assert corrected_t_test([-1.0, -2.0, -3.0], 1 / 3) == pytest.approx((-t, p_value))
    # Equal differences leave no doubt.
    assert corrected_t_test([0.1] * 3, 0.25) == (math.inf, 0.0)
    assert corrected_t_test([-0.1] * 3, 0.25) == (-math.inf, 0.0)
    assert corrected_t_test([0.0] * 3, 0.25) == (0.0, 1.0)


def test_without_overlap_it_is_the_paired_t_test() -> None:
    differences = np.random.default_rng(2).normal(0.5, 1.0, 15)
    expected = stats.ttest_1samp(differences, 0.0)
    found = corrected_t_test(differences, 1.0e-12)
    assert found == pytest.approx((expected.statistic, expected.pvalue))


def test_t_test_refuses() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        corrected_t_test([1.0, 2.0], math.nan)
    with pytest.raises(ValueError, match="needs two folds or seeds"):
        corrected_t_test([1.0], 0.25)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [
        (4, 1, 12 / 32),  # 2 * (C(5,0) + C(5,1)) / 2^5
        (2, 2, 1.0),
        (0, 0, 1.0),
        (700, 640, stats.binomtest(700, 1340).pvalue),
    ],
)
def test_mcnemar(only_a: int, only_b: int, p_value: float) -> None:
    a = [True] * only_a + [False] * only_b + [True] * 3
    b = [False] * only_a + [True] * only_b + [True] * 3
    assert mcnemar_test(a, b) == mcnemar_test(b, a) == pytest.approx(p_value)
    with pytest.raises(ValueError, match="test both on the same utterances"):
        mcnemar_test(a, b[:-1])


def test_who_says_what(tmp_path) -> None:
    names = ["u1", "u2", "u3", "u1"]
    utt2spk = {"u1": "a", "u2": "a", "u3": "b"}
    texts = {"u1": "One two", "u2": "three", "u3": "one  two"}
    found = speakers_and_sentences(names, utt2spk, texts)
    assert found.rows == ["a", "a", "b", "a"]
    assert found.columns == ["one two", "three", "one two", "one two"]
    assert found.text().startswith("2 speakers and 2 sentences")
    # Where neither is known, each utterance is one of its own.
    unknown = read_speakers_and_sentences(tmp_path, ["u1", "u2", "u1"])
    assert unknown.text() == "2 utterances"
    values = [1.0, 2.0, 1.5]
    assert unknown.interval(values) == crossed_interval(values, "aba", "aba")
    for name, table in (("utt2spk", utt2spk), ("text", texts)):
        write_table(tmp_path / name, table)
    assert read_speakers_and_sentences(tmp_path, names) == found


@pytest.mark.parametrize(
    ("rows", "columns", "text"),
    [
        ("aabb", "xyxy", "2 speakers and 2 sentences"),
        ("aaa", "xyz", "1 speaker (not drawn) and 3 sentences"),
        ("abc", "xxx", "3 speakers and 1 sentence (not drawn)"),
        ("aabb", "xyzw", "2 speakers and, within each, its own of 4 sentences"),
        ("abcd", "xxyy", "2 sentences and, within each, its own of 4 speakers"),
        ("ab", "xy", "2 speakers and, within each, its own of 2 sentences"),
        (
            "aabb",
            "xyxz",
            "2 speakers and 3 sentences (2 of which one speaker alone has, drawn within it)",
        ),
    ],
)
def test_what_is_drawn_in_words(rows: str, columns: str, text: str) -> None:
    assert Crossing(rows, columns).text() == text


def crossed(values: np.ndarray) -> tuple[list[float], list[int], list[int]]:
    """Return the values (L, I) of listeners by items as lists."""
    rows, columns = np.indices(values.shape)
    return values.ravel().tolist(), rows.ravel().tolist(), columns.ravel().tolist()


def test_is_the_quantile_of_resampled_means() -> None:
    """Of two listeners, means are 0, 1/2 and 1 with probability 1/4, 1/2 and 1/4."""
    given = crossed(np.array([[0.0], [1.0]]))
    assert crossed_interval(*given, confidence=0.9) == (0.0, 1.0)
    assert crossed_interval(*given, confidence=0.3) == (0.5, 0.5)
    # Answers may be missing, also a whole draw: each of two heard another item.
    assert crossed_interval([0.0, 1.0], "ab", "xy", confidence=0.9) == (0.0, 1.0)
    # One speaker is not drawn; sentences alone are, as their values would be.
    one = Crossing(["a"] * 3, ["x", "y", "z"]).interval([1.0, 2.0, 3.0])
    assert one == crossed_interval([1.0, 2.0, 3.0], "xyz", "xyz")
    assert Crossing("a", "x").interval([2.0]) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1.0, 1.0]}, "1 values, 1 rows, 1 columns, 2 weights"),
        ({"confidence": 1.0}, "confidence"),
        ({"weights": [0.0]}, "weights must be finite"),
    ],
)
def test_crossed_interval_refuses(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crossed_interval([1.0], "a", "x", **options)


DESIGNS = {
    "crossed": ("aaabbbccc", "xyzxyzxyz"),
    "crossed with gaps": ("aabbbcc", "xyxyzyz"),
    "columns within rows": ("aaabbbbcc", "uvwpqrsxy"),
    "some columns within rows": ("aaaabbbccc", "xyuvxzwyzz"),
    "rows within columns": ("abcdefg", "xxxyyzz"),
}


def draw_by_hand(
    rows: str, columns: str, values: np.ndarray, words: np.ndarray, generator: np.random.Generator
) -> float | None:
    """Return errors over words of one resample, drawn as lists of names; None for no words."""
    where = {column: {r for r, c in zip(rows, columns) if c == column} for column in columns}
    drawn_rows = generator.choice(sorted(set(rows)), len(set(rows))).tolist()
    shared = sorted(column for column in where if len(where[column]) > 1)
    drawn_shared = generator.choice(shared, len(shared)).tolist() if shared else []
    errors = total = 0.0
    for row in drawn_rows:
        own = sorted(column for column in where if where[column] == {row})
        drawn = drawn_shared + (generator.choice(own, len(own)).tolist() if own else [])
        for column in drawn:
            for r, c, value, count in zip(rows, columns, values, words, strict=True):
                if (r, c) == (row, column):
                    errors, total = errors + value * count, total + count
    return errors / total if total else None


@pytest.mark.parametrize("design", DESIGNS)
def test_is_what_drawing_by_hand_gives(design: str) -> None:
    """An independent way: draws of names, loops over values, errors over words."""
    generator = np.random.default_rng(3)
    rows, columns = DESIGNS[design]
    words = generator.integers(1, 6, len(rows)).astype(float)
    rates = generator.random(len(rows))
    turned = (columns, rows) if design == "rows within columns" else (rows, columns)
    drawn = [draw_by_hand(*turned, rates, words, generator) for _ in range(4000)]
    means = [mean for mean in drawn if mean is not None]
    found = crossed_interval(rates, rows, columns, weights=words, num_resamples=20000)
    # Both draws are finite: the ends of 4,000 lie within 0.02 of those of very many here.
    assert found == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.02)


def test_a_row_and_its_only_column_are_drawn_together_once() -> None:
    """Values that share nothing are independent, so that their interval is the usual one."""
    values = np.random.default_rng(0).normal(size=400)
    low, high = crossed_interval(values, range(400), range(400))
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)
    assert (low, high) == crossed_interval(values, range(400), ["same"] * 400)


def test_draws_in_parts_are_of_the_same_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    given = crossed(np.random.default_rng(0).normal(size=(6, 7)))
    whole = crossed_interval(*given, num_resamples=20000)
    monkeypatch.setattr(statistics, "MOST_KEPT", 42 * 7)
    parts = crossed_interval(*given, num_resamples=20000)
    assert parts == pytest.approx(whole, abs=0.03)


@pytest.mark.parametrize(
    ("speakers", "sentences", "repeats", "is_shared", "coverages"),
    [
        (5, 20, 1, True, (0.898, 0.434)),
        (10, 20, 1, True, (0.92, 0.428)),
        (4, 8, 3, False, (0.844, 0.426)),
        (10, 8, 3, False, (0.898, 0.476)),
    ],
)
def test_coverage_of_dependent_values(
    speakers: int, sentences: int, repeats: int, is_shared: bool, coverages: tuple[float, float]
) -> None:
    """What the docstring of `crossed_interval` says: shares of 500 that hold the mean 0."""
    generator, held = np.random.default_rng(0), np.zeros(2)
    shape = speakers, sentences, repeats
    speaker, sentence, _ = np.indices(shape)
    if not is_shared:
        sentence = sentence + sentences * speaker
    parts = speaker, sentence, np.arange(speaker.size)
    rows, columns, own = (part.ravel().tolist() for part in parts)
    for _ in range(500):
        effects = generator.normal(size=speakers)[speaker]
        effects = effects + generator.normal(size=sentence.max() + 1)[sentence]
        values = (effects + generator.normal(size=shape)).ravel()
        for place, given in enumerate([(rows, columns), (own, own)]):
            low, high = crossed_interval(values, *given, num_resamples=1000)
            held[place] += low <= 0.0 <= high
    assert tuple((held / 500).tolist()) == pytest.approx(coverages, abs=0.01)


def draw_predictions(
    seed: int, length: int, accuracy: float, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of unequal classes, and predictions right with this probability."""
    generator = np.random.default_rng(seed)
    if labels is None:
        labels = generator.choice(CLASSES, length, p=[0.6, 0.3, 0.1])
    wrong = [CLASSES[(CLASSES.index(label) + 1) % 3] for label in labels]
    return labels, np.where(generator.random(length) < accuracy, labels, wrong)


def test_groups_are_counted_apart_and_sorted() -> None:
    labels, predicted = ["angry", "sad", "angry"], ["angry", "angry", "happy"]
    counts = grouped_confusions(labels, predicted, CLASSES, ["b", "a", "b"])
    np.testing.assert_array_equal(counts[0], [[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(counts[1], [[1, 1, 0], [0, 0, 0], [0, 0, 0]])
    alone = grouped_confusions(labels, predicted, CLASSES)
    np.testing.assert_array_equal(alone.sum(axis=0), counts.sum(axis=0))


@pytest.mark.parametrize("score", [unweighted_accuracy, macro_f1])
@pytest.mark.parametrize("by_speaker", [False, True])
def test_agrees_with_drawing_groups_one_by_one(score, by_speaker: bool) -> None:
    labels, predicted = draw_predictions(1, 120, 0.6)
    groups = [str(index % 12) for index in range(120)] if by_speaker else None
    counts = grouped_confusions(labels, predicted, CLASSES, groups)
    generator = np.random.default_rng(5)
    naive = [
        score(counts[generator.integers(0, len(counts), len(counts))].sum(axis=0))
        for _ in range(4000)
    ]
    interval = bootstrap_score(counts, score, num_resamples=4000)
    assert interval == pytest.approx(np.quantile(naive, [0.025, 0.975]), abs=0.012)


def test_a_difference_and_its_opposite() -> None:
    labels, good = draw_predictions(5, 300, 0.8)
    _, poor = draw_predictions(6, 300, 0.6, labels)
    a, b = (grouped_confusions(labels, predicted, CLASSES) for predicted in (good, poor))
    forth, back = (paired_bootstrap(*order, unweighted_accuracy) for order in ((a, b), (b, a)))
    difference = unweighted_accuracy(a.sum(axis=0)) - unweighted_accuracy(b.sum(axis=0))
    assert forth.difference == pytest.approx(difference)
    assert forth.low < forth.difference < forth.high
    assert forth.p_value < 0.01
    assert (back.difference, back.p_value < 0.01) == (-forth.difference, True)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low), abs=0.03)
    same = paired_bootstrap(a, a, unweighted_accuracy)
    assert (same.difference, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_bootstrap_refuses() -> None:
    a = grouped_confusions(["sad", "angry"], ["sad", "sad"], CLASSES)
    b = grouped_confusions(["sad", "sad"], ["sad", "sad"], CLASSES)
    with pytest.raises(ValueError, match="same groups with the same reference"):
        paired_bootstrap(a, b, weighted_accuracy)
    with pytest.raises(ValueError, match="groups of at least one prediction"):
        bootstrap_score(np.zeros((2, 3, 3)), weighted_accuracy)


def test_sentences_are_drawn_beside_speakers() -> None:
    """Of two sentences everybody's first is recognised: draws hold 0, 1 or 2 of it."""
    speakers, sentences, utterances = list("aabbccdd"), list("xyxyxyxy"), list("01234567")
    emotions = ["sad"] * 8, ["sad", "angry"] * 4
    counts = grouped_confusions(*emotions, CLASSES, utterances)
    shared = Crossing(speakers, sentences)
    interval = bootstrap_score(counts, weighted_accuracy, crossing=shared, confidence=0.9)
    assert interval == (0.0, 1.0)
    right = grouped_confusions(emotions[0], emotions[0], CLASSES, utterances)
    result = paired_bootstrap(right, counts, weighted_accuracy, crossing=shared, confidence=0.9)
    assert (result.difference, result.low, result.high) == (0.5, 0.0, 1.0)
    # In a quarter of the draws the two are alike.
    assert result.p_value == pytest.approx(0.5, abs=0.05)
