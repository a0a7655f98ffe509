"""Probes: they read what is there, nothing that is not, and nothing through the groups."""

import numpy as np
import pytest

from espnet2_ext.metrics.probes import NotMeasurable, linear_probe, ridge_correlation

SPEAKERS = [f"s{index // 12}" for index in range(120)]
SENTENCES = [f"t{index % 6}" for index in range(120)]
EMOTIONS = [["sad", "happy"][index // 6 % 2] for index in range(120)]
NOISE = np.random.default_rng(0).normal(size=(120, 6))


def one_hot(names: list[str]) -> np.ndarray:
    """Return (n, names) where each name is a direction of its own."""
    return np.equal(np.array(names)[:, None], sorted(set(names))).astype(float)


def test_reads_what_is_there() -> None:
    score = linear_probe(NOISE + 20 * one_hot(EMOTIONS)[:, :1], EMOTIONS, SPEAKERS, SENTENCES)
    assert (score.accuracy, score.low, score.high) == (1.0, 1.0, 1.0)
    assert (score.chance, score.n, score.left_out) == (0.5, 120, 0)
    assert (score.classes, score.folds) == (2, 25)
    content = linear_probe(NOISE + 20 * one_hot(SENTENCES), SENTENCES, SPEAKERS)
    assert (content.accuracy, content.classes, content.folds) == (1.0, 6, 5)
    assert content.chance == pytest.approx(1 / 6)


def test_noise_is_near_chance() -> None:
    score = linear_probe(NOISE, EMOTIONS, SPEAKERS, SENTENCES)
    assert 0.35 < score.accuracy < 0.65
    assert score.low < score.accuracy < score.high


def test_nothing_is_read_through_the_speaker() -> None:
    # Each speaker has one emotion: who knows the speaker knows the emotion, but not that
    # of a speaker held out.
    of_speaker = [["sad", "happy"][int(name[1:]) % 2] for name in SPEAKERS]
    vectors = 20 * one_hot(SPEAKERS) + 0.01 * NOISE[:, :1]
    assert linear_probe(vectors, of_speaker, SENTENCES).accuracy == 1.0
    assert linear_probe(vectors, of_speaker, SPEAKERS).accuracy < 0.6


def test_nothing_is_read_through_the_sentence_where_it_is_held_out_too() -> None:
    of_sentence = [["sad", "happy"][int(name[1:]) % 2] for name in SENTENCES]
    vectors = 20 * one_hot(SENTENCES) + 0.01 * NOISE[:, :1]
    assert linear_probe(vectors, of_sentence, SPEAKERS).accuracy == 1.0
    assert linear_probe(vectors, of_sentence, SPEAKERS, SENTENCES).accuracy < 0.6


def test_accuracy_is_the_mean_over_classes() -> None:
    # One direction that says "sad" of all, in 9 of 10 utterances rightly: half of two classes.
    labels = ["happy" if index % 10 == 0 else "sad" for index in range(100)]
    groups = [str(index // 10) for index in range(100)]
    score = linear_probe(np.zeros((100, 2)), labels, groups)
    assert score.accuracy == pytest.approx(0.5)


def test_same_seed_same_score() -> None:
    scores = [linear_probe(NOISE, EMOTIONS, SPEAKERS, seed=seed) for seed in (3, 3)]
    assert scores[0] == scores[1]
    found = [ridge_correlation(NOISE, NOISE.sum(axis=1), SPEAKERS, seed=seed) for seed in (3, 3)]
    assert found[0] == found[1]


def test_labels_that_training_lacks_are_left_out_and_counted() -> None:
    # "rare" has one speaker: whoever is trained without that speaker cannot know it.
    labels = ["rare" if name == "s0" and index < 4 else EMOTIONS[index]
              for index, name in enumerate(SPEAKERS)]  # fmt: skip
    score = linear_probe(NOISE, labels, SPEAKERS)
    assert (score.n, score.left_out, score.classes) == (116, 4, 2)


def test_too_little_to_probe() -> None:
    with pytest.raises(NotMeasurable, match="at least two classes, got 1"):
        linear_probe(NOISE, ["sad"] * 120, SPEAKERS)
    with pytest.raises(NotMeasurable, match="at least two classes, got 0"):
        linear_probe(NOISE[:0], [], [])
    with pytest.raises(NotMeasurable, match="at least two of them, got 1"):
        linear_probe(NOISE, EMOTIONS, ["s"] * 120)
    with pytest.raises(NotMeasurable, match="fewer than two labels are on both sides"):
        linear_probe(NOISE, SPEAKERS, SPEAKERS)


@pytest.mark.parametrize("probe", [linear_probe, ridge_correlation])
def test_vectors_must_be_finite_and_fit(probe) -> None:
    values = EMOTIONS if probe is linear_probe else NOISE[:, 0]
    with pytest.raises(ValueError, match="need one label and group each"):
        probe(NOISE[:5], values, SPEAKERS)
    with pytest.raises(ValueError, match="need one label and group each"):
        probe(NOISE, values, SPEAKERS, SENTENCES[:5])
    spoilt = NOISE.copy()
    spoilt[7, 2] = np.nan
    with pytest.raises(ValueError, match="a vector holds values that are not finite") as caught:
        probe(spoilt, values, SPEAKERS)
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
    pitch = np.random.default_rng(3).normal(size=4)[[int(name[1:]) % 4 for name in SPEAKERS]]
    voices = [f"v{int(name[1:]) % 4}" for name in SPEAKERS]
    assert abs(ridge_correlation(NOISE, pitch, voices).pearson_r) < 0.3


def test_correlation_that_cannot_be_measured() -> None:
    with pytest.raises(NotMeasurable, match="a target that varies"):
        ridge_correlation(NOISE, np.ones(120), SPEAKERS)
    with pytest.raises(NotMeasurable, match="a target that varies"):
        ridge_correlation(NOISE[:0], [], [])
    with pytest.raises(NotMeasurable, match="at least two of them, got 1"):
        ridge_correlation(NOISE, NOISE[:, 0], ["s"] * 120)
    with pytest.raises(NotMeasurable, match="no fold has utterances to train on"):
        ridge_correlation(NOISE[:2], [0.0, 1.0], ["a", "b"])
    target = NOISE[:, 0].copy()
    target[3] = np.inf
    with pytest.raises(ValueError, match="a target of a correlation is not finite"):
        ridge_correlation(NOISE, target, SPEAKERS)
