import pytest

from espnet2_ext.ser.protocols import (
    PAIRS,
    PROTOCOLS,
    Allowance,
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


def test_protocols_by_name():
    assert set(PROTOCOLS) == {
        "loso", "lospko", "superb", "emobox", "loso_share", "speakers", "random", "given",
    }  # fmt: skip


def test_parse_allowance():
    expected = Allowance("pretraining/test", "sentence", "by the user")
    assert parse_allowance("pretraining/test:sentence") == expected
    assert parse_allowance("train/test:session").name == "train/test:session"


@pytest.mark.parametrize(
    "name", ["sentence", "test/train:speaker", "train/test:voice", "pretraining/test:session"],
)  # fmt: skip
def test_parse_allowance_refuses(name):
    with pytest.raises(ValueError, match=f"declared overlap '{name}': unknown; write one of"):
        parse_allowance(name)
