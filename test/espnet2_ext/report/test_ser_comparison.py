"""Two systems side by side."""

from dataclasses import replace

import pytest
from reference.ser_examples import fold_result, predictions, system

from espnet2_ext.metrics.ser import unweighted_accuracy
from espnet2_ext.metrics.statistics import corrected_t_test, paired_bootstrap
from espnet2_ext.report.records import Record
from espnet2_ext.report.ser import SystemScores, comparison_records

A = system([fold_result("fold_1", "aass", "aass"), fold_result("fold_2", "aass", "aasa")], "A")
B = system([fold_result("fold_1", "aass", "aasa"), fold_result("fold_2", "aass", "ssaa")], "B")
# UA of A: 1 and 3/4, of B: 3/4 and 0.


def cells(a: SystemScores, b: SystemScores, **options) -> dict[str, Record]:
    records = comparison_records([(a, b)], table="T", commit="abc", **options)
    assert {record.row for record in records} == {f"{a.name} against {b.name}"}
    return {record.metric: record for record in records}


def test_columns_by_hand() -> None:
    """Differences 1/4 and 3/4; A alone is right on 1 + 3 utterances, B alone on none."""
    found = cells(A, B)
    _, p_value = corrected_t_test([0.25, 0.75], 4 / 8)
    assert {metric: record.value for metric, record in found.items()} == pytest.approx(
        {
            "UA difference": 50.0,
            "UA difference std": 100 * 0.5 / 2**0.5,
            "pairs": 2,
            "p, corrected t": p_value,
            "p, sign flip": 2 / 4,
            # Pooled recalls of A are 1 and 3/4, of B 1/2 and 1/4.
            "pooled UA difference": 50.0,
            "p, paired bootstrap": found["p, paired bootstrap"].value,
            "p, McNemar": 2 / 2**4,
        },
        abs=1.0e-6,
    )
    assert found["pairs"].unit == "count"
    assert {record.n for record in found.values()} == {8}
    assert {record.protocol for record in found.values()} == {A.protocol_text()}


def test_pooled_difference_has_the_interval_of_the_paired_bootstrap() -> None:
    expected = paired_bootstrap(A.groups()[0], B.groups()[0], unweighted_accuracy)
    found = cells(A, B)
    pooled = found["pooled UA difference"]
    assert (pooled.low, pooled.high) == pytest.approx((100 * expected.low, 100 * expected.high))
    assert found["p, paired bootstrap"].value == pytest.approx(expected.p_value, abs=1.0e-6)
    assert "paired bootstrap over utterances" in pooled.definition


def test_speakers_are_drawn_where_they_are_known() -> None:
    speakers = {prediction.utterance: "one" for prediction in A.predictions()}
    pooled = cells(A, B, utt2spk=speakers)["pooled UA difference"]
    # The only speaker is drawn every time.
    assert (pooled.low, pooled.high) == (50.0, 50.0)
    assert "paired bootstrap over speakers" in pooled.definition


def test_speakers_and_sentences_are_drawn_where_both_are_known() -> None:
    utterances = {prediction.utterance for prediction in A.predictions()}
    tables = {"utt2spk": dict.fromkeys(utterances, "one"), "texts": dict.fromkeys(utterances, "")}
    pooled = cells(A, B, **tables)["pooled UA difference"]
    # Without words, each utterance is a sentence of its own.
    assert pooled.low < 50.0 < pooled.high
    assert pooled.drawn == "1 speaker (not drawn) and 8 utterances"
    assert "paired bootstrap over speakers and sentences" in pooled.definition


def test_one_fold_and_seed_has_no_spread() -> None:
    a = system([fold_result("fold_1", "as", "as")], "A")
    b = system([fold_result("fold_1", "as", "aa")], "B")
    assert list(cells(a, b)) == [
        "UA difference", "pairs", "p, sign flip", "pooled UA difference", "p, paired bootstrap",
        "p, McNemar",
    ]  # fmt: skip


def test_mcnemar_is_left_out_where_seeds_repeat_utterances() -> None:
    a, b = (
        system([fold_result("fold_1", "as", guess, seed=seed) for seed in (0, 1)], name)
        for name, guess in (("A", "as"), ("B", "aa"))
    )
    assert "p, McNemar" not in cells(a, b)
    assert cells(a, b)["pairs"].value == 2


def test_the_order_of_classes_does_not_matter() -> None:
    turned = [
        replace(
            result,
            predictions=[
                replace(p, posteriors=dict(reversed(p.posteriors.items())))
                for p in result.predictions
            ],
        )
        for result in B.folds
    ]
    assert system(turned, "B").classes == ("sad", "angry")
    assert cells(A, system(turned, "B")) == cells(A, B)


def test_the_smaller_training_set_counts_for_the_corrected_test() -> None:
    small = replace(B, folds=[replace(f, num_train=2) for f in B.folds], train_limit=2)
    found = cells(A, small)
    _, p_value = corrected_t_test([0.25, 0.75], 4 / 2)
    assert found["p, corrected t"].value == pytest.approx(p_value, abs=1.0e-6)
    protocol = found["pairs"].protocol
    assert protocol == f"first: {A.protocol_text()}; second: {small.protocol_text()}"


def test_several_pairs_share_the_columns() -> None:
    records = comparison_records([(A, B), (B, A)], table="T", commit="abc")
    assert [r.row for r in records[:2]] == ["A against B", "B against A"]
    assert [r.value for r in records[:2]] == [50.0, -50.0]
    with pytest.raises(ValueError, match="T: two systems are compared twice"):
        comparison_records([(A, B), (A, B)], table="T", commit="abc")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(B, protocol="superb"), "protocols loso and superb"),
        (replace(B, folds=B.folds[:1]), "fold_2, seed 0 is there for one only"),
        (
            replace(B, folds=[B.folds[0], fold_result("fold_2", "aasa", "aasa")]),
            "fold_2, seed 0: other test utterances or emotions",
        ),
        (
            replace(
                B,
                folds=[
                    replace(
                        f, predictions=predictions(f.fold, "aass", "aass", ("a", "angry", "sad"))
                    )
                    for f in B.folds
                ],
            ),
            "fold_1, seed 0: other test utterances or emotions",
        ),
    ],
)
def test_refuses_systems_that_were_tested_differently(other: SystemScores, message: str) -> None:
    with pytest.raises(ValueError, match=f"^A against B: {message}"):
        comparison_records([(A, other)], table="T", commit="abc")
