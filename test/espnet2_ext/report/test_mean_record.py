"""One cell of a result table."""

import numpy as np
import pytest

from espnet2_ext.metrics.statistics import Crossing
from espnet2_ext.report.conversion import Metric
from espnet2_ext.report.records import mean_record


@pytest.mark.parametrize(("is_count", "value"), [(False, 2.0), (True, 8.0)])
def test_mean_with_interval_or_sum_without(is_count, value):
    column = Metric("error", lambda score: None, "dB", "lower", "how far.", is_count)
    shared = Crossing("aabb", "xyxy")
    record = mean_record(column, np.array([1.0, 2.0, 2.0, 3.0]), shared, "t", "r", "p", "c")
    assert (record.table, record.row, record.metric, record.unit) == ("t", "r", "error", "dB")
    assert (record.definition, record.protocol, record.commit) == ("how far.", "p", "c")
    assert (record.value, record.n, record.better) == (value, 4, "lower")
    assert (record.low is None) == (record.high is None) == is_count
    assert record.drawn == ("" if is_count else "2 speakers and 2 sentences")
    if not is_count:
        assert 1.0 <= record.low < 2.0 < record.high <= 3.0


def test_a_weighted_mean_is_errors_over_words():
    column = Metric("rate", lambda score: None, "", "lower", "")
    rates, words = np.array([0.5, 1.0]), np.array([6.0, 2.0])
    record = mean_record(column, rates, Crossing("ab", "xx"), "t", "r", "p", "c", words)
    assert record.value == pytest.approx(5 / 8)
    assert (record.low, record.high) == (0.5, 1.0)
