"""Names and order of the conditions."""

import pytest

from espnet2_ext.report.robustness import Condition, study_conditions


def test_every_condition_once_and_the_clean_source_first() -> None:
    conditions = study_conditions([0.0, 0.05, 0.4, 0.05], [20, 0], [0.3])
    assert [(condition.row, condition.folder) for condition in conditions] == [
        ("clean source", "clean"),
        ("5 % of units replaced", "replaced_0.05"),
        ("40 % of units replaced", "replaced_0.4"),
        ("5 % of units dropped", "dropped_0.05"),
        ("40 % of units dropped", "dropped_0.4"),
        ("white noise, SNR 20 dB", "white_20"),
        ("white noise, SNR 0 dB", "white_0"),
        ("babble, SNR 20 dB", "babble_20"),
        ("babble, SNR 0 dB", "babble_0"),
        ("reverberation, RT60 0.3 s", "reverberation_0.3"),
    ]


def test_iterators_and_missing_kinds_do() -> None:
    conditions = study_conditions(iter([0.1]), iter([-5.0]), [], ["babble"])
    assert [condition.folder for condition in conditions] == [
        "clean", "replaced_0.1", "dropped_0.1", "babble_-5"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "amount", "said"),
    [
        ("shuffled", 0.1, "condition 'shuffled': expected one of clean, replaced"),
        ("replaced", 1.0, r"a share of replaced units must lie in \[0, 1\): 1"),
        ("dropped", -0.1, r"a share of dropped units must lie in \[0, 1\): -0\.1"),
        ("white", float("inf"), "the SNR of white noise must be finite: inf"),
        ("babble", float("nan"), "the SNR of babble noise must be finite: nan"),
        ("reverberation", 0.0, "RT60 must lie above 0 s and be finite: 0"),
        ("reverberation", float("inf"), "RT60 must lie above 0 s and be finite: inf"),
    ],
)
def test_impossible_amounts_are_refused(kind: str, amount: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Condition(kind, amount)


def test_unknown_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="noise 'pink': expected one of white, babble"):
        study_conditions([], [10.0], [], ["pink"])
