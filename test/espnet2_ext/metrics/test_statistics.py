"""Intervals over what values have in common."""

import numpy as np
import pytest

from espnet2_ext.data.table import write_table
from espnet2_ext.metrics.statistics import (
    Crossing,
    crossed_interval,
    read_speakers_and_sentences,
    speakers_and_sentences,
)


def crossed(values: np.ndarray) -> tuple[list[float], list[int], list[int]]:
    """Return the values (L, I) of listeners by items as lists."""
    rows, columns = np.indices(values.shape)
    return values.ravel().tolist(), rows.ravel().tolist(), columns.ravel().tolist()


def test_is_the_quantile_of_resampled_means() -> None:
    """Of two listeners, means are 0, 1/2 and 1 with probability 1/4, 1/2 and 1/4."""
    given = crossed(np.array([[0.0], [1.0]]))
    assert crossed_interval(*given, confidence=0.9) == (0.0, 1.0)
    assert crossed_interval(*given, confidence=0.3) == (0.5, 0.5)


@pytest.mark.parametrize("of", ["listeners", "items"])
def test_more_answers_of_the_same_do_not_narrow_it(of: str) -> None:
    """Ten listeners who each always say the same are ten opinions, however many items."""
    opinions = np.random.default_rng(0).normal(size=10)
    one = crossed(opinions[:, None])
    many = crossed(np.repeat(opinions[:, None], 50, axis=1))
    if of == "items":
        one, many = (crossed(np.array(g[0]).reshape(10, -1).T) for g in (one, many))
    low, high = crossed_interval(*one)
    margin = 1.96 * opinions.std() / np.sqrt(10)
    assert high - low == pytest.approx(2 * margin, rel=0.1)
    many_low, many_high = crossed_interval(*many)
    assert many_high - many_low == pytest.approx(high - low, rel=0.05)


def test_variances_of_listeners_and_items_add_up() -> None:
    generator = np.random.default_rng(1)
    listeners, items = generator.normal(size=40), 2 * generator.normal(size=60)
    low, high = crossed_interval(*crossed(listeners[:, None] + items[None, :]))
    width = 2 * 1.96 * np.sqrt(listeners.var() / 40 + items.var() / 60)
    # 2000 resamples place the ends within a few percent of their width.
    assert high - low == pytest.approx(width, rel=0.08)


def test_answers_may_be_missing_also_a_whole_draw() -> None:
    """Each of two listeners heard another item: draws of one and the other hold nothing."""
    assert crossed_interval([0.0, 1.0], "ab", "xy", confidence=0.9) == (0.0, 1.0)


def test_names_do_not_matter_and_the_seed_does() -> None:
    values = [1.0, 2.0, 4.0, 8.0]
    first = crossed_interval(values, "aabb", "xyxy")
    assert first == crossed_interval(values, [1, 1, 2, 2], ["p", "q", "p", "q"])
    given = crossed(np.random.default_rng(0).normal(size=(6, 7)))
    assert crossed_interval(*given, seed=1) == crossed_interval(*given, seed=1)
    assert crossed_interval(*given, seed=1) != crossed_interval(*given, seed=2)


@pytest.mark.parametrize(
    ("values", "listeners", "confidence", "message"),
    [
        ([], "", 0.9, "finite values"),
        ([float("nan")], "a", 0.9, "finite values"),
        ([1.0], "ab", 0.9, "1 values, 2 rows, 2 columns, 1 weights"),
        ([1.0], "a", 1.0, "confidence"),
    ],
)
def test_refuses(values: list[float], listeners: str, confidence: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crossed_interval(values, listeners, listeners, confidence=confidence)


@pytest.mark.parametrize(
    "weights", [[1.0, -1.0], [0.0, 0.0], [1.0, float("inf")]], ids=["negative", "none", "infinite"]
)
def test_refuses_weights(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights must be finite"):
        crossed_interval([1.0, 2.0], "ab", "xy", weights=weights)


def test_is_what_drawing_by_hand_gives() -> None:
    """An independent way: draws of names, loops over values, errors over words."""
    generator = np.random.default_rng(3)
    speakers, sentences = list("aaabbbbccc"), list("xyzxyzwxyz")
    words = generator.integers(1, 6, 10).astype(float)
    rates = generator.random(10)
    means = []
    for _ in range(4000):
        drawn_speakers = generator.choice(["a", "b", "c"], 3).tolist()
        drawn_sentences = generator.choice(["x", "y", "z", "w"], 4).tolist()
        errors = total = 0.0
        for speaker, sentence, rate, count in zip(speakers, sentences, rates, words, strict=True):
            times = drawn_speakers.count(speaker) * drawn_sentences.count(sentence)
            errors, total = errors + times * rate * count, total + times * count
        if total:
            means.append(errors / total)
    low, high = crossed_interval(rates, speakers, sentences, weights=words, num_resamples=20000)
    # Both draws are finite: the ends of 4,000 lie within 0.02 of those of very many here.
    assert (low, high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.02)


def coverage(num_tables: int, is_crossed: bool) -> float:
    """Return how often a 95 % interval holds the true mean, 0, of 5 speakers x 20 sentences."""
    generator, held = np.random.default_rng(0), 0
    rows, columns = (part.ravel().tolist() for part in np.indices((5, 20)))
    for _ in range(num_tables):
        effects = generator.normal(size=(5, 1)) + generator.normal(size=(1, 20))
        values = (effects + generator.normal(size=(5, 20))).ravel()
        own = list(range(100))
        given = (rows, columns) if is_crossed else (own, ["same"] * 100)
        low, high = crossed_interval(values, *given, num_resamples=500)
        held += low <= 0.0 <= high
    return held / num_tables


def test_dependent_values_are_covered_better_than_if_they_were_independent() -> None:
    """0.92 and 0.47; 200 tables tell such shares to 0.04 and 0.07 (two deviations)."""
    assert coverage(200, is_crossed=True) > 0.8
    assert coverage(200, is_crossed=False) < 0.55


def test_who_says_what(tmp_path) -> None:
    utt2spk = {"u1": "a", "u2": "a", "u3": "b"}
    texts = {"u1": "One two", "u2": "three", "u3": "one  two"}
    found = speakers_and_sentences(["u1", "u2", "u3", "u1"], utt2spk, texts)
    assert found.rows == ["a", "a", "b", "a"]
    assert found.columns == ["one two", "three", "one two", "one two"]
    assert found.text() == "2 speakers and 2 sentences"
    for name, table in (("utt2spk", utt2spk), ("text", texts)):
        write_table(tmp_path / name, table)
    assert read_speakers_and_sentences(tmp_path, ["u1", "u2", "u3", "u1"]) == found


def test_who_says_what_where_it_is_not_known(tmp_path) -> None:
    found = read_speakers_and_sentences(tmp_path, ["u1", "u2"])
    assert (found.rows, found.columns) == (["u1", "u2"], ["u1", "u2"])
    assert found.text() == "2 utterances"


def test_one_speaker_is_not_drawn_and_the_text_says_so() -> None:
    one = Crossing(["a"] * 3, ["x", "y", "z"])
    assert one.text() == "1 speaker (not drawn) and 3 sentences"
    assert one.interval([1.0, 2.0, 3.0]) == crossed_interval([1.0, 2.0, 3.0], "aaa", "xyz")


def test_a_crossing_of_different_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="2 speakers, 1 sentences"):
        Crossing(["a", "b"], ["x"])
