import pytest

from espnet2_ext.ser.protocols import (
    PAIRS,
    PROTOCOLS,
    Allowance,
    parse_allowance,
)

SENTENCES = {f"{pair}:sentence" for pair in PAIRS}
OF_TRAINING_SESSIONS = {f"train/valid:{name}" for name in ("speaker", "session", "dialogue")}


def test_declared_overlaps():
    drawn = ("speaker", "session", "dialogue", "sentence")
    assert {name: {each.name for each in p.allowances} for name, p in PROTOCOLS.items()} == {
        "loso": SENTENCES,
        "lospko": SENTENCES | {"valid/test:session", "valid/test:dialogue"},
        "superb": SENTENCES | OF_TRAINING_SESSIONS,
        "emobox": {"train/test:sentence"},
        "loso_share": SENTENCES | OF_TRAINING_SESSIONS,
        "speakers": SENTENCES,
        "random": {f"{pair}:{name}" for pair in PAIRS for name in drawn},
        "given": set(),
    }


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
