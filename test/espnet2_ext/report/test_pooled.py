"""Shares of an utterance's time that its units take."""

import pytest

from espnet2_ext.report.probes import pooled_units


def test_shares_by_hand() -> None:
    # Unit 2 stands twice: 3 + 1 of 8 frames.
    assert pooled_units([2, 0, 2], [3, 4, 1], 4).tolist() == [0.5, 0.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("units", "durations", "message"),
    [
        ([1, 2], [1], "give one each"),
        ([], [], "at least one frame"),
        ([1], [0], "at least one frame"),
        ([1, 2], [3, -1], "at least one frame"),
        ([1, 4], [1, 1], "units 1 to 4 of a vocabulary of 4"),
        ([-1], [1], "units -1 to -1"),
    ],
)
def test_errors(units: list[int], durations: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pooled_units(units, durations, 4)
