"""Systems with all their folds and seeds."""

import numpy as np
import pytest
from reference.ser_examples import fold_result, system

from espnet2_ext.metrics.ser import unweighted_accuracy, weighted_accuracy

FOLD_1 = fold_result("fold_1", "aass", "aasa", leaked="aass")
FOLD_2 = fold_result("fold_2", "as", "sa", leaked="aa")


def test_scores_of_every_fold_and_seed_in_order() -> None:
    """fold_1 has 3 of 4 right and recalls 1 and 1/2; fold_2 has none right."""
    scores = system([FOLD_2, FOLD_1])
    np.testing.assert_array_equal(scores.fold_scores(weighted_accuracy), [0.75, 0.0])
    np.testing.assert_array_equal(scores.fold_scores(unweighted_accuracy), [0.75, 0.0])
    leaked = scores.fold_scores(weighted_accuracy, test_selected=True)
    np.testing.assert_array_equal(leaked, [1.0, 0.5])


def test_folds_are_ordered_as_numbers() -> None:
    folds = [fold_result(f"fold_{number}", "as", "as") for number in (10, 2, 1)]
    assert list(system(folds).by_fold_and_seed) == [("fold_1", 0), ("fold_2", 0), ("fold_10", 0)]


def test_an_utterance_is_one_group_whatever_the_seeds() -> None:
    scores = system([FOLD_1, fold_result("fold_1", "aass", "ssss", seed=7, leaked="ssss")])
    assert (scores.num_utterances, scores.seeds) == (4, [0, 7])
    counts = scores.groups()[0]
    # fold_1-0 is angry: right under seed 0, taken for sad under seed 7.
    assert counts.shape == (4, 2, 2)
    np.testing.assert_array_equal(counts[0], [[1, 1], [0, 0]])
    np.testing.assert_array_equal(counts.sum(axis=0), [[2, 2], [1, 3]])
    np.testing.assert_array_equal(scores.groups(classes=("sad", "angry"))[0][0], [[0, 0], [1, 1]])


def test_some_of_the_seeds() -> None:
    both = system([FOLD_1, fold_result("fold_1", "aass", "ssss", seed=7, leaked="ssss")])
    assert both.under({7, 8}).folds == [both.folds[1]]
    with pytest.raises(ValueError, match="no folds"):
        both.under({8})


def test_groups_of_speakers() -> None:
    speakers = {"fold_1-0": "x", "fold_1-1": "y", "fold_1-2": "x", "fold_1-3": "x", "other": "z"}
    counts = system([FOLD_1]).groups(speakers)[0]
    np.testing.assert_array_equal(counts, [[[1, 0], [1, 1]], [[1, 0], [0, 0]]])
    with pytest.raises(ValueError, match="system: fold_1-1 and 2 more have no speaker in utt2spk"):
        system([FOLD_1]).groups({"fold_1-0": "x"})[0]


def test_protocol_text_says_what_must_be_known() -> None:
    assert system([FOLD_2, FOLD_1], notes="made up").protocol_text() == (
        "loso; 2 folds (fold_1 fold_101, fold_2 fold_201); seed 0; whole training lists; epoch of "
        "the best validation UA; made up"
    )
    folds = [fold_result("one", "as", "as", seed=seed, fold_hash="abc") for seed in (2, 1)]
    assert system(folds, train_limit=160).protocol_text() == (
        "loso; 1 fold (one abc); seeds 1, 2; at most 160 training utterances a fold; epoch of the "
        "best validation UA"
    )


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([], "no folds"),
        ([FOLD_1, FOLD_1], "a fold stands twice under one seed"),
        (
            [FOLD_1, FOLD_2, fold_result("fold_2", "as", "as", seed=4, leaked="as")],
            "fold_1 is missing under seed 4; train and test it",
        ),
        (
            [FOLD_1, fold_result("fold_2", "as", "as")],
            "fold_2, seed 0: test-selected predictions are there for some folds only",
        ),
        (
            [FOLD_1, fold_result("fold_1", "aass", "aass", seed=1, leaked="aass", fold_hash="x")],
            "fold_1, seed 1: other lists than under seed 0",
        ),
        (
            [FOLD_1, fold_result("fold_1", "asas", "aass", seed=1, leaked="aass")],
            "fold_1, seed 1: other lists than under seed 0",
        ),
        (
            [
                fold_result("a", "as", "as"),
                fold_result("b", "as", "as", classes=("afraid", "sad")),
            ],
            "b, seed 0: classes afraid, sad instead of angry, sad",
        ),
        (
            [
                fold_result("fold_1", "as", "as"),
                fold_result("fold_2", "as", "as", prefix="fold_1"),
            ],
            "fold_1-0 is tested in fold_1 and fold_2",
        ),
    ],
)
def test_refuses_folds_that_are_no_whole(folds: list, message: str) -> None:
    with pytest.raises(ValueError, match=f"^system.*{message}"):
        system(folds)


def test_refuses_leaks_that_were_not_looked_up() -> None:
    scores = system([fold_result("fold_1", "as", "as")])
    assert not scores.has_test_selected
    with pytest.raises(ValueError, match="fold_1, seed 0: no test-selected predictions"):
        scores.fold_scores(weighted_accuracy, test_selected=True)
