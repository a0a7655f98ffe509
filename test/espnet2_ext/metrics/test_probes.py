"""Probes: they read what is there, nothing that is not, and nothing through the groups."""

import numpy as np
import pytest

from espnet2_ext.metrics.probes import (
    NotMeasurable,
    held_out_splits,
    linear_probe,
    ridge_correlation,
)

SPEAKERS = [f"s{index // 12}" for index in range(120)]
SENTENCES = [f"t{index % 6}" for index in range(120)]
EMOTIONS = [["sad", "happy"][index // 6 % 2] for index in range(120)]
NOISE = np.random.default_rng(0).normal(size=(120, 6))
LABELS = np.tile([0, 1], 21)
SEVEN_SPEAKERS = np.repeat([f"s{number}" for number in range(7)], 6)
THREE_SENTENCES = np.tile([f"t{number}" for number in range(3)], 14)


@pytest.mark.parametrize("sentences", [None, THREE_SENTENCES])
def test_every_utterance_is_tested_once_by_what_is_held_out(sentences) -> None:
    splits = list(held_out_splits(LABELS, SEVEN_SPEAKERS, sentences))
    assert len(splits) == (5 if sentences is None else 5 * 3)
    assert np.array_equal(np.sum([test for _, test in splits], axis=0), np.ones(42))
    for train, test in splits:
        assert train.any() and not set(SEVEN_SPEAKERS[train]) & set(SEVEN_SPEAKERS[test])
        if sentences is None:
            assert np.array_equal(train, ~test)
        else:
            assert not set(sentences[train]) & set(sentences[test])


def test_folds_are_balanced_in_labels_and_size() -> None:
    # Ten speakers listed by label: any fold without one of the labels would be a poor test.
    codes = np.repeat([0, 1], 5)
    for _, test in held_out_splits(codes, np.arange(10).astype(str)):
        assert sorted(codes[test].tolist()) == [0, 1]
    groups = np.repeat(np.arange(7).astype(str), [8, 5, 4, 3, 2, 1, 1])
    splits = held_out_splits(np.zeros(24, dtype=int), groups, max_folds=3)
    assert sorted(int(test.sum()) for _, test in splits) == [8, 8, 8]


def one_hot(names: list[str]) -> np.ndarray:
    """Return (n, names) where each name is a direction of its own."""
    return np.equal(np.array(names)[:, None], sorted(set(names))).astype(float)


def test_reads_what_is_there() -> None:
    score = linear_probe(NOISE + 20 * one_hot(EMOTIONS)[:, :1], EMOTIONS, SPEAKERS, SENTENCES)
    assert (score.accuracy, score.low, score.high) == (1.0, 1.0, 1.0)
    assert (score.chance, score.n, score.left_out) == (0.5, 120, 0)
    assert (score.classes, score.folds) == (2, 25)
    noise = linear_probe(NOISE, EMOTIONS, SPEAKERS, SENTENCES)
    assert 0.35 < noise.accuracy < 0.65 and noise.low < noise.accuracy < noise.high
    content = linear_probe(NOISE + 20 * one_hot(SENTENCES), SENTENCES, SPEAKERS)
    assert (content.accuracy, content.classes, content.folds) == (1.0, 6, 5)
    assert content.chance == pytest.approx(1 / 6)


def test_nothing_is_read_through_what_is_held_out() -> None:
    # Each speaker has one emotion: who knows the speaker knows the emotion, but not that
    # of a speaker held out. Likewise sentences.
    for names, held_out in ((SPEAKERS, (SPEAKERS,)), (SENTENCES, (SPEAKERS, SENTENCES))):
        emotion_of = [["sad", "happy"][int(name[1:]) % 2] for name in names]
        vectors = 20 * one_hot(names) + 0.01 * NOISE[:, :1]
        others = SENTENCES if names is SPEAKERS else SPEAKERS
        assert linear_probe(vectors, emotion_of, others).accuracy == 1.0
        assert linear_probe(vectors, emotion_of, *held_out).accuracy < 0.6


def test_labels_that_training_lacks_are_left_out_and_counted() -> None:
    # "rare" has one speaker: whoever is trained without that speaker cannot know it.
    labels = ["rare"] * 4 + EMOTIONS[4:]
    score = linear_probe(NOISE, labels, SPEAKERS)
    assert (score.n, score.left_out, score.classes) == (116, 4, 2)


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        (["sad"] * 120, SPEAKERS, "at least two classes, got 1"),
        (EMOTIONS, ["s"] * 120, "at least two of them, got 1"),
        (SPEAKERS, SPEAKERS, "fewer than two labels are on both sides"),
    ],
)
def test_too_little_to_probe(labels, groups, message: str) -> None:
    with pytest.raises(NotMeasurable, match=message):
        linear_probe(NOISE, labels, groups)


def test_vectors_must_be_finite_and_fit() -> None:
    with pytest.raises(ValueError, match="need one label and group each"):
        linear_probe(NOISE, EMOTIONS, SPEAKERS, SENTENCES[:5])
    with pytest.raises(ValueError, match="a vector holds values that are not finite") as caught:
        ridge_correlation(np.full((120, 6), np.nan), NOISE[:, 0], SPEAKERS)
    assert not isinstance(caught.value, NotMeasurable)


def test_ridge_reads_a_direction_and_no_noise() -> None:
    target = 3 * NOISE[:, 0] - NOISE[:, 1] + 7
    score = ridge_correlation(NOISE, target, SPEAKERS, SENTENCES)
    assert score.pearson_r > 0.95
    assert (score.n, score.left_out, score.folds) == (120, 0, 25)
    other = np.random.default_rng(1).normal(size=120)
    assert abs(ridge_correlation(NOISE, other, SPEAKERS).pearson_r) < 0.3


def test_ridge_does_not_read_through_the_speaker() -> None:
    pitch = np.random.default_rng(2).normal(size=10)[[int(name[1:]) for name in SPEAKERS]]
    vectors = one_hot(SPEAKERS)
    assert ridge_correlation(vectors, pitch, SENTENCES).pearson_r > 0.99
    assert ridge_correlation(vectors, pitch, SPEAKERS).pearson_r < 0.3


def test_vectors_that_say_nothing_have_no_correlation() -> None:
    # The means of the training parts alone would have one of -1: the high voice a is
    # predicted from the low voice b and the other way round.
    score = ridge_correlation(np.zeros((4, 2)), [5.0, 6.0, 1.0, 2.0], ["a", "a", "b", "b"])
    assert score.pearson_r == 0.0


def test_correlation_that_cannot_be_measured() -> None:
    with pytest.raises(NotMeasurable, match="a target that varies"):
        ridge_correlation(NOISE, np.ones(120), SPEAKERS)
    with pytest.raises(NotMeasurable, match="no fold has utterances to train on"):
        ridge_correlation(NOISE[:2], [0.0, 1.0], ["a", "b"])
    with pytest.raises(ValueError, match="a target of a correlation is not finite"):
        ridge_correlation(NOISE, np.full(120, np.inf), SPEAKERS)
