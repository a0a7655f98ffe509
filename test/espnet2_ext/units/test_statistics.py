"""Statistics by hand."""

import pytest

from espnet2_ext.units.extract import DEFINITIONS, UnitStatistics


def test_golden():
    statistics = UnitStatistics(4, sample_rate_hz=100)
    statistics.add([0, 1, 0], [1, 2, 1], squared_distance=3.0, num_samples=100)
    statistics.add([2], [4], squared_distance=5.0, num_samples=300)
    # frames: unit 0 two, unit 1 two, unit 2 four, unit 3 none: 2 * 1/4 * 2 bits + 1/2 * 1 bit
    assert statistics.summary() == {
        "utterances": 2,
        "audio_s": 4.0,
        "frames": 8,
        "units": 4,
        "units_per_second": 1.0,
        "usage_entropy_bits": 1.5,
        "perplexity": 2.828,
        "unused_codes": 1,
        "inertia": 1.0,
    }


def test_one_code_has_no_entropy():
    statistics = UnitStatistics(2, 100)
    statistics.add([1], [5], 0.0, 10)
    summary = statistics.summary()
    assert summary["usage_entropy_bits"] == 0 and summary["perplexity"] == 1


def test_every_derived_number_has_a_definition():
    statistics = UnitStatistics(2, 100)
    statistics.add([1], [5], 0.0, 10)
    counts = {"utterances", "audio_s", "frames", "units"}
    assert set(DEFINITIONS) == set(statistics.summary()) - counts


def test_nothing_added():
    with pytest.raises(ValueError, match="no frames"):
        UnitStatistics(2, 100).summary()
