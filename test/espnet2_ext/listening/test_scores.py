"""Scores of planted answers, and agreement of raters."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from espnet2_ext.listening.design import ListeningTest, Trial
from espnet2_ext.listening.manifest import EMOTION, SIMILARITY
from espnet2_ext.listening.results import Answer, ListenerResult, collect_results
from espnet2_ext.listening.scores import agreement, confusion, krippendorff_alpha, score_kind

Results = tuple[ListenerResult, ...]


@pytest.fixture
def collected(
    hand_in: Callable[..., Path], tiny_test: ListeningTest, tmp_path: Path
) -> Callable[..., Results]:
    """Return a function of one chooser a listener that gives their results."""

    def collect(*choosers: Callable[[Trial], str]) -> Results:
        for number, choose in enumerate(choosers, start=1):
            hand_in(number, choose=choose)
        folder = tmp_path / "handed_in"
        return collect_results(folder, tiny_test, max_failed_checks=9).results

    return collect


def by_system(similarity: dict[str, str], emotion: dict[str, str]) -> Callable[[Trial], str]:
    """Return a listener who answers by system, and ``target`` by the target emotion."""

    def choose(trial: Trial) -> str:
        if trial.kind == SIMILARITY:
            return similarity.get(trial.system, "0")
        answer = emotion[trial.system]
        return trial.target_emotion if answer == "target" else answer

    return choose


def disagreeing() -> list[Callable[[Trial], str]]:
    """Return two listeners who agree on what is converted only."""
    return [
        by_system(
            {"source (unconverted)": similarity, "converted": "2"},
            {"source (unconverted)": emotion, "converted": "target"},
        )
        for similarity, emotion in (("-2", "neutral"), ("-1", "sad"))
    ]


def test_means_and_shares_are_those_planted(
    collected: Callable[..., Results], tiny_test: ListeningTest
) -> None:
    first, second = disagreeing()
    results = collected(first, second)
    scores = score_kind(results, tiny_test, SIMILARITY)
    found = {(s.system, s.target_emotion): s for s in scores}
    assert list(found) == [
        (system, emotion)
        for system in ("source (unconverted)", "converted")
        for emotion in ("", "angry", "sad")
    ]
    zero = found["source (unconverted)", ""]
    # 4 items by 2 listeners, one says -2 and one -1: all draws of listeners alike occur.
    assert (zero.mean, zero.low, zero.high, zero.number) == (-1.5, -2.0, -1.0, 8)
    assert zero.counts.tolist() == [4, 4, 0, 0, 0]
    assert found["source (unconverted)", "sad"].counts.tolist() == [2, 2, 0, 0, 0]
    good = found["converted", ""]
    assert (good.mean, good.low, good.high) == (2.0, 2.0, 2.0)
    scores = score_kind(results, tiny_test, EMOTION)
    found = {(s.system, s.target_emotion): s for s in scores}
    assert found["converted", ""].mean == 1.0
    # The second hears sad everywhere, which is right for half of the items.
    assert found["source (unconverted)", ""].mean == 0.25
    assert found["source (unconverted)", "sad"].mean == 0.5
    assert found["source (unconverted)", "angry"].mean == 0.0
    emotions = tiny_test.emotions
    assert emotions == ("angry", "neutral", "sad")
    np.testing.assert_array_equal(
        confusion(scores, emotions, "source (unconverted)"), [[0, 2, 2], [0, 0, 0], [0, 2, 2]]
    )
    np.testing.assert_array_equal(
        confusion(scores, emotions, "converted"), [[4, 0, 0], [0, 0, 0], [0, 0, 4]]
    )


def test_practice_and_checks_do_not_count(
    collected: Callable[..., Results], tiny_test: ListeningTest
) -> None:
    def choose(trial: Trial) -> str:
        if trial.role != "test":
            return "angry" if trial.kind == EMOTION else "-2"
        return trial.target_emotion if trial.kind == EMOTION else "1"

    results = collected(choose)
    for kind in (SIMILARITY, EMOTION):
        assert {score.mean for score in score_kind(results, tiny_test, kind)} == {1.0}


def test_agreement_by_hand(collected: Callable[..., Results], tiny_test: ListeningTest) -> None:
    """Two listeners agree on 4 recordings at 2; on 4 others one says -2 and one -1.

    Values -2, -1, 2 occur 4, 4, 8 times; ranks 2, 6, 12; squared distances 16, 100, 36.
    Observed 8 * 16 / 16 = 8; expected 2 (4*4*16 + 4*8*100 + 4*8*36) / (16 * 15) = 9216 / 240.
    Nominal: the choices angry, neutral, sad occur 4, 4, 8 times: of the converted, 2 angry and
    2 sad by both; of the others 4 neutral by one, 4 sad by the other. Observed 8 / 16, expected
    2 (16 + 32 + 32) / 240.
    """
    first, second = disagreeing()
    results = collected(first, second)
    expected = ((SIMILARITY, 1 - 8 / (9216 / 240)), (EMOTION, 1 - 0.5 / (160 / 240)))
    for kind, alpha in expected:
        assert agreement(results, tiny_test, kind) == (pytest.approx(alpha), 16)
        assert agreement(results[:1], tiny_test, kind) is None


def test_nothing_is_pooled_where_systems_share_no_emotion(tiny_test: ListeningTest) -> None:
    """One system is heard in angry, the other in sad: each has its own row only."""
    answers = tuple(
        Answer(trial, "1", 1, 1, 1.0)
        for trial in tiny_test.trials.values()
        if (trial.kind, trial.system, trial.target_emotion)
        in ((SIMILARITY, "source (unconverted)", "angry"), (SIMILARITY, "converted", "sad"))
    )
    scores = score_kind([ListenerResult("a.json", 1, answers)], tiny_test, SIMILARITY)
    rows = [(score.system, score.target_emotion) for score in scores]
    assert sorted(rows) == [("converted", "sad"), ("source (unconverted)", "angry")]
    assert score_kind([ListenerResult("a.json", 1, answers)], tiny_test, EMOTION) == []


@pytest.mark.parametrize(("is_ordinal", "published"), [(False, 0.743), (True, 0.815)])
def test_published_example(is_ordinal: bool, published: float) -> None:
    """Four observers, twelve units, values missing: Krippendorff 2011, section D."""
    table = [
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * 3",
        "* 3 3 3 2 3 4 2 2 5 1 *",
        "1 2 3 3 2 4 4 1 2 5 1 *",
    ]
    units = [
        [int(value) - 1 for value in unit if value != "*"]
        for unit in zip(*(row.split() for row in table))
    ]
    assert krippendorff_alpha(units, 5, is_ordinal=is_ordinal) == pytest.approx(published, abs=5e-4)


def test_full_agreement_chance_and_none() -> None:
    assert krippendorff_alpha([[0, 0], [1, 1]], 2, is_ordinal=False) == 1.0
    assert krippendorff_alpha([[1, 1], [1, 1]], 2, is_ordinal=False) is None
    generator = np.random.default_rng(0)
    random = krippendorff_alpha(generator.integers(0, 3, (4000, 2)), 3, is_ordinal=True)
    assert random == pytest.approx(0.0, abs=0.06)  # 4 standard errors of 1 / sqrt(4000)
