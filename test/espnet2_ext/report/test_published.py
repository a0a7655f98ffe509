"""What the paper prints."""

import pytest

from espnet2_ext.report.published import (
    PAPER,
    SESSION_OUT,
    SPEAKER_OUT,
    PublishedScore,
    paper_score,
    prosody2vec_name,
)


def of_table(number: str) -> list[PublishedScore]:
    return [score for score in PAPER if score.source == f"[P2V] Table {number}"]


def test_tables_have_all_their_rows() -> None:
    """IV: FBANK, 3 of Prosody2Vec, 4 upstreams alone and with 3; V: 12 + 2; VI: 8 + 2."""
    assert [len(of_table(number)) for number in ("IV", "V", "VI")] == [1 + 3 + 4 * 4, 14, 10]
    assert {score.protocol for score in of_table("IV") + of_table("V")} == {SESSION_OUT}
    assert {score.protocol for score in of_table("VI")} == {SPEAKER_OUT}


def test_names() -> None:
    assert prosody2vec_name(50) == "Prosody2Vec, 50 units"
    assert prosody2vec_name(200, "HuBERT large") == "HuBERT large + Prosody2Vec, 200 units"


@pytest.mark.parametrize(
    ("system", "protocol", "wa", "ua"),
    [
        ("FBANK", SESSION_OUT, 55.67, None),
        ("HuBERT base", SESSION_OUT, 66.88, None),
        ("wav2vec 2.0 large + Prosody2Vec, 100 units", SESSION_OUT, 70.57, None),
        # In Table IV without UA, in Table V with it.
        ("Prosody2Vec, 200 units", SESSION_OUT, 64.10, 65.32),
        ("HuBERT large + Prosody2Vec, 200 units", SESSION_OUT, 72.42, 73.25),
        ("Prosody2Vec, 200 units", SPEAKER_OUT, 66.03, 66.57),
        ("HuBERT large + Prosody2Vec, 200 units", SPEAKER_OUT, 73.74, 73.93),
    ],
)
def test_looks_up_a_system(system: str, protocol: str, wa: float, ua: float | None) -> None:
    score = paper_score(system, protocol)
    assert score is not None
    assert (score.wa, score.ua) == (wa, ua)


@pytest.mark.parametrize(("system", "protocol"), [("FBANK", SPEAKER_OUT), ("FBANK", "random")])
def test_says_nothing_of_what_was_not_tested(system: str, protocol: str) -> None:
    assert paper_score(system, protocol) is None


def test_tables_agree_on_systems_that_stand_in_two() -> None:
    for score in PAPER:
        found = paper_score(score.system, score.protocol)
        assert found is not None and found.wa == score.wa


def test_values_are_percent_above_chance() -> None:
    for score in PAPER:
        assert all(25.0 < value < 100.0 for value in (score.wa, score.ua) if value is not None)


def test_refuses_a_system_that_the_paper_does_not_know() -> None:
    with pytest.raises(ValueError, match="'Hubert': no system of .*FBANK, Prosody2Vec, 50 units"):
        paper_score("Hubert", SESSION_OUT)
