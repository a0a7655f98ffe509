"""Records of two conditions by hand arithmetic."""

from dataclasses import replace

import pytest

from espnet2_ext.metrics.conversion import PairScore
from espnet2_ext.report.records import Record
from espnet2_ext.report.robustness import Condition, ConditionResult, robustness_records

CLEAN, DAMAGED = Condition("clean"), Condition("replaced", 0.2)


def result(condition: Condition, rates: dict[str, float], given: float) -> ConditionResult:
    scores = [
        PairScore(condition.row, pair, "", pair, "t", duration_error_percent=10.0,
                  unit_error_rate=rate)
        for pair, rate in rates.items()
    ]  # fmt: skip
    return ConditionResult(condition, scores, dict.fromkeys(rates, given))


@pytest.fixture
def results() -> list[ConditionResult]:
    clean = result(CLEAN, {"p1": 0.2, "p2": 0.4}, 0.0)
    zero_effort = replace(clean.scores[0], row="zero effort", unit_error_rate=0.0)
    return [
        replace(clean, scores=[zero_effort, *clean.scores]),
        result(DAMAGED, {"p2": 0.6, "p1": 0.5}, 0.25),
    ]


def records_of(results: list[ConditionResult]) -> dict[tuple[str, str], Record]:
    records = robustness_records(results, table="t", protocol="p", commit="c")
    return {(record.row, record.metric): record for record in records}


def test_rows_are_conditions_and_what_stands_beside_them(results: list[ConditionResult]) -> None:
    found = records_of(results)
    assert found["zero effort", "unit error rate"].value == 0.0
    assert found["clean source", "unit error rate"].value == pytest.approx(0.3)
    assert found["20 % of units replaced", "unit error rate"].value == pytest.approx(0.55)
    assert found["20 % of units replaced", "duration error"].value == 10.0
    assert {record.n for record in found.values()} == {1, 2}
    assert ("zero effort", "input unit error rate") not in found


def test_what_went_in_and_what_it_did_pair_by_pair(results: list[ConditionResult]) -> None:
    found = records_of(results)
    assert found["20 % of units replaced", "input unit error rate"].value == 0.25
    assert found["clean source", "input unit error rate"].value == 0.0
    above = found["20 % of units replaced", "unit error rate above clean"]
    assert above.value == pytest.approx(0.25)  # 0.5 - 0.2 and 0.6 - 0.4
    assert (above.low, above.high) == (pytest.approx(0.2), pytest.approx(0.3))
    clean = found["clean source", "unit error rate above clean"]
    assert (clean.value, clean.low, clean.high) == (0.0, 0.0, 0.0)
    assert all(record.definition and record.protocol == "p" for record in found.values())


def test_nothing_is_compared_with_what_is_not_there(results: list[ConditionResult]) -> None:
    with pytest.raises(ValueError, match="t: no result of the clean source"):
        records_of(results[1:])
    lacking = replace(results[1], scores=results[1].scores[:1])
    with pytest.raises(ValueError, match="t, 20 % of units replaced: other pairs than the clean"):
        records_of([results[0], lacking])
