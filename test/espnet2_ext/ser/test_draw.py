import pytest

from espnet2_ext.ser.splits import drawn_order, proportional_counts, stratified_subset

# for n in a b c d e; do printf '0\nx\n%s' $n | sha256sum | sed "s/-/$n/"; done | sort
GOLDEN = list("cebad")


def test_drawn_order_depends_on_names_and_key_alone():
    assert drawn_order("abcde", 0, "x") == GOLDEN
    assert drawn_order("edcba", 0, "x") == GOLDEN
    assert drawn_order("ace", 0, "x") == [name for name in GOLDEN if name in "ace"]
    assert len({tuple(drawn_order("abcde", seed, "x")) for seed in range(20)}) > 10
    assert drawn_order("abcde", 0, "y") != GOLDEN


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [
        ({"a": 3, "b": 2, "c": 1, "d": 2}, 8, {"a": 3, "b": 2, "c": 1, "d": 2}),
        # Shares 3.75, 2.5, 1.25, 2.5: one more to a, one to the first of two halves.
        ({"a": 30, "b": 20, "c": 10, "d": 20}, 10, {"a": 4, "b": 3, "c": 1, "d": 2}),
        # Shares of IEMOCAP: 39.88, 59.16, 61.76, 39.20.
        (
            {"angry": 1103, "happy": 1636, "neutral": 1708, "sad": 1084},
            200,
            {"angry": 40, "happy": 59, "neutral": 62, "sad": 39},
        ),
        ({"a": 5, "b": 1}, 0, {"a": 0, "b": 0}),
        ({"a": 1, "b": 1, "c": 1}, 2, {"a": 1, "b": 1, "c": 0}),
    ],
)
def test_largest_remainders_by_hand(sizes, total, expected):
    assert proportional_counts(sizes, total) == expected


def test_counts_add_up_and_never_exceed_what_is_there():
    sizes = {"a": 7, "b": 1, "c": 13, "d": 2}
    for total in range(24):
        counts = proportional_counts(sizes, total)
        assert sum(counts.values()) == total
        for name, size in sizes.items():
            assert 0 <= counts[name] <= size
            assert abs(counts[name] - total * size / 23) < 1


LABELS = {f"u{index:02d}": "sad" if index % 3 else "happy" for index in range(30)}


def test_a_subset_keeps_proportions_and_nests():
    small = stratified_subset(LABELS, LABELS, 6, 0)
    assert [LABELS[key] for key in small].count("happy") == 2
    assert small == sorted(set(small)) and len(small) == 6
    assert set(small) < set(stratified_subset(LABELS, LABELS, 12, 0))
    assert stratified_subset(reversed(LABELS), LABELS, 6, 0) == small
    assert len({tuple(stratified_subset(LABELS, LABELS, 6, seed)) for seed in range(9)}) > 5
    assert stratified_subset(reversed(LABELS), LABELS, 30, 0) == list(LABELS)
    assert stratified_subset(LABELS, LABELS, 99, 0) == list(LABELS)


@pytest.mark.parametrize("count", [-1, 0, 1])
def test_a_subset_without_an_emotion_is_refused(count):
    with pytest.raises(ValueError, match=r"of 30 utterances has none of \d+ '\w+'; draw more"):
        stratified_subset(LABELS, LABELS, count, 0)
