"""From the results of all conditions to the records of the table of robustness."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from espnet2_ext.metrics.pair_score import PairScore, crossing
from espnet2_ext.report.conversion_results import summarise_scores
from espnet2_ext.report.results import Record
from espnet2_ext.report.robustness_conditions import CLEAN, Condition

UNIT_ERROR_RATE = "unit error rate"
INPUT_ERROR_RATE = "input unit error rate"
ABOVE_CLEAN = "unit error rate above clean"
DEFINITIONS = {
    INPUT_ERROR_RATE: (
        "edits between the units that the model was given and those of the clean source, per "
        "unit of the clean source; mean over pairs."
    ),
    ABOVE_CLEAN: (
        "unit error rate of a pair less that of the same pair from the clean source; mean and "
        "interval over these differences."
    ),
}


@dataclass(frozen=True)
class ConditionResult:
    """What a condition did to each pair.

    Attributes:
        condition: see there.
        scores: of its row; beside the clean source also of zero effort, resynthesis ...
        input_error_rates: pair to the unit error rate of what the model was given.
    """

    condition: Condition
    scores: list[PairScore]
    input_error_rates: dict[str, float]


def robustness_records(
    results: Sequence[ConditionResult], *, table: str, protocol: str, commit: str
) -> list[Record]:
    """Return the records of all conditions, by metric and then by row.

    Beside the metrics of every table of conversions a row has the unit error rate of what
    went into the model, and that of what came out less that of the clean source, pair by
    pair: the interval of a difference is narrow where that of a mean is not.

    Args:
        results: of all conditions; the clean source must be among them.
        table: title.
        protocol: see ``Record``.
        commit: of the code.

    Raises:
        ValueError: the clean source or one of its pairs is missing.
    """
    clean = next((each for each in results if each.condition.kind == CLEAN), None)
    if clean is None:
        raise ValueError(f"{table}: no result of the clean source to compare with")
    scores = [score for result in results for score in result.scores]
    records = summarise_scores(scores, table=table, protocol=protocol, commit=commit)
    clean_rates = _error_rates(clean)
    for metric in (INPUT_ERROR_RATE, ABOVE_CLEAN):
        for result in results:
            rates = _error_rates(result)
            if rates.keys() != clean_rates.keys():
                raise ValueError(f"{table}, {result.condition.row}: other pairs than the clean row")
            values = {
                INPUT_ERROR_RATE: [result.input_error_rates[pair] for pair in rates],
                ABOVE_CLEAN: [rates[pair] - clean_rates[pair] for pair in rates],
            }[metric]
            converted = _conversions(result)
            shared = crossing(converted[pair] for pair in rates)
            low, high = shared.interval(values)
            records.append(
                Record(
                    table=table,
                    row=result.condition.row,
                    metric=metric,
                    value=round(float(np.mean(values)), 6),
                    unit="",
                    n=len(values),
                    definition=DEFINITIONS[metric],
                    protocol=protocol,
                    commit=commit,
                    low=round(low, 6),
                    high=round(high, 6),
                    better="lower",
                    drawn=shared.text(),
                )
            )
    return records


def _conversions(result: ConditionResult) -> dict[str, PairScore]:
    """Return pair to the score of its conversion."""
    return {s.pair_id: s for s in result.scores if s.row == result.condition.row}


def _error_rates(result: ConditionResult) -> dict[str, float]:
    """Return pair to the unit error rate of its conversion."""
    return {
        pair: score.unit_error_rate
        for pair, score in _conversions(result).items()
        if score.unit_error_rate is not None
    }
