import pytest

from espnet2_ext.ser.attributes import ATTRIBUTES
from espnet2_ext.ser.protocols import (
    PAIRS,
    PROTOCOLS,
    Allowance,
    get_protocol,
    parse_allowance,
)

SENTENCES = {f"{pair}:sentence" for pair in PAIRS}
OF_TRAINING_SESSIONS = {f"train/valid:{name}" for name in ("speaker", "session", "dialogue")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loso", SENTENCES),
        ("lospko", SENTENCES | {"valid/test:session", "valid/test:dialogue"}),
        ("superb", SENTENCES | OF_TRAINING_SESSIONS),
        ("emobox", {"train/test:sentence"}),
        ("loso_share", SENTENCES | OF_TRAINING_SESSIONS),
        ("speakers", SENTENCES),
        (
            "random",
            {f"{p}:{a}" for p in PAIRS for a in ("speaker", "session", "dialogue", "sentence")},
        ),
        ("given", set()),
    ],
)
def test_declared_overlaps(name, expected):
    assert {allowance.name for allowance in PROTOCOLS[name].allowances} == expected
    assert len(PROTOCOLS[name].allowances) == len(expected)


def test_no_protocol_allows_an_utterance_twice_or_anything_of_pretraining():
    for protocol in PROTOCOLS.values():
        for allowance in protocol.allowances:
            assert allowance.between in PAIRS
            assert allowance.attribute in ATTRIBUTES
            assert allowance.attribute not in ("utterance", "audio", "content")
            assert allowance.reason


def test_protocols_by_name():
    assert set(PROTOCOLS) == {
        "loso", "lospko", "superb", "emobox", "loso_share", "speakers", "random", "given",
    }  # fmt: skip
    assert get_protocol("lospko") is PROTOCOLS["lospko"]
    assert all(protocol.description and protocol.source for protocol in PROTOCOLS.values())
    with pytest.raises(ValueError, match="protocol 'loo': unknown; choose one of loso, lospko"):
        get_protocol("loo")


def test_parse_allowance():
    expected = Allowance("pretraining/test", "sentence", "by the user")
    assert parse_allowance("pretraining/test:sentence") == expected
    assert parse_allowance("train/test:session").name == "train/test:session"


@pytest.mark.parametrize(
    "name", ["sentence", "train/test", "test/train:speaker", "train/test:voice",
             "pretraining/test:session", "pretraining/train:speaker"],
)  # fmt: skip
def test_parse_allowance_refuses(name):
    with pytest.raises(ValueError, match=f"declared overlap '{name}': unknown; write one of"):
        parse_allowance(name)
