"""Bootstrap of WA, UA and macro-F1."""

import numpy as np
import pytest

from espnet2_ext.metrics.ser import macro_f1, unweighted_accuracy, weighted_accuracy
from espnet2_ext.metrics.statistics import (
    Crossing,
    bootstrap_score,
    crossed_interval,
    grouped_confusions,
    paired_bootstrap,
)

CLASSES = ("angry", "happy", "sad")


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
    assert alone.shape == (3, 3, 3)
    np.testing.assert_array_equal(alone.sum(axis=0), counts.sum(axis=0))


def test_of_wa_over_utterances_is_the_interval_of_a_mean() -> None:
    """0/1 values and their mean: the same interval but for the draw."""
    labels, predicted = draw_predictions(0, 300, 0.7)
    counts = grouped_confusions(labels, predicted, CLASSES)
    low, high = bootstrap_score(counts, weighted_accuracy, num_resamples=8000)
    alone = range(len(labels))
    expected = crossed_interval(
        labels == predicted, alone, ["same"] * len(labels), num_resamples=8000
    )
    assert (low, high) == pytest.approx(expected, abs=0.005)


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


def test_covers_the_true_ua() -> None:
    """UA is 0.7 by construction; of 300 intervals of 90 % about 270 hold it (deviation 5)."""
    covered = 0
    for seed in range(300):
        labels, predicted = draw_predictions(seed, 400, 0.7)
        counts = grouped_confusions(labels, predicted, CLASSES)
        low, high = bootstrap_score(
            counts, unweighted_accuracy, confidence=0.9, num_resamples=400, seed=seed
        )
        covered += low <= 0.7 <= high
    assert 252 <= covered <= 288


def test_copies_of_utterances_under_further_seeds_add_no_certainty() -> None:
    """Three seeds that say the same are three lines of one utterance."""
    labels, predicted = draw_predictions(2, 100, 0.7)
    names = [str(index) for index in range(100)]
    once = grouped_confusions(labels, predicted, CLASSES, names)
    thrice = grouped_confusions(np.tile(labels, 3), np.tile(predicted, 3), CLASSES, names * 3)
    expected = bootstrap_score(once, unweighted_accuracy)
    assert bootstrap_score(thrice, unweighted_accuracy) == pytest.approx(expected)
    careless = grouped_confusions(np.tile(labels, 3), np.tile(predicted, 3), CLASSES)
    low, high = bootstrap_score(careless, unweighted_accuracy)
    assert high - low < 0.7 * (expected[1] - expected[0])


def test_few_unlike_speakers_leave_more_doubt_than_many_utterances() -> None:
    labels = ["angry", "happy"] * 100
    speakers = [str(index // 50) for index in range(200)]
    predicted = [label if int(speaker) < 2 else "sad" for label, speaker in zip(labels, speakers)]
    by_utterance = bootstrap_score(
        grouped_confusions(labels, predicted, CLASSES), unweighted_accuracy
    )
    by_speaker = bootstrap_score(
        grouped_confusions(labels, predicted, CLASSES, speakers), unweighted_accuracy
    )
    # Of four speakers two are right on all: the mean of four draws is 0 with 1/16.
    assert by_speaker == (0.0, 1.0)
    assert 0.4 < by_utterance[0] < 0.5 < by_utterance[1] < 0.6


def test_order_does_not_matter_and_the_seed_does() -> None:
    counts = grouped_confusions(*draw_predictions(3, 80, 0.6), CLASSES)
    interval = bootstrap_score(counts, macro_f1)
    assert bootstrap_score(counts[::-1], macro_f1) == interval
    assert bootstrap_score(counts, macro_f1, seed=1) != interval


def test_all_right_leaves_no_doubt_even_where_resamples_miss_a_class() -> None:
    counts = grouped_confusions(["angry", "sad"], ["angry", "sad"], CLASSES)
    assert bootstrap_score(counts, unweighted_accuracy) == (1.0, 1.0)


def test_a_system_against_itself() -> None:
    counts = grouped_confusions(*draw_predictions(4, 50, 0.6), CLASSES)
    result = paired_bootstrap(counts, counts, unweighted_accuracy)
    assert (result.difference, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)


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


def test_pairing_sharpens_the_comparison() -> None:
    """B is A with five utterances spoilt: certain as a difference, lost in unpaired intervals."""
    labels, a = draw_predictions(7, 300, 0.7)
    right = np.flatnonzero((labels == a) & (labels == "angry"))[:8]
    b = a.copy()
    b[right] = "sad"
    counts_a, counts_b = (grouped_confusions(labels, p, CLASSES) for p in (a, b))
    result = paired_bootstrap(counts_a, counts_b, unweighted_accuracy)
    assert 0.0 < result.low
    low_a, _ = bootstrap_score(counts_a, unweighted_accuracy)
    _, high_b = bootstrap_score(counts_b, unweighted_accuracy)
    assert low_a < high_b


def test_p_is_uniform_or_careful_where_there_is_no_difference() -> None:
    """Alike systems: p below 0.1 about every tenth time (20 of 200, deviation 4)."""
    small = 0
    for seed in range(200):
        labels, first = draw_predictions(2 * seed, 200, 0.7)
        _, second = draw_predictions(2 * seed + 1, 200, 0.7, labels)
        counts = [grouped_confusions(labels, p, CLASSES) for p in (first, second)]
        small += paired_bootstrap(*counts, weighted_accuracy, num_resamples=400).p_value < 0.1
    assert 7 <= small <= 34


def test_refuses_systems_tested_on_different_utterances() -> None:
    a = grouped_confusions(["sad", "angry"], ["sad", "sad"], CLASSES)
    b = grouped_confusions(["sad", "sad"], ["sad", "sad"], CLASSES)
    for other in (b, a[:1]):
        with pytest.raises(ValueError, match="same groups with the same reference"):
            paired_bootstrap(a, other, weighted_accuracy)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_refuses_a_confidence_outside(confidence: float) -> None:
    counts = grouped_confusions(["sad"], ["sad"], CLASSES)
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_score(counts, weighted_accuracy, confidence=confidence)
    with pytest.raises(ValueError, match="confidence"):
        paired_bootstrap(counts, counts, weighted_accuracy, confidence=confidence)


def test_refuses_groups_without_predictions() -> None:
    for counts in (np.zeros((0, 3, 3)), np.zeros((2, 3, 3))):
        with pytest.raises(ValueError, match="groups of at least one prediction"):
            bootstrap_score(counts, weighted_accuracy)


@pytest.mark.parametrize(
    ("labels", "predicted", "groups"),
    [([], [], None), (["sad"], [], None), (["sad"], ["sad"], ["a", "b"])],
)
def test_refuses_lists_that_do_not_fit(labels: list, predicted: list, groups) -> None:
    with pytest.raises(ValueError, match="for every prediction, and at least one"):
        grouped_confusions(labels, predicted, CLASSES, groups)


def test_refuses_an_emotion_that_is_no_class() -> None:
    with pytest.raises(ValueError, match="emotion 'fear'"):
        grouped_confusions(["fear"], ["sad"], CLASSES)


def test_sentences_are_drawn_beside_speakers() -> None:
    """Of two sentences everybody's first is heard rightly: draws hold 0, 1 or 2 of it."""
    speakers, sentences, utterances = list("aabbccdd"), list("xyxyxyxy"), list("01234567")
    emotions = ["sad"] * 8, ["sad", "angry"] * 4
    counts = grouped_confusions(*emotions, CLASSES, utterances)
    shared = Crossing(speakers, sentences)
    interval = bootstrap_score(counts, weighted_accuracy, crossing=shared, confidence=0.9)
    assert interval == (0.0, 1.0)
    alone = grouped_confusions(*emotions, CLASSES, speakers)
    assert bootstrap_score(alone, weighted_accuracy) == (0.5, 0.5)
    right = grouped_confusions(emotions[0], emotions[0], CLASSES, utterances)
    result = paired_bootstrap(right, counts, weighted_accuracy, crossing=shared, confidence=0.9)
    assert (result.difference, result.low, result.high) == (0.5, 0.0, 1.0)
    # In a quarter of the draws the two are alike.
    assert result.p_value == pytest.approx(0.5, abs=0.05)


def test_draws_that_hold_nothing_are_left_out() -> None:
    """``a`` never says ``y`` nor ``b`` ``x``, ``c`` and ``z`` keep them from being each other's."""
    names = list("01234")
    counts = grouped_confusions(["sad"] * 5, ["sad"] * 5, CLASSES, names)
    gaps = Crossing(list("abcca"), list("xyxyz"))
    assert bootstrap_score(counts, weighted_accuracy, crossing=gaps) == (1.0, 1.0)
