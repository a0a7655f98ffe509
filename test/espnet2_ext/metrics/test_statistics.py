"""Intervals over what values have in common."""

import numpy as np
import pytest

from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics import statistics
from espnet2_ext.metrics.statistics import (
    Crossing,
    crossed_interval,
    read_speakers_and_sentences,
    resampled_sums,
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
    # 2000 resamples place the ends within a few percent of their width.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)
    assert (low, high) == crossed_interval(values, range(400), ["same"] * 400)


def test_draws_in_parts_are_of_the_same_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    given = crossed(np.random.default_rng(0).normal(size=(6, 7)))
    whole = crossed_interval(*given, num_resamples=20000)
    monkeypatch.setattr(statistics, "MOST_KEPT", 42 * 7)
    assert resampled_sums(np.ones((42, 1)), *given[1:], num_resamples=20).shape == (20, 1)
    parts = crossed_interval(*given, num_resamples=20000)
    assert parts == pytest.approx(whole, abs=0.03)


def coverage(speakers: int, sentences: int, repeats: int, is_shared: bool) -> tuple[float, float]:
    """Return how often the interval, and one over values, hold the true mean 0 of 500 tables."""
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
    return tuple((held / 500).tolist())


@pytest.mark.parametrize(
    ("design", "dependent", "independent"),
    [
        ((5, 20, 1, True), 0.898, 0.434),
        ((10, 20, 1, True), 0.92, 0.428),
        ((4, 8, 3, False), 0.844, 0.426),
        ((10, 8, 3, False), 0.898, 0.476),
    ],
)
def test_coverage_of_dependent_values(
    design: tuple[int, int, int, bool], dependent: float, independent: float
) -> None:
    """The table of the docstring of `crossed_interval`."""
    assert coverage(*design) == pytest.approx((dependent, independent), abs=0.01)


def test_who_says_what(tmp_path) -> None:
    utt2spk = {"u1": "a", "u2": "a", "u3": "b"}
    texts = {"u1": "One two", "u2": "three", "u3": "one  two"}
    found = speakers_and_sentences(["u1", "u2", "u3", "u1"], utt2spk, texts)
    assert found.rows == ["a", "a", "b", "a"]
    assert found.columns == ["one two", "three", "one two", "one two"]
    assert found.text().startswith("2 speakers and 2 sentences")
    for name, table in (("utt2spk", utt2spk), ("text", texts)):
        write_table(tmp_path / name, table)
    assert read_speakers_and_sentences(tmp_path, ["u1", "u2", "u3", "u1"]) == found


def test_who_says_what_where_it_is_not_known(tmp_path) -> None:
    found = read_speakers_and_sentences(tmp_path, ["u1", "u2", "u1"])
    assert found.text() == "2 utterances"
    values = [1.0, 2.0, 1.5]
    assert found.interval(values) == crossed_interval(values, "aba", "aba")


def test_words_alone_make_a_sentence() -> None:
    texts = {"u1": "Oh, no!", "u2": "oh no", "u3": "[LAUGHTER]", "u4": ""}
    found = speakers_and_sentences(["u1", "u2", "u3", "u4"], dict.fromkeys(texts, "a"), texts)
    assert len(set(found.columns)) == 3
    assert found.columns[0] == found.columns[1]


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


def test_one_speaker_is_not_drawn() -> None:
    """Sentences alone are, as their values would be."""
    one = Crossing(["a"] * 3, ["x", "y", "z"]).interval([1.0, 2.0, 3.0])
    assert one == crossed_interval([1.0, 2.0, 3.0], "xyz", "xyz")
    assert Crossing("a", "x").interval([2.0]) == (2.0, 2.0)


def test_a_crossing_of_different_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="2 speakers, 1 sentences"):
        Crossing(["a", "b"], ["x"])
